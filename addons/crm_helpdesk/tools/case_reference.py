"""Finds what a subject line refers to: numbers of cases, names of orders."""

import re

# CASE-00042, S00123, RMA/2025/7: letters, digits and joints, with a digit in them
TOKEN = re.compile(r"(?<![\w/-])[A-Za-z0-9][\w/-]{2,31}(?![\w/-])")
# Nobody refers to more records than this in one subject; a longer one is junk.
MAX_TOKENS = 10


def subject_references(subject):
    """Return the words of ``subject`` that may be the number of a record, in order.

    >>> subject_references("Re: [CASE-00042] Order S00123 (and the grinder)")
    ['CASE-00042', 'S00123']
    >>> subject_references(None)
    []
    """
    found = []
    for match in TOKEN.finditer(subject or ""):
        token = match.group().rstrip("-/_")
        if any(char.isdigit() for char in token) and token not in found:
            found.append(token)
        if len(found) == MAX_TOKENS:
            break
    return found
