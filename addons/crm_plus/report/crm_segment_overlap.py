from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class CrmSegmentOverlap(models.Model):
    """How many members two segments have in common: a row for each ordered pair."""

    _name = "crm.segment.overlap"
    _description = "Segment Overlap"
    _auto = False
    _order = "common desc, id"
    _rec_name = "segment_id"
    _depends = {
        "crm.segment": ["company_id", "active"],
        "crm.segment.member": ["segment_id", "res_model", "res_id", "date_left"],
    }

    segment_id = fields.Many2one("crm.segment", readonly=True)
    other_id = fields.Many2one("crm.segment", string="Other Segment", readonly=True)
    common = fields.Integer(string="In Both", readonly=True)
    size = fields.Integer(readonly=True, aggregator="max")
    other_size = fields.Integer(string="Size of Other", readonly=True, aggregator="max")
    share = fields.Float(
        string="Share in the Other",
        readonly=True,
        aggregator="avg",
        help="Of the members of the segment, how many are in the other, too.",
    )
    company_id = fields.Many2one("res.company", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            WITH member AS (
                SELECT m.segment_id, m.res_model, m.res_id
                  FROM crm_segment_member m
                  JOIN crm_segment s ON s.id = m.segment_id AND s.active
                 WHERE m.date_left IS NULL
            ), size AS (
                SELECT segment_id, count(*) AS n FROM member GROUP BY segment_id
            ), pair AS (
                SELECT a.segment_id, b.segment_id AS other_id, count(*) AS common
                  FROM member a
                  JOIN member b ON b.res_model = a.res_model AND b.res_id = a.res_id
                               AND b.segment_id <> a.segment_id
                 GROUP BY a.segment_id, b.segment_id
            )
            SELECT row_number() OVER (ORDER BY p.segment_id, p.other_id) AS id,
                   p.segment_id, p.other_id, s.company_id,
                   p.common::integer AS common, a.n::integer AS size,
                   b.n::integer AS other_size, p.common::float8 / a.n AS share
              FROM pair p
              JOIN crm_segment s ON s.id = p.segment_id
              JOIN size a ON a.segment_id = p.segment_id
              JOIN size b ON b.segment_id = p.other_id
            """
        )

    def action_view_common(self):
        """Open who is in both."""
        self.ensure_one()
        domain = Domain("segment_ids", "in", self.segment_id.ids) & Domain(
            "segment_ids", "in", self.other_id.ids
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._(
                "In “%(one)s” and “%(other)s”",
                one=self.segment_id.name,
                other=self.other_id.name,
            ),
            "res_model": self.segment_id.target,
            "view_mode": "list,form",
            "domain": list(domain),
            "context": {"create": False, "active_test": False},
        }
