"""Give each campaign its first version, with its steps and all who have entered."""

from odoo.tools import SQL


def migrate(cr, version):
    if not version:
        return
    cr.execute(
        SQL(
            """
            INSERT INTO crm_campaign_version (
                campaign_id, number, state, date_published, moved_count,
                create_uid, create_date, write_uid, write_date
            )
            SELECT c.id, 1, 'current', c.date_started, 0,
                   c.create_uid, c.create_date, c.write_uid, c.write_date
              FROM crm_campaign c
             WHERE NOT EXISTS (
                   SELECT FROM crm_campaign_version v WHERE v.campaign_id = c.id)
          ORDER BY c.id
            """
        )
    )
    cr.execute(
        SQL(
            """
            UPDATE crm_campaign c SET version_id = v.id
              FROM crm_campaign_version v
             WHERE v.campaign_id = c.id AND c.version_id IS NULL
            """
        )
    )
    # by their number, as they were drawn by before: everybody keeps their way of a
    # split by chance. A new column has the same default in all rows
    cr.execute(
        SQL(
            """
            UPDATE crm_campaign_step s
               SET version_id = c.version_id, lineage = s.id::text, is_retired = FALSE
              FROM crm_campaign c
             WHERE c.id = s.campaign_id
            """
        )
    )
    cr.execute(SQL("UPDATE crm_campaign_way SET lineage = id::text"))
    cr.execute(
        SQL(
            """
            UPDATE crm_campaign_participant p SET version_id = c.version_id
              FROM crm_campaign c
             WHERE c.id = p.campaign_id AND p.version_id IS NULL
            """
        )
    )
