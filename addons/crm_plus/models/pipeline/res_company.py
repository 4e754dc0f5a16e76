from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    crm_plus_credit_stop = fields.Boolean(string="Stop Quotations on a Red Light")
    crm_plus_overdue_days = fields.Integer(string="Red After Days Overdue", default=30)
