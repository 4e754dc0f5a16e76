from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    crm_plus_contact_policy = fields.Boolean(
        string="Apply the Contact Policy",
        help="Mailings and campaigns obey holds, caps and hours.",
    )
    crm_plus_consent_enforced = fields.Boolean(
        string="No Marketing Without Consent",
        help="Nothing marketing leaves without a valid entry in the consent ledger.",
    )
