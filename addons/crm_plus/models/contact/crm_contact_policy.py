from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_duration

from ...tools.contact_policy import Cap, Rules

CONTACT_CHANNELS = [("email", "E-mail"), ("sms", "SMS"), ("phone", "Phone")]
UNITS = {"hour": 3600, "day": 86400, "week": 7 * 86400, "month": 30 * 86400}
WEEKDAYS = [
    ("0", "Monday"),
    ("1", "Tuesday"),
    ("2", "Wednesday"),
    ("3", "Thursday"),
    ("4", "Friday"),
    ("5", "Saturday"),
    ("6", "Sunday"),
]
# Holidays are looked for so far ahead; what waits longer asks again.
HOLIDAY_DAYS = 400


class CrmContactPolicy(models.Model):
    """How often, and at what hours, people are written to: one policy a company.

    Whoever is about to contact people asks ``_decide`` once, for a whole batch (see
    ``crm_contact_decide.py``).
    """

    _name = "crm.contact.policy"
    _description = "Contact Policy"
    _order = "company_id nulls last, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        ondelete="cascade",
        help="Empty: of all companies without a policy of their own.",
    )
    is_applied = fields.Boolean(
        string="Applied",
        compute="_compute_is_applied",
        help="Companies switch the policy on in the settings of CRM.",
    )
    # how often
    cap_ids = fields.One2many("crm.contact.cap", "policy_id", string="Caps", copy=True)
    # at what hours
    quiet_from = fields.Float(
        default=20.0,
        help="Hours of the day of each contact, in the own time zone. The same time "
        "twice: no quiet hours.",
    )
    quiet_to = fields.Float(default=8.0)
    window_ids = fields.One2many(
        "crm.contact.window", "policy_id", string="Send Windows", copy=True
    )
    holiday_ids = fields.One2many(
        "crm.contact.holiday", "policy_id", string="Public Holidays", copy=True
    )
    # how long
    wait_days = fields.Integer(
        string="Waits at Most (Days)",
        default=14,
        help="What could not be sent for so long is dropped. 0: it waits for ever.",
    )
    recheck_hours = fields.Integer(
        string="Ask Again After (Hours)",
        default=24,
        help="About holds of which nobody knows when they end.",
    )
    summary = fields.Char(string="In Words", compute="_compute_summary")

    _company_uniq = models.UniqueIndex(
        "(COALESCE(company_id, 0)) WHERE active", "A company has one policy."
    )
    _quiet_hours = models.Constraint(
        "CHECK(quiet_from >= 0 AND quiet_from <= 24 AND quiet_to >= 0"
        " AND quiet_to <= 24)",
        "Hours of the day go from 0 to 24.",
    )
    _waits = models.Constraint(
        "CHECK(wait_days >= 0 AND recheck_hours > 0)",
        "Days start at 0, and hours at 1.",
    )

    @api.depends_context("company")
    @api.depends("company_id")
    def _compute_is_applied(self):
        for policy in self:
            company = policy.company_id or self.env.company
            # sudo: whether the company applies it is told with the policy
            policy.is_applied = company.sudo().crm_plus_contact_policy

    @api.depends(
        "cap_ids.count", "cap_ids.number", "cap_ids.unit", "quiet_from", "quiet_to"
    )
    @api.depends_context("lang")
    def _compute_summary(self):
        for policy in self:
            parts = [cap.display_name for cap in policy.cap_ids]
            if policy.quiet_from != policy.quiet_to:
                parts.append(
                    self.env._(
                        "quiet from %(start)s to %(stop)s",
                        start=format_duration(policy.quiet_from),
                        stop=format_duration(policy.quiet_to),
                    )
                )
            policy.summary = ", ".join(part for part in parts if part)

    # ------------------------------------------------------------
    # Rules
    # ------------------------------------------------------------

    @api.model
    def _get_policy(self, company):
        """The policy of a company, applied or not; an empty one if there is none."""
        # sudo: rules are no secret, and whoever sends may not read them
        policies = self.sudo().search(
            [("company_id", "in", [False, company.id])], order="company_id"
        )
        return policies[:1]  # its own one first: NULL is sorted last

    def _get_rules(self, channel, company, at):
        """``Rules`` for one channel; without a policy there are none."""
        if not self:
            return Rules()
        self.ensure_one()
        return Rules(
            caps=tuple(
                Cap(
                    id=cap.id,
                    count=cap.count,
                    seconds=cap.number * UNITS[cap.unit],
                    channel=cap.channel or None,
                    of_customer=cap.per == "customer",
                    marketing_only=cap.counts == "marketing",
                    passes_from=cap.passes_from or None,
                )
                for cap in self.cap_ids
            ),
            windows=tuple(
                (int(window.weekday), window.hour_from, window.hour_to)
                for window in self.window_ids
                if not window.channel or window.channel == channel
            ),
            quiet=(self.quiet_from, self.quiet_to),
            holidays=self.holiday_ids._get_days(company, at),
            wait=self.wait_days * 86400 or None,
            recheck=self.recheck_hours * 3600,
        )

    def action_view_queue(self):
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_contact_decision_action"
        )
        action["context"] = {"search_default_waiting": 1}
        return action


