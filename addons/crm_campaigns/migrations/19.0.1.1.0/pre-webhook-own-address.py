"""Give each campaign an address and a secret of its own for other systems.

Campaigns that were there when 19.0.1.0.0 learned of webhooks all got the same ones. Of
those that another system lets people into, the oldest keeps them: requests led there.
The others get new ones. May go with 19.0.2.
"""

import secrets

from odoo.tools import SQL
from odoo.tools.sql import column_exists

SIZES = {"webhook_token": 16, "webhook_secret": 32}


def migrate(cr, version):
    if not version:
        return
    for name, size in SIZES.items():
        if not column_exists(cr, "crm_campaign", name):
            continue
        column = SQL.identifier(name)
        cr.execute(
            SQL(
                """
                SELECT id
                  FROM (SELECT id, row_number() OVER (
                                   PARTITION BY %(column)s
                                       ORDER BY entry = 'webhook' DESC, id) AS place
                          FROM crm_campaign
                         WHERE %(column)s IS NOT NULL) same
                 WHERE place > 1
                """,
                column=column,
            )
        )
        for [campaign_id] in cr.fetchall():
            # few campaigns
            cr.execute(
                SQL(
                    "UPDATE crm_campaign SET %s = %s WHERE id = %s",
                    column,
                    secrets.token_urlsafe(size),
                    campaign_id,
                )
            )
