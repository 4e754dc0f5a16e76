from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import ormcache

# Targets of segments that campaigns can follow.
TARGETS = ("crm.lead", "res.partner")


class CrmCampaign(models.Model):
    """A journey: who joins a segment walks through a tree of steps.

    The parts: *steps* say what happens, a *participant* is one enrolment of one record,
    a *task* is one step for one participant. Everything moves by tasks: the scheduler
    reserves those that are due, does them a step at a time for the whole batch, and
    plans what follows. See ``crm.campaign.task``.
    """

    _name = "crm.campaign"
    _description = "Campaign"
    _inherit = ["mail.thread"]
    _order = "state_order, name, id"
    _check_company_auto = True

    # identity
    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    state = fields.Selection(
        [("draft", "Draft"), ("running", "Running"), ("stopped", "Stopped")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
    )
    state_order = fields.Integer(
        compute="_compute_state_order",
        store=True,
        export_string_translation=False,
        help="Running campaigns come first.",
    )
    # who is in
    entry = fields.Selection(
        "_selection_entry", string="Enters Who", default="segment", required=True
    )
    segment_id = fields.Many2one(
        "crm.segment",
        domain=[("target", "in", TARGETS)],
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="Everybody in this segment enters, and so does whoever joins it later.",
    )
    model_id = fields.Many2one(
        "ir.model",
        string="Records",
        default=lambda self: self.env["ir.model"]._get("crm.lead"),
        domain="[('id', 'in', possible_model_ids)]",
        ondelete="cascade",
        index="btree_not_null",
        help="Of any kind that has messages and a contact.",
    )
    possible_model_ids = fields.Many2many(
        "ir.model", compute="_compute_possible_model_ids"
    )
    model_name = fields.Char(string="Model", compute="_compute_model_name")
    entry_domain = fields.Char(
        string="Only Those",
        default="[]",
        help="Others do not enter. Looked at with the rights of the responsible.",
    )
    entry_cap_hour = fields.Integer(
        string="Per Hour",
        help="So many enter each hour at most; the others wait for their turn. 0: all.",
    )
    entry_cap_day = fields.Integer(string="Per Day", help="The same for each day.")
    date_begin = fields.Datetime(
        string="Enter From", copy=False, help="Nobody enters before."
    )
    date_end = fields.Datetime(
        string="Enter Until",
        copy=False,
        help="Nobody enters afterwards; those inside go on to the end.",
    )
    dedupe = fields.Selection(
        [("email", "Once for each address"), ("record", "Each record")],
        string="One Person",
        default="email",
        required=True,
        help="Several leads of one address are one person, unless each record counts.",
    )
    target = fields.Selection(related="segment_id.target")
    reentry = fields.Selection(
        [
            ("never", "Never"),
            ("after_exit", "After the end, when it happens again"),
            ("after_days", "After some days"),
            ("each_event", "Each time it happens"),
        ],
        string="Enters Again",
        default="never",
        required=True,
        help="Who may walk through it again, after the segment was joined again, the "
        "order placed again …: each time is an enrolment of its own. “Each time” also "
        "while the last one is on the way.",
    )
    reentry_days = fields.Integer(string="Days Between", default=90)
    exit_on_won = fields.Boolean(
        string="Ends When Won",
        default=True,
        help="Whose opportunity is won leaves the campaign. Whose is lost always does.",
    )
    exit_on_opt_out = fields.Boolean(
        string="Ends When Opted Out",
        default=True,
        help="Whoever unsubscribes or is blocked leaves the campaign. If not, mails "
        "are skipped, and other steps go on.",
    )
    exit_on_leave = fields.Boolean(
        string="Ends When Leaving the Segment",
        help="If not, whoever has entered goes on to the end.",
    )
    exit_kind_ids = fields.Many2many(
        "crm.touchpoint.kind",
        relation="crm_campaign_exit_rel",
        string="Ends When It Happens",
        help="An order, a complaint, an overdue invoice …: whoever it happens to "
        "leaves the campaign at once.",
    )
    # people
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        required=True,
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        tracking=True,
        help="Gets the activities of records that nobody owns.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    email_from = fields.Char(
        string="Sender",
        default=lambda self: self.env.user.email_formatted,
        help="Who the mails come from.",
    )
    utm_campaign_id = fields.Many2one(
        "utm.campaign",
        string="UTM Campaign",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        help="Leads and orders that come from the mails carry it.",
    )
    # what happens
    step_ids = fields.One2many(
        "crm.campaign.step",
        "campaign_id",
        domain=[("is_retired", "=", False)],
        copy=False,
        help="Of the current version.",
    )
    participant_ids = fields.One2many(
        "crm.campaign.participant", "campaign_id", readonly=True, copy=False
    )
    failure_limit = fields.Integer(
        string="Stand Still When Failing",
        default=20,
        help="A step of which more than this part (in %) fails within an hour, and at "
        "least ten, stands still until somebody has looked at it. 0: never.",
    )
    is_halted = fields.Boolean(string="All Stand Still", compute="_compute_is_halted")
    # dates
    date_started = fields.Datetime(readonly=True, copy=False)
    date_stopped = fields.Datetime(readonly=True, copy=False)
    date_segment = fields.Datetime(
        string="Segment as of",
        readonly=True,
        copy=False,
        help="Refresh of the segment after which everybody was last looked at.",
    )
    date_looked = fields.Datetime(
        string="Last Looked",
        readonly=True,
        copy=False,
        help="When it was last looked who enters.",
    )
    date_look_failed = fields.Datetime(readonly=True, copy=False)
    look_error = fields.Text(string="Why Nobody Enters", readonly=True, copy=False)

    _caps_positive = models.Constraint(
        "CHECK(entry_cap_hour >= 0 AND entry_cap_day >= 0)",
        "So many cannot enter.",
    )
    # counters
    step_count = fields.Integer(string="Steps", compute="_compute_step_count")
    participant_count = fields.Integer(
        string="Participants", compute="_compute_participant_count"
    )
    running_count = fields.Integer(
        string="On Their Way", compute="_compute_participant_count"
    )
    done_count = fields.Integer(
        string="At the End", compute="_compute_participant_count"
    )
    exited_count = fields.Integer(
        string="Left Early", compute="_compute_participant_count"
    )
    failed_count = fields.Integer(string="Failed", compute="_compute_participant_count")
    failed_task_count = fields.Integer(
        string="Failed Tasks", compute="_compute_task_count"
    )
    unknown_task_count = fields.Integer(
        string="Unknown Outcome", compute="_compute_task_count"
    )

    # ------------------------------------------------------------
    # Computes
    # ------------------------------------------------------------

    @api.depends("state")
    def _compute_state_order(self):
        order = {"running": 1, "draft": 2, "stopped": 3}
        for campaign in self:
            campaign.state_order = order[campaign.state]

    @api.depends("entry", "segment_id.target", "model_id", "entry_threshold_id")
    def _compute_model_name(self):
        for campaign in self:
            campaign.model_name = campaign._get_model()

    def _compute_possible_model_ids(self):
        # sudo: names of models are no secret
        Model_sudo = self.env["ir.model"].sudo()
        models_sudo = Model_sudo.search([("is_mail_thread", "=", True)])
        self.possible_model_ids = models_sudo.filtered(
            lambda model: self._has_people(model.model)
        ).sudo(False)

    @api.depends("step_ids")
    def _compute_step_count(self):
        counts = dict(
            self.env["crm.campaign.step"]._read_group(
                [("campaign_id", "in", self.ids), ("is_retired", "=", False)],
                ["campaign_id"],
                ["__count"],
            )
        )
        for campaign in self:
            campaign.step_count = counts.get(campaign._origin, 0)

    @api.depends_context("uid")
    def _compute_is_halted(self):
        self.is_halted = self.env["crm.campaign.task"]._is_halted()

    def _compute_participant_count(self):
        names = ("running", "done", "exited", "failed", "held_out")
        for campaign in self:
            campaign.participant_count = 0
            campaign.update({f"{name}_count": 0 for name in names})
        for campaign, state, count in self.env["crm.campaign.participant"]._read_group(
            [("campaign_id", "in", self.ids)], ["campaign_id", "state"], ["__count"]
        ):
            campaign[f"{state}_count"] = count
            campaign.participant_count += count

    def _compute_task_count(self):
        self.failed_task_count = self.unknown_task_count = 0
        for campaign, state, count in self.env["crm.campaign.task"]._read_group(
            [("campaign_id", "in", self.ids), ("state", "in", ("failed", "unknown"))],
            ["campaign_id", "state"],
            ["__count"],
        ):
            campaign[f"{state}_task_count"] = count

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        campaigns = super().create(vals_list)
        if any(campaign.state != "draft" for campaign in campaigns):
            self.env.registry.clear_cache()
        bare = campaigns.filtered(lambda c: not c.utm_campaign_id)
        utm_campaigns = self.env["utm.campaign"].create(
            [{"title": one.name, "user_id": one.user_id.id} for one in bare]
        )
        for campaign, utm_campaign in zip(bare, utm_campaigns, strict=True):
            campaign.utm_campaign_id = utm_campaign
        return campaigns

    @api.model
    @ormcache()
    def _any_started(self):
        """Whether anything that happens may concern a journey. Asked at each of them:
        it costs nothing where campaigns are not used.
        """
        # sudo: of any company, whoever makes it happen
        return bool(self.sudo().search_count([("state", "!=", "draft")], limit=1))

    def write(self, vals):
        if "state" in vals:
            self.env.registry.clear_cache()
        if self._get_audience_fields() & vals.keys():
            started = self.filtered(lambda c: c.state != "draft")
            if any(
                campaign._fields[name].convert_to_write(campaign[name], campaign)
                != vals[name]
                for campaign in started
                for name in self._get_audience_fields() & vals.keys()
            ):
                raise UserError(
                    self.env._(
                        "People have entered from this segment or by this event. "
                        "Duplicate the campaign to send it to others."
                    )
                )
        if "active" in vals and not vals["active"]:
            self._check_not_running_to_archive()
        entering = self._freeze_entering(vals)
        result = super().write(vals)
        self._check_entering(entering)
        if vals.get("name"):
            for campaign in self:
                # sudo: campaigns may be renamed without rights on UTM campaigns
                campaign.utm_campaign_id.sudo().title = campaign.name
        if vals.keys() & {"email_from", "user_id"}:
            for campaign in self:
                # also of earlier versions: whoever is inside gets mails of them
                campaign.all_step_ids._prepare_mailings()
        return result

    def _check_not_running_to_archive(self):
        running = self.filtered(lambda campaign: campaign.state == "running")
        if running:
            raise UserError(
                self.env._(
                    "“%s” runs, and would go on unseen: stop it before you archive it.",
                    running[0].name,
                )
            )

    def _freeze_entering(self, vals):
        """``{running campaign: {field: value}}`` of what is written of who enters."""
        names = self._get_entering_fields() & vals.keys()
        if not names:
            return {}
        return {
            campaign: {name: campaign[name] for name in names}
            for campaign in self
            if campaign.state == "running"
        }

    def _check_entering(self, entering):
        """Whoever approved the start approved those who enter by what was set then.

        :param entering: what it was, see ``_freeze_entering``
        """
        for campaign, before in entering.items():
            names = [name for name, value in before.items() if campaign[name] != value]
            if names:
                raise UserError(
                    self.env._(
                        "“%(campaign)s” is running, and was started for those who "
                        "enter by what is set: stop it before you change “%(field)s”. "
                        "When you start it again it is looked once more how many "
                        "enter, and whether that needs an approval. Or duplicate it "
                        "for the others.",
                        campaign=campaign.name,
                        field=campaign._fields[names[0]]._description_string(self.env),
                    )
                )

    def copy(self, default=None):
        copies = super().copy(default)
        for campaign, new in zip(self, copies, strict=True):
            campaign.step_ids._copy_tree(new)
        return copies

    def copy_data(self, default=None):
        return [
            dict(
                vals,
                name=(default or {}).get(
                    "name", self.env._("%s (copy)", campaign.name)
                ),
            )
            for campaign, vals in zip(self, super().copy_data(default), strict=True)
        ]

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        # sudo: participants the user may not see count too
        if self.sudo().participant_ids:
            raise UserError(
                self.env._(
                    "Campaigns that people have been in are history. Archive them "
                    "instead."
                )
            )

    # ------------------------------------------------------------
    # Who goes through it
    # ------------------------------------------------------------

    @api.model
    def _get_audience_fields(self):
        """Hook: what cannot change once the campaign was started."""
        return {"company_id", "entry", "model_id", "segment_id"}

    @api.model
    def _get_entering_fields(self):
        """Hook: what says who enters, and cannot change while the campaign runs."""
        return {
            "dedupe",
            "reentry",
            *(name for entry in self._get_entries() for name in entry.fields),
        }

    def _get_model(self):
        """Name of the model of those who enter."""
        return self._get_entry().get_model()

    # ------------------------------------------------------------
    # Start and stop
    # ------------------------------------------------------------

    def _get_start_problems(self):
        """Hook: what keeps the campaign from starting, as a list of sentences."""
        self.ensure_one()
        entry = self._get_entry()
        problems = entry.get_problems()
        if entry.is_state and self.reentry in ("after_exit", "each_event"):
            problems.append(
                self.env._(
                    "Who meets the condition at the end would enter again at once: let "
                    "some days pass."
                )
            )
        if not self.active and not self.draft_of_id:
            problems.append(self.env._("It is archived: unarchive it first."))
        if self.date_end and self.date_end <= fields.Datetime.now():
            problems.append(self.env._("Nobody may enter any more."))
        if not self.email_from and "mail" in self.step_ids.mapped("kind"):
            problems.append(self.env._("Say who the mails come from."))
        if not self.step_ids:
            problems.append(self.env._("Add a first step."))
        for step in self.step_ids:
            problems += [
                self.env._("%(step)s: %(problem)s", step=step.name, problem=problem)
                for problem in step._get_problems()
            ]
        return problems

    def action_start(self):
        for campaign in self:
            problems = campaign._get_start_problems()
            if problems:
                raise UserError(
                    self.env._("This campaign cannot start yet:")
                    + "".join(f"\n• {problem}" for problem in problems)
                )
        self.write(
            {
                "state": "running",
                "date_started": fields.Datetime.now(),
                "date_stopped": False,
            }
        )
        self.step_ids._prepare_mailings()
        # sudo: enrolling writes records that only the system writes
        self.sudo()._resume()
        self.sudo()._enrol_at_start()
        self.env["crm.campaign.task"]._trigger()

    def _resume(self):
        """What the stop held back goes on; steps added meanwhile reach those inside."""
        Task = self.env["crm.campaign.task"]
        held = Task.search([("campaign_id", "in", self.ids), ("state", "=", "sending")])
        # time has passed, and the mail may be another: all but what a server may have
        (held - held._put_back())._release_mails()
        Task._plan_missing(self)

    def action_stop(self):
        self.write({"state": "stopped", "date_stopped": fields.Datetime.now()})
        # sudo: mails on their way are the system's
        tasks = (
            self.env["crm.campaign.task"]
            .sudo()
            .search([("campaign_id", "in", self.ids), ("state", "=", "sending")])
        )
        tasks._hold_mails()

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def _get_form_action(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def _action_view(self, xmlid, name, **context):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(f"crm_campaigns.{xmlid}")
        action["name"] = f"{self.name}: {name}"
        action["domain"] = [("campaign_id", "=", self.id)]
        action["context"] = context
        return action

    def action_view_participants(self):
        return self._action_view(
            "crm_campaign_participant_action",
            self.env._("Participants"),
            crm_campaigns_one_campaign=True,
        )

    def action_view_failed(self):
        return self._action_view(
            "crm_campaign_task_action_attention",
            self.env._("Needs Attention"),
            search_default_attention=1,
        )

    def action_view_mailings(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mass_mailing.mailing_mailing_action_mail"
        )
        action["name"] = self.env._("Mails of %s", self.name)
        action["domain"] = [("id", "in", self.all_step_ids.mailing_id.ids)]
        action["context"] = {"create": False}
        action["views"] = [(False, "list"), (False, "form")]
        action["view_mode"] = "list,form"
        return action

    @api.model
    def action_halt_all(self):
        """Let all campaigns stand still, of all companies, at once."""
        self.check_access("write")
        self.env["crm.campaign.task"]._halt(True)

    @api.model
    def action_resume_all(self):
        self.check_access("write")
        self.env["crm.campaign.task"]._halt(False)

    def action_add_step(self):
        """Add a step at the end of the longest straight line."""
        self.ensure_one()
        return self.step_ids[-1:]._get_add_action(self)
