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


# Re:, AW:, Fwd: and the like, with their counts, at the beginning of a subject
REPLY_MARK = re.compile(
    r"^\s*((re|aw|antw|sv|vs|odp|odg|ynt|rif|fwd?|wg|tr|rv|i|enc|doorst|vl|"
    r"回复|答复|转发)\s*(\[\d+\]|\(\d+\))?\s*[:\uff1a]\s*)+",
    re.I,
)
CASE_NUMBER = re.compile(r"[\[(]?\b[a-z]{2,10}-\d{3,}\b[\])]?", re.I)
# Subjects are compared by this much of their beginning.
MAX_PLAIN = 120


def plain_subject(subject):
    """Return what a subject is about, to compare it: without marks of answers, numbers
    of cases and signs, in small letters.

    >>> plain_subject("AW: Re[2]: [CASE-00042] Grinder: no power!")
    'grinder no power'
    >>> plain_subject(None)
    ''
    """
    text = REPLY_MARK.sub("", subject or "")
    text = CASE_NUMBER.sub(" ", text[: 2 * MAX_PLAIN])
    text = REPLY_MARK.sub("", text)
    return " ".join(re.findall(r"\w+", text.lower()))[:MAX_PLAIN]
