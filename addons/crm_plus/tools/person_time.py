"""When people work: hours, time zone and time off of users, a few queries for all.

The hours of a user are those of their resource (the employee's, with HR), in its time
zone; without one, those of the company, in the time zone of the user. Who is employed
by several companies works as the employee of the one that is asked about, else of the
user's main one.

Time off is what the resource's leaves say: HR writes approved time off there (what
awaits approval, and time off that counts as work, is none), and without HR they are
entered by hand. It holds whatever hours and company it was entered for: an employee who
has new hours since keeps the old holiday. Public holidays are those of the company and
of the hours. Nobody without any hours is ever off work.
"""

from collections import defaultdict
from datetime import timedelta, timezone

import pytz

from odoo.fields import Domain
from odoo.tools.intervals import Intervals

from .worktime import NoWorkingTimeError, WorkTime, to_utc

# nobody is asked what they do in three weeks; who is away longer opens "never"
WINDOW = timedelta(days=21)


class PersonTime:
    """The next weeks of one person.

    ``away_until``: they have time off now, or when they would start to work next, and
    are back then.
    """

    def __init__(self, usual, time_off, now):
        """
        :param usual: ``Intervals`` of the hours they work
        :param time_off: ``Intervals`` without them
        """
        self.work = _line(usual - time_off)
        self.opens = _next_open(self.work, now)
        self.at_work = self.opens == now
        self.away_until = None
        if time_off:
            starts = _next_open(_line(usual), now) or now
            ends = [
                stop
                for start, stop, _meta in time_off
                if start <= now < stop or start <= starts < stop
            ]
            if ends:
                self.away_until = self.opens or max(ends)

    def due(self, start, seconds):
        """When ``seconds`` of their working time have passed; the end of what is known
        when they work less.
        """
        try:
            return self.work.add(start, seconds)
        except NoWorkingTimeError:
            return start + WINDOW


def person_times(users, company, now, shifts=None):
    """``{user id: PersonTime}``, as the people of ``company``.

    :param now: naive UTC, without microseconds
    :param shifts: ``{user id: calendar}`` of those who work other hours at what is
        asked about: in the time zone of the calendar, less their own time off
    """
    shifts = shifts or {}
    # hours and time off are read whoever triggers an assignment; nothing of them is
    # shown but whether somebody works
    users = users.sudo()
    low = now.replace(tzinfo=timezone.utc)
    high = low + WINDOW
    resources = _resources(users, company)
    by_hours = defaultdict(list)
    for user in users:
        resource = resources.get(user.id)
        if shift := shifts.get(user.id):
            by_hours[shift.sudo(), None, True].append(user)
            continue
        calendar = resource.calendar_id if resource else company.resource_calendar_id
        # without resource, hours are those of the user's own time zone
        tz = (user.tz or calendar.tz) if not resource else None
        by_hours[calendar, tz, False].append(user)
    holidays, time_off = _leaves(
        users.env,
        resources.values(),
        {calendar.id for calendar, _tz, _is_shift in by_hours if calendar},
        now,
    )
    times = {}
    for (calendar, tz, is_shift), group in by_hours.items():
        attendances = {}
        if calendar:
            attendances = calendar._attendance_intervals_batch(
                low,
                high,
                resources=users.env["resource.resource"].browse(
                    resources[user.id].id
                    for user in group
                    if user.id in resources and not is_shift
                ),
                tz=pytz.timezone(tz) if tz else None,
            )
        for user in group:
            resource = resources.get(user.id)
            resource_id = resource.id if resource else False
            hours = _intervals(
                [
                    (to_utc(start), to_utc(stop))
                    for start, stop, _meta in attendances[
                        False if is_shift else resource_id
                    ]
                ]
                if calendar
                else [(now, now + WINDOW)]
            )
            company_id = ((resource and resource.company_id) or company).id
            closed = [
                span
                for known_calendar in {False, calendar.id}
                for known_company in (False, company_id)
                for span in holidays[known_calendar, known_company]
            ]
            times[user.id] = PersonTime(
                hours - _intervals(closed), _intervals(time_off[resource_id]), now
            )
    return times


def _resources(users, company):
    """``{user id: resource}`` of those who have one."""
    found = users.env["resource.resource"].search(
        [("user_id", "in", users.ids), ("resource_type", "=", "user")]
    )
    resources = {}
    for resource in found.sorted(
        lambda r: (
            r.company_id != company,
            r.company_id != r.user_id.company_id,
            r.id,
        )
    ):
        resources.setdefault(resource.user_id.id, resource)
    return resources


def _leaves(env, resources, calendar_ids, now):
    """Public holidays by ``(calendar id, company id)`` and time off by resource id, as
    lists of naive ``(start, stop)``.
    """
    holidays, time_off = defaultdict(list), defaultdict(list)
    resource_ids = [resource.id for resource in resources]
    general = Domain("resource_id", "=", False) & Domain(
        "calendar_id", "in", [False, *calendar_ids]
    )
    for leave in env["resource.calendar.leaves"].search(
        (general | Domain("resource_id", "in", resource_ids))
        & Domain("time_type", "=", "leave")
        & Domain("date_from", "<", now + WINDOW)
        # one that is over may hold for the whole day
        & Domain("date_to", ">", now - timedelta(days=1))
    ):
        resource = leave.resource_id
        span = (leave.date_from, leave.date_to)
        if not resource:
            holidays[leave.calendar_id.id, leave.company_id.id].append(span)
            continue
        if resource._is_fully_flexible():
            # whole days, as Odoo takes them
            tz = pytz.timezone(resource.tz)
            span = leave.calendar_id._handle_flexible_leave_interval(
                *(pytz.utc.localize(moment).astimezone(tz) for moment in span), leave
            )
        time_off[resource.id].append(tuple(to_utc(moment) for moment in span))
    return holidays, time_off


def _intervals(spans):
    return Intervals([(start, stop, set()) for start, stop in spans])


def _line(intervals):
    return WorkTime.from_intervals((start, stop) for start, stop, _meta in intervals)


def _next_open(work, now):
    try:
        return work.next_open(now)
    except NoWorkingTimeError:
        return None
