"""Working time of a ``resource.calendar``, its intervals fetched once a transaction.

``resource.calendar.plan_hours`` rebuilds two weeks of intervals for each single
question. Here a calendar becomes a :class:`WorkTime` on first use; whatever number of
clocks is then planned on it by bisection.

- No calendar means round the clock.
- Time off is that of the calendar and the general one of the company (a public holiday
  entered without calendar), never another company's: the questions are asked in sudo,
  where Odoo would take them all.
- A flexible calendar has no hours of its own. Odoo spreads its hours from the first day
  it is asked about; we always ask from a Monday, so it works its daily hours around
  noon, from Monday until the weekly hours are used up, whenever one asks.
- Two-week calendars, time zones and hours by duration are Odoo's own.
"""

from datetime import timezone

from .worktime import WorkTime, to_utc

CACHE_KEY = "crm_plus.work_time"


def work_time(calendar, company=None):
    """:class:`WorkTime` of ``calendar`` (a record or an empty one) for ``company``."""
    if not calendar:
        return WorkTime.always()
    # sudo: whose hours they are, see below
    company = company or calendar.sudo().company_id or calendar.env.company
    # emptied at each commit and rollback, savepoints included
    cache = calendar.env.cr.precommit.data.setdefault(CACHE_KEY, {})
    key = (calendar.id, company.id)
    if key not in cache:
        # opening hours are no secret, yet a portal user whose reply stops a clock may
        # not read them; employee_timezone would move them to the time zone of a person
        # (None, as False would be taken for a time zone by HR)
        calendar_sudo = calendar.sudo().with_context(employee_timezone=None)
        leave_domain = [
            ("time_type", "=", "leave"),
            ("company_id", "in", [False, company.id]),
        ]

        def fetch(low, high):
            intervals = calendar_sudo._work_intervals_batch(
                low.replace(tzinfo=timezone.utc),
                high.replace(tzinfo=timezone.utc),
                domain=leave_domain,
            )[False]
            return [(to_utc(start), to_utc(stop)) for start, stop, _meta in intervals]

        cache[key] = WorkTime(fetch, tz=calendar_sudo.tz)
    return cache[key]


def forget(env):
    """Fetch again: hours or time off have changed within this transaction."""
    env.cr.precommit.data.pop(CACHE_KEY, None)


def plan_due(calendar, items, company=None):
    """Due moments of many promises, in order.

    :param items: ``(start, seconds)`` or ``(start, seconds, pauses)``
    :raise NoWorkingTimeError: when the calendar has no such working time
    """
    items = list(items)
    if not items:
        return []
    work = work_time(calendar, company)
    work.cover(min(item[0] for item in items), max(item[0] for item in items))
    return [work.due(*item) for item in items]


def elapsed(calendar, spans, company=None):
    """Working seconds of many ``(start, stop)`` or ``(start, stop, pauses)``."""
    spans = list(spans)
    if not spans:
        return []
    work = work_time(calendar, company)
    work.cover(min(span[0] for span in spans), max(span[1] for span in spans))
    return [work.elapsed(*span) for span in spans]
