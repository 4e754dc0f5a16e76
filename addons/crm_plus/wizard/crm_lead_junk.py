from markupsafe import Markup

from odoo import fields, models


class CrmLeadJunk(models.TransientModel):
    _name = "crm.lead.junk"
    _description = "Mark as Junk"

    lead_ids = fields.Many2many(
        "crm.lead", string="Leads", required=True, context={"active_test": False}
    )
    junk_reason_id = fields.Many2one("crm.junk.reason", string="Reason", required=True)
    note = fields.Char()

    def action_apply(self):
        self.ensure_one()
        if self.note:
            self.lead_ids._track_set_log_message(Markup("<p>%s</p>") % self.note)
        self.lead_ids.action_set_junk(junk_reason_id=self.junk_reason_id.id)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
