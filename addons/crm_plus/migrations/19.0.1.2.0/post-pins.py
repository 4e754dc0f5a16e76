"""Pins were marks on members; since 19.0.1.2.0 they are rows of ``crm_segment_pin``.
The script may go when nobody updates from 19.0.1.1.0 any more.
"""

from odoo.tools.sql import column_exists


def migrate(cr, version):
    if not version or not column_exists(cr, "crm_segment_member", "is_pinned"):
        return
    cr.execute(
        """INSERT INTO crm_segment_pin (
               segment_id, kind, res_model, res_id, lead_id, partner_id, company_id,
               create_uid, create_date, write_uid, write_date)
           SELECT m.segment_id, 'in', m.res_model, m.res_id, m.lead_id, m.partner_id,
                  m.company_id, m.create_uid, m.date_joined, m.write_uid, m.write_date
             FROM crm_segment_member m
            WHERE m.is_pinned AND m.date_left IS NULL
               -- a record that was deleted takes its pin along
              AND (m.lead_id IS NOT NULL OR m.partner_id IS NOT NULL)
      ON CONFLICT DO NOTHING"""
    )
    cr.execute("ALTER TABLE crm_segment_member DROP COLUMN is_pinned")
