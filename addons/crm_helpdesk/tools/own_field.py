"""Texts that people and machines give for a team's own fields."""

# What a field of a case counts is below this; PostgreSQL keeps no NaN in JSON.
MAX_NUMBER = 1e12
MAX_DIGITS = 20


def is_number(number):
    """Whether a field can keep it: "nan" and "inf" are floats to Python, too."""
    return abs(number) < MAX_NUMBER


def read_number(text):
    """The number that a text is, written with a point or a comma, or None."""
    try:
        number = float(text.strip().replace(",", ".")[:MAX_DIGITS])
    except ValueError:
        return None
    return number if is_number(number) else None
