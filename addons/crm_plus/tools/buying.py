"""How often a customer will buy, and for how much: two models of buying freely.

*BG/NBD* (Fader, Hardie & Lee, "Counting Your Customers the Easy Way", Marketing
Science 24, 2005): while a customer is with us, purchases come at random at an own rate,
the rates of all customers being gamma distributed (``r``, ``alpha``); after each
purchase the customer may leave for good, with a probability that is beta distributed
(``a``, ``b``). A customer is described by ``x`` repeat purchases (the first one does
not count), the time ``t_x`` of the last one and the time ``t`` observed, both counted
from the first purchase and in the same unit.

*Gamma-Gamma* (Fader & Hardie, 2013): the mean value of a customer's purchases varies
around an own mean, and these around that of all (``p``, ``q``, ``v``). It asks for
positive values, and that value and frequency are independent.

Both are fitted by maximum likelihood with scipy, which is optional.
"""

from dataclasses import dataclass

try:
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import gammaln, hyp2f1
except ImportError:  # optional; see is_available
    np = None

# Logarithms of parameters stay within: no fit of real customers is anywhere near, and
# beyond the likelihood is flat and exp() overflows.
LOG_BOUND = 12


def is_available():
    """Tell whether numpy and scipy are installed."""
    return np is not None


def _fit(negative, count):
    """Return the parameters (all positive) that minimise ``negative``; None without."""
    best = None
    # where the likelihood is flat the first start may stop early
    for start in (0.0, 1.0):
        found = minimize(
            lambda logs: negative(np.exp(logs)),
            np.full(count, start),
            method="L-BFGS-B",
            bounds=[(-LOG_BOUND, LOG_BOUND)] * count,
        )
        if np.isfinite(found.fun) and (best is None or found.fun < best.fun):
            best = found
    if best is None or np.any(np.abs(best.x) > LOG_BOUND - 1e-6):
        return None
    return [float(value) for value in np.exp(best.x)]


def _arrays(*columns):
    return [np.asarray(column, dtype=float) for column in columns]


@dataclass(frozen=True)
class BuyingModel:
    """BG/NBD with its four parameters."""

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fit(cls, x, t_x, t):
        """Return the model of these customers; None where there is no best one."""
        x, t_x, t = _arrays(x, t_x, t)
        if not len(x) or not x.any():
            return None
        # in units of the longest time parameters are of a size that is easy to search
        scale = t.max() / 10 or 1.0
        parameters = _fit(
            lambda values: (
                -cls(*values)._log_likelihoods(x, t_x / scale, t / scale).mean()
            ),
            4,
        )
        if not parameters:
            return None
        r, alpha, a, b = parameters
        return cls(r, alpha * scale, a, b)

    def log_likelihood(self, x, t_x, t):
        return float(self._log_likelihoods(*_arrays(x, t_x, t)).sum())

    def _log_likelihoods(self, x, t_x, t):
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        common = (
            gammaln(r + x)
            - gammaln(r)
            + r * np.log(alpha)
            + gammaln(a + b)
            + gammaln(b + x)
            - gammaln(b)
            - gammaln(a + b + x)
        )
        alive = -(r + x) * np.log(alpha + t)
        gone = np.where(
            x > 0,
            np.log(a)
            - np.log(b + np.maximum(x, 1) - 1)
            - (r + x) * np.log(alpha + t_x),
            -np.inf,
        )
        return common + np.logaddexp(alive, gone)

    def _odds_gone(self, x, t_x, t):
        """Odds that the customer has left: certain not to have after no repeat."""
        ratio = (self.r + x) * (np.log(self.alpha + t) - np.log(self.alpha + t_x))
        with np.errstate(over="ignore"):
            odds = self.a / (self.b + np.maximum(x, 1) - 1) * np.exp(ratio)
        return np.where(x > 0, odds, 0.0)

    def alive(self, x, t_x, t):
        """Return for each customer the probability of still being one."""
        return 1 / (1 + self._odds_gone(*_arrays(x, t_x, t)))

    def expected(self, x, t_x, t, ahead):
        """Return for each customer the expected purchases of the time ``ahead``."""
        x, t_x, t = _arrays(x, t_x, t)
        r, alpha, b = self.r, self.alpha, self.b
        # the formula has a removable gap there
        a = self.a if abs(self.a - 1) > 1e-6 else 1 + 1e-6
        total = alpha + t + ahead
        share = (r + x) * (np.log(alpha + t) - np.log(total))
        # of very many purchases the series grows beyond all bounds, and what it is
        # multiplied with vanishes
        with np.errstate(over="ignore", invalid="ignore"):
            series = hyp2f1(r + x, b + x, a + b + x - 1, ahead / total)
            bracket = 1 - np.exp(share) * series
            expected = (a + b + x - 1) / (a - 1) * bracket
            expected = expected / (1 + self._odds_gone(x, t_x, t))
        # where the series did not converge nothing is said
        return np.where(np.isfinite(expected) & (expected >= 0), expected, np.nan)


@dataclass(frozen=True)
class ValueModel:
    """Gamma-Gamma with its three parameters."""

    p: float
    q: float
    v: float

    @classmethod
    def fit(cls, x, mean):
        """Return the model of customers with ``x`` purchases of ``mean`` value each;
        those without purchase or value are left out. None where there is no best one.
        """
        x, mean = _arrays(x, mean)
        known = (x > 0) & (mean > 0)
        x, mean = x[known], mean[known]
        if not len(x):
            return None
        scale = mean.mean()
        parameters = _fit(
            lambda values: -cls(*values)._log_likelihoods(x, mean / scale).mean(), 3
        )
        if not parameters:
            return None
        p, q, v = parameters
        return cls(p, q, v * scale)

    def _log_likelihoods(self, x, mean):
        p, q, v = self.p, self.q, self.v
        return (
            gammaln(p * x + q)
            - gammaln(p * x)
            - gammaln(q)
            + q * np.log(v)
            + (p * x - 1) * np.log(mean)
            + p * x * np.log(x)
            - (p * x + q) * np.log(x * mean + v)
        )

    def expected(self, x, mean):
        """Return for each customer the expected value of a purchase: the own mean,
        drawn to that of all the more, the fewer purchases it rests on. Unknown (nan)
        where the model has no mean (``q`` of 1 or less) for so few.
        """
        x, mean = _arrays(x, mean)
        weight = self.p * x + self.q - 1
        # of a customer without repeat purchase there is nothing but the mean of all
        mean = np.where(x > 0, mean, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = self.p * (self.v + x * mean) / weight
        return np.where((weight > 0) & np.isfinite(value), value, np.nan)
