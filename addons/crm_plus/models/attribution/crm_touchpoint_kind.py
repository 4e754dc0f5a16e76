from odoo import api, fields, models

# where incoming kinds are people who turn to us, not documents of a sale
TALK_CHANNELS = ("chat", "email", "phone", "sms", "web")


class CrmTouchpointKind(models.Model):
    _inherit = "crm.touchpoint.kind"

    is_attributed = fields.Boolean(
        string="Earns Sales",
        compute="_compute_is_attributed",
        store=True,
        readonly=False,
        precompute=True,
        help="Touchpoints of this kind share in the invoices that follow. "
        "As a rule: marketing, new leads, and customers who turn to us.",
    )

    @api.depends("is_marketing", "direction", "channel", "code")
    def _compute_is_attributed(self):
        for kind in self:
            kind.is_attributed = (
                kind.is_marketing
                or kind.code == "lead_created"
                or (kind.direction == "in" and kind.channel in TALK_CHANNELS)
            )
