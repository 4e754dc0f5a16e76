from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    crm_plus_contact_policy = fields.Boolean(
        string="Apply the Contact Policy",
        help="Mailings and campaigns obey holds, caps and hours.",
    )
