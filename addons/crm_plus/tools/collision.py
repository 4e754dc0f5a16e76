"""Batches of the scheduler that collide with what users write meanwhile."""

from datetime import timedelta

from odoo import fields
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as COLLISIONS

# A batch that collides is tried again so often before it rests.
MAX_COLLISIONS = 5
# So long it rests then.
REST = timedelta(minutes=1)


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


def succeeds(env, work):
    """Whether ``work()`` was done, for one that says nothing; see ``try_again``."""

    def done():
        work()
        return True

    return bool(try_again(env, done))


def rested():
    """The moment to come again for what ``try_again`` gave up.

    Whoever raised instead would have the scheduler wait for the next interval, often a
    day: triggers are used up when a job begins.
    """
    return fields.Datetime.now() + REST
