from odoo import fields, models

from .crm_campaign_endpoint import ALLOWED


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_campaigns_outbound_allowed = fields.Char(
        string="Web Services Inside",
        config_parameter=ALLOWED,
        help="Names, addresses and networks inside our own network that steps of "
        "campaigns may call, e.g. erp.lan, 10.1.0.0/16. All others there are refused.",
    )
