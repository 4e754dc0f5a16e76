"""Kinds that came with an addon which is gone: rows keep their codes."""

from odoo.tools import SQL


def find_gone_codes(env, table, column, kinds):
    """The codes in a column that none of ``kinds`` has."""
    rows = env.execute_query(
        SQL(
            "SELECT DISTINCT %(column)s FROM %(table)s"
            " WHERE %(column)s <> ALL(%(codes)s) ORDER BY 1",
            table=SQL.identifier(table),
            column=SQL.identifier(column),
            codes=[kind.code for kind in kinds],
        )
    )
    return tuple(code for (code,) in rows)
