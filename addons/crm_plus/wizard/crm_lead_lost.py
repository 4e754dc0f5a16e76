from odoo import api, fields, models
from odoo.tools.mail import is_html_empty


class CrmLeadLost(models.TransientModel):
    _inherit = "crm.lead.lost"

    is_reason_required = fields.Boolean(compute="_compute_is_reason_required")

    @api.depends_context("uid")
    def _compute_is_reason_required(self):
        self.is_reason_required = self.env["crm.lead"]._is_lost_reason_required()

    def action_lost_reason_apply(self):
        result = super().action_lost_reason_apply()
        if not is_html_empty(self.lost_feedback):
            # Odoo logs it in the chatter only
            self.lead_ids.write({"closing_note": self.lost_feedback})
        return result
