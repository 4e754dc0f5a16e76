"""Scores were columns of leads and contacts; since 19.0.1.1.0 they are rows of
``crm_score``. Those that are known move there, due at once, so that the next run brings
them up to date. The script may go when nobody updates from 19.0.1.0.0 any more.
"""

from odoo.tools import SQL
from odoo.tools.sql import column_exists

COLUMNS = ("model_id", "fit", "engagement", "total", "grade", "date")


def migrate(cr, version):
    if not version:
        return
    for table, key in (("crm_lead", "lead_id"), ("res_partner", "partner_id")):
        if not column_exists(cr, table, "score_model_id"):
            continue
        cr.execute(
            SQL(
                """INSERT INTO crm_score (%(key)s, is_main, date_due, %(columns)s)
                   SELECT id, TRUE, now() AT TIME ZONE 'UTC', %(old_columns)s
                     FROM %(table)s WHERE score_model_id IS NOT NULL
                ON CONFLICT DO NOTHING""",
                key=SQL.identifier(key),
                columns=SQL(", ").join(map(SQL.identifier, COLUMNS)),
                old_columns=SQL(", ").join(
                    SQL.identifier(f"score_{column}") for column in COLUMNS
                ),
                table=SQL.identifier(table),
            )
        )
        for column in COLUMNS:
            cr.execute(
                SQL(
                    "ALTER TABLE %s DROP COLUMN IF EXISTS %s",
                    SQL.identifier(table),
                    SQL.identifier(f"score_{column}"),
                )
            )
