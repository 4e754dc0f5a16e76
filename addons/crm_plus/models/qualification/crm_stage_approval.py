from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

STATES = [
    ("requested", "Requested"),
    ("approved", "Approved"),
    ("refused", "Refused"),
    ("withdrawn", "Withdrawn"),
]


class CrmStageApproval(models.Model):
    """An approval that a gate asks for, from the request on.

    Written by the system only. An approval is of an amount: when the expected revenue
    leaves the tolerance of the gate it is withdrawn, and has to be asked for again.
    """

    _name = "crm.stage.approval"
    _description = "Stage Approval"
    _order = "date_requested desc, id desc"
    _rec_name = "lead_id"

    lead_id = fields.Many2one("crm.lead", required=True, ondelete="cascade", index=True)
    gate_id = fields.Many2one(
        "crm.stage.gate", required=True, ondelete="cascade", index=True
    )
    stage_id = fields.Many2one(related="gate_id.stage_id", string="For Stage")
    state = fields.Selection(STATES, required=True, default="requested", index=True)
    user_id = fields.Many2one("res.users", string="Requested By", required=True)
    date_requested = fields.Datetime(string="Requested On", required=True)
    approver_ids = fields.Many2many(
        "res.users",
        string="Approvers",
        help="Who could approve when it was asked for; one of them is enough.",
    )
    decided_by_id = fields.Many2one("res.users")
    date_decided = fields.Datetime(string="Decided On")
    reason = fields.Text(string="Why Refused")
    amount = fields.Monetary(
        currency_field="currency_id",
        help="Expected revenue that was approved, or asked for.",
    )
    currency_id = fields.Many2one(related="lead_id.company_currency")
    activity_id = fields.Many2one("mail.activity", ondelete="set null")
    can_decide = fields.Boolean(compute="_compute_can_decide")

    # one that is open or holds
    _open_uniq = models.UniqueIndex(
        "(lead_id, gate_id) WHERE state IN ('requested', 'approved')"
    )

    @api.depends("state", "approver_ids")
    @api.depends_context("uid")
    def _compute_can_decide(self):
        for approval in self:
            approval.can_decide = (
                approval.state == "requested" and self.env.user in approval.approver_ids
            )

    def action_approve(self):
        self._decide("approved")

    def action_refuse(self):
        """Ask for the reason."""
        self._check_can_decide()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Refuse the Approval"),
            "res_model": "crm.stage.approval.refuse",
            "view_mode": "form",
            "target": "new",
            "context": {"default_approval_ids": self.ids, "dialog_size": "medium"},
        }

    def _check_can_decide(self):
        self.check_access("read")
        for approval in self:
            if approval.state != "requested":
                raise UserError(
                    self.env._("This request has been decided on or withdrawn already.")
                )
            if not approval.can_decide:
                raise AccessError(
                    self.env._(
                        "Only %s may decide on this.",
                        # sudo: who approves is told to whoever asks, whatever company
                        approval.sudo().approver_ids.mapped("name"),
                    )
                )

    def _decide(self, state, reason=False):
        """Approve or refuse; who asked is told, and why.

        :param reason: of a refusal
        """
        self._check_can_decide()
        # sudo: approvers write approvals through this method only, see above; they may
        # not be allowed to write the lead
        approvals_sudo = self.sudo()
        approvals_sudo.write(
            {
                "state": state,
                "decided_by_id": self.env.uid,
                "date_decided": self.env.cr.now(),
                "reason": reason,
            }
        )
        for approval_sudo in approvals_sudo:
            # what is approved is the amount of now
            approval_sudo.amount = approval_sudo.lead_id.expected_revenue
        approvals_sudo.activity_id.unlink()
        for approval_sudo in approvals_sudo:
            # one message a decision: they are made one by one
            names = {"user": self.env.user.name, "stage": approval_sudo.stage_id.name}
            approval_sudo.lead_id.message_post(
                body=self.env._("Approved by %(user)s for stage %(stage)s.", **names)
                if state == "approved"
                else self.env._(
                    "Refused by %(user)s for stage %(stage)s: %(reason)s",
                    reason=reason,
                    **names,
                ),
                author_id=self.env.user.partner_id.id,
                partner_ids=(approval_sudo.user_id - self.env.user).partner_id.ids,
                subtype_xmlid="mail.mt_note",
            )

    @api.model
    def _withdraw_changed(self, leads):
        """Withdraw what was approved for another amount."""
        # sudo: whoever changes the amount withdraws the approval
        approvals = self.sudo().search_fetch(
            [("lead_id", "in", leads.ids), ("state", "=", "approved")],
            ["lead_id", "gate_id", "amount"],
        )
        withdrawn = approvals.filtered(
            lambda approval: (
                abs(approval.lead_id.expected_revenue - approval.amount)
                > abs(approval.amount) * approval.gate_id.approval_tolerance / 100
            )
        )
        if withdrawn:
            withdrawn.write({"state": "withdrawn"})
            withdrawn.lead_id._message_log_batch(
                bodies={
                    approval.lead_id.id: self.env._(
                        "The approval for stage %(stage)s is withdrawn: the amount has "
                        "changed by more than %(percent)s %%.",
                        stage=approval.stage_id.name,
                        percent=f"{approval.gate_id.approval_tolerance:g}",
                    )
                    for approval in withdrawn
                }
            )
