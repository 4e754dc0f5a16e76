"""How good a prediction is: the figures that are shown of each version.

Plain Python, so that a database without scikit-learn goes on watching its predictions.
"""

import math
from bisect import bisect_right
from dataclasses import asdict, dataclass, field

# 95 % of a normal distribution
Z_95 = 1.959964
# Floor of a share in the PSI: an empty bin would give an infinite index.
PSI_FLOOR = 0.0005


def _midranks(values):
    """Return the rank of each value, from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    place = 0
    while place < len(order):
        end = place + 1
        while end < len(order) and values[order[end]] == values[order[place]]:
            end += 1
        for i in order[place:end]:
            ranks[i] = (place + 1 + end) / 2
        place = end
    return ranks


def auc(labels, scores):
    """Return ``(auc, low, high)``: chance that a won one scores above a lost one.

    The interval holds the truth 95 times in 100: DeLong's variance (1988), by ranks
    (Sun and Xu 2014), on the scale of the logit so that it stays within 0 and 1.
    ``(None, None, None)`` unless both outcomes are there.
    """
    won = [score for label, score in zip(labels, scores, strict=True) if label]
    lost = [score for label, score in zip(labels, scores, strict=True) if not label]
    m, n = len(won), len(lost)
    if not m or not n:
        return None, None, None
    ranks = _midranks(won + lost)
    won_ranks, lost_ranks = _midranks(won), _midranks(lost)
    above = [(ranks[i] - won_ranks[i]) / n for i in range(m)]
    below = [1 - (ranks[m + j] - lost_ranks[j]) / m for j in range(n)]
    value = sum(above) / m
    variance = _variance(above) / m + _variance(below) / n
    if not variance:
        return value, value, value
    inside = min(max(value, 1e-6), 1 - 1e-6)
    logit = math.log(inside / (1 - inside))
    step = Z_95 * math.sqrt(variance) / (inside * (1 - inside))
    return value, logistic(logit - step), logistic(logit + step)


def _variance(values):
    if len(values) < 2:
        return 0.0
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def logistic(x):
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    return math.exp(x) / (1 + math.exp(x))


def brier(labels, probabilities):
    """Return the mean squared distance of the probability from what came true."""
    if not labels:
        return None
    return sum(
        (p - bool(label)) ** 2 for label, p in zip(labels, probabilities, strict=True)
    ) / len(labels)


def calibration(labels, probabilities, bins=10):
    """Return bins of equal size by rising probability: dictionaries of ``n``, the mean
    ``predicted`` and the share that was ``won``.

    Equal probabilities are never told apart, so that there may be fewer bins.
    """
    rows = sorted(zip(probabilities, labels, strict=True), key=lambda row: row[0])
    found = []
    start = 0
    for i in range(1, bins + 1):
        end = max(round(i * len(rows) / bins), start)
        while start < end < len(rows) and rows[end][0] == rows[end - 1][0]:
            end += 1
        if end > start:
            part = rows[start:end]
            found.append(
                {
                    "n": len(part),
                    "predicted": sum(p for p, _label in part) / len(part),
                    "won": sum(bool(label) for _p, label in part) / len(part),
                }
            )
        start = end
    return found


def lift(labels, scores, share=0.1):
    """Return how many times more often those scored highest are won than all are.

    Rows that tie at the limit count with the part of them that still fits, so that the
    order of the rows does not matter.
    """
    n = len(labels)
    base = sum(map(bool, labels)) / n if n else 0
    if not base:
        return None
    size = max(1, round(n * share))
    limit = sorted(scores, reverse=True)[size - 1]
    above = [bool(lb) for lb, s in zip(labels, scores, strict=True) if s > limit]
    tied = [bool(lb) for lb, s in zip(labels, scores, strict=True) if s == limit]
    won = sum(above) + sum(tied) * (size - len(above)) / len(tied)
    return won / size / base


def quantile_bounds(values, bins=10):
    """Return the inner limits of bins of equal size, without repeats."""
    values = sorted(values)
    if not values:
        return []
    picked = (
        values[min(len(values) - 1, i * len(values) // bins)] for i in range(1, bins)
    )
    return sorted({value for value in picked if value > values[0]})


def shares(values, bounds):
    """Return the share of values in each of the bins that ``bounds`` part."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_right(bounds, value)] += 1
    return [count / max(len(values), 1) for count in counts]


def psi(expected, actual):
    """Return the population stability index of two lists of shares.

    Below 0.1 nothing moved, above 0.25 the two are not the same population.
    """
    total = 0.0
    for old, new in zip(expected, actual, strict=True):
        old, new = max(old, PSI_FLOOR), max(new, PSI_FLOOR)
        total += (new - old) * math.log(new / old)
    return total


@dataclass
class Quality:
    """All figures of one set of probabilities."""

    n: int = 0
    won_share: float | None = None
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    brier: float | None = None
    lift: float | None = None
    bins: list = field(default_factory=list)

    @classmethod
    def measure(cls, labels, probabilities):
        value, low, high = auc(labels, probabilities)
        return cls(
            n=len(labels),
            won_share=sum(map(bool, labels)) / len(labels) if labels else None,
            auc=value,
            auc_low=low,
            auc_high=high,
            brier=brier(labels, probabilities),
            lift=lift(labels, probabilities),
            bins=calibration(labels, probabilities),
        )

    @property
    def has_skill(self):
        """Better than a coin: the interval of the AUC lies above 0.5 altogether."""
        return self.auc_low is not None and self.auc_low > 0.5

    def as_dict(self):
        return asdict(self)
