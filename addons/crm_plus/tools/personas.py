"""Groups among customers: who is like whom, and what sets a group apart.

How: facts are put on one scale (logarithms of what is skewed, then mean 0 and standard
deviation 1, cut at three deviations so that one giant makes no group of its own). A
fact that is not known counts as the mean: it pulls nowhere. K-means finds the groups,
from a fixed seed; how many, the silhouette says: the mean over customers of how much
nearer they are to their own group than to the next one.

Groups found again keep their name: new and old centres are matched so that the sum of
their distances is least, and those too far from any old one are new.

``scikit-learn`` is needed to find groups only, and imported when it is. Who belongs to
which group found is arithmetic.
"""

import importlib.util
import math
from dataclasses import dataclass, field

# With fewer customers, or fewer a group, groups are accidents.
MIN_ROWS = 50
MIN_ROWS_A_GROUP = 10
# A fact that is known of fewer than that says nothing about most.
MIN_COVERAGE = 0.5
# Below, customers are one cloud: any border through it would be made up.
MIN_SILHOUETTE = 0.1
# The silhouette compares each with each; of more customers a sample is as good.
SILHOUETTE_SAMPLE = 3000
MAX_DEVIATION = 3.0
# Centres farther apart than so many deviations a fact are not of the same group.
MATCH_LIMIT = 0.75
# What is told of a group differs at least so many deviations from all customers.
LEAST_DEVIATION = 0.4
SEED = 20


class TooLittle(Exception):
    """Nothing can be said; ``reason`` is ``rows``, ``facts`` or ``one_cloud``."""

    def __init__(self, reason, count, silhouette=None):
        super().__init__(reason)
        self.reason = reason
        self.count = count
        self.silhouette = silhouette


def is_available():
    """Whether scikit-learn can be imported."""
    return importlib.util.find_spec("sklearn") is not None


@dataclass
class Scale:
    """How facts are made comparable: ``{key: (is_log, mean, deviation)}``."""

    facts: dict[str, tuple[bool, float, float]]

    @classmethod
    def of(cls, rows, logs):
        """The scale of ``rows``, dictionaries of fact and number or None.

        Facts that are seldom known, or the same for all, are left out.

        :param logs: ``{key: bool}``: all keys, and whether their logarithm is taken
        """
        facts = {}
        for key, is_log in logs.items():
            values = [
                shrink(row[key], is_log) for row in rows if row.get(key) is not None
            ]
            if not rows or len(values) < MIN_COVERAGE * len(rows):
                continue
            mean = math.fsum(values) / len(values)
            variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
            if variance > 1e-9:
                facts[key] = (is_log, mean, math.sqrt(variance))
        return cls(facts)

    @property
    def keys(self):
        return list(self.facts)

    def point(self, row):
        """Return a row in deviations from the mean."""
        return [
            0.0
            if row.get(key) is None
            else max(
                -MAX_DEVIATION,
                min(MAX_DEVIATION, (shrink(row[key], is_log) - mean) / deviation),
            )
            for key, (is_log, mean, deviation) in self.facts.items()
        ]

    def project(self, center, other):
        """Return a centre of ``other`` scale on this one; what the other did not know
        is the mean.
        """
        result = []
        for key, (_is_log, mean, deviation) in self.facts.items():
            if key not in other.facts:
                result.append(0.0)
                continue
            _other_log, other_mean, other_deviation = other.facts[key]
            value = center[other.keys.index(key)] * other_deviation + other_mean
            result.append((value - mean) / deviation)
        return result

    def to_json(self):
        """A list: the order of facts is that of centres, and JSON objects have none."""
        return [[key, *values] for key, values in self.facts.items()]

    @classmethod
    def from_json(cls, data):
        return cls({key: tuple(values) for key, *values in data or []})


@dataclass
class Groups:
    """What was found: centres, the largest group first, and the group of each row."""

    scale: Scale
    centers: list[list[float]]
    labels: list[int]
    silhouette: float
    # by number of groups, for whoever asks why this many
    silhouettes: dict[int, float] = field(default_factory=dict)


def shrink(value, is_log):
    """The logarithm of what is skewed; with its sign, as credit notes may be more."""
    if not is_log:
        return float(value)
    return math.copysign(math.log1p(abs(value)), value)


