"""Scores as other scoring models would give them, and what moves: nothing is kept."""

from collections import Counter
from typing import NamedTuple

from .scoring import ScoringEngine

# Newest records that are compared: a few seconds, twice scored.
SAMPLE_SIZE = 50_000


class Score(NamedTuple):
    model_id: int | None
    grade: str | None
    total: float
    is_mql: bool


def preview_scores(env, model_name, ids, models_, now, additional=None):
    """Return scores as ``models_`` give them, and the rules that do not work.

    The scores are ``{id: Score}``: main scores, or those of the ``additional`` model.

    It is the very statement that writes the scores, ended by reading them: what it
    would do in earnest is what is shown, whatever it has learned to do since.
    """
    engine = ScoringEngine(env, model_name, now=now)
    engine.models = models_.with_env(engine.env)
    scores, marked = {}, set()
    if engine._has_mql:
        marked.update(
            engine.Target.search([("id", "in", ids), ("date_mql", "!=", False)])._ids
        )
    for record_id, is_main, model_id, grade, total, qualifies in engine.preview(ids):
        if is_main and qualifies:
            marked.add(record_id)
        if model_id and (
            is_main if additional is None else not is_main and model_id == additional.id
        ):
            scores[record_id] = model_id, grade, total
    return {
        record_id: Score(*scores.get(record_id, (None, None, 0.0)), record_id in marked)
        for record_id in ids
    }, engine.errors


class ScoreMoves:
    """What differs between two scorings of the same records.

    :param before: as ``preview_scores`` returns them
    :param qualifies: ``f(scoring model id, grade, total)``: is that enough for being
        marketing-qualified
    """

    def __init__(self, before, after, qualifies):
        self.before = before
        self.after = after
        self.qualifies = qualifies
        #: how many go from a grade to another: ``{(from, to): n}``, the same included
        self.counts = Counter(
            (old.grade, after[record_id].grade) for record_id, old in before.items()
        )

    @property
    def moved_count(self):
        return sum(n for (old, new), n in self.counts.items() if old != new)

    def newly_qualified_ids(self):
        """Those that get the mark; who has it already does not get it again."""
        return self._sorted(
            lambda old, new: (
                not old.is_mql and not self._qualifies(old) and self._qualifies(new)
            )
        )

    def no_longer_qualified_ids(self):
        """Those that would not get the mark any more; who has it keeps it."""
        return self._sorted(
            lambda old, new: self._qualifies(old) and not self._qualifies(new)
        )

    def rising_ids(self):
        """Records with a better grade, those that gain most points first."""
        return self._sorted(lambda old, new: is_better(new.grade, old.grade))

    def falling_ids(self):
        return self._sorted(lambda old, new: is_better(old.grade, new.grade))

    def _qualifies(self, score):
        return self.qualifies(score.model_id, score.grade, score.total)

    def _sorted(self, condition):
        gains = {
            record_id: abs(self.after[record_id].total - old.total)
            for record_id, old in self.before.items()
            if condition(old, self.after[record_id])
        }
        return sorted(gains, key=lambda record_id: (-gains[record_id], record_id))


def rank(grade):
    """Return a number by which grades are compared; none is worst.

    Letter and digit weigh the same: A2 and B1 are equally good. A record that trades
    one for the other moves, but neither up nor down.
    """
    if not grade:
        return 9
    return "ABCD".index(grade[0]) + int(grade[1]) - 1


def is_better(grade, than):
    return rank(grade) < rank(than)
