from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.misc import format_datetime

from .crm_sla_target import KINDS

STATES = [
    ("running", "Running"),
    ("paused", "Paused"),
    ("breached", "Breached"),
    ("met", "Met"),
    ("cancelled", "Cancelled"),
    ("unpromised", "No Promise"),
]
OPEN = Domain("date_stop", "=", False)
STOPPED = Domain("date_stop", "!=", False)
PAUSED = OPEN & Domain("date_paused", "!=", False)
RUNNING = OPEN & Domain("date_paused", "=", False)
PROMISED = Domain("date_due", "!=", False)


class CrmSlaClock(models.Model):
    """One promise on one record: started, paused, stopped.

    Rows are written by the methods of ``crm.sla.mixin`` only. There is one open row for
    each record and kind; opening a case again starts the next occurrence and leaves the
    earlier rows as they are, or lets the last one go on: who opens it says which. What
    depends on the hour (overdue, breached) is never stored: it is compared with now
    whenever it is read or searched.

    A record without a promise (no policy holds) has its clock too, without due date:
    the time is known for reports, and a policy that holds later finds start and pauses.
    """

    _name = "crm.sla.clock"
    _description = "Response Time"
    _order = "date_due, id"
    _rec_name = "kind"

    # what
    res_model = fields.Char(string="Model", required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record",
        model_field="res_model",
        required=True,
        readonly=True,
        index=True,
    )
    res_name = fields.Char(string="Document", compute="_compute_res_name")
    kind = fields.Selection(KINDS, required=True, readonly=True)
    occurrence = fields.Integer(
        required=True,
        readonly=True,
        default=1,
        help="1 for the first, 2 once reopened.",
    )
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null")
    user_id = fields.Many2one(
        "res.users", string="Responsible", readonly=True, index="btree_not_null"
    )
    # the promise, as it was when given
    policy_id = fields.Many2one("crm.sla.policy", readonly=True, index="btree_not_null")
    target_id = fields.Many2one("crm.sla.target", readonly=True, index="btree_not_null")
    calendar_id = fields.Many2one(
        "resource.calendar",
        string="Working Hours",
        readonly=True,
        index="btree_not_null",
        help="Empty: counted round the clock.",
    )
    priority = fields.Char(readonly=True)
    target_seconds = fields.Integer(readonly=True)
    warning_seconds = fields.Integer(readonly=True)
    target_hours = fields.Float(string="Promised", compute="_compute_hours")
    reason = fields.Text(
        string="Why",
        readonly=True,
        help="Which policy and target hold, and which hours.",
    )
    date_planned = fields.Date(
        string="Planned for",
        readonly=True,
        help="The day of the next planned step: it counts in place of the promised"
        " hours.",
    )
    # its life
    date_start = fields.Datetime(string="Started", required=True, readonly=True)
    date_due = fields.Datetime(string="Due", readonly=True)
    date_warning = fields.Datetime(string="Warning", readonly=True)
    date_paused = fields.Datetime(string="Paused since", readonly=True)
    date_stop = fields.Datetime(string="Stopped", readonly=True)
    outcome = fields.Selection(
        [
            ("met", "Met"),
            ("breached", "Breached"),
            ("cancelled", "Cancelled"),
            ("unpromised", "No Promise"),
        ],
        readonly=True,
        falsy_value_label="Open",
        help="Known when the clock has stopped.",
    )
    elapsed_seconds = fields.Integer(
        string="Working Seconds Taken", readonly=True, aggregator="avg"
    )
    elapsed_hours = fields.Float(
        string="Working Hours Taken",
        readonly=True,
        aggregator="avg",
        help="Working time from start to stop, without the pauses.",
    )
    paused_seconds = fields.Integer(readonly=True)
    paused_hours = fields.Float(string="Paused Working Time", compute="_compute_hours")
    pause_ids = fields.One2many("crm.sla.pause", "clock_id", readonly=True)
    plan_history = fields.Json(
        readonly=True, help="Each earlier plan, with what replaced it and why."
    )
    plan_history_text = fields.Text(
        string="History", compute="_compute_plan_history_text"
    )
    # state against now
    state = fields.Selection(STATES, compute="_compute_state", search="_search_state")
    is_open = fields.Boolean(compute="_compute_state", search="_search_is_open")
    is_overdue = fields.Boolean(
        compute="_compute_state",
        search="_search_is_overdue",
        help="Running, and later than promised.",
    )
    is_breached = fields.Boolean(
        compute="_compute_state",
        search="_search_is_breached",
        help="Later than promised, whether it still runs or not.",
    )
    # alerts
    date_warned = fields.Datetime(string="Warned", readonly=True)
    date_breached = fields.Datetime(string="Breach Handled", readonly=True)
    alert_failures = fields.Integer(readonly=True, default=0)
    alert_error = fields.Text(readonly=True)
    date_alert_retry = fields.Datetime(readonly=True)
    action_run_ids = fields.One2many(
        "crm.sla.action.run", "clock_id", string="Actions Taken", readonly=True
    )
    replan = fields.Selection(
        [("calendar", "Hours changed"), ("policy", "Policies changed")], readonly=True
    )

    _occurrence_uniq = models.Constraint(
        "UNIQUE(res_model, res_id, kind, occurrence)",
        "An occurrence of a clock is there once.",
    )
    _open_uniq = models.UniqueIndex(
        "(res_model, res_id, kind) WHERE date_stop IS NULL",
        "A record has one open clock of each kind.",
    )
    # the queues of the scheduler
    _breach_idx = models.Index(
        "(date_due) WHERE date_stop IS NULL AND date_paused IS NULL"
        " AND date_breached IS NULL"
    )
    _warning_idx = models.Index(
        "(date_warning) WHERE date_stop IS NULL AND date_paused IS NULL"
        " AND date_warned IS NULL"
    )
    _replan_idx = models.Index("(id) WHERE replan IS NOT NULL")

    @api.depends("res_model", "res_id")
    @api.depends_context("uid")
    def _compute_res_name(self):
        names = {}
        for res_model, clocks in self.grouped("res_model").items():
            if res_model not in self.env:
                continue
            records = self.env[res_model].browse(clocks.mapped("res_id")).exists()
            readable = records._filtered_access("read")
            for record in readable:
                names[res_model, record.id] = record.display_name
            # who leads the sales reads all promises, not what all of them are about
            label = self.env["ir.model"]._get(res_model).name
            for record in records - readable:
                names[res_model, record.id] = self.env._("%s (no access)", label)
        for clock in self:
            clock.res_name = names.get((clock.res_model, clock.res_id), False)

    @api.depends("kind", "res_model", "res_id")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for clock in self:
            names = (kinds.get(clock.kind), clock.res_name)
            clock.display_name = " · ".join(name for name in names if name)

    @api.depends("target_seconds", "paused_seconds")
    def _compute_hours(self):
        for clock in self:
            clock.target_hours = clock.target_seconds / 3600
            clock.paused_hours = clock.paused_seconds / 3600

    @api.depends("plan_history")
    def _compute_plan_history_text(self):
        outcomes = dict(self._fields["outcome"]._description_selection(self.env))
        for clock in self:
            lines = []
            for entry in clock.plan_history or []:
                note = entry["note"]
                if entry.get("outcome"):
                    note = self.env._(
                        "%(note)s (%(outcome)s on %(date)s)",
                        note=note,
                        outcome=outcomes.get(entry["outcome"], entry["outcome"]),
                        date=clock._format_moment(entry["date_stop"]),
                    )
                lines.append(
                    self.env._(
                        "%(date)s: %(note)s. Was: %(reason)s Due %(due)s",
                        date=clock._format_moment(entry["date"]),
                        note=note,
                        reason=entry["reason"],
                        due=clock._format_moment(entry["date_due"]),
                    )
                )
            clock.plan_history_text = "\n".join(lines)

    def _format_moment(self, value):
        """A moment (or its text in the history) as the reader writes it."""
        return format_datetime(self.env, value, dt_format="short") if value else "-"

    @api.depends("date_stop", "date_paused", "date_due", "outcome")
    def _compute_state(self):
        now = fields.Datetime.now()
        for clock in self:
            late = bool(clock.date_due) and clock.date_due < (clock.date_paused or now)
            clock.is_open = not clock.date_stop
            clock.is_overdue = clock.is_open and not clock.date_paused and late
            clock.is_breached = late if clock.is_open else clock.outcome == "breached"
            if not clock.is_open:
                clock.state = clock.outcome
            elif clock.date_paused:
                clock.state = "paused"
            elif not clock.date_due:
                clock.state = "unpromised"
            else:
                clock.state = "breached" if late else "running"

    def _get_state_domain(self, state):
        now = fields.Datetime.now()
        if state == "paused":
            return PAUSED
        if state == "running":
            return RUNNING & Domain("date_due", ">=", now)
        stopped = Domain("outcome", "=", state)
        if state == "breached":
            return (RUNNING & Domain("date_due", "<", now)) | stopped
        if state == "unpromised":
            return (RUNNING & ~PROMISED) | stopped
        return stopped

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain.OR(self._get_state_domain(state) for state in value)

    def _search_is_open(self, operator, value):
        if operator != "in":
            return NotImplemented
        return OPEN

    def _search_is_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        return RUNNING & Domain("date_due", "<", fields.Datetime.now())

    def _search_is_breached(self, operator, value):
        if operator != "in":
            return NotImplemented
        # a paused clock is as late as it was when it was paused
        frozen = Domain.custom(
            to_sql=lambda model, alias, query: SQL(
                "COALESCE(%s < %s, FALSE)",
                model._field_to_sql(alias, "date_due", query),
                model._field_to_sql(alias, "date_paused", query),
            ),
            predicate=lambda clock: (
                bool(clock.date_due) and clock.date_due < clock.date_paused
            ),
        )
        return (
            self._search_is_overdue(operator, value)
            | Domain("outcome", "=", "breached")
            | (PAUSED & frozen)
        )

    def action_open_record(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }
