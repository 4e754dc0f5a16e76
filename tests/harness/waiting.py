import time


class Overdue(AssertionError):
    """What was waited for did not come in time."""


def wait_for(what, condition, timeout=30, every=0.1):
    """Return the first true value of ``condition()``; fail after ``timeout`` seconds.

    :param str what: what is waited for, named when it does not come
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Overdue(f"{what}: not after {timeout} s (last: {value!r})")
        time.sleep(every)
