from odoo import fields, models


class CrmHandoverReason(models.Model):
    _name = "crm.handover.reason"
    _description = "Hand-over Refusal Reason"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    handover_ids = fields.One2many("crm.handover", "reason_id")
    handover_count = fields.Integer(
        string="Refusals", compute="_compute_handover_count"
    )

    def _compute_handover_count(self):
        counts = dict(
            self.env["crm.handover"]._read_group(
                [("reason_id", "in", self.ids)], ["reason_id"], ["__count"]
            )
        )
        for reason in self:
            reason.handover_count = counts.get(reason, 0)
