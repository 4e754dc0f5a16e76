from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import is_html_empty

MINUTES = {"minutes": 1, "hours": 60, "days": 60 * 24}
UNSUBSCRIBE = "/unsubscribe_from_list"


class CrmCampaignStep(models.Model):
    """What happens at one point of a journey, and after which other step.

    Extension point: a new kind is a value of ``kind``, its fields, and a method
    ``_run_<kind>(tasks)`` on ``crm.campaign.task`` that does it for a whole batch.
    """

    _name = "crm.campaign.step"
    _description = "Campaign Step"
    _order = "campaign_id, position, id"
    _parent_name = "parent_id"

    # identity
    name = fields.Char(required=True)
    campaign_id = fields.Many2one(
        "crm.campaign", required=True, index=True, ondelete="cascade"
    )
    campaign_state = fields.Selection(related="campaign_id.state")
    company_id = fields.Many2one(related="campaign_id.company_id")
    kind = fields.Selection(
        [
            ("mail", "Send a Mail"),
            ("wait_click", "Wait for a Click"),
            ("wait", "Wait"),
            ("activity", "Plan an Activity"),
        ],
        default="mail",
        required=True,
    )
    # place in the tree
    parent_id = fields.Many2one(
        "crm.campaign.step",
        string="After",
        index="btree_not_null",
        ondelete="restrict",
        domain="[('campaign_id', '=', campaign_id), ('id', '!=', id)]",
        help="Empty: happens as soon as somebody enters.",
    )
    parent_kind = fields.Selection(related="parent_id.kind", string="Kind Before")
    branch = fields.Selection(
        [("next", "Then"), ("yes", "If so"), ("no", "If not")],
        string="In Which Case",
        compute="_compute_branch",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        help="A step that waits for something has two ways out: it happened, or it "
        "did not in time.",
    )
    child_ids = fields.One2many("crm.campaign.step", "parent_id")
    sequence = fields.Integer(default=10)
    position = fields.Integer(
        readonly=True,
        copy=False,
        export_string_translation=False,
        help="Order of the drawn tree.",
    )
    level = fields.Integer(readonly=True, copy=False, export_string_translation=False)
    outline = fields.Char(string="Step", compute="_compute_outline")
    # mail
    mailing_id = fields.Many2one(
        "mailing.mailing",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    subject = fields.Char(compute="_compute_mail", inverse="_inverse_mail")
    body = fields.Html(
        compute="_compute_mail",
        inverse="_inverse_mail",
        sanitize="email_outgoing",
        help="For a designed mail, save and open the mail editor.",
    )
    on_failure = fields.Selection(
        [("stop", "End the journey"), ("continue", "Go on with the next step")],
        string="If It Cannot Be Sent",
        default="stop",
        help="Nobody is told that a mail was sent that was not: blocked and missing "
        "addresses are skipped, refused ones fail.",
    )
    # time
    delay_count = fields.Integer(string="How Long", default=1)
    delay_unit = fields.Selection(
        [("minutes", "Minutes"), ("hours", "Hours"), ("days", "Days")], default="days"
    )
    delay_minutes = fields.Integer(
        compute="_compute_delay_minutes", store=True, export_string_translation=False
    )
    mail_step_id = fields.Many2one(
        "crm.campaign.step",
        string="Which Mail",
        compute="_compute_mail_step_id",
        recursive=True,
        store=True,
        index="btree_not_null",
        ondelete="set null",
        help="The mail whose links are meant: the nearest one before.",
    )
    # activity
    activity_type_id = fields.Many2one(
        "mail.activity.type",
        string="Activity",
        ondelete="restrict",
        index="btree_not_null",
        default=lambda self: self.env.ref(
            "mail.mail_activity_data_call", raise_if_not_found=False
        ),
    )
    activity_summary = fields.Char(string="Summary")
    activity_note = fields.Html(string="Note")
    activity_days = fields.Integer(
        string="Due in Days",
        default=1,
        help="Days after the step. The activity goes to the owner of the record, or to "
        "the responsible of the campaign.",
    )
    # counters
    waiting_count = fields.Integer(string="Waiting", compute="_compute_task_count")
    done_count = fields.Integer(string="Done", compute="_compute_task_count")
    skipped_count = fields.Integer(string="Skipped", compute="_compute_task_count")
    failed_count = fields.Integer(string="Failed", compute="_compute_task_count")

    _delay_positive = models.Constraint(
        "CHECK(delay_count >= 0)", "A step cannot wait for a negative time."
    )

    # ------------------------------------------------------------
    # Computes
    # ------------------------------------------------------------

    @api.depends("parent_id", "parent_id.kind")
    def _compute_branch(self):
        for step in self:
            ways = step.parent_id._get_branches() if step.parent_id else ["next"]
            if step.branch not in ways:
                step.branch = ways[0]

    def _get_branches(self):
        """Hook: the ways out of this step, the first being the usual one."""
        self.ensure_one()
        return ["yes", "no"] if self.kind == "wait_click" else ["next"]

    @api.depends("level", "name", "kind", "branch", "parent_id")
    def _compute_outline(self):
        labels = dict(self._fields["branch"]._description_selection(self.env))
        for step in self:
            label = step.name or ""
            if step.parent_id:
                way = "↳ "
                if step.branch in ("yes", "no"):
                    way += f"{labels[step.branch]}: "
                # em spaces: the web client would swallow plain ones
                label = "\u2003" * 2 * (step.level - 1) + way + label
            step.outline = label

    @api.depends("mailing_id.subject", "mailing_id.body_html")
    def _compute_mail(self):
        for step in self:
            # sudo: whoever may read the campaign may read its mails
            mailing_sudo = step.mailing_id.sudo()
            step.subject = mailing_sudo.subject
            step.body = mailing_sudo.body_html

    def _inverse_mail(self):
        for step in self.filtered(lambda s: s.kind == "mail"):
            # before the mailing is made: then they are read from it
            subject, body = step.subject, step.body or ""
            step._prepare_mailings()
            if not is_html_empty(body) and UNSUBSCRIBE not in body:
                body += self._get_unsubscribe_footer()
            step.mailing_id.write(
                {
                    "subject": subject or step.name,
                    "body_arch": body,
                    "body_html": body,
                }
            )

    @api.model
    def _get_unsubscribe_footer(self):
        return Markup('<p><small><a href="%s">%s</a></small></p>') % (
            UNSUBSCRIBE,
            self.env._("Unsubscribe"),
        )

    @api.depends("kind", "delay_count", "delay_unit")
    def _compute_delay_minutes(self):
        for step in self:
            waits = step.kind in self._get_waiting_kinds()
            step.delay_minutes = (
                step.delay_count * MINUTES[step.delay_unit or "days"] if waits else 0
            )

    @api.model
    def _get_waiting_kinds(self):
        """Hook: kinds whose task falls due after the delay."""
        return ("wait", "wait_click")

    @api.depends("parent_id.kind", "parent_id.mail_step_id")
    def _compute_mail_step_id(self):
        for step in self:
            before = step.parent_id
            step.mail_step_id = before if before.kind == "mail" else before.mail_step_id

    def _compute_task_count(self):
        columns = {
            "planned": "waiting_count",
            "reserved": "waiting_count",
            "sending": "waiting_count",
            "done": "done_count",
            "unknown": "done_count",
            "skipped": "skipped_count",
            "failed": "failed_count",
        }
        for column in set(columns.values()):
            self[column] = 0
        for step, state, count in self.env["crm.campaign.task"]._read_group(
            [("step_id", "in", self.ids)], ["step_id", "state"], ["__count"]
        ):
            step[columns[state]] += count

    # ------------------------------------------------------------
    # Constraints
    # ------------------------------------------------------------

    @api.constrains("parent_id", "campaign_id", "branch", "kind")
    def _check_tree(self):
        if self._has_cycle():
            raise ValidationError(self.env._("A step cannot come after itself."))
        for step in self | self.child_ids:
            if step.parent_id and step.parent_id.campaign_id != step.campaign_id:
                raise ValidationError(
                    self.env._("A step comes after one of the same campaign.")
                )
            ways = step.parent_id._get_branches() if step.parent_id else ["next"]
            if step.branch not in ways:
                raise ValidationError(
                    self.env._(
                        "“%(step)s”: say in which case it happens after “%(parent)s”.",
                        step=step.name,
                        parent=step.parent_id.name,
                    )
                )

    def _get_problems(self):
        """Hook: what keeps a campaign with this step from starting, as sentences."""
        self.ensure_one()
        if self.kind == "mail":
            return self._get_mail_problems()
        if self.kind == "wait_click" and not self.mail_step_id:
            return [self.env._("there is no mail before it that could be clicked.")]
        if self.kind in self._get_waiting_kinds() and not self.delay_minutes:
            return [self.env._("say how long it waits.")]
        if self.kind == "activity" and not self.activity_type_id:
            return [self.env._("choose the activity.")]
        return []

    def _get_mail_problems(self):
        problems = []
        mailing = self.mailing_id
        if not (mailing.subject or "").strip():
            problems.append(self.env._("the mail has no subject."))
        if is_html_empty(mailing.body_html):
            problems.append(self.env._("the mail is empty."))
        elif UNSUBSCRIBE not in mailing.body_html:
            problems.append(self.env._("the mail has no unsubscribe link."))
        return problems

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        steps = super().create(vals_list)
        self._check_not_running(steps.campaign_id)
        steps.campaign_id.step_ids._number()
        steps._prepare_mailings()
        return steps

    def write(self, vals):
        if vals.keys() & self._get_structure_fields():
            self._check_not_running(self.campaign_id)
        result = super().write(vals)
        if vals.keys() & {"parent_id", "branch", "sequence"}:
            self.campaign_id.step_ids._number()
        if "kind" in vals:
            self._prepare_mailings()
        return result

    @api.model
    def _get_structure_fields(self):
        """Hook: fields that cannot change while the campaign runs."""
        return {
            "activity_type_id",
            "body",
            "branch",
            "campaign_id",
            "delay_count",
            "delay_unit",
            "kind",
            "mailing_id",
            "parent_id",
            "subject",
        }

    @api.model
    def _check_not_running(self, campaigns):
        if "running" in campaigns.mapped("state"):
            raise UserError(
                self.env._("Stop the campaign before you change what happens in it.")
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        self._check_not_running(self.campaign_id)
        used = self.env["crm.campaign.task"].search(
            [("step_id", "in", self.ids)], limit=1
        )
        if used:
            raise UserError(
                self.env._(
                    "People have been at “%s”: it is part of their history.",
                    used.step_id.name,
                )
            )

    def unlink(self):
        """What came after a deleted step comes after the one before it."""
        mailings = self.mailing_id
        campaigns = self.campaign_id
        for step in self:
            children = step.child_ids - self
            if children:
                before = step.parent_id
                while before & self:
                    before = before.parent_id
                children.write({"parent_id": before.id, "branch": step.branch})
        # children first: what comes after a step keeps it from being deleted
        result = super(CrmCampaignStep, self.sorted("level", reverse=True)).unlink()
        mailings.filtered(lambda m: not m.sent_date).unlink()
        campaigns.step_ids._number()
        return result

    def _number(self):
        """Order the steps of each campaign as the tree is drawn: depth first."""
        rank = {"next": 0, "yes": 1, "no": 2}
        for steps in self.grouped("campaign_id").values():
            children = steps.sorted(
                lambda s: (rank.get(s.branch, 3), s.sequence, s.id)
            ).grouped("parent_id")
            position = 0
            stack = [(step, 0) for step in reversed(children.get(self.browse(), []))]
            while stack:
                step, level = stack.pop()
                position += 1
                if (step.position, step.level) != (position, level):
                    # few steps; each has values of its own
                    step.write({"position": position, "level": level})
                stack += [(s, level + 1) for s in reversed(children.get(step, []))]
        # in the new order
        self.env["crm.campaign"].invalidate_model(["step_ids"], flush=False)
        self.invalidate_model(["child_ids"], flush=False)

    def _copy_tree(self, campaign):
        """Copy these steps, with their mails, into another campaign."""
        copies = {}
        for step in self.sorted("position"):
            vals = step.copy_data(
                {
                    "campaign_id": campaign.id,
                    "parent_id": copies[step.parent_id].id if step.parent_id else False,
                    "branch": step.branch,
                }
            )[0]
            copies[step] = self.create(vals)
            if step.mailing_id:
                copies[step].mailing_id.write(
                    {
                        name: step.mailing_id[name]
                        for name in ("subject", "preview", "body_arch", "body_html")
                    }
                )
        return copies

    # ------------------------------------------------------------
    # Mails
    # ------------------------------------------------------------

    def _prepare_mailings(self):
        """Give each mail step its mailing, with what the campaign decides."""
        for step in self.filtered(lambda s: s.kind == "mail"):
            values = step._prepare_mailing_values()
            if not step.mailing_id:
                # a mailing has a name, a source and an author of its own: one by one
                Mailing = self.env["mailing.mailing"].with_context(
                    mail_auto_subscribe_no_notify=True
                )
                step.mailing_id = Mailing.create({"subject": step.name, **values})
            else:
                # sudo: the responsible may be changed without rights on mailings
                mailing_sudo = step.mailing_id.sudo().with_context(
                    crm_campaigns_engine=True, mail_auto_subscribe_no_notify=True
                )
                changed = {
                    name: value
                    for name, value in values.items()
                    if mailing_sudo._fields[name].convert_to_write(
                        mailing_sudo[name], mailing_sudo
                    )
                    != value
                }
                if changed:
                    mailing_sudo.write(changed)

    def _prepare_mailing_values(self):
        """Hook: values of the mailing that belongs to a mail step."""
        self.ensure_one()
        campaign = self.campaign_id
        model = campaign.segment_id.target or "crm.lead"
        return {
            "campaign_id": campaign.utm_campaign_id.id,
            "email_from": campaign.email_from or self.env.user.email_formatted,
            "mailing_model_id": self.env["ir.model"]._get_id(model),
            "mailing_type": "mail",
            "user_id": campaign.user_id.id,
            # nobody: recipients are the tasks that fall due
            "mailing_domain": repr([("id", "in", [])]),
        }

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_edit_mail(self):
        """Open the mail in Odoo's editor."""
        self.ensure_one()
        self._prepare_mailings()
        if self.campaign_state != "running" and self.mailing_id.state != "draft":
            # sent before: it is the campaign that says whether it may change
            self.mailing_id.with_context(crm_campaigns_engine=True).state = "draft"
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "mailing.mailing",
            "res_id": self.mailing_id.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_add_next(self):
        self.ensure_one()
        return self._get_add_action(self.campaign_id)

    def action_open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "crm.campaign.step",
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_view_tasks(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_campaigns.crm_campaign_task_action"
        )
        action["name"] = self.name
        action["domain"] = [("step_id", "=", self.id)]
        action["context"] = {}
        return action

    def _get_add_action(self, campaign):
        """Open the form of a new step after this one (or the first), on the way out
        that leads nowhere yet."""
        self._check_not_running(campaign)
        ways = self._get_branches() if self else ["next"]
        taken = self.child_ids.mapped("branch")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Add a Step"),
            "res_model": "crm.campaign.step",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_campaign_id": campaign.id,
                "default_parent_id": self.id,
                "default_branch": next((w for w in ways if w not in taken), ways[0]),
            },
        }
