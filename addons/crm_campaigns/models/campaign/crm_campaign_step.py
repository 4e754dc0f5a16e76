from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import ormcache

from ...tools.gone_codes import find_gone_codes
from ...tools.lazy_label import translate
from ...tools.step_kind import FAMILIES, GoneKind

WAYS = [
    ("next", "Then"),
    ("yes", "If so"),
    ("no", "If not"),
    ("way", "If it is"),
]
# in the context: steps are counted in their own version, not in all that have them
ONE_VERSION = "crm_campaigns_one_version"
# what is counted at a step, by the states of tasks
COUNTS = {
    "waiting": ("planned", "reserved", "sending"),
    "done": ("done", "unknown"),
    "skipped": ("skipped",),
    "failed": ("failed",),
}


class CrmCampaignStep(models.Model):
    """What happens at one point of a journey, and after which other step.

    What a kind of step does is said by its class, see ``tools/step_kind.py``; each of
    them, with the fields it needs, is in a file of ``steps``.
    """

    _name = "crm.campaign.step"
    _description = "Campaign Step"
    _order = "campaign_id, position, id"
    _parent_name = "parent_id"
    _parent_store = True

    # identity
    name = fields.Char(required=True)
    campaign_id = fields.Many2one(
        "crm.campaign", required=True, index=True, ondelete="cascade"
    )
    campaign_state = fields.Selection(related="campaign_id.state")
    company_id = fields.Many2one(related="campaign_id.company_id")
    model_name = fields.Char(string="Model", compute="_compute_model_name")
    kind = fields.Selection("_selection_kind", default="mail", required=True)
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
        WAYS,
        string="In Which Case",
        compute="_compute_branch",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        help="A step that waits for something has two ways out: it happened, or it "
        "did not in time.",
    )
    way_id = fields.Many2one(
        "crm.campaign.way",
        string="Which Way",
        compute="_compute_branch",
        store=True,
        readonly=False,
        precompute=True,
        index="btree_not_null",
        ondelete="restrict",
        copy=False,
        domain="[('step_id', '=', parent_id)]",
    )
    way_ids = fields.One2many("crm.campaign.way", "step_id", string="Ways", copy=True)
    child_ids = fields.One2many("crm.campaign.step", "parent_id")
    parent_path = fields.Char(index=True, copy=False, export_string_translation=False)
    sequence = fields.Integer(default=10)
    position = fields.Integer(
        readonly=True,
        copy=False,
        export_string_translation=False,
        help="Order of the drawn tree.",
    )
    level = fields.Integer(readonly=True, copy=False, export_string_translation=False)
    outline = fields.Char(string="Step", compute="_compute_outline")
    # when it goes wrong
    can_fail = fields.Boolean(compute="_compute_can_fail")
    is_kind_gone = fields.Boolean(compute="_compute_can_fail")
    on_failure = fields.Selection(
        [("stop", "End the journey"), ("continue", "Go on with the next step")],
        string="If It Cannot Be Done",
        default="stop",
        help="Nothing is shown as done that was not: blocked and missing addresses are "
        "skipped, refused mails and steps that meet an error fail.",
    )
    date_halted = fields.Datetime(
        string="Stands Still Since", readonly=True, copy=False
    )
    date_resumed = fields.Datetime(readonly=True, copy=False)
    halt_reason = fields.Text(string="Why", readonly=True, copy=False)
    expire_hours = fields.Integer(
        string="Too Late After Hours",
        help="What could not be done so many hours after it was due is skipped: a "
        "greeting is of no use the day after. 0: never too late.",
    )
    # counters
    waiting_count = fields.Integer(string="Waiting", compute="_compute_task_count")
    done_count = fields.Integer(string="Done", compute="_compute_task_count")
    skipped_count = fields.Integer(string="Skipped", compute="_compute_task_count")
    failed_count = fields.Integer(string="Failed", compute="_compute_task_count")

    # ------------------------------------------------------------
    # Kinds
    # ------------------------------------------------------------

    @api.model
    def _get_kinds(self):
        """Hook: the classes of all kinds of steps, in the order in which people see
        those of a family.
        """
        return []

    @api.model
    def _get_kind_classes(self):
        """``{code: class}``, in the order in which people see them."""
        families = list(FAMILIES)
        kinds = sorted(self._get_kinds(), key=lambda kind: families.index(kind.family))
        return {kind.code: kind for kind in kinds}

    @api.model
    def _selection_kind(self):
        return [
            *(
                (code, translate(self.env, kind.label))
                for code, kind in self._get_kind_classes().items()
            ),
            *(
                (code, self.env._("%s (not installed)", code))
                for code in self._get_gone_kinds()
            ),
        ]

    @api.model
    @ormcache()
    def _get_gone_kinds(self):
        """Codes of steps whose kind came with an addon that is not installed any more:
        no more of them come while the registry lives.
        """
        return find_gone_codes(self.env, "crm_campaign_step", "kind", self._get_kinds())

    def _get_kind(self):
        """What this step is: an instance of its class, see ``StepKind``."""
        self.ensure_one()
        return self._get_kind_classes().get(self.kind, GoneKind)(self)

    # ------------------------------------------------------------
    # Computes
    # ------------------------------------------------------------

    @api.depends("campaign_id.segment_id")
    def _compute_model_name(self):
        for step in self:
            step.model_name = step.campaign_id._get_model()

    @api.depends("kind")
    def _compute_can_fail(self):
        kinds = self._get_kind_classes()
        for step in self:
            step.can_fail = bool(step.kind) and kinds.get(step.kind, GoneKind).can_fail
            step.is_kind_gone = bool(step.kind) and step.kind not in kinds

    @api.depends("parent_id", "parent_id.kind", "parent_id.way_ids")
    def _compute_branch(self):
        for step in self:
            ways = step._get_ways_before()
            if (step.branch, step.way_id) not in ways:
                step.branch, step.way_id = next(
                    (way for way in ways if way[0] == step.branch), ways[0]
                )

    def _get_ways_before(self):
        """``[(code, way)]`` that the step before this one has."""
        self.ensure_one()
        if not self.parent_id.kind:
            return [("next", self.env["crm.campaign.way"])]
        return [way[:2] for way in self.parent_id._get_kind().get_ways()]

    @api.depends("level", "name", "kind", "branch", "way_id.name", "parent_id")
    def _compute_outline(self):
        labels = dict(self._fields["branch"]._description_selection(self.env))
        for step in self:
            label = step.name or ""
            if step.parent_id:
                way = "↳ "
                if step.way_id:
                    way += f"{step.way_id.name}: "
                elif step.branch in ("yes", "no"):
                    way += f"{labels[step.branch]}: "
                # em spaces: the web client would swallow plain ones
                label = "\u2003" * 2 * (step.level - 1) + way + label
            step.outline = label

    @api.depends_context(ONE_VERSION)
    def _compute_task_count(self):
        columns = {
            state: f"{name}_count"
            for name, states in COUNTS.items()
            for state in states
        }
        for name in COUNTS:
            self[f"{name}_count"] = 0
        # of the same step in earlier versions too, unless one version is looked at:
        # somebody may be there. Found first: by their numbers an index tells the tasks
        is_one = self.env.context.get(ONE_VERSION)
        steps = self if is_one else self._get_all_versions()
        for step, state, count in self.env["crm.campaign.task"]._read_group(
            [("step_id", "in", steps.ids)], ["step_id", "state"], ["__count"]
        ):
            for one in step if is_one else (step | step.latest_id) & self:
                one[columns[state]] += count

    # ------------------------------------------------------------
    # Constraints
    # ------------------------------------------------------------

    @api.constrains("parent_id", "campaign_id", "branch", "way_id", "kind")
    def _check_tree(self):
        if self._has_cycle():
            raise ValidationError(self.env._("A step cannot come after itself."))
        for step in self | self.child_ids:
            if step.parent_id and step.parent_id.campaign_id != step.campaign_id:
                raise ValidationError(
                    self.env._("A step comes after one of the same campaign.")
                )
            if (step.branch, step.way_id) not in step._get_ways_before():
                raise ValidationError(
                    self.env._(
                        "“%(step)s”: say in which case it happens after “%(parent)s”.",
                        step=step.name,
                        parent=step.parent_id.name,
                    )
                )

    def _get_records(self, res_ids, user=None):
        """The records of participants, as the responsible of the campaign sees them."""
        campaign = self.campaign_id
        user = user or campaign.user_id
        return (
            self.env[campaign._get_model()]
            .with_user(user)
            .with_context(
                allowed_company_ids=campaign.company_id.ids, tz=user.tz, lang=user.lang
            )
            .browse(res_ids)
        )

    def _get_owners(self, records):
        """``{id: user}``: the owner of each record, or the responsible."""
        owners = {}
        for record in records:
            owner = record.user_id if "user_id" in record._fields else None
            owners[record.id] = owner or self.campaign_id.user_id
        return owners

    def _get_problems(self):
        """Hook: what keeps a campaign with this step from starting, as sentences."""
        self.ensure_one()
        kind = self._get_kind()
        problems = kind.get_problems()
        if kind.is_end and self.child_ids:
            problems.append(self.env._("nothing can come after it."))
        return problems

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        steps = super().create(vals_list)
        self._check_not_running(steps.campaign_id)
        steps.campaign_id.step_ids._number()
        return steps

    def write(self, vals):
        if vals.keys() & self._get_structure_fields():
            self._check_not_running(self.campaign_id)
        if vals.get("parent_id"):
            # said in our words, before the path of the step is written
            path = self.browse(vals["parent_id"]).parent_path or ""
            if set(map(str, self.ids)) & set(path.split("/")):
                raise ValidationError(self.env._("A step cannot come after itself."))
        result = super().write(vals)
        if vals.keys() & {"parent_id", "branch", "way_id", "sequence"}:
            self.campaign_id.step_ids._number()
        return result

    @api.model
    def _get_structure_fields(self):
        """Hook: fields that cannot change while the campaign runs."""
        names = {"branch", "campaign_id", "kind", "parent_id", "way_id", "way_ids"}
        return names.union(*(kind.fields for kind in self._get_kinds()))

    @api.model
    def _check_not_running(self, campaigns):
        if "running" in campaigns.mapped("state"):
            raise UserError(
                self.env._(
                    "Stop the campaign before you change what happens in it, or choose "
                    "“Edit” to draw its next version."
                )
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
        campaigns = self.campaign_id
        for step in self:
            children = step.child_ids - self
            if children:
                before = step.parent_id
                while before & self:
                    before = before.parent_id
                children.write(
                    {
                        "parent_id": before.id,
                        "branch": step.branch,
                        "way_id": step.way_id.id,
                    }
                )
        # children first: what comes after a step keeps it from being deleted
        result = super(CrmCampaignStep, self.sorted("level", reverse=True)).unlink()
        campaigns.step_ids._number()
        return result

    def _number(self):
        """Order the steps of each campaign as the tree is drawn: depth first."""
        rank = {"next": 0, "yes": 1, "way": 1, "no": 2}
        for steps in self.grouped("campaign_id").values():
            children = steps.sorted(
                lambda s: (
                    rank.get(s.branch, 1),
                    s.way_id.sequence,
                    s.way_id.id,
                    s.sequence,
                    s.id,
                )
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
        """Copy these steps, with what belongs to them, into another campaign; return
        ``{step: copy}``.
        """
        copies = {}
        ways = {}
        for step in self.sorted("position"):
            # parents first; each has values of its own
            copy = self.create(
                step.copy_data(
                    {
                        "campaign_id": campaign.id,
                        "parent_id": copies[step.parent_id].id
                        if step.parent_id
                        else False,
                        "branch": step.branch,
                        "way_id": ways[step.way_id].id if step.way_id else False,
                        **step._get_tree_copy_values(campaign),
                    }
                )[0]
            )
            ways.update(zip(step.way_ids, copy.way_ids, strict=True))
            copies[step] = copy
        for step, copy in copies.items():
            step._copy_into(copy, copies)
        return copies

    def _get_tree_copy_values(self, campaign):
        """Hook: values of the copy of this step in another campaign."""
        return {}

    def _copy_into(self, copy, copies):
        """Hook: give the copy of this step what ``copy_data`` does not.

        :param copies: ``{step: copy}`` of the whole tree
        """

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_add_next(self):
        self.ensure_one()
        return self._get_add_action(self.campaign_id)

    def _halt(self, reason):
        """Stand still: too many tasks fail. What waits here goes on waiting."""
        self.ensure_one()
        self.write({"date_halted": fields.Datetime.now(), "halt_reason": reason})
        campaign = self.campaign_id
        campaign.message_notify(
            partner_ids=campaign.user_id.partner_id.ids,
            subject=self.env._("“%s” stands still", self.name),
            body=self.env._(
                "Too many people failed at the step “%(step)s” of the campaign "
                "“%(campaign)s”: it stands still until you resume it. Last error: "
                "%(reason)s",
                step=self.name,
                campaign=campaign.name,
                reason=reason,
            ),
        )

    def action_resume(self):
        """Go on; failures of before count no more."""
        self.write(
            {
                "date_halted": False,
                "date_resumed": fields.Datetime.now(),
                "halt_reason": False,
            }
        )
        self.env["crm.campaign.task"]._trigger()

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
        action["domain"] = self._get_tasks_domain()
        action["context"] = {}
        return action

    def action_view_count(self, name):
        """Who is behind one of the counts of this step, see ``COUNTS``."""
        action = self.action_view_tasks()
        action["domain"] += [("state", "in", COUNTS[name])]
        return action

    def _get_tasks_domain(self):
        """Who was or is here, also in earlier versions unless one is looked at."""
        is_one = self.env.context.get(ONE_VERSION)
        steps = self if is_one else self._get_all_versions()
        return [("step_id", "in", steps.ids)]

    def _get_add_action(self, campaign):
        """Open the form of a new step after this one (or the first), on the way out
        that leads nowhere yet."""
        self._check_not_running(campaign)
        ways = [("next", self.env["crm.campaign.way"])]
        if self:
            ways = [way[:2] for way in self._get_kind().get_ways()]
        taken = [(child.branch, child.way_id) for child in self.child_ids]
        branch, way = next((w for w in ways if w not in taken), ways[0])
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Add a Step"),
            "res_model": "crm.campaign.step",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_campaign_id": campaign.id,
                "default_parent_id": self.id,
                "default_branch": branch,
                "default_way_id": way.id,
            },
        }
