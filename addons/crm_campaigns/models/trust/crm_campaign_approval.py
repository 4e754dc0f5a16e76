import hashlib
import json

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

MANAGERS = "crm_campaigns.crm_campaigns_group_manager"
ACTIVITY = "crm_campaigns.mail_activity_type_approval"
STATES = [
    ("asked", "Asked For"),
    ("approved", "Approved"),
    ("refused", "Refused"),
]
# An approval is of so many people; a few more, in %, need no new one.
TOLERANCE = 10


class CrmCampaignApproval(models.Model):
    """Somebody asks whether a campaign with many people may start; somebody else says
    so. It is about the steps and the audience of that moment: once they have changed it
    is no longer worth anything.

    Written by the system only: by the buttons of the campaign.
    """

    _name = "crm.campaign.approval"
    _description = "Campaign Approval"
    _order = "id desc"
    _rec_name = "campaign_id"

    campaign_id = fields.Many2one(
        "crm.campaign", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="campaign_id.company_id")
    state = fields.Selection(STATES, required=True, readonly=True, default="asked")
    people_count = fields.Integer(
        string="People", readonly=True, help="How many would enter when it was asked."
    )
    fingerprint = fields.Char(readonly=True, export_string_translation=False)
    is_current = fields.Boolean(
        string="Still Holds",
        compute="_compute_is_current",
        help="Neither steps nor audience have changed since it was asked for.",
    )
    # who
    user_id = fields.Many2one(
        "res.users", string="Asked By", required=True, readonly=True, index=True
    )
    date_asked = fields.Datetime(string="Asked On", required=True, readonly=True)
    note = fields.Text(readonly=True)
    decided_by_id = fields.Many2one("res.users", readonly=True, index="btree_not_null")
    date_decided = fields.Datetime(string="Decided On", readonly=True)
    reason = fields.Text(readonly=True)

    _asked_uniq = models.UniqueIndex(
        "(campaign_id) WHERE state = 'asked'", "Somebody has asked already."
    )

    @api.depends("fingerprint", "campaign_id")
    def _compute_is_current(self):
        prints = {
            campaign: campaign._get_fingerprint() for campaign in self.campaign_id
        }
        for approval in self:
            approval.is_current = approval.fingerprint == prints.get(
                approval.campaign_id
            )


