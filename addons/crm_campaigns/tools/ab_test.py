"""Which of several ways is the better one, and how sure that is.

What is compared: of the people on each way, how many did something (a proportion), or
how much each was worth (a mean). Proportions by the z-test of two proportions with the
pooled rate; their intervals are Wilson's, those of a difference Newcombe's, which hold
for few people and for rates near zero too. Means by Welch's test, which does not ask
for the same spread on both ways.

The best is compared with each of the others. It is better for sure when it beats all
of them; the more there are, the more is asked of each comparison (Bonferroni), so that
five ways do not find a winner by chance five times as often as two.
"""

from dataclasses import dataclass, field
from math import erf, exp, inf, lgamma, log, sqrt

# Of two ways |z| >= 1.96.
ALPHA = 0.05
Z_95 = 1.959963984540054
# Fewer people a way say nothing.
MIN_PER_WAY = 100


@dataclass
class Way:
    """What is known of one way.

    :param count: people
    :param total: how many of them did it, or what they were worth together
    :param squares: sum of the squares of what each was worth; None: people are counted
    """

    key: int
    count: int
    total: float
    squares: float | None = None

    @property
    def rate(self):
        return self.total / self.count if self.count else 0.0

    @property
    def variance(self):
        """Of what single people are worth."""
        if self.count < 2:
            return 0.0
        spread = self.squares - self.total**2 / self.count
        return max(spread, 0.0) / (self.count - 1)

    @property
    def interval(self):
        """Where the true rate, or mean, is at 95 %."""
        if self.squares is None:
            return wilson_interval(self.total, self.count)
        if self.count < 2:
            return None
        margin = t_quantile(1 - ALPHA / 2, self.count - 1) * sqrt(
            self.variance / self.count
        )
        return self.rate - margin, self.rate + margin


@dataclass
class Comparison:
    """One way beside the best one."""

    key: int
    # of the best over this one, in percent; None if this one has nothing
    lift: float | None
    # best minus this one, at 95 %
    interval: tuple | None
    # of the test: z, or Welch's t
    statistic: float
    p: float


@dataclass
class Verdict:
    """What comes out of comparing all ways."""

    best: int | None
    is_significant: bool
    # enough people on each way to say so
    is_enough: bool
    # what each comparison had to fall below
    limit: float
    comparisons: list = field(default_factory=list)

    @property
    def p(self):
        """Of the comparison with the strongest of the others."""
        return max((one.p for one in self.comparisons), default=1.0)


def compare(ways, alpha=ALPHA, least=MIN_PER_WAY):
    """The ``Verdict`` on these ``Way``: which is the best, and is it for sure."""
    with_people = [way for way in ways if way.count]
    limit = alpha / max(len(ways) - 1, 1)
    is_enough = len(ways) > 1 and all(way.count >= least for way in ways)
    if not with_people:
        return Verdict(None, False, False, limit)
    # the first of equals
    best = max(with_people, key=lambda way: way.rate)
    comparisons = [_compare_two(best, way) for way in ways if way is not best]
    return Verdict(
        best=best.key,
        is_significant=is_enough and all(one.p < limit for one in comparisons),
        is_enough=is_enough,
        limit=limit,
        comparisons=comparisons,
    )


def _compare_two(best, other):
    if best.squares is None:
        statistic = z_of_proportions(best.total, best.count, other.total, other.count)
        p = p_of_z(statistic)
        interval = newcombe_interval(best.total, best.count, other.total, other.count)
    else:
        statistic, freedom = welch(best, other)
        p = p_of_t(statistic, freedom)
        interval = None
        if freedom:
            margin = t_quantile(1 - ALPHA / 2, freedom) * sqrt(
                best.variance / best.count + other.variance / other.count
            )
            difference = best.rate - other.rate
            interval = difference - margin, difference + margin
    lift = (best.rate - other.rate) / other.rate * 100 if other.rate > 0 else None
    return Comparison(other.key, lift, interval, statistic, p)


# ------------------------------------------------------------
# Proportions
# ------------------------------------------------------------


def z_of_proportions(hits_a, count_a, hits_b, count_b):
    """z of the difference of two proportions, with the pooled rate."""
    if not count_a or not count_b:
        return 0.0
    pooled = (hits_a + hits_b) / (count_a + count_b)
    error = sqrt(pooled * (1 - pooled) * (1 / count_a + 1 / count_b))
    return (hits_a / count_a - hits_b / count_b) / error if error else 0.0


def p_of_z(z):
    """Two-sided."""
    return 1 - erf(abs(z) / sqrt(2))


def wilson_interval(hits, count, z=Z_95):
    """Where a proportion is at 95 %."""
    if not count:
        return None
    rate = hits / count
    middle = rate + z * z / (2 * count)
    margin = z * sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    below = 1 + z * z / count
    return max((middle - margin) / below, 0.0), min((middle + margin) / below, 1.0)


def newcombe_interval(hits_a, count_a, hits_b, count_b):
    """Where the difference of two proportions is at 95 %."""
    if not count_a or not count_b:
        return None
    rate_a, rate_b = hits_a / count_a, hits_b / count_b
    low_a, high_a = wilson_interval(hits_a, count_a)
    low_b, high_b = wilson_interval(hits_b, count_b)
    difference = rate_a - rate_b
    return (
        difference - sqrt((rate_a - low_a) ** 2 + (high_b - rate_b) ** 2),
        difference + sqrt((high_a - rate_a) ** 2 + (rate_b - low_b) ** 2),
    )


# ------------------------------------------------------------
# Means
# ------------------------------------------------------------


def welch(way_a, way_b):
    """``(t, degrees of freedom)`` of the difference of two means; no freedom where
    there is nothing to tell.
    """
    if way_a.count < 2 or way_b.count < 2:
        return 0.0, 0.0
    part_a = way_a.variance / way_a.count
    part_b = way_b.variance / way_b.count
    error = part_a + part_b
    if not error:
        return 0.0, 0.0
    freedom = error**2 / (part_a**2 / (way_a.count - 1) + part_b**2 / (way_b.count - 1))
    return (way_a.rate - way_b.rate) / sqrt(error), freedom


def p_of_t(t, freedom):
    """Two-sided."""
    if not freedom:
        return 1.0
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def t_quantile(probability, freedom):
    """The t that so much of the distribution is below; more than a half."""
    low, high = 0.0, 1000.0
    for _step in range(80):
        middle = (low + high) / 2
        if 1 - p_of_t(middle, freedom) / 2 < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def incomplete_beta(a, b, x):
    """The regularised incomplete beta function, by its continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x))
    # it converges fast on this side only; the other one mirrors it
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _beta_fraction(b, a, 1 - x) / b
    return front * _beta_fraction(a, b, x) / a


def _beta_fraction(a, b, x):
    """Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1), tiny)
    result, last = d, inf
    for m in range(1, 300):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _not_zero(1 + term * d, tiny)
            c = _not_zero(1 + term / c, tiny)
            last = c * d
            result *= last
        if abs(last - 1) < 1e-12:
            break
    return result


def _not_zero(value, tiny):
    return value if abs(value) > tiny else tiny
