from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_plus_credit_stop = fields.Boolean(
        related="company_id.crm_plus_credit_stop", readonly=False
    )
    crm_plus_overdue_days = fields.Integer(
        related="company_id.crm_plus_overdue_days", readonly=False
    )
