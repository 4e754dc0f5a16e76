from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_plus_gap_activity_scope = fields.Selection(
        [("all", "Leads and opportunities"), ("opportunity", "Opportunities only")],
        string="Next Activity Needed by",
        default="all",
        config_parameter="crm_plus.gap_activity_scope",
    )
    crm_plus_sla_action_retention_days = fields.Integer(
        string="Keep Actions Taken (Days)",
        default=365,
        config_parameter="crm_plus.sla_action_retention_days",
    )