class CrmContactCap(models.Model):
    _name = "crm.contact.cap"
    _description = "Contact Cap"
    _order = "policy_id, sequence, id"

    policy_id = fields.Many2one(
        "crm.contact.policy", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="policy_id.company_id", store=True)
    sequence = fields.Integer(default=10)
    channel = fields.Selection(
        CONTACT_CHANNELS, help="Empty: of all channels together."
    )
    counts = fields.Selection(
        [("marketing", "Marketing"), ("all", "All that is sent by itself")],
        required=True,
        default="marketing",
        help="What is counted, and held back. What a person writes never is.",
    )
    per = fields.Selection(
        [("person", "Person"), ("customer", "Customer, all people together")],
        required=True,
        default="person",
    )
    count = fields.Integer(string="At Most", required=True, default=2)
    number = fields.Integer(string="Within", required=True, default=1)
    unit = fields.Selection(
        [("hour", "Hours"), ("day", "Days"), ("week", "Weeks"), ("month", "30 Days")],
        required=True,
        default="week",
    )
    passes_from = fields.Integer(
        string="Passed From Priority",
        help="Campaigns of this priority (0 to 100) or a higher one are not held back "
        "by the cap; what they send counts. 0: nobody passes.",
    )

    _positive = models.Constraint(
        "CHECK(count >= 0 AND number > 0 AND passes_from BETWEEN 0 AND 100)",
        "A cap counts within some time; priorities go from 0 to 100.",
    )

    @api.depends("count", "number", "unit", "channel", "per")
    @api.depends_context("lang")
    def _compute_display_name(self):
        channels = dict(self._fields["channel"]._description_selection(self.env))
        units = dict(self._fields["unit"]._description_selection(self.env))
        for cap in self:
            what = channels.get(cap.channel) or self.env._("Contacts")
            per = (
                self.env._("a customer")
                if cap.per == "customer"
                else self.env._("a person")
            )
            cap.display_name = self.env._(
                "%(what)s: %(count)s %(per)s in %(number)s %(unit)s",
                what=what,
                count=cap.count,
                per=per,
                number=cap.number,
                unit=(units.get(cap.unit) or "").lower(),
            )


class CrmContactWindow(models.Model):
    _name = "crm.contact.window"
    _description = "Send Window"
    _order = "policy_id, weekday, hour_from, id"
    _rec_name = "weekday"

    policy_id = fields.Many2one(
        "crm.contact.policy", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="policy_id.company_id", store=True)
    channel = fields.Selection(CONTACT_CHANNELS, help="Empty: for all channels.")
    weekday = fields.Selection(WEEKDAYS, required=True, default="0")
    hour_from = fields.Float(string="From", required=True, default=9.0)
    hour_to = fields.Float(string="To", required=True, default=17.0)

    _hours = models.Constraint(
        "CHECK(hour_from >= 0 AND hour_from < hour_to AND hour_to <= 24)",
        "A window ends after it begins, on the same day.",
    )


class CrmContactHoliday(models.Model):
    """The public holidays of a country are those of a working calendar."""

    _name = "crm.contact.holiday"
    _description = "Public Holidays of Contacts"
    _order = "policy_id, country_id nulls last, id"
    _rec_name = "calendar_id"

    policy_id = fields.Many2one(
        "crm.contact.policy", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="policy_id.company_id", store=True)
    country_id = fields.Many2one(
        "res.country",
        ondelete="restrict",
        help="Contacts of this country; empty: of all others.",
    )
    calendar_id = fields.Many2one(
        "resource.calendar",
        string="Working Hours",
        required=True,
        ondelete="restrict",
        help="Its time off, and that of the company without working hours, is when "
        "nothing is sent.",
    )

    _country_uniq = models.UniqueIndex(
        "(policy_id, COALESCE(country_id, 0))", "A country has its holidays once."
    )

    @api.constrains("calendar_id", "policy_id")
    def _check_calendar_company(self):
        for line in self:
            company = line.policy_id.company_id
            calendar = line.calendar_id.company_id
            if company and calendar and company != calendar:
                raise ValidationError(
                    self.env._("These working hours are those of another company.")
                )

    def _get_days(self, company, at):
        """``{country id (None: others): set of dates}`` from yesterday on."""
        if not self:
            return {}
        calendars = self.calendar_id
        # sudo: days off of no person are no secret
        leaves = (
            self.env["resource.calendar.leaves"]
            .sudo()
            .search(
                [
                    ("resource_id", "=", False),
                    ("time_type", "=", "leave"),
                    ("calendar_id", "in", [False, *calendars.ids]),
                    ("company_id", "in", [False, company.id]),
                    ("date_to", ">=", at - timedelta(days=2)),
                    ("date_from", "<=", at + timedelta(days=HOLIDAY_DAYS)),
                ]
            )
        )
        days = {}
        for line in self:
            some = days.setdefault(line.country_id.id or None, set())
            for leave in leaves:
                if leave.calendar_id and leave.calendar_id != line.calendar_id:
                    continue
                some.update(line._get_days_of(leave))
        return days

    def _get_days_of(self, leave):
        """The local days that the leave takes the noon of."""
        start, stop = (
            fields.Datetime.context_timestamp(
                leave.with_context(tz=self.calendar_id.tz), moment
            )
            for moment in (leave.date_from, leave.date_to)
        )
        day = start.date()
        while day <= stop.date():
            noon = start.replace(
                year=day.year, month=day.month, day=day.day, hour=12, minute=0, second=0
            )
            if start <= noon <= stop:
                yield day
            day += timedelta(days=1)
