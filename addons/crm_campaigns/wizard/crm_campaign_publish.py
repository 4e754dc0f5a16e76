from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError


class CrmCampaignPublish(models.TransientModel):
    """What publishing a version changes, and what becomes of those inside."""

    _name = "crm.campaign.publish"
    _description = "Publish a Version"

    campaign_id = fields.Many2one(
        "crm.campaign", required=True, readonly=True, ondelete="cascade"
    )
    origin_id = fields.Many2one(related="campaign_id.draft_of_id", related_sudo=False)
    changes = fields.Html(compute="_compute_publish")
    is_blocked = fields.Boolean(compute="_compute_publish")
    needs_approval = fields.Boolean(compute="_compute_publish")
    approval_state = fields.Selection(
        related="campaign_id.approval_state", related_sudo=False
    )
    running_count = fields.Integer(string="Inside", compute="_compute_publish")
    note = fields.Text(help="For whoever decides.")
    inside = fields.Selection(
        [
            ("stay", "They finish on their version"),
            ("move", "They are moved to the new version"),
        ],
        string="Those Inside",
        default="stay",
        required=True,
    )
    line_ids = fields.One2many("crm.campaign.publish.line", "wizard_id")
    outcome = fields.Html(string="What Will Happen", compute="_compute_outcome")

    @api.model
    def _open(self, draft):
        """A wizard with a line for each step that somebody is at."""
        return self.create(
            {
                "campaign_id": draft.id,
                "line_ids": [
                    fields.Command.create(values)
                    for values in self._get_line_values(draft)
                ],
            }
        )

    @api.model
    def _get_line_values(self, draft):
        kept = {step.lineage: step for step in draft.step_ids}
        values = []
        # sudo: participants the user may not see are inside too
        for step, people, busy in draft.draft_of_id.sudo()._get_waiting_inside():
            same = kept.get(step.lineage)
            after = step.sudo(False)._get_next_kept(kept)
            values.append(
                {
                    "step_id": step.id,
                    "people_count": people,
                    "busy_count": busy,
                    "is_gone": not same,
                    "choice": "go",
                    "target_id": (same or kept.get(after.lineage, after)).id,
                }
            )
        return values

    @api.depends("campaign_id")
    def _compute_publish(self):
        for wizard in self:
            draft = wizard.campaign_id
            wizard.changes = draft._render_version_changes()
            wizard.is_blocked = bool(
                draft._get_start_problems() or not draft._get_version_changes()
            )
            wizard.needs_approval = not wizard.is_blocked and bool(
                draft._needs_approval()
            )
            wizard.running_count = draft.draft_of_id.running_count

    @api.depends("inside", "line_ids.choice", "line_ids.target_id")
    def _compute_outcome(self):
        for wizard in self:
            wizard.outcome = Markup("<ul class='mb-0'>%s</ul>") % Markup().join(
                Markup("<li>%s</li>") % text for text in wizard._get_outcomes()
            )

    def _get_outcomes(self):
        """What becomes of whom, as sentences."""
        self.ensure_one()
        env = self.env
        if not self.running_count:
            return [env._("Nobody is inside. Whoever enters goes through the new one.")]
        texts = [env._("Whoever enters from now on goes through the new version.")]
        if self.inside == "stay":
            return [
                *texts,
                env._("%s people inside finish on their version.", self.running_count),
            ]
        for line in self.line_ids:
            if line.busy_count:
                texts.append(
                    env._(
                        "%(people)s at “%(step)s”: it is being done to them now, they "
                        "finish on their version.",
                        people=line.busy_count,
                        step=line.step_id.name,
                    )
                )
            if line.people_count > line.busy_count:
                texts.append(line._get_outcome())
        return [*texts, env._("Nothing that was done to somebody is done again.")]

    def _get_choices(self):
        """See ``crm.campaign._publish``."""
        self.ensure_one()
        if self.inside == "stay":
            return None
        return {
            line.step_id: line.target_id if line.choice == "go" else line.choice
            for line in self.line_ids
            if line.is_gone
        }

    def action_publish(self):
        self.ensure_one()
        origin = self.origin_id
        self.campaign_id._publish(self._get_choices())
        return origin._get_origin_action()

    def action_ask(self):
        self.campaign_id._ask_approval(self.note)
        return {"type": "ir.actions.act_window_close"}


class CrmCampaignPublishLine(models.TransientModel):
    """Those who wait at one step."""

    _name = "crm.campaign.publish.line"
    _description = "Where People Go On"

    wizard_id = fields.Many2one(
        "crm.campaign.publish", required=True, readonly=True, ondelete="cascade"
    )
    draft_id = fields.Many2one(related="wizard_id.campaign_id")
    step_id = fields.Many2one(
        "crm.campaign.step", string="They Are At", required=True, ondelete="cascade"
    )
    people_count = fields.Integer(string="People", readonly=True)
    busy_count = fields.Integer(readonly=True)
    is_gone = fields.Boolean(string="Gone", readonly=True)
    choice = fields.Selection(
        [
            ("go", "Go on at"),
            ("stay", "Finish on their version"),
            ("leave", "Leave the campaign"),
        ],
        string="What They Do",
        default="go",
        required=True,
    )
    target_id = fields.Many2one(
        "crm.campaign.step",
        string="Step",
        domain="[('campaign_id', '=', draft_id)]",
        ondelete="cascade",
        help="Empty: they have reached the end.",
    )

    def _get_outcome(self):
        """What becomes of those who wait here, as a sentence."""
        self.ensure_one()
        env = self.env
        words = {
            "people": self.people_count - self.busy_count,
            "step": self.step_id.name,
            "target": self.target_id.name,
        }
        if not self.is_gone:
            return env._(
                "%(people)s at “%(step)s” wait on there, until the same moment.",
                **words,
            )
        if self.choice == "stay":
            return env._("%(people)s at “%(step)s” finish on their version.", **words)
        if self.choice == "leave":
            return env._("%(people)s at “%(step)s” leave the campaign.", **words)
        if self.target_id:
            return env._(
                "%(people)s at “%(step)s”, which is gone, go on at “%(target)s”.",
                **words,
            )
        return env._(
            "%(people)s at “%(step)s”, which is gone, have reached the end.", **words
        )

    @api.constrains("target_id")
    def _check_target_id(self):
        for line in self:
            if line.target_id and line.target_id.campaign_id != line.draft_id:
                raise UserError(
                    self.env._("People go on at a step of the new version.")
                )
