"""A ``Scorecard`` as SQL over the values that ``LeadHistory`` selects."""

import json

from odoo.tools import SQL

from .lead_history import AS_NOW
from .prediction import CATEGORY, TAGS


def points_sql(shape, column):
    """SQL of the points that one input gives, see ``Scorecard``."""
    kind = shape["kind"]
    if kind == TAGS:
        return SQL(
            "%s + COALESCE((SELECT sum((%s::jsonb ->> tag)::float8)"
            " FROM unnest(%s) tag), 0)",
            shape["base"],
            json.dumps(shape["points"]),
            column,
        )
    if kind == CATEGORY:
        known = SQL(
            "COALESCE((%s::jsonb ->> %s)::float8, %s)",
            json.dumps(shape["points"]),
            column,
            shape["other"],
        )
    elif kind == "steps":
        known = SQL("%s::float8", shape["points"][0])
        if shape["bounds"]:
            known = SQL(
                "(%s::float8[])[width_bucket(%s, %s::float8[]) + 1]",
                shape["points"],
                column,
                [float(bound) for bound in shape["bounds"]],
            )
    else:
        value = SQL(
            "least(greatest(%s, %s::float8), %s::float8)",
            column,
            shape["low"],
            shape["high"],
        )
        if shape["log"]:
            value = SQL("ln(1 + %s)", value)
        known = SQL(
            "%s::float8 * (%s - %s::float8)", shape["slope"], value, shape["center"]
        )
    return SQL(
        "CASE WHEN %s IS NULL THEN %s::float8 ELSE %s END",
        column,
        shape["missing"],
        known,
    )


def probability_sql(scorecard, inputs):
    """SQL of the percentage, over ``f0``, ``f1``… of ``LeadHistory.select``."""
    terms = [SQL("%s::float8", scorecard.base)]
    for place, item in enumerate(inputs):
        shape = scorecard.shapes[item.key]
        points = points_sql(shape, SQL.identifier("f", f"f{place}"))
        if item.is_blind and not item.is_vouched:
            points = SQL(
                "CASE WHEN %s = %s THEN 0 ELSE %s END",
                SQL.identifier("f", f"k{place}"),
                AS_NOW,
                points,
            )
        terms.append(SQL("(%s)", points))
    total = SQL(" + ").join(terms)
    # exp() of more than 700 is an error; beyond 30 nothing is left to show
    return SQL("100 / (1 + exp(-least(greatest(%s, -30), 30)))", total)
