"""When a field of a form is asked for: after certain answers to another one.

The page decides by the same rule while the form is filled in, so what was typed is
never lost: see ``static/src/public/case_conditions``. Both compare what the form posts,
not what becomes of it: no time zone, no rounding.
"""

import math

NUMBERS = ("integer", "float")


def read_answer(kind, text):
    """``text`` as a field of type ``kind`` says it: a number, or in lower case.

    Python has ``casefold`` for words, browsers have nothing of the kind.
    """
    text = text.strip().lower()
    if kind in NUMBERS:
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            return text
        # "nan" and "inf" are floats to Python
        return number if math.isfinite(number) else text
    if kind == "datetime":
        # as the page has it: without seconds
        return text.replace(" ", "t")[:16]
    return text


def is_asked_for(kind, texts, wanted):
    """Whether the answers ``texts`` to a field are among ``wanted``, which
    :func:`read_answer` has read; any of them is where none are named.
    """
    given = [read_answer(kind, text) for text in texts if text.strip()]
    if not wanted:
        return bool(given)
    return any(answer in wanted for answer in given)
