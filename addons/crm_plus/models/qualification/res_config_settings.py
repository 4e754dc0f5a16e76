from odoo import fields, models

from .crm_lead_closing import WON_REASON_RULES


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_plus_won_reason = fields.Selection(
        WON_REASON_RULES,
        string="Won Reason",
        default="no",
        config_parameter="crm_plus.won_reason",
    )
    crm_plus_lost_reason_required = fields.Boolean(
        string="Lost Reason Required",
        config_parameter="crm_plus.lost_reason_required",
    )
