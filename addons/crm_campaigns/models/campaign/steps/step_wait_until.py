from datetime import datetime, time, timedelta

from odoo import api, fields, models
from odoo.tools.translate import LazyTranslate

from odoo.addons.crm_plus.tools.calendar_time import plan_due
from odoo.addons.crm_plus.tools.worktime import NoWorkingTimeError

from ....tools.step_kind import SQL_BATCH_SIZE, StepKind
from ....tools.wait_until import UTC, get_zone, next_moment

_lt = LazyTranslate(__name__)
WEEKDAYS = {
    "any": (),
    "work": (0, 1, 2, 3, 4),
    **{str(day): (day,) for day in range(7)},
}


class WaitUntilKind(StepKind):
    """Waits for a date of the record, an hour of a day, or a time when people work.

    When somebody gets here the moment is computed, for the whole batch, and the task
    planned for it; then it is done. What has no date does not wait.
    """

    code = "wait_until"
    label = _lt("Wait Until")
    family = "time"
    icon = "fa-calendar-check-o"
    batch_size = SQL_BATCH_SIZE
    can_fail = False
    fields = (
        "until",
        "until_field_id",
        "until_days",
        "until_hour",
        "until_weekday",
        "until_tz",
        "until_calendar_id",
    )

    def get_text(self):
        return getattr(self, f"_get_{self.step.until}_text")()

    def _get_hour_text(self):
        step = self.step
        days = dict(step._fields["until_weekday"]._description_selection(self.env))
        minutes = round(step.until_hour * 60)
        return self.env._(
            "%(day)s at %(hour)s",
            day=days[step.until_weekday],
            hour=f"{minutes // 60:02}:{minutes % 60:02}",
        )

    def _get_date_text(self):
        # sudo: fields of models are no secret
        date = self.step.until_field_id.sudo().field_description or ""
        days = self.step.until_days
        if days > 0:
            return self.env._("%(days)s days after %(date)s", days=days, date=date)
        if days < 0:
            return self.env._("%(days)s days before %(date)s", days=-days, date=date)
        return date

    def _get_work_text(self):
        return self._get_calendar().name or ""

    def get_problems(self):
        step = self.step
        if step.until == "date" and not step.until_field_id:
            return [self.env._("choose the date.")]
        if step.until == "work" and not self._get_calendar():
            return [self.env._("choose the working hours.")]
        return []

    def get_hints(self):
        if self.step.until == "date":
            return [self.env._("whoever has no such date does not wait.")]
        return []

    def foresee(self, crowd):
        at = dict(crowd.rest)
        dates = self._get_dates({key: key for key in at}, at)
        crowd.go({key: max(dates[key] or at[key], at[key]) for key in at})

    def run(self, tasks):
        waited = tasks._get_waited()
        tasks.browse(waited)._done()
        tasks = tasks.browse(i for i in tasks._ids if i not in waited)
        if not tasks:
            return
        now = fields.Datetime.now()
        tasks._wait_until(
            self._get_dates(tasks._get_subjects(), dict.fromkeys(tasks._ids, now))
        )

    def _get_dates(self, subjects, at):
        """``{key: moment}``, or nothing to wait for.

        :param subjects: ``{key: id of the record}``
        :param at: ``{key: when it gets here}``
        """
        return getattr(self, f"_get_{self.step.until}_dates")(subjects, at)

    def _get_calendar(self):
        step = self.step
        return step.until_calendar_id or step.company_id.resource_calendar_id

    def _get_zones(self, records):
        """``{id of record: time zone}``"""
        # sudo: where people live decides when they are written to, whoever asks
        records_sudo = records.sudo()
        own = self.step.company_id.resource_calendar_id.tz
        zones = {}
        for record_sudo in records_sudo:
            partner_sudo = record_sudo
            if record_sudo._name != "res.partner":
                partner_sudo = record_sudo.partner_id
            name = partner_sudo.tz if self.step.until_tz == "contact" else None
            zones[record_sudo.id] = get_zone(name, own)
        return zones

    def _get_hour_dates(self, subjects, at):
        step = self.step
        zones = self._get_zones(step._get_records(subjects.values()))
        # there are few time zones, and few moments
        keys = {key: (at[key], zones[res_id]) for key, res_id in subjects.items()}
        moments = {
            (now, zone): next_moment(
                now, zone, step.until_hour, WEEKDAYS[step.until_weekday]
            )
            for now, zone in set(keys.values())
        }
        return {key: moments[found] for key, found in keys.items()}

    def _get_date_dates(self, subjects, at):
        step = self.step
        # sudo: fields of models are no secret
        name = step.until_field_id.sudo().name
        records = step._get_records(subjects.values())
        zones = self._get_zones(records)
        minutes = round(step.until_hour * 60)
        hour = time(minutes // 60 % 24, minutes % 60)
        moments = {}
        for record in records:
            value = record[name]
            if not value:
                moments[record.id] = value
                continue
            zone = zones[record.id]
            # days where they live: some have 23 or 25 hours
            if isinstance(value, datetime):
                value = value.replace(tzinfo=UTC).astimezone(zone)
                value += timedelta(days=step.until_days)
            else:
                value += timedelta(days=step.until_days)
                value = datetime.combine(value, hour, tzinfo=zone)
            moments[record.id] = value.astimezone(UTC).replace(tzinfo=None)
        return {task_id: moments[res_id] for task_id, res_id in subjects.items()}

    def _get_work_dates(self, subjects, at):
        company = self.step.company_id
        moments = sorted(set(at.values()))
        try:
            dates = plan_due(
                self._get_calendar(), [(moment, 0) for moment in moments], company
            )
        except NoWorkingTimeError as error:
            raise ValueError(self.env._("Nobody ever works at these hours.")) from error
        due = dict(zip(moments, dates, strict=True))
        return {key: due[at[key]] for key in subjects}


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    until = fields.Selection(
        [
            ("hour", "An hour of the day"),
            ("date", "A date of the record"),
            ("work", "Working hours"),
        ],
        string="For What",
        default="hour",
        required=True,
    )
    until_field_id = fields.Many2one(
        "ir.model.fields",
        string="Which Date",
        domain="[('model', '=', model_name), ('store', '=', True),"
        " ('ttype', 'in', ('date', 'datetime'))]",
        ondelete="cascade",
        index="btree_not_null",
    )
    until_days = fields.Integer(
        string="Days After", help="Negative: so many days before."
    )
    until_hour = fields.Float(string="At", default=9.0)
    until_weekday = fields.Selection(
        [
            ("any", "Any day"),
            ("work", "Monday to Friday"),
            ("0", "Monday"),
            ("1", "Tuesday"),
            ("2", "Wednesday"),
            ("3", "Thursday"),
            ("4", "Friday"),
            ("5", "Saturday"),
            ("6", "Sunday"),
        ],
        string="On",
        default="any",
        required=True,
    )
    until_tz = fields.Selection(
        [("contact", "Of the contact"), ("company", "Of the company")],
        string="Time Zone",
        default="contact",
        required=True,
        help="Contacts without a time zone have the company's.",
    )
    until_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Whose Hours",
        index="btree_not_null",
        ondelete="restrict",
        help="Empty: those of the company.",
    )

    _until_hour_of_day = models.Constraint(
        "CHECK(until_hour >= 0 AND until_hour < 24)", "A day has 24 hours."
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), WaitUntilKind]

    @api.constrains("until_field_id")
    def _check_until_field_id(self):
        for step in self.filtered("until_field_id"):
            # sudo: fields of models are no secret
            name = step.until_field_id.sudo().name
            for user in step.campaign_id.user_id | self.env.user:
                Model = step._get_records([], user)
                Model._check_field_access(Model._fields[name], "read")
