from odoo import fields, models

from .crm_mail_hit import RETENTION_DAYS
from .crm_touchpoint import MACHINE_SECONDS
from .link_tracker_click import SIGN_DAYS


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_campaigns_no_hidden_link = fields.Boolean(
        string="Send Without the Hidden Link",
        config_parameter="crm_campaigns.no_hidden_link",
    )
    crm_campaigns_machine_seconds = fields.Integer(
        string="Too Soon (Seconds)",
        default=MACHINE_SECONDS,
        config_parameter="crm_campaigns.machine_seconds",
    )
    crm_campaigns_human_sign_days = fields.Integer(
        string="Shows Up Within (Days)",
        default=SIGN_DAYS,
        config_parameter="crm_campaigns.human_sign_days",
    )
    crm_campaigns_mail_hit_retention_days = fields.Integer(
        string="Keep Openings (Days)",
        default=RETENTION_DAYS,
        config_parameter="crm_campaigns.mail_hit_retention_days",
    )
