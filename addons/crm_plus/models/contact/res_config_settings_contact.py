from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_plus_contact_policy = fields.Boolean(
        related="company_id.crm_plus_contact_policy", readonly=False
    )
    crm_plus_consent_enforced = fields.Boolean(
        related="company_id.crm_plus_consent_enforced", readonly=False
    )
    crm_plus_contact_decision_retention_days = fields.Integer(
        string="Keep Decisions (Days)",
        default=90,
        config_parameter="crm_plus.contact_decision_retention_days",
    )
    crm_plus_contact_hold_retention_days = fields.Integer(
        string="Keep Released Holds (Days)",
        default=0,
        config_parameter="crm_plus.contact_hold_retention_days",
    )
