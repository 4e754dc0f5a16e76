"""A trained conversion model that is a table: who trains it, and what it says.

What is trained, and why so: every input gives points of its own (log odds), and the sum
of the points is the chance of being won. Such an *additive* model is close to far
bigger ones on tables like these, its explanation is exact - the points are the
explanation, they add up to the score - and it is kept as JSON, not as a pickle that
runs code when it is read. PostgreSQL adds the points up by itself, so that scoring
needs no scikit-learn.

How it is trained: time is never shuffled. Candidates (logistic regression, numbers as
straight lines or as steps, held back more or less) are compared on the earlier part of
the data, each trained on what lies before what it is judged by (*rolling origin*). The
best is trained on the whole earlier part and measured once on the latest part, which
nothing before has looked at.

``scikit-learn`` is needed for training only, and imported when it is.
"""

import bisect
import importlib.util
import math
from collections import Counter
from dataclasses import dataclass, field

from .prediction_metrics import auc, logistic, quantile_bounds

CATEGORY, NUMBER, TAGS = "category", "number", "tags"
# A value seen on fewer rows than that shares the points of all rare ones.
MIN_COUNT = 20
MAX_LEVELS = 40
STEPS = 10
# The latest part of the training rows by which candidates are compared, in turns.
FOLDS = ((0.55, 0.7), (0.7, 0.85), (0.85, 1.0))
# Choosing among candidates takes the newest rows; more cost time and change nothing.
MAX_CHOOSING = 40_000
# Strength of the regularisation of the logistic regression, scikit-learn's C
LOGISTIC_C = (0.03, 0.3)
OTHER = "\x00other"


class _Unknown:
    """Nobody knows the value that it had at that time.

    Not the same as None, which is known: nothing was filled in. An unknown value adds
    no points, so that it moves no score, and nothing is learned from it: whether a
    value is known depends on what happened to the lead later.
    """

    def __repr__(self):
        return "UNKNOWN"


UNKNOWN = _Unknown()


def is_available():
    """Whether scikit-learn can be imported."""
    return importlib.util.find_spec("sklearn") is not None


@dataclass
class Rows:
    """Values by input, oldest row first.

    ``kinds`` tells ``{key: CATEGORY | NUMBER | TAGS}``; a value is a string, a float or
    a collection of strings; None where nothing was filled in; ``UNKNOWN``.
    """

    kinds: dict[str, str]
    columns: dict[str, list]
    labels: list[bool]

    def __len__(self):
        return len(self.labels)

    def part(self, start, end, keys=None):
        keys = self.kinds if keys is None else keys
        return Rows(
            {key: self.kinds[key] for key in keys},
            {key: self.columns[key][start:end] for key in keys},
            self.labels[start:end],
        )


# ------------------------------------------------------------
# The model
# ------------------------------------------------------------


