from odoo import fields, models
from odoo.tools import SQL


class CrmCaseAgentReport(models.Model):
    """Load and idle time of agents: a row an agent and day, known the morning after.

    Idle: hours that the agent worked without a case to work on. Open cases: how many
    were open with him on the average of these hours.
    """

    _name = "crm.case.agent.report"
    _inherit = "crm.ratio.mixin"
    _description = "Load of Agents"
    _auto = False
    _order = "date desc, id desc"
    _rec_name = "user_id"
    _depends = {
        "crm.case.agent.day": [
            "busy_seconds",
            "case_seconds",
            "closed_count",
            "company_id",
            "date",
            "user_id",
            "work_seconds",
        ]
    }

    user_id = fields.Many2one("res.users", string="Agent", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    date = fields.Date(readonly=True)
    hours = fields.Float(
        string="Hours at Work",
        readonly=True,
        help="By working hours, without time off and holidays.",
    )
    busy_hours = fields.Float(
        string="Hours with Open Cases",
        readonly=True,
        help="Of these, with at least one open case. What waits for the customer or for"
        " others does not count.",
    )
    idle_hours = fields.Float(readonly=True, help="At work, and no case to work on.")
    case_hours = fields.Float(
        readonly=True, help="Hours at work, summed over the open cases."
    )
    closed = fields.Integer(string="Closed Cases", readonly=True)
    open_cases = fields.Float(
        string="Open Cases (Average)", readonly=True, aggregator="avg"
    )
    idle_share = fields.Float(
        string="Idle", readonly=True, aggregator="avg", help="Of the hours at work."
    )

    _ratios = {
        "open_cases": ("case_hours", "hours", 1),
        "idle_share": ("idle_hours", "hours", 1),
    }

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT r.*, %s
              FROM (
                    SELECT d.id, d.user_id, d.company_id, d.date,
                           d.closed_count AS closed,
                           (d.work_seconds / 3600.0)::float8 AS hours,
                           (d.busy_seconds / 3600.0)::float8 AS busy_hours,
                           ((d.work_seconds - d.busy_seconds) / 3600.0)::float8
                           AS idle_hours,
                           (d.case_seconds / 3600.0)::float8 AS case_hours
                      FROM crm_case_agent_day AS d
                   ) AS r
            """,
            self._get_ratio_columns("r"),
        )
