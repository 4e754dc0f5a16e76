"""When people work: hours, time zone and time off of users, a few queries for all.

The hours of a user are those of their resource (the employee's, with HR), in its time
zone; without one, those of the company, in the time zone of the user. Time off is what
the resource's leaves say: HR writes approved time off there, and without HR they are
entered by hand. Nobody without any hours is ever off work.
"""

from datetime import timedelta, timezone

import pytz

from .worktime import NoWorkingTimeError, WorkTime, to_utc

# nobody is asked what they do in three weeks; who is away longer opens "never"
WINDOW = timedelta(days=21)


class PersonTime:
    """The next weeks of one person."""

    def __init__(self, work, now, away_until=None):
        self.work = work
        self.away_until = away_until
        try:
            self.opens = work.next_open(now)
        except NoWorkingTimeError:
            self.opens = None
        self.at_work = self.opens == now

    def due(self, start, seconds):
        """When ``seconds`` of their working time have passed; the end of what is known
        when they work less.
        """
        try:
            return self.work.add(start, seconds)
        except NoWorkingTimeError:
            return start + WINDOW


def person_times(users, company, now):
    """``{user id: PersonTime}``, as the people of ``company``.

    :param now: naive UTC, without microseconds
    """
    # hours and time off are read whoever triggers an assignment; nothing of them is
    # shown but whether somebody works
    users = users.sudo()
    low = now.replace(tzinfo=timezone.utc)
    high = low + WINDOW
    resources = {}
    for resource in users.env["resource.resource"].search(
        [("user_id", "in", users.ids), ("resource_type", "=", "user")], order="id"
    ):
        known = resources.get(resource.user_id.id)
        if not known or (
            known.company_id != company and resource.company_id == company
        ):
            resources[resource.user_id.id] = resource
    away = _away(users.env, resources.values(), now)

    by_hours = {}
    for user in users:
        resource = resources.get(user.id)
        calendar = resource.calendar_id if resource else company.resource_calendar_id
        # without resource, hours are those of the user's own time zone
        tz = (user.tz or calendar.tz) if not resource else None
        by_hours.setdefault((calendar, tz), []).append(user)
    times = {}
    for (calendar, tz), group in by_hours.items():
        of_group = users.env["resource.resource"].browse(
            resources[user.id].id for user in group if user.id in resources
        )
        intervals = {}
        if calendar:
            intervals = calendar.with_context(
                employee_timezone=False
            )._work_intervals_batch(
                low,
                high,
                resources=of_group or None,
                domain=[
                    ("time_type", "=", "leave"),
                    (
                        "company_id",
                        "in",
                        [False, company.id, *of_group.company_id.ids],
                    ),
                ],
                tz=pytz.timezone(tz) if tz else None,
            )
        for user in group:
            resource_id = resources[user.id].id if user.id in resources else False
            if calendar:
                work = WorkTime.from_intervals(
                    (to_utc(start), to_utc(stop))
                    for start, stop, _meta in intervals[resource_id]
                )
            else:
                begins = away.get(resource_id) or now
                work = WorkTime.from_intervals([(begins, now + WINDOW)])
            times[user.id] = PersonTime(work, now, away.get(resource_id))
    return times


def _away(env, resources, now):
    """``{resource id: end}`` of who has time off at this moment."""
    leaves = env["resource.calendar.leaves"].search(
        [
            ("resource_id", "in", [resource.id for resource in resources]),
            ("date_from", "<=", now),
            ("date_to", ">", now),
            ("time_type", "=", "leave"),
        ],
        order="date_to",
    )
    return {leave.resource_id.id: leave.date_to for leave in leaves}
