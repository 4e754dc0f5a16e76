"""Finds inputs that know the outcome: the trap of conversion predictions.

A field that is filled in when a deal is closed predicts the past perfectly and the
future not at all. Each check returns why an input must be left out, as a code and the
figures to say so.
"""

import math

from .prediction import CATEGORY, TAGS, UNKNOWN, single_auc

# Fields that are the decision, or follow from it, whatever history says.
FOLLOWS_DECISION = frozenset(
    {
        "active",
        "automated_probability",
        "closing_note",
        "date_closed",
        "date_junk",
        "day_close",
        "is_junk",
        "junk_reason_id",
        "lost_reason_id",
        "probability",
        "prorated_revenue",
        "recurring_revenue_monthly_prorated",
        "recurring_revenue_prorated",
        "won_reason_id",
        "won_status",
    }
)
# Fields that hold what was written last, or by machines, at any time.
MOVES_WITH_TIME = frozenset(
    {
        "date_automation_last",
        "date_last_stage_update",
        "date_mql",
        "lifecycle_cycle",
        "lifecycle_date_out",
        "predict_date",
        "predict_probability",
        "predict_version_id",
        "score_date",
        "score_engagement",
        "score_fit",
        "score_grade",
        "score_model_id",
        "score_total",
        "write_date",
        "write_uid",
    }
)
# Leads of which a value is known that are needed to learn something from it
MIN_KNOWN = 100
# Leads of one kind needed to compare decided and open ones.
MIN_COMPARED = 50
# Standard errors that two shares must differ by: one in 15,000 by chance.
MIN_SIGMA = 4


def is_refused(item):
    """Whether an input is never looked at, whatever is known of it."""
    return item.source == "field" and item.name in (FOLLOWS_DECISION | MOVES_WITH_TIME)


def differs(count, total, other_count, other_total):
    """Whether the first share is larger: by a fifth, and by more than chance."""
    if min(total, other_total) < MIN_COMPARED:
        return False
    share, other = count / total, other_count / other_total
    if share - other < 0.2:
        return False
    pooled = (count + other_count) / (total + other_total)
    error = math.sqrt(pooled * (1 - pooled) * (1 / total + 1 / other_total))
    return not error or (share - other) / error > MIN_SIGMA


def filled_later(decided, still_open):
    """Compare leads decided and open, of the same time and age: an untracked input that
    is set on the first and not on the second was set at the decision.

    :return: None, or ``(share of decided, share of open)``
    """
    counts = [sum(_is_set(v) for v in values) for values in (decided, still_open)]
    if differs(counts[0], len(decided), counts[1], len(still_open)):
        return counts[0] / len(decided), counts[1] / len(still_open)
    return None


def _is_set(value):
    return value not in (None, "false", 0, 0.0) and value != []


def tags_set_later(decided, still_open):
    """Return the tags that decided leads have and open ones do not."""
    found = []
    for tag in sorted({tag for tags in decided for tag in tags or ()}):
        count, other = (
            sum(tag in (tags or ()) for tags in values)
            for values in (decided, still_open)
        )
        if differs(count, len(decided), other, len(still_open)):
            found.append(tag)
    return found


def is_constant(values, kind):
    values = [value for value in values if value is not UNKNOWN]
    if kind == TAGS:
        return not any(values)
    if kind == CATEGORY and len({v for v in values if v is not None}) <= 1:
        return len({v is None for v in values}) <= 1
    return len(set(values)) <= 1


def too_good(rows, key, bound):
    """Return the AUC of one input alone if it is above what can be true."""
    value = single_auc(rows, key)
    return value if value is not None and value > bound else None
