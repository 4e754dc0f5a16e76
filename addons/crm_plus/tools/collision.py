"""Batches of the scheduler that collide with what users write meanwhile."""

from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as COLLISIONS

# A batch that collides is tried again so often before it rests.
MAX_COLLISIONS = 5


def try_again(env, work):
    """Return what ``work()`` does, tried again when it collides; None when it does so
    every time, with nothing of it left in the transaction.

    ``work`` is to be the first thing in its transaction: what was done before goes with
    it.
    """
    for _attempt in range(MAX_COLLISIONS):
        try:
            result = work()
            # what the batch queued for its commit may collide just as well
            env.cr.flush()
            return result
        except COLLISIONS:
            # somebody wrote on one of these records meanwhile: no fault of theirs
            env.cr.rollback()
            env.invalidate_all()
    return None
