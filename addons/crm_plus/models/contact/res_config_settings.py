from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_plus_bounce_hard_action = fields.Selection(
        [
            ("stop", "Stop the address at once"),
            ("count", "Only count them"),
        ],
        string="Hard Bounces",
        default="stop",
        config_parameter="crm_plus.bounce_hard_action",
    )
    crm_plus_bounce_retention_months = fields.Integer(
        string="Keep Bounces (Months)",
        default=24,
        config_parameter="crm_plus.bounce_retention_months",
    )
    crm_plus_mail_event_retention_days = fields.Integer(
        string="Keep Mail Service Events (Days)",
        default=30,
        config_parameter="crm_plus.mail_event_retention_days",
    )
