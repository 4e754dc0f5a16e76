from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.attribution import MODELS
from .crm_attribution_freeze import DEFAULT_HALF_LIFE_DAYS, DEFAULT_LOOKBACK_DAYS


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    crm_plus_attribution_lookback_days = fields.Integer(
        string="Look-Back (Days)",
        default=DEFAULT_LOOKBACK_DAYS,
        config_parameter="crm_plus.attribution_lookback_days",
    )
    crm_plus_attribution_half_life_days = fields.Float(
        string="Half-Life (Days)",
        digits=(16, 1),
        default=DEFAULT_HALF_LIFE_DAYS,
        config_parameter="crm_plus.attribution_half_life_days",
    )
    crm_plus_attribution_model = fields.Selection(
        MODELS,
        string="Model of Returns",
        default="last",
        config_parameter="crm_plus.attribution_model",
    )

    @api.constrains(
        "crm_plus_attribution_lookback_days", "crm_plus_attribution_half_life_days"
    )
    def _check_crm_plus_attribution(self):
        for settings in self:
            if (
                settings.crm_plus_attribution_lookback_days <= 0
                or settings.crm_plus_attribution_half_life_days <= 0
            ):
                raise ValidationError(
                    self.env._("Look-back and half-life are more than 0 days.")
                )
