from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_campaigns_mail_cost = fields.Float(
        related="company_id.crm_campaigns_mail_cost", readonly=False
    )
    crm_campaigns_mails_per_hour = fields.Integer(
        string="Campaign Mails an Hour",
        config_parameter="crm_campaigns.mails_per_hour",
        help="So many mails of campaigns go out each hour at most. 0: no limit.",
    )
    crm_campaigns_mails_per_hour_domain = fields.Integer(
        string="To One Domain",
        config_parameter="crm_campaigns.mails_per_hour_domain",
        help="So many of them to addresses of one domain. 0: no limit.",
    )
