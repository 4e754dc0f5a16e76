"""What a client sends to methods that it may call: anything, so it is looked at."""

from odoo import fields
from odoo.exceptions import UserError

# Days beyond cannot be told in every time zone, or are no days of a business.
YEARS = range(1900, 9000)


def read_day(env, value):
    """The date that was sent; a ``UserError`` says what is missing."""
    try:
        day = fields.Date.to_date(value)
    except (TypeError, ValueError):
        day = None
    if day is None or day.year not in YEARS:
        raise UserError(
            env._("Choose the first and the last day of the period, as 2026-01-31.")
        )
    return day


def read_moment(value):
    """The date and time that was sent, or None."""
    try:
        return fields.Datetime.to_datetime(value) or None
    except (TypeError, ValueError):
        return None


def read_id(env, value):
    """The id that was sent."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise UserError(env._("That is no record: choose it again.")) from None