def find_groups(rows, logs, least=2, most=8, seed=SEED):
    """Return the ``Groups`` of ``rows``; raise ``TooLittle`` when there are none.

    The same rows in the same order give the same groups.
    """
    if len(rows) < MIN_ROWS:
        raise TooLittle("rows", len(rows))
    scale = Scale.of(rows, logs)
    if len(scale.facts) < 2:
        raise TooLittle("facts", len(rows))
    # here, not above: without scikit-learn all else works
    import numpy as np
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    points = np.array([scale.point(row) for row in rows])
    distinct = len(np.unique(points, axis=0))
    most = min(most, len(rows) // MIN_ROWS_A_GROUP, distinct - 1)
    best, silhouettes = None, {}
    # one thread: the server has other work to do
    with threadpool_limits(limits=1):
        for count in range(least, most + 1):
            centers = _find_centers(points, count, seed)
            if centers is None:
                continue
            # of two as near, the first: as ``nearest`` does
            labels = np.array(
                [((points - center) ** 2).sum(axis=1) for center in centers]
            ).argmin(axis=0)
            silhouettes[count] = float(
                silhouette_score(
                    points,
                    labels,
                    sample_size=min(SILHOUETTE_SAMPLE, len(rows)),
                    random_state=seed,
                )
            )
            if best is None or silhouettes[count] > silhouettes[best[0]]:
                best = (count, centers, labels)
    if best is None or silhouettes[best[0]] < MIN_SILHOUETTE:
        raise TooLittle("one_cloud", len(rows), max(silhouettes.values(), default=None))
    count, centers, labels = best
    sizes = np.bincount(labels, minlength=count)
    order = sorted(range(count), key=lambda i: (-sizes[i], *centers[i]))
    rank = {old: new for new, old in enumerate(order)}
    return Groups(
        scale=scale,
        centers=[[float(x) for x in centers[i]] for i in order],
        labels=[rank[label] for label in labels.tolist()],
        silhouette=silhouettes[count],
        silhouettes=silhouettes,
    )


def _find_centers(points, count, seed):
    """Return the centres of so many groups, or ``None`` when some stay too small.

    A handful of strange customers would take a group for themselves: they are left out,
    the others looked at again, and they go with whoever is nearest.
    """
    import numpy as np
    from sklearn.cluster import KMeans

    for _turn in range(4):
        if len(points) < count * MIN_ROWS_A_GROUP:
            return None
        found = KMeans(count, n_init=10, random_state=seed).fit(points)
        sizes = np.bincount(found.labels_, minlength=count)
        if sizes.min() >= MIN_ROWS_A_GROUP:
            return found.cluster_centers_
        points = points[sizes[found.labels_] >= MIN_ROWS_A_GROUP]
    return None


def distance(one, other):
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(one, other, strict=True)))


def nearest(point, centers):
    """Return the number of the nearest centre; of two as near, the first."""
    return min(range(len(centers)), key=lambda i: (distance(point, centers[i]), i))


def deviations(center, keys, least=LEAST_DEVIATION, count=8):
    """Return what sets a group apart, ``[(key, deviations)]``, most telling first."""
    told = [
        (key, value)
        for key, value in zip(keys, center, strict=True)
        if abs(value) >= least
    ]
    return sorted(told, key=lambda item: (-abs(item[1]), item[0]))[:count]


def match(old, new, limit=MATCH_LIMIT):
    """Return ``{number in new: number in old}`` of centres of the same group.

    Exact: of all ways to pair them, the one whose distances sum up to the least, where
    leaving one alone costs as much as the limit. Groups are few, so all sets of old
    ones are looked at.
    """
    if not old or not new:
        return {}
    alone = limit * math.sqrt(len(new[0]))
    best = {0: (0.0, ())}
    for center in new:
        following = {}
        for used, (cost, pairs) in best.items():
            choices = [(used, cost + alone, (*pairs, None))]
            for j, other in enumerate(old):
                far = distance(center, other)
                if not used & 1 << j and far <= alone:
                    choices.append((used | 1 << j, cost + far, (*pairs, j)))
            for state, total, chosen in choices:
                if state not in following or total < following[state][0] - 1e-12:
                    following[state] = (total, chosen)
        best = following
    _cost, pairs = min(best.values(), key=lambda item: item[0])
    return {i: j for i, j in enumerate(pairs) if j is not None}