class Scorecard:
    """Points (log odds) by input, and the base they are added to.

    As JSON: ``{"base": b, "inputs": {key: shape}}`` with the shapes

    * ``{"kind": "category", "points": {value: p}, "other": p, "missing": p}``
    * ``{"kind": "tags", "points": {value: p}, "base": p}``: the sum of its tags
    * ``{"kind": "steps", "bounds": […], "points": […], "missing": p}``: the first
      points below the first bound, and so on; a bound belongs to what is above it
    * ``{"kind": "line", "slope": s, "center": c, "low": l, "high": h, "log": bool,
      "missing": p}``: ``s * (x - c)``, x cut at low and high, its logarithm if so
    """

    def __init__(self, data):
        self.data = data

    @property
    def base(self):
        return self.data["base"]

    @property
    def shapes(self):
        return self.data["inputs"]

    def points(self, key, value):
        """Return the points of one value of one input."""
        if value is UNKNOWN:
            return 0.0
        shape = self.shapes[key]
        kind = shape["kind"]
        if kind == TAGS:
            return shape["base"] + sum(
                shape["points"].get(tag, 0.0) for tag in value or ()
            )
        if value is None:
            return shape["missing"]
        if kind == CATEGORY:
            return shape["points"].get(value, shape["other"])
        if kind == "steps":
            return shape["points"][bisect.bisect_right(shape["bounds"], value)]
        return shape["slope"] * (line_value(shape, value) - shape["center"])

    def log_odds(self, values):
        """Return the log odds of one row, ``{key: value}``."""
        return self.base + sum(self.points(key, values.get(key)) for key in self.shapes)

    def score(self, rows):
        """Return the probability of each of the ``rows``."""
        totals = [self.base] * len(rows)
        for key in self.shapes:
            if self.shapes[key]["kind"] == TAGS:
                points = [self.points(key, value) for value in rows.columns[key]]
            else:
                values = rows.columns[key]
                known = {value: self.points(key, value) for value in set(values)}
                points = map(known.__getitem__, values)
            totals = [total + p for total, p in zip(totals, points, strict=True)]
        return [logistic(total) for total in totals]

    def weight(self, rows, key):
        """Return how much an input moves scores: the standard deviation of its points.

        On ``rows``, which are those it was trained on, where it is known.
        """
        points = [self.points(key, v) for v in rows.columns[key] if v is not UNKNOWN]
        if not points:
            return 0.0
        mean = sum(points) / len(points)
        return math.sqrt(sum((p - mean) ** 2 for p in points) / len(points))


def line_value(shape, value):
    value = min(max(value, shape["low"]), shape["high"])
    return math.log1p(value) if shape["log"] else value


# ------------------------------------------------------------
# Encoding
# ------------------------------------------------------------


class _Levels:
    """An input as a choice among levels: values of a category, or steps of a number."""

    def __init__(self, kind, values, steps=STEPS):
        self.kind = kind
        known = [value for value in values if value is not None]
        self.has_missing = len(known) < len(values)
        if kind == NUMBER:
            self.bounds = quantile_bounds(known, steps)
            self.names = list(range(len(self.bounds) + 1))
        else:
            counts = Counter(known)
            frequent = [
                name
                for name, count in counts.most_common(MAX_LEVELS)
                if count >= MIN_COUNT
            ]
            self.names = frequent + [OTHER]
        self._places = {name: i for i, name in enumerate(self.names)}
        self._memory = {None: len(self.names)}

    @property
    def size(self):
        """Levels, the last being "not known"."""
        return len(self.names) + 1

    def code(self, value):
        if value not in self._memory:
            if self.kind == NUMBER:
                place = bisect.bisect_right(self.bounds, value)
            else:
                place = self._places.get(value, self._places[OTHER])
            self._memory[value] = place
        return self._memory[value]

    def codes(self, values):
        """Return the level of each value, each different value looked up once."""
        for value in set(values) - self._memory.keys():
            self.code(value)
        return list(map(self._memory.__getitem__, values))

    def shape(self, points):
        """Return the shape that gives these points by level."""
        points = [float(p) for p in points]
        if self.kind == NUMBER:
            return {
                "kind": "steps",
                "bounds": self.bounds,
                "points": points[:-1],
                "missing": points[-1],
            }
        return {
            "kind": CATEGORY,
            "points": dict(zip(self.names[:-1], points[:-2], strict=True)),
            "other": points[-2],
            "missing": points[-1],
        }


class _Block:
    """The columns of one input."""

    width = 0

    def matrix(self, values):
        """Return a row for each value; the average row where it is unknown.

        So an unknown value says nothing: it gets the points of the average, which are
        those that points are counted from.
        """
        np = self.np
        places = [i for i, value in enumerate(values) if value is not UNKNOWN]
        if len(places) == len(values):
            return self.known_matrix(values)
        result = np.zeros((len(values), self.width), dtype=np.float32)
        if places:
            known = self.known_matrix([values[i] for i in places])
            result[:] = known.mean(axis=0)
            result[places] = known
        return result


