from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_campaigns_approval_limit = fields.Integer(
        related="company_id.crm_campaigns_approval_limit", readonly=False
    )
    crm_campaigns_approval_self = fields.Boolean(
        related="company_id.crm_campaigns_approval_self", readonly=False
    )
