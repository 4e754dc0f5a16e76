from odoo import api, fields, models
from odoo.exceptions import UserError


class CrmSegmentAdd(models.TransientModel):
    """Pin the records chosen in a list in or out of a segment."""

    _name = "crm.segment.add"
    _description = "Add to a Segment, or Keep Out"

    target = fields.Char(required=True, readonly=True)
    record_count = fields.Integer(string="Records", readonly=True)
    segment_id = fields.Many2one(
        "crm.segment",
        required=True,
        domain="[('target', '=', target)]",
        ondelete="cascade",
    )
    kind = fields.Selection(
        [
            ("in", "Add: always a member"),
            ("out", "Keep out: never a member"),
            ("none", "Let the conditions decide"),
        ],
        string="What",
        required=True,
        default="in",
    )
    note = fields.Char(string="Reason", help="Shown to whoever asks why.")

    @api.model
    def default_get(self, fields):
        context = self.env.context
        return {
            **super().default_get(fields),
            "target": context.get("active_model"),
            "record_count": len(context.get("active_ids") or []),
        }

    def action_apply(self):
        self.ensure_one()
        self.segment_id.check_access("write")
        records = self.env[self.segment_id.target].browse(
            self.env.context.get("active_ids") or []
        )
        if self.env.context.get("active_model") != records._name or not records:
            raise UserError(
                self.env._("Choose the records in a list first, then this action.")
            )
        records.check_access("read")
        if self.kind == "none":
            done = self.segment_id._unpin(records)
        else:
            done = len(self.segment_id._pin(records, self.kind, self.note))
        left_out = len(records) - done
        if self.kind == "none":
            message = self.env._("%s follow the conditions again.", done)
        elif left_out:
            message = self.env._(
                "%(done)s done, %(left)s left out: they are of another company than "
                "the segment.",
                done=done,
                left=left_out,
            )
        else:
            message = self.env._("%s done.", done)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if left_out and self.kind != "none" else "success",
                "message": message,
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