class _LevelBlock(_Block):
    """One column a level: one-hot."""

    def __init__(self, np, kind, values):
        self.np = np
        self.levels = _Levels(kind, values)
        self.width = self.levels.size

    def known_matrix(self, values):
        np = self.np
        result = np.zeros((len(values), self.width), dtype=np.float32)
        result[np.arange(len(values)), self.levels.codes(values)] = 1
        return result

    def shape(self, weights, matrix):
        """Return the shape and what it adds to the base: points are counted from the
        average row, so that an explanation says what is special about a lead."""
        shift = float(matrix.mean(axis=0) @ weights)
        return self.levels.shape(weights - shift), shift


class _LineBlock(_Block):
    """A number as it is, or its logarithm; and whether it is known."""

    width = 2

    def __init__(self, np, values):
        self.np = np
        known = np.array([v for v in values if v is not None], dtype=float)
        if not len(known):
            known = np.zeros(1)
        self.low, self.high = (float(q) for q in np.quantile(known, (0.01, 0.99)))
        if self.low == self.high:
            self.low, self.high = float(known.min()), float(known.max())
        # amounts and counts: a few large ones would rule the line
        self.log = self.low >= 0 and self.high > 10 * max(float(np.median(known)), 0.1)
        inside = self._inside(known)
        self.mean = float(inside.mean())
        self.deviation = float(inside.std()) or 1.0

    def _inside(self, known):
        cut = self.np.clip(known, self.low, self.high)
        return self.np.log1p(cut) if self.log else cut

    def known_matrix(self, values):
        np = self.np
        column = np.array([np.nan if v is None else v for v in values], dtype=float)
        missing = np.isnan(column)
        scaled = (self._inside(column) - self.mean) / self.deviation
        return np.column_stack([np.where(missing, 0, scaled), missing]).astype(
            np.float32
        )

    def shape(self, weights, matrix):
        slope = float(weights[0]) / self.deviation
        known, unknown = (float(mean) for mean in matrix.mean(axis=0))
        # the average of "known" is over all rows, the unknown ones being 0 there
        shift = known * float(weights[0]) + unknown * float(weights[1])
        center = self.mean + (shift / slope if slope else 0.0)
        return {
            "kind": "line",
            "slope": slope,
            "center": center,
            "low": self.low,
            "high": self.high,
            "log": bool(self.log),
            "missing": float(weights[1]) - shift,
        }, shift


class _TagBlock(_Block):
    """One column a tag that is frequent enough."""

    def __init__(self, np, values):
        self.np = np
        counts = Counter(tag for tags in values for tag in tags or ())
        self.names = [n for n, c in counts.most_common(MAX_LEVELS) if c >= MIN_COUNT]
        self.width = len(self.names)

    def known_matrix(self, values):
        result = self.np.zeros((len(values), self.width), dtype=self.np.float32)
        for i, tags in enumerate(values):
            for j, name in enumerate(self.names):
                result[i, j] = name in (tags or ())
        return result

    def shape(self, weights, matrix):
        shift = float(matrix.mean(axis=0) @ weights) if self.width else 0.0
        points = dict(zip(self.names, (float(w) for w in weights), strict=True))
        return {"kind": TAGS, "points": points, "base": -shift}, shift


# ------------------------------------------------------------
# Training
# ------------------------------------------------------------


