"""Days on which something comes back: counted from the first one, so that the 31st is
the 31st again after a short month."""

from datetime import timedelta

from dateutil.relativedelta import relativedelta

MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def occurrence(first, unit, number, count):
    """The day after ``count`` rounds of ``number`` days, weeks, months or years."""
    if unit in DAYS:
        return first + timedelta(days=DAYS[unit] * number * count)
    return first + relativedelta(months=MONTHS[unit] * number * count)


def next_after(first, unit, number, day):
    """The first day of the row that comes after ``day``."""
    if day < first:
        return first
    if unit in DAYS:
        count = (day - first).days // (DAYS[unit] * number)
    else:
        months = (day.year - first.year) * 12 + day.month - first.month
        count = max(months // (MONTHS[unit] * number) - 1, 0)
    while (found := occurrence(first, unit, number, count)) <= day:
        count += 1
    return found


def last_until(first, unit, number, day):
    """The last day of the row that is not after ``day``, or None."""
    if day < first:
        return None
    count = 0
    if unit in DAYS:
        count = (day - first).days // (DAYS[unit] * number)
    else:
        months = (day.year - first.year) * 12 + day.month - first.month
        count = max(months // (MONTHS[unit] * number) - 1, 0)
    while occurrence(first, unit, number, count + 1) <= day:
        count += 1
    return occurrence(first, unit, number, count)
