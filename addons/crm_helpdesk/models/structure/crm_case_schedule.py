import logging

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Domain
from odoo.tools.misc import format_date

from odoo.addons.crm_plus.tools.calendar_time import work_time
from odoo.addons.crm_plus.tools.collision import COLLISIONS, rested, try_again
from odoo.addons.crm_plus.tools.company_time import company_today
from odoo.addons.crm_plus.tools.worktime import NoWorkingTimeError

from ...tools.recurrence import last_until, next_after

_logger = logging.getLogger(__name__)

# Opened together, with clocks and touchpoints: a second or two.
CRON_BATCH_SIZE = 100
STOPPED = "mail.mail_activity_data_warning"  # what somebody has to put right


class CrmCaseSchedule(models.Model):
    """Cases that come back: a service every six months, a call each first Monday.

    The scheduler opens them in the hours of the team, so that nobody's promise begins
    at night. For days that were missed, one case is opened, not all of them. Which day
    a case is for is unique: no run opens it a second time. Days are those of the
    company, wherever its server is.

    One that cannot be opened stops, and somebody is asked to put it right.
    """

    _name = "crm.case.schedule"
    _description = "Recurring Case"
    _inherit = ["mail.thread", "mail.activity.mixin"]
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
        """CHECK(interval_number > 0 AND interval_number <= CASE interval_unit
            WHEN 'day' THEN 36500 WHEN 'week' THEN 5200 WHEN 'month' THEN 1200
            ELSE 100 END)""",
        "It comes back after one day at the earliest, and after a hundred years at the"
        " latest.",
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
                try:
                    following = next_after(
                        schedule.date_first,
                        schedule.interval_unit,
                        schedule.interval_number,
                        schedule.date_last,
                    )
                except (OverflowError, ValueError):
                    following = False  # the calendar has no such year
            is_over = schedule.date_end and following and following > schedule.date_end
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
        alive = (
            Domain("date_next", "!=", False)
            & Domain("error", "=", False)
            & Domain("active", "=", True)
        )
        due = alive & Domain.OR(
            Domain("company_id", "=", company.id)
            & Domain("date_next", "<=", company_today(company))
            for (company,) in self._read_group(alive, ["company_id"])
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
        """Open what is due, one batch; what collides with somebody comes again."""
        progress = try_again(self.env, lambda: self._open_due(batch_size))
        if progress is None:
            self._wake(rested())
        done, remaining = progress or (0, 0)
        self.env["ir.cron"]._commit_progress(done, remaining=remaining)

    @api.model
    def _wake(self, moment=None):
        cron = self.env.ref(
            "crm_helpdesk.ir_cron_recurring_cases", raise_if_not_found=False
        )
        if cron:
            cron.sudo()._trigger(moment)  # sudo: whoever put something right

    @api.model
    def _open_due(self, batch_size):
        """Return how many were looked at, and how many are left."""
        domain = self._get_due_domain()
        schedules = self.search(domain, limit=batch_size, order="date_next, id")
        schedules = schedules.try_lock_for_update().filtered_domain(domain)
        schedules._open()
        return len(schedules), self.search_count(domain)

    def _open(self):
        """Open the case of each; one that fails says why, and stops.

        :raise: what another transaction is to blame for: it is tried again
        """
        cases = self.env["crm.case"]
        batches = [self] if self else []
        while batches:
            schedules = batches.pop(0)
            try:
                with self.env.cr.savepoint():
                    cases += schedules._create_cases()
            except COLLISIONS:
                raise
            except Exception as error:
                if len(schedules) > 1:
                    batches += list(schedules)
                    continue
                _logger.warning(
                    "Recurring case %s could not be opened", schedules.id, exc_info=True
                )
                schedules._stop(str(error))
        if cases.filtered("is_ack_due"):
            cases._trigger_acknowledgements()
        return cases

    def _stop(self, error):
        """Nothing is opened until somebody has put it right, and is asked to."""
        self.ensure_one()
        self.error = error
        self._message_log(body=self.env._("The case could not be opened: %s", error))
        user = self._get_responsible()
        if not user:
            return
        told = self.with_context(lang=user.lang)
        told.activity_schedule(
            STOPPED,
            date_deadline=company_today(self.company_id),
            summary=told.env._("Recurring case has stopped"),
            note=Markup("<p>%s</p><p>%s</p>")
            % (
                told.env._(
                    "The case for %(day)s could not be opened: %(error)s",
                    day=format_date(told.env, self.date_next),
                    error=error,
                ),
                told.env._(
                    "Put right here, or on its template “%s”, what is missing; then"
                    " press “Try Again”. No case is opened until then.",
                    told.template_id.name,
                ),
            ),
            user_id=user.id,
        )

    def _get_responsible(self):
        """Who is asked when it stops: who made it, else who leads the team, else one of
        its members; whoever is still there.
        """
        self.ensure_one()
        return (
            self.create_uid + self.team_id.user_id + self.team_id.member_ids
        ).filtered(
            lambda user: (
                user.active
                and self.company_id in user.company_ids
                and user.has_group("crm_helpdesk.crm_helpdesk_group_user")
            )
        )[:1]

    def _restart(self):
        """It has been put right: nobody needs to be asked any more."""
        self.write({"error": False})
        # sudo: whoever was asked
        self.sudo().activity_unlink([STOPPED])

    def _create_cases(self):
        todays = {company: company_today(company) for company in self.company_id}
        days = {}
        for schedule in self:
            today = todays[schedule.company_id]
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
        template = self.template_id.with_context(lang=lang)
        values = template._prepare_case_values(self.team_id)
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
        try:
            self.lock_for_update()
        except LockError as error:
            raise UserError(
                self.env._("Its case is just being opened: look again.")
            ) from error
        day = self.date_next
        case = self.env["crm.case"].create(self._prepare_case(day))
        self.date_last = day
        if self.error:
            self._restart()
        if case.is_ack_due:
            case._trigger_acknowledgements()
        return case._get_form_action()

    def action_retry(self):
        self._restart()
        self._wake()

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
