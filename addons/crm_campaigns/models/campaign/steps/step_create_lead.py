from markupsafe import Markup

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import StepKind

_lt = LazyTranslate(__name__)
# what a lead tells of the person behind it
PERSON_FIELDS = ("contact_name", "partner_name", "email_from", "phone", "lang_id")


class CreateLeadKind(StepKind):
    """Creates a lead or an opportunity for each person, with one call for the batch."""

    code = "create_lead"
    label = _lt("Create an Opportunity")
    family = "record"
    icon = "fa-star"
    is_by_record = True
    fields = (
        "lead_name",
        "lead_owner",
        "lead_skip_open",
        "lead_tag_ids",
        "lead_team_id",
        "lead_type",
        "lead_user_id",
    )

    def get_text(self):
        step = self.step
        types = dict(step._fields["lead_type"]._description_selection(self.env))
        kind = types[step.lead_type]
        # sudo: whoever may read the campaign may read whose team gets them
        team = step.lead_team_id.sudo().name
        if not team:
            return kind
        return self.env._("%(type)s for %(team)s", type=kind, team=team)

    def get_problems(self):
        step = self.step
        problems = []
        if not (step.lead_name or "").strip():
            problems.append(self.env._("say what they are called."))
        if step.lead_owner == "user" and not step.lead_user_id:
            problems.append(self.env._("choose whose they are."))
        # sudo: a team of another company may be out of sight
        team_sudo = step.lead_team_id.sudo()
        if team_sudo.company_id and team_sudo.company_id != step.company_id:
            problems.append(
                self.env._("the team “%s” is of another company.", team_sudo.name)
            )
        return problems

    def run(self, tasks):
        step = self.step
        people = tasks._read_participants(
            SQL("json_build_array(p.partner_id, p.lead_id, p.email)")
        )
        if step.lead_skip_open:
            busy = self._get_busy(people)
            tasks.browse(busy)._skip(self.env._("Has an open opportunity already."))
            tasks -= tasks.browse(busy)
            if not tasks:
                return
        owners = self._get_owners(tasks)
        whys = tasks._get_whys()
        who = {task.id: task.participant_id.who for task in tasks}
        # no mail to each owner for each of them
        Lead = (
            self.env["crm.lead"]
            .with_company(step.company_id)
            .with_context(mail_auto_subscribe_no_notify=True)
        )
        Lead.create(
            [
                {
                    **self._get_person_values(*people[task_id]),
                    "name": self._get_name(who[task_id]),
                    "type": step.lead_type,
                    "team_id": step.lead_team_id.id,
                    "user_id": owners[task_id].id,
                    "tag_ids": [fields.Command.set(step.lead_tag_ids.ids)],
                    "company_id": step.company_id.id,
                    "campaign_id": step.campaign_id.utm_campaign_id.id,
                    "description": (step.lead_note or Markup()) + whys[task_id],
                }
                for task_id in tasks._ids
            ]
        )
        by_owner = {}
        for task_id in tasks._ids:
            by_owner.setdefault(owners[task_id], []).append(task_id)
        for owner, task_ids in by_owner.items():
            reason = (
                self.env._("for %s", owner.name)
                if owner
                else self.env._("to be assigned")
            )
            tasks.browse(task_ids)._done(reason=reason)

    def _get_name(self, who):
        name = self.step.lead_name
        for word, text in (
            ("{who}", who),
            ("{campaign}", self.step.campaign_id.name),
        ):
            name = name.replace(word, text)
        return name

    def _get_owners(self, tasks):
        """``{task id: user}``, an empty one if rules or the team decide."""
        step = self.step
        if step.lead_owner == "rules":
            return dict.fromkeys(tasks._ids, self.env["res.users"])
        if step.lead_owner == "user":
            return dict.fromkeys(tasks._ids, step.lead_user_id)
        subjects = tasks._get_subjects()
        records = self.env[step.campaign_id._get_model()].browse(subjects.values())
        owners = step._get_owners(records)
        return {task_id: owners[res_id] for task_id, res_id in subjects.items()}

    def _get_person_values(self, partner_id, lead_id, email):
        if partner_id:
            return {"partner_id": partner_id}
        values = {"email_from": email}
        if lead_id:
            # of the batch: fetched with the first
            lead = self.env["crm.lead"].browse(lead_id)
            for name in PERSON_FIELDS:
                value = lead[name]
                values[name] = value.id if name == "lang_id" else value
        return values

    def _get_busy(self, people):
        """The ids of those tasks whose people have an open opportunity, of the team if
        there is one, besides the lead that walks through the campaign.
        """
        step = self.step
        partner_ids = {partner_id for partner_id, _lead, _email in people.values()}
        emails = {email for _partner, _lead, email in people.values()}
        own_ids = {lead_id for _partner, lead_id, _email in people.values()}
        domain = (
            Domain("type", "=", step.lead_type)
            & Domain("won_status", "=", "pending")
            & Domain("company_id", "in", (step.company_id.id, False))
            & Domain("id", "not in", list(own_ids - {None}))
            & (
                Domain("partner_id", "in", list(partner_ids - {None}))
                | Domain("email_normalized", "in", list(emails - {None}))
            )
        )
        if step.lead_team_id:
            domain &= Domain("team_id", "=", step.lead_team_id.id)
        leads = self.env["crm.lead"].search_fetch(
            domain, ["partner_id", "email_normalized"], order="id"
        )
        busy_partners = set(leads.partner_id.ids)
        busy_emails = set(leads.mapped("email_normalized")) - {False}
        return [
            task_id
            for task_id, (partner_id, _lead, email) in people.items()
            if partner_id in busy_partners or email in busy_emails
        ]


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    lead_name = fields.Char(
        string="Called",
        default=lambda self: self.env._("{campaign}: {who}"),
        help="{who} stands for the person, {campaign} for the campaign.",
    )
    lead_type = fields.Selection(
        [("opportunity", "Opportunity"), ("lead", "Lead")],
        string="What Is Created",
        default="opportunity",
        required=True,
    )
    lead_team_id = fields.Many2one(
        "crm.team",
        string="Sales Team",
        domain="[('company_id', 'in', (company_id, False))]",
        index="btree_not_null",
        ondelete="restrict",
    )
    lead_owner = fields.Selection(
        [
            ("owner", "The owner of the record"),
            ("rules", "Nobody yet: the rules of assignment decide"),
            ("user", "Somebody"),
        ],
        string="Whose",
        default="owner",
        required=True,
    )
    lead_user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        domain=[("share", "=", False)],
        index="btree_not_null",
        ondelete="restrict",
    )
    lead_tag_ids = fields.Many2many(
        "crm.tag", relation="crm_campaign_step_lead_tag_rel", string="Tags"
    )
    lead_note = fields.Html(string="Notes")
    lead_skip_open = fields.Boolean(
        string="Not for Those Who Have One",
        default=True,
        help="Whoever has an open one already (of the team, if you choose one) is "
        "skipped: the lead that walks through the campaign does not count.",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), CreateLeadKind]

    @api.constrains("kind", "lead_team_id")
    def _check_create_lead(self):
        """The scheduler may do anything: whoever says so may do it by hand."""
        if "create_lead" in self.mapped("kind"):
            self.env["crm.lead"].with_user(self.env.user).check_access("create")
