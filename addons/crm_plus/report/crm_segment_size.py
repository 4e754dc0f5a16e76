from odoo import fields, models
from odoo.tools import SQL

from ..tools.company_time import ZONES_DEPENDS, day, zones_today


class CrmSegmentSize(models.Model):
    """How large each segment was at the end of each week, from the dated members.

    Weeks are those of the company of the segment; where it has none, of the reader's.
    """

    _name = "crm.segment.size"
    _description = "Segment Size"
    _auto = False
    _order = "date desc, segment_id"
    _rec_name = "segment_id"
    _depends = {
        **ZONES_DEPENDS,
        "crm.segment": ["company_id"],
        "crm.segment.member": ["segment_id", "date_joined", "date_left"],
    }

    segment_id = fields.Many2one("crm.segment", readonly=True)
    date = fields.Date(
        string="Week", readonly=True, help="The Monday the week begins with."
    )
    size = fields.Integer(
        string="Members", readonly=True, aggregator="max", help="At the week's end."
    )
    joined = fields.Integer(readonly=True)
    left = fields.Integer(readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            WITH segment AS (
                SELECT s.id, s.company_id, z.name AS zone, z.today
                  FROM crm_segment s
                  JOIN (%(zones)s) z
                    ON z.company_id = COALESCE(s.company_id, %(company)s)
            ), move AS (
                SELECT s.id AS segment_id, date_trunc('week', %(day)s)::date AS week,
                       sum(event.joined) AS joined, sum(event.gone) AS gone
                  FROM (
                        SELECT segment_id, date_joined AS moment, 1 AS joined, 0 AS gone
                          FROM crm_segment_member
                     UNION ALL
                        SELECT segment_id, date_left, 0, 1
                          FROM crm_segment_member
                         WHERE date_left IS NOT NULL
                       ) AS event
                  JOIN segment s ON s.id = event.segment_id
                 GROUP BY 1, 2
            ), week AS (
                SELECT m.segment_id,
                       generate_series(
                           min(m.week), date_trunc('week', s.today)::date,
                           interval '1 week'
                       )::date AS week
                  FROM move m
                  JOIN segment s ON s.id = m.segment_id
                 GROUP BY m.segment_id, s.today
            )
            SELECT row_number() OVER (ORDER BY w.week, w.segment_id) AS id,
                   w.segment_id, w.week AS date, s.company_id,
                   COALESCE(m.joined, 0)::integer AS joined,
                   COALESCE(m.gone, 0)::integer AS left,
                   (sum(COALESCE(m.joined, 0) - COALESCE(m.gone, 0)) OVER (
                       PARTITION BY w.segment_id ORDER BY w.week
                   ))::integer AS size
              FROM week w
              JOIN segment s ON s.id = w.segment_id
              LEFT JOIN move m ON m.segment_id = w.segment_id AND m.week = w.week
            """,
            zones=zones_today(),
            company=self.env.company.id,
            day=day(SQL("event.moment"), SQL("s.zone")),
        )
