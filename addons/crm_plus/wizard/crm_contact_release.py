from odoo import api, fields, models
from odoo.exceptions import UserError


class CrmContactRelease(models.TransientModel):
    """Have what waits sent before its time, with the reason why."""

    _name = "crm.contact.release"
    _description = "Release What Waits"

    decision_ids = fields.Many2many(
        "crm.contact.decision",
        string="What Waits",
        default=lambda self: self._default_decision_ids(),
    )
    releasable_count = fields.Integer(compute="_compute_counts")
    other_count = fields.Integer(compute="_compute_counts")
    note = fields.Char(string="Why", required=True)

    def _default_decision_ids(self):
        if self.env.context.get("active_model") == "crm.contact.decision":
            return self.env.context.get("active_ids")
        return False

    @api.depends("decision_ids")
    def _compute_counts(self):
        for wizard in self:
            releasable = wizard.decision_ids.filtered("is_releasable")
            wizard.releasable_count = len(releasable)
            wizard.other_count = len(wizard.decision_ids - releasable)

    def action_release(self):
        self.ensure_one()
        # by the user's own rights: what somebody may not see is not released
        decisions = self.decision_ids
        decisions.check_access("read")
        releasable = decisions.filtered("is_releasable")
        if not releasable:
            raise UserError(
                self.env._(
                    "Nothing of it waits for a hold, a cap or an hour of ours. What "
                    "the contact wishes is not overruled."
                )
            )
        releasable._release(self.note)
        return {"type": "ir.actions.act_window_close"}
