from odoo import fields, models


class CrmCampaignApprove(models.TransientModel):
    """Say whether a campaign may start, and why not."""

    _name = "crm.campaign.approve"
    _description = "Approve a Campaign"

    campaign_id = fields.Many2one(
        "crm.campaign", required=True, readonly=True, ondelete="cascade"
    )
    approval_id = fields.Many2one(
        "crm.campaign.approval", compute="_compute_approval_id"
    )
    user_id = fields.Many2one(related="approval_id.user_id", related_sudo=False)
    date_asked = fields.Datetime(related="approval_id.date_asked", related_sudo=False)
    people_count = fields.Integer(
        related="approval_id.people_count", related_sudo=False
    )
    note = fields.Text(related="approval_id.note", related_sudo=False)
    is_current = fields.Boolean(related="approval_id.is_current", related_sudo=False)
    reason = fields.Text(help="Told to whoever asked; needed to refuse.")

    def _compute_approval_id(self):
        for wizard in self:
            wizard.approval_id = wizard.campaign_id._get_last_approval()

    def action_approve(self):
        self.campaign_id._decide_approval("approved", self.reason)
        return {"type": "ir.actions.act_window_close"}

    def action_refuse(self):
        self.campaign_id._decide_approval("refused", self.reason)
        return {"type": "ir.actions.act_window_close"}

    def action_dry_run(self):
        return self.campaign_id.action_dry_run()
