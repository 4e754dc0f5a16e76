import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from odoo.addons.crm_plus.tools.calendar_time import work_time
from odoo.addons.crm_plus.tools.worktime import NoWorkingTimeError

from ...tools.recurrence import last_until, next_after

_logger = logging.getLogger(__name__)

# Opened together, with clocks and touchpoints: a second or two.
CRON_BATCH_SIZE = 100


class CrmCaseSchedule(models.Model):
    """Cases that come back: a service every six months, a call each first Monday.

    The scheduler opens them in the hours of the team, so that nobody's promise begins
    at night. For days that were missed, one case is opened, not all of them. Which day
    a case is for is unique: no run opens it a second time.
    """

    _name = "crm.case.schedule"
    _description = "Recurring Case"
    _inherit = ["mail.thread"]
    _order = "date_next, id"
    _check_company_auto = True

    name = fields.Char(
        string="Subject",
        required=True,
        compute="_compute_from_template",
        store=True,
        readonly=False,
        precompute=True,
    )
    active = fields.Boolean(default=True, tracking=True)
    template_id = fields.Many2one(
        "crm.case.template",
        required=True,
        check_company=True,
        index=True,
        ondelete="restrict",
        tracking=True,
        help="What its cases begin with.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    team_id = fields.Many2one(
        "crm.case.team",
        compute="_compute_from_template",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        check_company=True,
        index=True,
        ondelete="restrict",
    )
    # whose, about what
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
    )
    commercial_partner_id = fields.Many2one(related="partner_id.commercial_partner_id")
    lot_id = fields.Many2one(
        "stock.lot",
        string="Lot/Serial Number",
        check_company=True,
        domain="[('delivered_to_ids', 'in', commercial_partner_id)]",
        index="btree_not_null",
    )
    is_announced = fields.Boolean(
        string="Tell the Customer",
        help="The customer gets the team's acknowledgement for each case.",
    )
    # when
    interval_number = fields.Integer(string="Every", default=1, required=True)
    interval_unit = fields.Selection(
        [("day", "Days"), ("week", "Weeks"), ("month", "Months"), ("year", "Years")],
        string="Unit",
        default="month",
        required=True,
    )
    date_first = fields.Date(
        string="First on",
        required=True,
        default=fields.Date.context_today,
        tracking=True,
    )
    date_end = fields.Date(string="Until", tracking=True)
    date_last = fields.Date(
        string="Opened Last for",
        readonly=True,
        copy=False,
        help="The day that the last case was for.",
    )
    date_next = fields.Date(
        string="Next on", compute="_compute_date_next", store=True, index=True
    )
    error = fields.Text(
        string="Why It Stopped",
        readonly=True,
        copy=False,
        help="The last case could not be opened; nothing is tried until somebody says "
        "so.",
    )
    case_ids = fields.One2many("crm.case", "schedule_id", string="Cases")
    case_count = fields.Integer(string="Opened", compute="_compute_case_count")

    _check_interval = models.Constraint(
        "CHECK(interval_number > 0)", "It comes back after one day at the earliest."
    )
    _check_dates = models.Constraint(
        "CHECK(date_end >= date_first)", "It ends after it has begun."
    )

    @api.depends("template_id")
    def _compute_from_template(self):
        Team = self.env["crm.case.team"]
        for schedule in self:
            template = schedule.template_id
            schedule.name = schedule.name or template.subject or template.name
            schedule.team_id = (
                schedule.team_id
                or template.team_id
                or Team._get_default_team(self.env.user, schedule.company_id)
            )

    @api.depends(
        "date_first", "date_end", "date_last", "interval_number", "interval_unit"
    )
    def _compute_date_next(self):
        for schedule in self:
            if not schedule.date_first or schedule.interval_number < 1:
                schedule.date_next = False
                continue
            following = schedule.date_first
            if schedule.date_last:
                following = next_after(
                    schedule.date_first,
                    schedule.interval_unit,
                    schedule.interval_number,
                    schedule.date_last,
                )
            is_over = schedule.date_end and following > schedule.date_end
            schedule.date_next = False if is_over else following

    def _compute_case_count(self):
        counts = dict(
            self.env["crm.case"]._read_group(
                [("schedule_id", "in", self.ids)], ["schedule_id"], ["__count"]
            )
        )
        for schedule in self:
            schedule.case_count = counts.get(schedule._origin, 0)

    # ------------------------------------------------------------
    # Scheduler
    # ------------------------------------------------------------

    @api.model
    def _get_due_domain(self):
        """What is to be opened now: of teams that are at work."""
        due = (
            Domain("date_next", "<=", fields.Date.today())
            & Domain("error", "=", False)
            & Domain("active", "=", True)
        )
        now = fields.Datetime.now()
        open_teams = [
            team.id
            for (team,) in self._read_group(due, ["team_id"])
            if team._is_at_work(now)
        ]
        return due & Domain("team_id", "in", open_teams)

    @api.model
    def _cron_open(self, batch_size=CRON_BATCH_SIZE):
        domain = self._get_due_domain()
        schedules = self.search(domain, limit=batch_size, order="date_next, id")
        schedules = schedules.try_lock_for_update().filtered_domain(domain)
        schedules._open()
        self.env["ir.cron"]._commit_progress(
            len(schedules), remaining=self.search_count(domain)
        )

    def _open(self):
        """Open the case of each; one that fails says why, and stops."""
        cases = self.env["crm.case"]
        batches = [self] if self else []
        while batches:
            schedules = batches.pop(0)
            try:
                with self.env.cr.savepoint():
                    cases += schedules._create_cases()
            except Exception as error:
                if len(schedules) > 1:
                    batches += list(schedules)
                    continue
                _logger.warning(
                    "Recurring case %s could not be opened", schedules.id, exc_info=True
                )
                schedules.error = str(error)
                schedules._message_log(
                    body=self.env._("The case could not be opened: %s", error)
                )
        if cases.filtered("is_ack_due"):
            cases._trigger_acknowledgements()
        return cases

    def _create_cases(self):
        today = fields.Date.today()
        days = {}
        for schedule in self:
            day = last_until(
                schedule.date_first,
                schedule.interval_unit,
                schedule.interval_number,
                min(today, schedule.date_end or today),
            )
            # what was missed is caught up with one case
            days[schedule] = max(day or schedule.date_next, schedule.date_next)
        cases = self.env["crm.case"]
        for company, schedules in self.grouped("company_id").items():
            cases += (
                cases.with_company(company)
                .with_context(mail_create_nosubscribe=True)
                .create(
                    [schedule._prepare_case(days[schedule]) for schedule in schedules]
                )
            )
        for day, schedules in self.grouped(lambda schedule: days[schedule]).items():
            schedules.date_last = day
        return cases

    def _prepare_case(self, day):
        """Hook: what the case for ``day`` is created with, beside its template."""
        self.ensure_one()
        lang = self.partner_id.lang or self.env.lang
        values = self.template_id.with_context(lang=lang)._prepare_case_values()
        return {
            **values,
            "name": self.name,
            "template_id": self.template_id.id,
            "team_id": self.team_id.id,
            "partner_id": self.partner_id.id,
            **({"lot_id": self.lot_id.id} if self.lot_id else {}),
            "schedule_id": self.id,
            "schedule_date": day,
            "is_ack_due": bool(
                self.is_announced
                and self.partner_id.email
                and self.env["crm.case"]._is_acknowledgeable(self.team_id, False)
            ),
        }

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_open_now(self):
        """Button: the next case today, without waiting for its day."""
        self.ensure_one()
        self.check_access("write")
        if not self.date_next:
            raise UserError(self.env._("“%s” is over: it has no next case.", self.name))
        day = self.date_next
        case = self.env["crm.case"].create(self._prepare_case(day))
        self.write({"date_last": day, "error": False})
        if case.is_ack_due:
            case._trigger_acknowledgements()
        return case._get_form_action()

    def action_retry(self):
        self.write({"error": False})
        self.env["crm.case"]._trigger_cron("crm_helpdesk.ir_cron_recurring_cases")

    def action_view_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action["display_name"] = self.name
        action["domain"] = [("schedule_id", "=", self.id)]
        action["context"] = {"create": False}
        return action


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    def _is_at_work(self, now):
        """Whether the team's hours say so; always where nobody has said when."""
        self.ensure_one()
        calendar = self.resource_calendar_id or self.company_id.resource_calendar_id
        try:
            return work_time(calendar, self.company_id).is_open(now)
        except NoWorkingTimeError:
            return True


class CrmCase(models.Model):
    _inherit = "crm.case"

    schedule_id = fields.Many2one(
        "crm.case.schedule",
        string="Comes Back by",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
    )
    schedule_date = fields.Date(
        string="Was for",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="The day of the recurring case that this one is for.",
    )

    _schedule_uniq = models.UniqueIndex(
        "(schedule_id, schedule_date) WHERE schedule_id IS NOT NULL",
        "The case for this day is open already.",
    )
