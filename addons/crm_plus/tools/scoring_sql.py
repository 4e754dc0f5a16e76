"""Pieces of SQL that the scoring engine is put together from."""

from odoo.tools import SQL

from .score_number import MAX_POINTS

TRUE = SQL("TRUE")
FALSE = SQL("FALSE")


def tenths(value):
    """Points are added up as whole tenths: exact, and faster than numerics. More than
    may be given are left from before there was a limit: they count as the most.
    """
    return round(max(-MAX_POINTS, min(value or 0.0, MAX_POINTS)) * 10)


def total_of(terms):
    return SQL("(%s)", SQL(" + ").join(terms)) if terms else SQL("0")


def clamp(sql, low, high):
    """Limit ``sql`` to what is not None of two numbers."""
    if low is not None:
        sql = SQL("greatest(%s, %s)", sql, low)
    if high is not None:
        sql = SQL("least(%s, %s)", sql, high)
    return sql


def case(key, branches, otherwise=None):
    """``CASE key WHEN … THEN …`` of ``{value: sql}``."""
    if otherwise is None:
        otherwise = SQL("NULL")
    if not branches:
        return otherwise
    return SQL(
        "CASE %s %s ELSE %s END",
        key,
        SQL(" ").join(SQL("WHEN %s THEN %s", k, v) for k, v in branches.items()),
        otherwise,
    )
