from odoo import fields, models
from odoo.tools import SQL, Query


class CrmActionLiftReport(models.Model):
    """Do deals with a call, a meeting, a sample end better? A row a closed deal and
    activity type: whether one of that type was done before the deal was closed.

    Lift: win rate of the deals with one, less the win rate of the deals without. That
    is association, not proof - sellers call whom they believe in - and the report says
    so where the figure stands. Junk is out.
    """

    _name = "crm.action.lift.report"
    _description = "Activities and Win Rate"
    _auto = False
    _order = "date_closed desc, id desc"
    _rec_name = "lead_id"
    _depends = {
        "crm.lead": [
            "active",
            "won_status",
            "is_junk",
            "type",
            "date_closed",
            "user_id",
            "team_id",
            "company_id",
        ],
        "mail.message": ["model", "res_id", "date", "mail_activity_type_id"],
    }

    activity_type_id = fields.Many2one("mail.activity.type", readonly=True)
    lead_id = fields.Many2one("crm.lead", string="Deal", readonly=True)
    date_closed = fields.Datetime(string="Closed", readonly=True)
    has_action = fields.Integer(
        string="With",
        readonly=True,
        aggregator="sum",
        help="Deals in which such an activity was done before they were closed (n1).",
    )
    has_none = fields.Integer(
        string="Without",
        readonly=True,
        aggregator="sum",
        help="Deals in which none was done before they were closed (n0).",
    )
    won_with = fields.Float(readonly=True, aggregator="avg")
    won_without = fields.Float(readonly=True, aggregator="avg")
    lift = fields.Float(
        readonly=True,
        aggregator="avg",
        help="Win rate with such an activity less the win rate without. Association, "
        "not proof: it does not say that the activity made the difference.",
    )
    won_status = fields.Selection(
        [("won", "Won"), ("lost", "Lost"), ("pending", "Pending")], readonly=True
    )
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            WITH done AS (
                SELECT m.res_id AS lead_id, m.mail_activity_type_id AS type_id,
                       min(m.date) AS date
                  FROM mail_message AS m
                 WHERE m.model = 'crm.lead' AND m.mail_activity_type_id IS NOT NULL
                 GROUP BY m.res_id, m.mail_activity_type_id
            )
            SELECT row_number() OVER (ORDER BY l.id, t.type_id) AS id,
                   t.type_id AS activity_type_id, l.id AS lead_id, l.date_closed,
                   l.won_status, l.user_id, l.team_id, l.company_id,
                   (d.lead_id IS NOT NULL)::int AS has_action,
                   (d.lead_id IS NULL)::int AS has_none,
                   CASE WHEN d.lead_id IS NOT NULL
                        THEN (l.won_status = 'won')::int::float8 END AS won_with,
                   CASE WHEN d.lead_id IS NULL
                        THEN (l.won_status = 'won')::int::float8 END AS won_without,
                   NULL::float8 AS lift
              FROM crm_lead AS l
             CROSS JOIN (SELECT DISTINCT type_id FROM done) AS t
              LEFT JOIN done AS d ON d.lead_id = l.id
                                 AND d.type_id = t.type_id
                                 AND d.date <= l.date_closed
             WHERE l.won_status IN ('won', 'lost')
               AND l.type = 'opportunity'
               AND l.date_closed IS NOT NULL
               AND l.is_junk IS NOT TRUE
            """
        )

    def _read_group_select(self, aggregate_spec: str, query: Query) -> SQL:
        # a difference of two averages cannot be averaged itself
        if aggregate_spec != "lift:avg":
            return super()._read_group_select(aggregate_spec, query)
        return SQL(
            "AVG(%s) - AVG(%s)",
            self._field_to_sql(self._table, "won_with", query),
            self._field_to_sql(self._table, "won_without", query),
        )

    def action_open_lead(self):
        self.ensure_one()
        return self.lead_id.get_formview_action()
