from odoo import fields, models


class CrmLifecycleRecycle(models.TransientModel):
    _name = "crm.lifecycle.recycle"
    _description = "Send Leads Back to Marketing"

    lead_ids = fields.Many2many(
        "crm.lead",
        string="Leads",
        required=True,
        default=lambda self: self.env["crm.lead"].browse(
            self.env.context.get("active_ids", [])
            if self.env.context.get("active_model") == "crm.lead"
            else []
        ),
    )
    reason = fields.Char(
        required=True, help="Kept in the lifecycle and in the chatter of the leads."
    )

    def action_send_back(self):
        self.ensure_one()
        self.lead_ids.action_lifecycle_recycle(self.reason)
        return {"type": "ir.actions.act_window_close"}
