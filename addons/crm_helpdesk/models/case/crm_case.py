from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, parse_contact_from_email

from odoo.addons.crm_plus.models.sla.crm_sla_target import KINDS

from .crm_case_stage import DONE, WAITING

CHANNELS = [
    ("email", "E-mail"),
    ("portal", "Portal"),
    ("phone", "Phone"),
    ("web", "Web Form"),
    ("livechat", "Live Chat"),
    ("api", "Other System"),
    ("manual", "Manual"),
]
# what the system notes by itself: reports and promises rest on it
DERIVED = {"number", "date_first_response", "date_closed", "reopen_count"}
PRIORITIES = [("0", "Low"), ("1", "Normal"), ("2", "High"), ("3", "Urgent")]


class CrmCase(models.Model):
    """What a customer wants solved: from the first word to the last rating.

    What is done with mail is in ``crm_case_mail.py``, ratings are in
    ``crm_case_rating.py``.
    """

    _name = "crm.case"
    _description = "Case"
    _inherit = [
        "crm.sla.mixin",
        "crm.customer.header.mixin",
        "mail.thread.cc",
        "mail.activity.mixin",
        "mail.tracking.duration.mixin",
        "portal.mixin",
        "rating.mixin",
    ]
    _order = "priority desc, id desc"
    _rec_names_search = ["number", "name"]
    _check_company_auto = True
    _primary_email = "partner_email"
    _track_duration_field = "stage_id"
    _mail_post_access = "read"  # customers answer on the portal
    _sla_priority_field = "priority"
    _sla_calendar_fields = ("team_id",)

    # identity
    number = fields.Char(
        required=True, readonly=True, copy=False, default="/", index=True
    )
    name = fields.Char(string="Subject", required=True, index="trigram", tracking=1)
    description = fields.Html()
    active = fields.Boolean(default=True)
    color = fields.Integer(groups="base.group_user")
    duration_tracking = fields.Json(groups="base.group_user")
    channel = fields.Selection(
        CHANNELS,
        required=True,
        default=lambda self: self._default_channel(),
        readonly=True,
        copy=False,
    )
    is_machine = fields.Boolean(
        string="Opened by a Machine",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Opened by a mail that a program sent: nobody is answered automatically.",
    )
    # where it is handled
    team_id = fields.Many2one(
        "crm.case.team",
        required=True,
        index=True,
        ondelete="restrict",
        tracking=4,
        default=lambda self: self.env["crm.case.team"]._get_default_team(
            self.env.user, self.env.company
        ),
    )
    company_id = fields.Many2one(
        "res.company",
        related="team_id.company_id",
        store=True,
        precompute=True,
        index=True,
    )
    stage_id = fields.Many2one(
        "crm.case.stage",
        compute="_compute_stage_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        copy=False,
        index=True,
        ondelete="restrict",
        domain="['|', ('team_ids', '=', False), ('team_ids', 'in', team_id)]",
        group_expand="_read_group_stage_ids",
        tracking=2,
    )
    stage_category = fields.Selection(
        string="State", related="stage_id.category", store=True, precompute=True
    )
    user_id = fields.Many2one(
        "res.users",
        string="Assignee",
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        check_company=True,
        copy=False,
        index="btree_not_null",
        tracking=3,
    )
    priority = fields.Selection(
        PRIORITIES,
        compute="_compute_priority",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        tracking=5,
    )
    tag_ids = fields.Many2many("crm.case.tag", string="Tags", groups="base.group_user")
    # whose it is
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        check_company=True,
        index="btree_not_null",
        tracking=6,
        help="The person who asks; sees the case on the portal.",
    )
    commercial_partner_id = fields.Many2one(
        "res.partner",
        string="Customer Company",
        related="partner_id.commercial_partner_id",
        store=True,
        precompute=True,
        index="btree_not_null",
    )
    partner_case_count = fields.Integer(
        string="Customer's Cases",
        compute="_compute_partner_case_count",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    partner_name = fields.Char(
        string="Name",
        compute="_compute_partner_contact",
        store=True,
        readonly=False,
        precompute=True,
    )
    partner_email = fields.Char(
        string="E-mail",
        compute="_compute_partner_contact",
        store=True,
        readonly=False,
        precompute=True,
    )
    email_normalized = fields.Char(
        string="Normalized E-mail",
        compute="_compute_email_normalized",
        store=True,
        precompute=True,
        export_string_translation=False,
    )
    partner_phone = fields.Char(related="partner_id.phone", string="Phone")
    email_cc = fields.Char(groups="base.group_user")
    # what it is about
    sale_order_id = fields.Many2one(
        "sale.order",
        string="Order",
        domain="[('partner_id', 'child_of', commercial_partner_id)]",
        check_company=True,
        index="btree_not_null",
        help="The customer's order that the case is about.",
    )
    lead_id = fields.Many2one(
        "crm.lead",
        string="Opportunity",
        check_company=True,
        index="btree_not_null",
        groups="base.group_user",
    )
    # lifecycle
    date_opened = fields.Datetime(
        string="Opened",
        required=True,
        readonly=True,
        default=fields.Datetime.now,
        copy=False,
    )
    date_assigned = fields.Datetime(string="Assigned", readonly=True, copy=False)
    date_first_response = fields.Datetime(
        string="First Response",
        readonly=True,
        copy=False,
        help="When a person of ours first answered the customer.",
    )
    date_closed = fields.Datetime(
        string="Closed",
        readonly=True,
        copy=False,
        help="When the case was last solved or closed; empty while it is open.",
    )
    reopen_count = fields.Integer(
        string="Reopened", readonly=True, copy=False, aggregator="sum"
    )
    is_closed = fields.Boolean(compute="_compute_is_closed", search="_search_is_closed")

    _number_uniq = models.Constraint("UNIQUE(number)", "Each case has its own number.")
    # the agents' queue, the loop breaker, the touchpoint harvest
    _queue_idx = models.Index("(team_id, stage_category, priority DESC, id DESC)")
    _sender_idx = models.Index(
        "(email_normalized, create_date) WHERE email_normalized IS NOT NULL"
    )
    _closed_idx = models.Index("(date_closed) WHERE date_closed IS NOT NULL")
    _touchpoint_watermark_idx = models.Index("(write_date)")

    # ------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------

    @api.depends("number", "name")
    def _compute_display_name(self):
        for case in self:
            # not saved yet: it has no number, and perhaps no name
            has_number = case.number and case.number != "/"
            case.display_name = (
                f"[{case.number}] {case.name}" if has_number else case.name or ""
            )

    @api.depends("team_id")
    def _compute_stage_id(self):
        """First open stage of the team; a stage the new team has, too, is kept."""
        to_set = self.filtered(
            lambda case: (
                case.team_id
                and (
                    not case.stage_id
                    or (
                        case.stage_id.team_ids
                        and case.team_id not in case.stage_id.team_ids
                    )
                )
            )
        )
        if not to_set:
            return
        # sudo: also customers open cases
        first = self.env["crm.case.stage"].sudo()._find_first(to_set.team_id)
        for case in to_set:
            case.stage_id = first[case.team_id].sudo(False)

    @api.depends("commercial_partner_id")
    def _compute_partner_case_count(self):
        for case in self:
            case.partner_case_count = case.commercial_partner_id.case_count

    @api.depends("partner_id")
    def _compute_partner_contact(self):
        for case in self:
            if case.partner_id:
                case.partner_name = case.partner_id.name
                case.partner_email = case.partner_id.email_normalized or False
            else:
                case.partner_name = case.partner_name
                case.partner_email = case.partner_email

    @api.depends("partner_email")
    def _compute_email_normalized(self):
        for case in self:
            case.email_normalized = parse_contact_from_email(case.partner_email)[1]

    @api.depends("stage_category")
    def _compute_is_closed(self):
        for case in self:
            case.is_closed = case.stage_category in DONE

    def _search_is_closed(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain("stage_category", "in", DONE)

    @api.model
    def _read_group_stage_ids(self, stages, domain):
        """Show the empty columns, too: those of the team looked at, else the shared."""
        team_id = self.env.context.get("default_team_id")
        shown = Domain("team_ids", "=", False)
        if team_id:
            shown |= Domain("team_ids", "in", [team_id])
        return stages.search(shown | Domain("id", "in", stages.ids))

    def _compute_access_url(self):
        super()._compute_access_url()
        for case in self:
            case.access_url = f"/my/cases/{case.id}"

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        now = fields.Datetime.now()
        vals_list = [dict(vals) for vals in vals_list]
        unnumbered = [vals for vals in vals_list if vals.get("number", "/") == "/"]
        for vals, number in zip(
            unnumbered, self._draw_numbers(len(unnumbered)), strict=True
        ):
            vals["number"] = number
        for vals in vals_list:
            if vals.get("user_id"):
                vals.setdefault("date_assigned", now)
            vals.setdefault("rating_last_value", 0)
            self._split_contact(vals)
            self._flatten_subject(vals)
        cases = super().create(vals_list)
        # new cases have no ratings: no need to look for them
        self.env.remove_to_compute(self._fields["rating_last_value"], cases)
        cases._start_clocks()
        self.env["crm.touchpoint"]._queue_harvest("case_opened", cases.ids)
        return cases

    def write(self, vals):
        if not self.env.su and vals.keys() & DERIVED:
            raise AccessError(
                self.env._(
                    "What was when on a case follows from what happened to it, nobody "
                    "writes it."
                )
            )
        vals = dict(vals)
        self._split_contact(vals)
        self._flatten_subject(vals)
        self._check_team_given(vals)
        before = {}
        if vals.keys() & {"stage_id", "team_id"}:
            before = {case.id: case.stage_category for case in self}
        if vals.get("user_id"):
            vals.setdefault("date_assigned", fields.Datetime.now())
        result = super().write(vals)
        if before:
            self._follow_category(before)
        return result

    @api.model
    def _check_team_given(self, vals):
        """Nobody gives a case to a company that they do not work for: with it go its
        customer and all that was said.
        """
        if self.env.su or not vals.get("team_id"):
            return
        # sudo: only whose team it is
        team_sudo = self.env["crm.case.team"].browse(vals["team_id"]).sudo()
        if team_sudo.company_id not in self.env.user.company_ids:
            raise AccessError(
                self.env._(
                    "That team is of another company: cases stay in the companies you"
                    " work for."
                )
            )

    @api.model
    def _split_contact(self, vals):
        """Take ``"Ida" <ida@brandt.example>`` apart, as mail and people write it."""
        if vals.get("partner_email") and "<" in vals["partner_email"]:
            name, email = parse_contact_from_email(vals["partner_email"])
            vals["partner_email"] = email or vals["partner_email"]
            if name and not vals.get("partner_name"):
                vals["partner_name"] = name

    @api.model
    def _flatten_subject(self, vals):
        """One line, whoever gives it: mails bear the subject, and none can be sent
        whose subject has a line feed."""
        if vals.get("name"):
            vals["name"] = " ".join(str(vals["name"]).split()) or vals["name"]

    @api.model
    def _draw_numbers(self, count):
        """Return ``count`` new numbers; from an ordinary sequence in one query."""
        if not count:
            return []
        # sudo: whoever opens a case, customers and the gateway too, gets a number
        sequence = (
            self.env["ir.sequence"]
            .sudo()
            .browse(
                self.env["ir.model.data"]._xmlid_to_res_id(
                    "crm_helpdesk.ir_sequence_crm_case", raise_if_not_found=True
                )
            )
        )
        if sequence.implementation != "standard" or sequence.use_date_range:
            return [sequence.next_by_id() for _i in range(count)]
        rows = self.env.execute_query(
            SQL(
                "SELECT nextval(%s) FROM generate_series(1, %s)",
                f"ir_sequence_{sequence.id:03d}",
                count,
            )
        )
        return [sequence.get_next_char(value) for (value,) in rows]

    @api.ondelete(at_uninstall=False)
    def _unlink_except_answered(self):
        if any(case.date_first_response for case in self):
            raise UserError(
                self.env._("Answered cases are kept: archive them instead.")
            )

    # ------------------------------------------------------------
    # Assignment
    # ------------------------------------------------------------

    def action_assign_to_me(self):
        self.user_id = self.env.user

    # ------------------------------------------------------------
    # Stages and clocks
    # ------------------------------------------------------------

    def _sla_get_calendar(self):
        return self.team_id.resource_calendar_id

    def _sla_on_human_answer(self, date):
        super()._sla_on_human_answer(date)
        first = self.filtered(lambda case: not case.date_first_response)
        # sudo: answering is enough to have answered, also for who may not write
        first.sudo().write({"date_first_response": date})

    def _start_clocks(self):
        """New cases: both promises; from when the customer asked. Imported cases that
        are over have none."""
        alive = self.filtered(lambda case: case.stage_category not in DONE)
        dates = {case.id: case.date_opened for case in alive}
        # what was answered and comes back is promised no second first answer
        answered = alive.filtered("date_first_response")
        (alive - answered)._sla_start(("first_response", "resolution"), dates)
        answered._sla_start("resolution", dates)
        alive._pause_clocks()
        done = self - alive
        if done:
            # sudo: derived
            done.sudo().filtered(
                lambda case: not case.date_closed
            ).date_closed = fields.Datetime.now()

    def _follow_category(self, before):
        """Do what a change of stage means, by the categories before and after it.

        :param before: ``{case id: category}``
        """
        now = fields.Datetime.now()
        was_done = self.filtered(lambda case: before[case.id] in DONE)
        is_done = self.filtered(lambda case: case.stage_category in DONE)
        is_waiting = self.filtered(lambda case: case.stage_category in WAITING)
        closed = is_done - was_done
        reopened = was_done - is_done
        resumed = (
            self.filtered(lambda case: before[case.id] in WAITING)
            - is_done
            - is_waiting
        )

        if closed:
            closed.sudo().write({"date_closed": now})  # sudo: derived
            closed._sla_stop("resolution", now)
            closed._sla_cancel(None, now)  # nobody waits for an answer any more
            self.env["crm.touchpoint"]._queue_harvest("case_closed", closed.ids)
        for count, cases in reopened.grouped("reopen_count").items():
            # sudo: derived
            cases.sudo().write({"date_closed": False, "reopen_count": count + 1})
        if reopened:
            reopened._restart_resolution(now)
            reopened.filtered(lambda case: not case.date_first_response)._sla_start(
                "first_response", now
            )
        if resumed:
            resumed._sla_resume(date=now)
        changed = is_waiting.filtered(
            lambda case: before[case.id] != case.stage_category
        )
        # from one wait into another: two pauses, each with its reason
        changed._sla_resume(date=now)
        changed._pause_clocks(now)
        closed._request_rating()

    def _restart_resolution(self, date):
        """Hook: these cases are to be solved once more."""
        self._sla_start("resolution", date)

    def _pause_clocks(self, date=None):
        """Stop the time of those of these cases that wait, by what they wait for."""
        for stage, cases in self.grouped("stage_id").items():
            if stage.category in WAITING:
                kinds = self._get_paused_kinds(stage.category)
                cases._sla_pause(stage.name, kinds, date)

    @api.model
    def _get_paused_kinds(self, category):
        """Hook: which promises stand still while a case waits."""
        return tuple(dict(KINDS))

    def _set_category(self, category):
        """Move to the first stage of a category that the team has."""
        # a customer who replies reopens the case, and has no right to stages
        first = self.env["crm.case.stage"].sudo()._find_first(self.team_id, category)
        for team, cases in self.grouped("team_id").items():
            stage = first[team]
            if not stage:
                raise UserError(
                    self.env._("The team %s has no such stage.", team.display_name)
                )
            cases.stage_id = stage.sudo(False)

    def action_close(self):
        """Button: solved, when the team has such a stage; else closed."""
        # customers close their own cases, and have no right to stages
        first = self.env["crm.case.stage"].sudo()._find_first(self.team_id, "solved")
        solvable = self.filtered(lambda case: first[case.team_id])
        solvable._set_category("solved")
        (self - solvable)._set_category("closed")

    def action_reopen(self):
        self._set_category("open")

    def _track_template(self, changes):
        result = super()._track_template(changes)
        case = self[:1]
        # the template of a stage is sent whoever moves the case
        template_sudo = case.stage_id.sudo().template_id
        if "stage_id" in changes and template_sudo and not case.is_machine:
            result["stage_id"] = (
                template_sudo,
                {
                    "auto_delete_keep_log": False,
                    "subtype_id": self.env["ir.model.data"]._xmlid_to_res_id(
                        "mail.mt_note"
                    ),
                    "email_layout_xmlid": "mail.mail_notification_light",
                },
            )
        return result

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_view_partner_cases(self):
        self.ensure_one()
        return self.commercial_partner_id.action_view_cases()

    def action_view_order(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "sale.order",
            "res_id": self.sale_order_id.id,
            "view_mode": "form",
        }
