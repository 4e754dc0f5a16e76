from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.mail import is_html_empty


class CrmLeadWon(models.TransientModel):
    """Win deals with the reason, as Odoo's wizard loses them."""

    _name = "crm.lead.won"
    _description = "Get Won Reason"

    lead_ids = fields.Many2many("crm.lead", string="Leads", required=True)
    won_reason_id = fields.Many2one("crm.won.reason")
    closing_note = fields.Html()
    is_reason_required = fields.Boolean(compute="_compute_is_reason_required")

    @api.depends_context("uid")
    def _compute_is_reason_required(self):
        self.is_reason_required = (
            self.env["crm.lead"]._get_won_reason_rule() == "required"
        )

    def action_apply(self):
        self.ensure_one()
        if self.is_reason_required and not self.won_reason_id:
            raise UserError(self.env._("Why was it won? Choose a reason."))
        values = {"won_reason_id": self.won_reason_id.id}
        if not is_html_empty(self.closing_note):
            values["closing_note"] = self.closing_note
            self.lead_ids._track_set_log_message(
                Markup("<p>%s:</p>%s") % (self.env._("Won"), self.closing_note)
            )
        self.lead_ids.write(values)
        self.lead_ids.action_set_won()
        message = len(self.lead_ids) == 1 and self.lead_ids._get_rainbowman_message()
        action = {"type": "ir.actions.client", "tag": "soft_reload"}
        if message:
            action = {
                "type": "ir.actions.act_window_close",
                "effect": {
                    "fadeout": "slow",
                    "message": message,
                    "img_url": "/web/static/img/smile.svg",
                    "type": "rainbow_man",
                },
            }
        return action