def _logistic(rows, *, lines, strength):
    """Logistic regression, numbers as lines or as steps."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    blocks = {}
    for key, kind in rows.kinds.items():
        values = [value for value in rows.columns[key] if value is not UNKNOWN]
        if kind == TAGS:
            blocks[key] = _TagBlock(np, values)
        elif kind == NUMBER and lines:
            blocks[key] = _LineBlock(np, values)
        else:
            blocks[key] = _LevelBlock(np, kind, values)
    parts = {key: block.matrix(rows.columns[key]) for key, block in blocks.items()}
    model = LogisticRegression(C=strength, max_iter=300, tol=1e-3)
    model.fit(np.hstack(list(parts.values())), np.array(rows.labels))
    base = float(model.intercept_[0])
    shapes = {}
    start = 0
    for key, block in blocks.items():
        weights = model.coef_[0][start : start + block.width].astype(float)
        start += block.width
        shapes[key], shift = block.shape(weights, parts[key].astype(float))
        base += shift
    return Scorecard({"base": base, "inputs": shapes})


@dataclass(frozen=True)
class Candidate:
    """A way to train."""

    name: str
    strength: float

    def fit(self, rows):
        return _logistic(rows, lines=self.name == "lines", strength=self.strength)


@dataclass
class Training:
    """What came out of a training: the model, and how it was chosen."""

    scorecard: Scorecard
    candidate: Candidate
    #: inputs that said the opposite later of what they had said before
    unsteady: list = field(default_factory=list)
    #: ``{candidate: mean AUC}`` of the comparison
    compared: dict = field(default_factory=dict)


def _folds(rows):
    n = len(rows)
    for start, end in FOLDS:
        yield round(start * n), round(end * n)


def _has_both(labels, minimum=5):
    won = sum(map(bool, labels))
    return won >= minimum and len(labels) - won >= minimum


def single_auc(rows, key, split=None):
    """Return the AUC of one input alone: each value predicts the share it won before.

    :param split: rows from here on are judged by the rows before; without it, all rows
        by themselves: what the input can say at best
    """
    kind = rows.kinds[key]
    places = [i for i, v in enumerate(rows.columns[key]) if v is not UNKNOWN]
    values = [rows.columns[key][i] for i in places]
    labels = [rows.labels[i] for i in places]
    if split is not None:
        split = bisect.bisect_left(places, split)
    seen = slice(0, split)
    judged = slice(split or 0, None)
    if kind == TAGS:
        values = [",".join(sorted(tags or ())) or None for tags in values]
        kind = CATEGORY
    levels = _Levels(kind, values[seen], steps=20)
    codes = levels.codes(values)
    count = Counter(codes[seen])
    won = Counter(
        c for c, label in zip(codes[seen], labels[seen], strict=True) if label
    )
    share = sum(won.values()) / max(sum(count.values()), 1)
    # a few rows of the overall share, so that a rare level says little
    points = {level: (won[level] + 5 * share) / (count[level] + 5) for level in count}
    return auc(labels[judged], [points.get(code, share) for code in codes[judged]])[0]


def _unsteady(rows):
    """Return the inputs that said the opposite later of what they had said before."""
    found = []
    for key in rows.kinds:
        values = [
            single_auc(rows.part(0, end, [key]), key, split=start)
            for start, end in _folds(rows)
        ]
        values = [value for value in values if value is not None]
        if values and sum(values) / len(values) < 0.47:
            found.append(key)
    return found


def train(rows):
    """Choose the way to train on ``rows``, and train on all of them.

    :return: Training
    """
    recent = rows.part(max(0, len(rows) - MAX_CHOOSING), len(rows))
    candidates = [
        Candidate(name, strength)
        for name in ("lines", "steps")
        for strength in LOGISTIC_C
    ]
    compared = {}
    for candidate in candidates:
        values = []
        for start, end in _folds(recent):
            before, after = recent.part(0, start), recent.part(start, end)
            if _has_both(before.labels) and _has_both(after.labels):
                scores = candidate.fit(before).score(after)
                values.append(auc(after.labels, scores)[0])
        if values:
            compared[candidate] = sum(values) / len(values)
    # the first of equals is the simplest
    best = max(compared, key=compared.get) if compared else candidates[0]
    return Training(
        scorecard=best.fit(rows),
        candidate=best,
        unsteady=_unsteady(recent),
        compared=compared,
    )
