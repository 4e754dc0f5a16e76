"""Which touchpoint earned how much of a sale: the models side by side (KPI 45).

What the SQL of the ledger computes for all invoices at once, here for one path: the
rule that the SQL is tested against.
"""

MODELS = [
    ("first", "First Touch"),
    ("last", "Last Touch"),
    ("linear", "Linear"),
    ("u_shape", "U-Shape"),
    ("decay", "Time Decay"),
]
# of a U-shaped path: what the first and the last touch get each
U_END = 0.4
# Weights of touches further away than so many half-lives are alike: smaller numbers
# would underflow.
MAX_HALF_LIVES = 1000


def _first(ages, half_life):
    return [1.0] + [0.0] * (len(ages) - 1)


def _last(ages, half_life):
    return [0.0] * (len(ages) - 1) + [1.0]


def _linear(ages, half_life):
    return [1.0 / len(ages)] * len(ages)


def _u_shape(ages, half_life):
    n = len(ages)
    if n <= 2:
        return [1.0 / n] * n
    return [U_END] + [(1 - 2 * U_END) / (n - 2)] * (n - 2) + [U_END]


def _decay(ages, half_life):
    # from the last touch on, else a path that is long ago would weigh nothing
    weights = [2 ** -min((age - ages[-1]) / half_life, MAX_HALF_LIVES) for age in ages]
    total = sum(weights)
    return [weight / total for weight in weights]


_SHARES = {
    "first": _first,
    "last": _last,
    "linear": _linear,
    "u_shape": _u_shape,
    "decay": _decay,
}


def get_shares(model, ages, half_life=14.0):
    """Return the share of each touch of a path; they add to 1.

    :param model: key of ``MODELS``
    :param ages: days from each touch to the sale, the oldest first
    :param half_life: days in which the weight of a touch halves (``decay``)
    """
    if not ages:
        return []
    return _SHARES[model](ages, half_life)
