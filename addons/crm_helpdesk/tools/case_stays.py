"""The stays of a case, put together from the changes that were noted on it."""

from datetime import datetime
from typing import NamedTuple

DONE = ("solved", "closed")


class Holder(NamedTuple):
    """Where a case is, and with whom; ids, 0 for nobody."""

    stage_id: int
    team_id: int
    user_id: int


class Stay(NamedTuple):
    holder: Holder
    date_start: datetime
    date_end: datetime | None


class Change(NamedTuple):
    """One noted change: ``name`` is a field of :class:`Holder`."""

    date: datetime
    name: str
    old: int
    new: int


def build_stays(opened, now, changes):
    """Return the stays of a case, from when it was opened to where it is ``now``.

    What is noted may have holes (a field tracked later, a note deleted): the chain is
    made from its end, so that the last stay is always where the case is.

    :param now: the :class:`Holder` of today
    :param changes: all :class:`Change` of the case, in any order
    """
    holder, stays, end = now, [], None
    for change in sorted(changes, key=lambda change: change.date, reverse=True):
        before = holder._replace(**{change.name: change.old or 0})
        start = max(change.date, opened)
        if before == holder:
            continue
        # several changes of one moment are one step
        if end is None or start < end:
            stays.append(Stay(holder, start, end))
        holder, end = before, start
    if end is None or opened < end:
        stays.append(Stay(holder, opened, end))
    return stays[::-1]


class Step(NamedTuple):
    """What a stay is beside the one before it."""

    is_moved: bool
    is_transferred: bool
    is_reassigned: bool
    is_closed: bool
    is_reopened: bool


def step_between(before, after, last_user_id, category_before, category_after):
    """Say what happened between two holders of a case.

    A case is *reassigned* when somebody gets it whom it was not with before: taking it
    back into the queue and giving it to the same person again is nothing.

    :param last_user_id: who had it last, also when nobody has it now
    """
    was_done, is_done = category_before in DONE, category_after in DONE
    return Step(
        is_moved=before.stage_id != after.stage_id,
        is_transferred=before.team_id != after.team_id,
        is_reassigned=bool(
            after.user_id and last_user_id and after.user_id != last_user_id
        ),
        is_closed=is_done and not was_done,
        is_reopened=was_done and not is_done,
    )
