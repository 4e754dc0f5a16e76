from odoo import api, fields, models


class CrmCampaignStart(models.TransientModel):
    """What to look at before a campaign starts, and the approval it may need."""

    _name = "crm.campaign.start"
    _description = "Start a Campaign"

    campaign_id = fields.Many2one(
        "crm.campaign", required=True, readonly=True, ondelete="cascade"
    )
    is_blocked = fields.Boolean(compute="_compute_start")
    warning_count = fields.Integer(compute="_compute_start")
    people_count = fields.Integer(
        string="Would Enter",
        compute="_compute_start",
        help="As far as anybody knows: the dry run says more.",
    )
    needs_approval = fields.Boolean(compute="_compute_start")
    approval_state = fields.Selection(
        related="campaign_id.approval_state", related_sudo=False
    )
    note = fields.Text(help="For whoever decides.")

    @api.depends("campaign_id")
    def _compute_start(self):
        for wizard in self:
            campaign = wizard.campaign_id
            checks = campaign._get_checks()
            blocks = [check for check in checks if check.severity == "block"]
            wizard.is_blocked = bool(blocks)
            wizard.warning_count = sum(check.severity == "warn" for check in checks)
            # sudo: participants the user may not see count too
            wizard.people_count = 0 if blocks else campaign.sudo()._count_audience()
            wizard.needs_approval = not blocks and bool(campaign._needs_approval())

    def action_start(self):
        self.campaign_id.action_start()
        return {"type": "ir.actions.act_window_close"}

    def action_ask(self):
        self.campaign_id._ask_approval(self.note)
        return {"type": "ir.actions.act_window_close"}

    def action_dry_run(self):
        return self.campaign_id.action_dry_run()