class CrmCampaign(models.Model):
    """Large campaigns are approved before they start."""

    _name = "crm.campaign"
    _inherit = ["crm.campaign", "mail.activity.mixin"]

    approval_ids = fields.One2many(
        "crm.campaign.approval", "campaign_id", string="Approvals", readonly=True
    )
    approval_state = fields.Selection(
        [*STATES, ("changed", "Changed Since")],
        string="Approval",
        compute="_compute_approval_state",
        help="Of the last approval that was asked for.",
    )
    can_approve = fields.Boolean(compute="_compute_approval_state")

    @api.depends("approval_ids.state")
    @api.depends_context("uid")
    def _compute_approval_state(self):
        for campaign in self:
            last = campaign._get_last_approval()
            is_stale = last.state in ("asked", "approved") and not last.is_current
            campaign.approval_state = "changed" if is_stale else last.state
            campaign.can_approve = campaign._may_decide(last)

    def _get_last_approval(self):
        # a new one is last in the cache
        return self.approval_ids.sorted("id", reverse=True)[:1]

    # ------------------------------------------------------------
    # What an approval is about
    # ------------------------------------------------------------

    @api.model
    def _get_approved_fields(self):
        """Hook: fields of the campaign that say who enters, and when."""
        return self._get_audience_fields() | {
            "date_end",
            "dedupe",
            "email_from",
            "reentry",
            "reentry_days",
            *(name for entry in self._get_entries() for name in entry.fields),
        }

    def _get_fingerprint(self):
        """The same as long as steps and audience are the same."""
        self.ensure_one()
        # sudo: whoever may see the campaign sees whether it was changed
        campaign = self.sudo()
        names = campaign.step_ids._get_structure_fields() | {"delay_minutes", "name"}
        # where a step is says more than its number in the database
        names -= {"campaign_id", "mailing_id", "parent_id", "way_id"}
        parts = [
            _freeze(campaign, campaign._get_approved_fields()),
            campaign.segment_id.domain,
        ] + [
            [step.parent_id.position, step.way_id.name, _freeze(step, names)]
            for step in campaign.step_ids
        ]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def _count_approved(self):
        """How many people it is about: those who would enter, and those inside."""
        # sudo: participants the user may not see count too
        inside = (self.draft_of_id or self).sudo().running_count
        return self.sudo()._count_audience() + inside

    def _needs_approval(self):
        """How many people, if they need an approval that there is not; else 0."""
        self.ensure_one()
        limit = self.company_id.sudo().crm_campaigns_approval_limit
        if not limit:
            return 0
        people = self._count_approved()
        if people < limit:
            return 0
        last = self._get_last_approval()
        if (
            last.state == "approved"
            and last.is_current
            and people <= last.people_count * (1 + TOLERANCE / 100)
        ):
            return 0
        return people

    # ------------------------------------------------------------
    # Start
    # ------------------------------------------------------------

    def action_start(self):
        for campaign in self:
            if not campaign._get_start_problems() and (
                people := campaign._needs_approval()
            ):
                raise UserError(
                    self.env._(
                        "%(people)s people would enter “%(campaign)s”: ask for an "
                        "approval first.",
                        people=people,
                        campaign=campaign.name,
                    )
                )
        return super().action_start()

    # ------------------------------------------------------------
    # Asking and deciding
    # ------------------------------------------------------------

    def _ask_approval(self, note=""):
        """Ask those who may approve; a request that stands is replaced."""
        self.ensure_one()
        self.check_access("write")
        # sudo: approvals are written by the system only
        self.approval_ids.filtered(lambda one: one.state == "asked").sudo().unlink()
        approval = (
            self.env["crm.campaign.approval"]
            .sudo()
            .create(
                {
                    "campaign_id": self.id,
                    "people_count": self._count_approved(),
                    "fingerprint": self._get_fingerprint(),
                    "user_id": self.env.uid,
                    "date_asked": fields.Datetime.now(),
                    "note": note,
                }
            )
        )
        self.activity_unlink([ACTIVITY])
        approvers = self._get_approvers()
        if not approvers:
            raise UserError(
                self.env._(
                    "There is nobody else who may approve it: give somebody the rights "
                    "of an administrator of campaigns, or let people approve their own "
                    "in the settings."
                )
            )
        for user in approvers:
            # few people; each has an activity of their own
            self.activity_schedule(
                ACTIVITY,
                user_id=user.id,
                summary=self.env._("%s people would enter", approval.people_count),
                note=note,
            )
        self.message_post(
            body=self.env._(
                "Asked for an approval of %s people.", approval.people_count
            ),
            subtype_xmlid="mail.mt_note",
        )
        return approval

    def _get_approvers(self):
        """Who may decide on what the current user asks for."""
        # sudo: who has which rights is no secret to those who build campaigns
        users = self.env.ref(MANAGERS).sudo().all_user_ids
        users = users.filtered(
            lambda user: (
                user.active and not user.share and self.company_id in user.company_ids
            )
        )
        # sudo: a setting that holds for whoever asks
        if not self.company_id.sudo().crm_campaigns_approval_self:
            users -= self.env.user
        return users.sudo(False)

    def _may_decide(self, approval):
        """Whether the user may decide on what was asked."""
        self.ensure_one()
        return bool(
            approval.state == "asked"
            and self.env.user.has_group(MANAGERS)
            and (
                approval.user_id != self.env.user
                # sudo: a setting that holds for whoever asks
                or self.company_id.sudo().crm_campaigns_approval_self
            )
        )

    def _decide_approval(self, state, reason=""):
        """Approve or refuse; whoever asked is told."""
        self.ensure_one()
        self.check_access("write")
        approval = self._get_last_approval()
        if approval.state != "asked":
            raise UserError(self.env._("Nobody asks, or somebody has decided already."))
        if not self._may_decide(approval):
            raise AccessError(self.env._("Somebody else has to decide on this."))
        if state == "approved" and not approval.is_current:
            raise UserError(
                self.env._(
                    "Steps or audience have changed since it was asked: it has to be "
                    "asked again."
                )
            )
        if state == "refused" and not (reason or "").strip():
            raise UserError(self.env._("Say why."))
        # sudo: approvals are written by the system only
        approval.sudo().write(
            {
                "state": state,
                "decided_by_id": self.env.uid,
                "date_decided": fields.Datetime.now(),
                "reason": reason,
            }
        )
        self.activity_unlink([ACTIVITY])
        names = {"user": self.env.user.name, "count": approval.people_count}
        body = (
            self.env._("%(user)s has approved %(count)s people.", **names)
            if state == "approved"
            else self.env._("%(user)s has refused %(count)s people.", **names)
        )
        self.message_post(
            body=f"{body} {reason or ''}".strip(),
            partner_ids=(approval.user_id - self.env.user).partner_id.ids,
            subtype_xmlid="mail.mt_note",
        )

    def action_decide_approval(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Approval"),
            "res_model": "crm.campaign.approve",
            "view_mode": "form",
            "target": "new",
            "context": {"default_campaign_id": self.id, "dialog_size": "medium"},
        }

    def action_ask_start(self):
        """Look at it once more, then start."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Start “%s”", self.name),
            "res_model": "crm.campaign.start",
            "view_mode": "form",
            "target": "new",
            "context": {"default_campaign_id": self.id, "dialog_size": "medium"},
        }


def _freeze(record, names):
    """``{name: value}`` of fields, so that the same text says the same."""
    values = {}
    for name in sorted(names):
        field = record._fields[name]
        value = record[name]
        if field.type == "one2many":
            unsaid = {*models.MAGIC_COLUMNS, field.inverse_name}
            inner = [
                key
                for key, one in value._fields.items()
                if one.store and key not in unsaid
            ]
            values[name] = [_freeze(line, inner) for line in value]
        elif field.relational:
            values[name] = sorted(value.ids)
        else:
            values[name] = field.convert_to_read(value, record)
    return values
