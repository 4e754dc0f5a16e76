"""The stages of leads that are merged, as the past of one lead."""

from datetime import datetime
from typing import NamedTuple


class Visit(NamedTuple):
    """A stay in a stage; open while it has no end."""

    stage_id: int
    date_start: datetime
    date_end: datetime | bool = False
    outcome: str | bool = False
    next_stage_id: int | bool = False
    user_id: int | bool = False


def merge_visits(kept, others, ranks):
    """Return the visits of the lead that stays, with what was before them.

    A lead is in one stage at a time. While two of the merged leads lived, the merged
    one was where the kept one was: of the others counts what happened before the kept
    one came. Of several others the first goes first.

    :param kept: visits of the lead that stays, oldest first
    :param others: those of the others, a list each
    :param ranks: ``{stage id: place in the pipeline}``
    """
    merged = list(kept)
    for visits in others:
        if not merged:
            merged = list(visits)
            continue
        first = merged[0]
        past = [visit for visit in visits if visit.date_start < first.date_start]
        if past:
            last = past[-1]
            if not last.date_end or last.date_end >= first.date_start:
                past.pop()
                if last.stage_id == first.stage_id:
                    merged[0] = first._replace(date_start=last.date_start)
                else:
                    is_back = ranks.get(first.stage_id, 0) < ranks.get(last.stage_id, 0)
                    past.append(
                        last._replace(
                            date_end=first.date_start,
                            outcome="back" if is_back else "forward",
                            next_stage_id=first.stage_id,
                        )
                    )
        merged = past + merged
    return merged
