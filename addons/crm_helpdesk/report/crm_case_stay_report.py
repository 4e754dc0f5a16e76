from odoo import fields, models
from odoo.tools import SQL

from ..models.case.crm_case_stage import CATEGORIES
from ..models.history.crm_case_stage_history import HOLDERS


class CrmCaseStayReport(models.Model):
    """Where cases lose time (K71): a row a stay in a stage, with a team and a person.

    Hours are those of the calendar; working hours are counted when a stay ends, and
    each night for those that last. A visit is a stay in a stage, however many hands the
    case went through meanwhile.
    """

    _name = "crm.case.stay.report"
    _inherit = "crm.case.dimension.mixin"
    _description = "Delay by Stage"
    _auto = False
    _order = "date_start desc, id desc"

    stage_id = fields.Many2one("crm.case.stage", readonly=True)
    category = fields.Selection(CATEGORIES, string="State", readonly=True)
    holder = fields.Selection(HOLDERS, string="Whose Time", readonly=True)
    date_start = fields.Datetime(string="From", readonly=True)
    date_end = fields.Datetime(string="Until", readonly=True)
    is_lasting = fields.Boolean(string="Lasts", readonly=True)
    visits = fields.Integer(readonly=True, help="How often a stage was entered.")
    hours = fields.Float(
        string="Total Hours", readonly=True, help="Calendar hours, until now."
    )
    working_hours = fields.Float(string="Total Working Hours", readonly=True)
    hours_per_visit = fields.Float(
        string="Hours per Visit", readonly=True, aggregator="avg"
    )
    working_per_visit = fields.Float(
        string="Working Hours per Visit", readonly=True, aggregator="avg"
    )
    reassign_count = fields.Integer(string="Reassigned", readonly=True)
    transfer_count = fields.Integer(string="To Other Teams", readonly=True)

    _ratios = {
        "hours_per_visit": ("hours", "visits", 1),
        "working_per_visit": ("working_hours", "visits", 1),
    }

    _depends = {
        "crm.case": [
            "active",
            "category_id",
            "channel",
            "commercial_partner_id",
            "company_id",
            "is_machine",
            "is_spam",
            "merged_into_id",
            "partner_id",
            "priority",
            "product_id",
            "resolution_id",
            "type_id",
        ]
    }

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT r.*, %(ratios)s
              FROM (
                    SELECT h.id, %(dimensions)s, h.stage_id, h.category, h.team_id,
                           h.user_id, %(holder)s AS holder, h.date_start, h.date_end,
                           h.date_end IS NULL AS is_lasting,
                           (h.is_moved OR NOT EXISTS (
                             SELECT FROM crm_case_stage_history AS p
                              WHERE p.case_id = h.case_id AND p.id < h.id
                           ))::int AS visits,
                           (extract(epoch FROM
                             COALESCE(h.date_end, %(now)s) - h.date_start
                           ) / 3600)::float8 AS hours,
                           (h.working_seconds / 3600.0)::float8 AS working_hours,
                           h.is_reassigned::int AS reassign_count,
                           h.is_transferred::int AS transfer_count
                      FROM crm_case_stage_history AS h
                      JOIN crm_case AS c ON c.id = h.case_id
                     WHERE h.stage_id IS NOT NULL AND %(is_real)s
                   ) AS r
            """,
            ratios=self._get_ratio_columns("r"),
            dimensions=self._get_case_select(),
            holder=self.env["crm.case.stage.history"]._holder_sql("h"),
            now=fields.Datetime.now(),
            is_real=self._get_real_sql(),
        )
