"""When an hour of a day of the week comes, where a person lives."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UTC = ZoneInfo("UTC")


def get_zone(*names):
    """The first time zone of these names that there is."""
    for name in names:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, TypeError):
            continue
    return UTC


def next_moment(now, zone, hour, weekdays=()):
    """The next time that it is ``hour`` (a float) on one of ``weekdays`` (0: Monday;
    none: any day) in ``zone``, as naive UTC; this very minute counts.

    An hour that summer time leaves out is the one after it; of one that comes twice the
    first counts.
    """
    minutes = round(hour * 60)
    local = now.replace(tzinfo=UTC).astimezone(zone)
    for days in range(9):
        day = (local + timedelta(days=days)).date()
        if weekdays and day.weekday() not in weekdays:
            continue
        at = time(minutes // 60 % 24, minutes % 60)
        moment = datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
        if moment.replace(tzinfo=None) >= now.replace(second=0, microsecond=0):
            return moment.replace(tzinfo=None)
    raise ValueError("no such day")
