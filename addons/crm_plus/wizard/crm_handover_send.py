from odoo import api, fields, models
from odoo.exceptions import UserError


class CrmHandoverSend(models.TransientModel):
    _name = "crm.handover.send"
    _description = "Hand Leads Over to Sales"

    lead_ids = fields.Many2many(
        "crm.lead",
        string="Leads",
        required=True,
        context={"active_test": False},
        default=lambda self: self.env["crm.lead"].browse(
            self.env.context.get("active_ids", [])
            if self.env.context.get("active_model") == "crm.lead"
            else []
        ),
    )
    to_user_id = fields.Many2one(
        "res.users",
        string="To",
        domain=[("share", "=", False)],
        help="Who is asked to accept the leads. Empty: whoever of the team takes them.",
    )
    to_team_id = fields.Many2one(
        "crm.team",
        compute="_compute_to_team_id",
        store=True,
        readonly=False,
    )
    note = fields.Text(help="What sales should know: need, budget, when to call.")
    skipped_count = fields.Integer(compute="_compute_skipped_count")

    @api.depends("to_user_id")
    def _compute_to_team_id(self):
        for wizard in self:
            # sudo: the team of a colleague
            team_sudo = wizard.to_user_id.sudo().sale_team_id
            if team_sudo.company_id <= self.env.companies:
                wizard.to_team_id = team_sudo.id or wizard.to_team_id

    @api.depends("lead_ids")
    def _compute_skipped_count(self):
        for wizard in self:
            wizard.skipped_count = len(wizard.lead_ids - wizard._get_ready_leads())

    def _get_ready_leads(self):
        """Open leads that are not being handed over already."""
        return self.lead_ids.filtered(
            lambda lead: (
                lead.active and lead.won_status == "pending" and not lead.handover_id
            )
        )

    def action_hand_over(self):
        self.ensure_one()
        leads = self._get_ready_leads()
        if not leads:
            raise UserError(
                self.env._("These leads are closed, or being handed over already.")
            )
        self.env["crm.handover"].create(
            [
                {
                    "lead_id": lead.id,
                    "to_user_id": self.to_user_id.id,
                    "to_team_id": self.to_team_id.id,
                    "note": self.note,
                }
                for lead in leads
            ]
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("%s leads handed over", len(leads)),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
