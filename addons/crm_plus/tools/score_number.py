"""Numbers of scoring models: what the database can add up."""

import math

# Points that a rule may give or take, that limits and thresholds may have.
MAX_POINTS = 10_000
# Points of all touchpoints of a rule together: some hundred rules of these still add up
# to tenths that are an integer.
MAX_RULE_POINTS = 1_000_000
# Days in which points fade: a hundred years.
MAX_DAYS = 36_500
# PostgreSQL's integer
MAX_INTEGER = 2**31 - 1


def is_number(value, limit=MAX_POINTS):
    """Whether ``value`` is a number from ``-limit`` to ``limit``. To Python, and in
    JSON, NaN and infinity are numbers, too.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and abs(value) <= limit
