from odoo import api, fields, models
from odoo.tools import SQL

from .crm_case_dimension_mixin import REOPEN_DAYS


class CrmCaseFlowReport(models.Model):
    """What came in and what went out: a row each time a case was opened, closed or
    opened again, as the history has it.

    Summed up from the beginning, ``change`` is the backlog of any day. A closing is the
    team's and person's that had the case then. The reopen rate (K72) is of cases, not
    of closings: those opened again within seven days, among those closed.
    """

    _name = "crm.case.flow.report"
    _inherit = "crm.case.dimension.mixin"
    _description = "Cases In and Out"
    _auto = False
    _order = "date desc, id desc"

    date = fields.Datetime(readonly=True)
    event = fields.Selection(
        [("opened", "Opened"), ("closed", "Closed"), ("reopened", "Reopened")],
        readonly=True,
    )
    stage_id = fields.Many2one("crm.case.stage", readonly=True)
    opened = fields.Integer(readonly=True)
    closed = fields.Integer(readonly=True)
    reopened = fields.Integer(readonly=True)
    change = fields.Integer(
        string="Change of Backlog",
        readonly=True,
        help="Opened and reopened less closed. Cumulated: the backlog.",
    )
    is_early = fields.Integer(string="Reopened within 7 Days", readonly=True)
    reopen_rate = fields.Float(
        readonly=True,
        aggregator="avg",
        help="Closed cases that were opened again within seven days, among the closed"
        " cases. The last week may still change.",
    )

    _depends = {
        "crm.case": [
            "active",
            "category_id",
            "channel",
            "commercial_partner_id",
            "company_id",
            "date_opened",
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
            SELECT e.id, %(dimensions)s, e.team_id, e.user_id, e.stage_id, e.date,
                   e.event,
                   (e.event = 'opened')::int AS opened,
                   (e.event = 'closed')::int AS closed,
                   (e.event = 'reopened')::int AS reopened,
                   CASE WHEN e.event = 'closed' THEN -1 ELSE 1 END AS change,
                   e.is_early::int AS is_early,
                   CASE WHEN e.event = 'closed' THEN e.is_early::int::float8 END
                   AS reopen_rate
              FROM (
                    SELECT -c.id AS id, c.id AS case_id, c.team_id, c.user_id,
                           NULL::int AS stage_id, c.date_opened AS date,
                           'opened' AS event, FALSE AS is_early,
                           FALSE AS is_undone, NULL::int AS resolution_id
                      FROM crm_case AS c
                 UNION ALL
                    SELECT h.id, h.case_id, h.team_id, h.user_id, h.stage_id,
                           h.date_start,
                           CASE WHEN h.is_closed THEN 'closed' ELSE 'reopened' END,
                           h.is_closed AND EXISTS (
                            SELECT FROM crm_case_stage_history AS again
                             WHERE again.case_id = h.case_id AND again.is_reopened
                               AND again.date_start >= h.date_start
                               AND again.date_start <= h.date_start + %(days)s
                               AND again.id > h.id),
                           h.is_reopened OR EXISTS (
                            SELECT FROM crm_case_stage_history AS again
                             WHERE again.case_id = h.case_id AND again.is_reopened
                               AND again.id > h.id),
                           (SELECT k.resolution_id FROM crm_case_stage_history AS k
                             WHERE k.case_id = h.case_id AND k.is_closed
                               AND k.id <= h.id
                          ORDER BY k.id DESC LIMIT 1)
                      FROM crm_case_stage_history AS h
                     WHERE h.is_closed OR h.is_reopened
                   ) AS e
              JOIN crm_case AS c ON c.id = e.case_id
             WHERE %(is_real)s
            """,
            dimensions=self._get_case_select(),
            days=SQL("%s * interval '1 day'", REOPEN_DAYS),
            is_real=self._get_real_sql(),
        )

    @api.model
    def _get_case_columns(self):
        """A closing after which the case was opened again has the resolution that it
        had then, and so has the reopening that undoes it.
        """
        return {
            **super()._get_case_columns(),
            "resolution_id": SQL(
                "CASE WHEN e.is_undone THEN e.resolution_id ELSE c.resolution_id END"
            ),
        }

    def _read_group_select(self, aggregate_spec, query):
        if aggregate_spec == "reopen_rate:avg":
            case, closed, early = (
                self._field_to_sql(self._table, name, query)
                for name in ("case_id", "closed", "is_early")
            )
            return SQL(
                """count(DISTINCT %s) FILTER (WHERE %s = 1)::float8
                   / NULLIF(count(DISTINCT %s) FILTER (WHERE %s = 1), 0)""",
                case,
                early,
                case,
                closed,
            )
        return super()._read_group_select(aggregate_spec, query)
