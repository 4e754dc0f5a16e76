"""Who goes which way by chance, and the same way each time."""

import hashlib
from bisect import bisect_right
from itertools import accumulate


def choose_way(key, weights):
    """The index of one of ``weights``, drawn in proportion to them by ``key``: the same
    key always draws the same.
    """
    bounds = list(accumulate(weights))
    digest = hashlib.blake2b(str(key).encode(), digest_size=8).digest()
    # below the sum of the weights, evenly
    number = int.from_bytes(digest) * bounds[-1] // 2**64
    return bisect_right(bounds, number)
