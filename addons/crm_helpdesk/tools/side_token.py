"""The mark in subjects of side conversations: ``[S-12-0123456789abcdef]``."""

import re

TOKEN = re.compile(r"\[S-(\d{1,9})-([0-9a-f]{16})\]", re.IGNORECASE)


def write_token(subject, number, token):
    """Return ``subject`` with the mark, once."""
    return f"{TOKEN.sub('', subject or '').strip()} [S-{number}-{token}]".strip()


def find_token(subject):
    """Return ``(number, token)`` of the first mark in ``subject``, or None.

    >>> find_token("AW: Grinder [S-7-0123456789abcdef]")
    (7, '0123456789abcdef')
    >>> find_token("Grinder [S-7-xyz]")
    """
    found = TOKEN.search(subject or "")
    return (int(found[1]), found[2].lower()) if found else None
