"""What a campaign brought more than doing nothing would have: people who were written
to against people who were held out, with how sure one can be of it.

Rates are compared as KPI 44 says (relative lift, z-test with the pooled rate); the
interval of their difference is Newcombe's hybrid of two Wilson intervals (Newcombe
1998, method 10), which holds near 0 and 1 and in small groups. Means of amounts are
compared by Welch: sales of people vary, and groups are of different sizes.
"""

import math
from dataclasses import dataclass

from .ab_test import newcombe_interval, p_of_t, t_quantile, z_of_proportions

# KPI 44 calls a difference significant from here on
Z_SIGNIFICANT = 1.96
# the same of means
P_SIGNIFICANT = 0.05
# people in each group; fewer say nothing (KPI 44)
MIN_PEOPLE = 100


@dataclass(frozen=True)
class Group:
    """People of a campaign, counted once each: those it wrote to, or those held out."""

    n: int = 0
    successes: int = 0
    # of an amount
    mean: float = 0.0
    variance: float = 0.0

    @property
    def rate(self):
        return self.successes / self.n if self.n else None


class Lift:
    """Two groups side by side.

    :param treated: ``Group`` of those the campaign wrote to
    :param held: ``Group`` of those held out
    :param min_people: in each group, below which nothing is said; ``MIN_PEOPLE``
    """

    def __init__(self, treated, held, min_people=None):
        self.treated = treated
        self.held = held
        self.min_people = MIN_PEOPLE if min_people is None else min_people

    @property
    def is_enough(self):
        return min(self.treated.n, self.held.n) >= max(self.min_people, 2)

    @property
    def difference(self):
        raise NotImplementedError

    @property
    def interval(self):
        """Of the difference, ``(low, high)``."""
        raise NotImplementedError

    @property
    def base(self):
        raise NotImplementedError

    @property
    def is_significant(self):
        raise NotImplementedError

    @property
    def relative(self):
        """The difference as a part of what comes without the campaign; ``None`` where
        nothing comes.
        """
        return self.difference / self.base if self.base else None


class RateLift(Lift):
    """Of those who reached the goal."""

    @property
    def base(self):
        return self.held.rate

    @property
    def difference(self):
        return self.treated.rate - self.held.rate

    @property
    def interval(self):
        return newcombe_interval(
            self.treated.successes, self.treated.n, self.held.successes, self.held.n
        )

    @property
    def is_significant(self):
        return abs(self.z) >= Z_SIGNIFICANT

    @property
    def z(self):
        """With the pooled rate; 0 where nothing varies."""
        return z_of_proportions(
            self.treated.successes, self.treated.n, self.held.successes, self.held.n
        )


class MeanLift(Lift):
    """Of an amount a person."""

    @property
    def base(self):
        return self.held.mean

    @property
    def difference(self):
        return self.treated.mean - self.held.mean

    @property
    def _errors(self):
        """Squared standard errors of both means."""
        return (
            self.treated.variance / self.treated.n,
            self.held.variance / self.held.n,
        )

    @property
    def degrees(self):
        """Of freedom, by Welch and Satterthwaite; ``None`` where nothing varies."""
        treated, held = self._errors
        if not treated + held:
            return None
        return (treated + held) ** 2 / (
            treated**2 / (self.treated.n - 1) + held**2 / (self.held.n - 1)
        )

    @property
    def t(self):
        error = math.sqrt(sum(self._errors))
        return self.difference / error if error else None

    @property
    def interval(self):
        if self.degrees is None:
            return self.difference, self.difference
        quantile = t_quantile(1 - P_SIGNIFICANT / 2, self.degrees)
        half = quantile * math.sqrt(sum(self._errors))
        return self.difference - half, self.difference + half

    @property
    def is_significant(self):
        if self.degrees is None:
            return False
        return self.p < P_SIGNIFICANT

    @property
    def p(self):
        """Two-sided."""
        return p_of_t(self.t, self.degrees)
