from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_campaigns_mail_cost = fields.Float(
        related="company_id.crm_campaigns_mail_cost", readonly=False
    )
