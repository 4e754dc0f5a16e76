from odoo import api, fields, models
from odoo.tools import SQL

from ..models.case.crm_case_stage import CATEGORIES
from .crm_case_dimension_mixin import REOPEN_DAYS

AGES = [
    ("a", 1, "Up to 1 day"),
    ("b", 3, "1 to 3 days"),
    ("c", 7, "3 to 7 days"),
    ("d", 30, "7 to 30 days"),
    ("e", None, "More than 30 days"),
]
# a call in which all was said is no longer than that
CALL_MINUTES = 60
PERCENTILES = {
    "first_response_median": 0.5,
    "first_response_p90": 0.9,
    "resolution_median": 0.5,
}


class CrmCaseReport(models.Model):
    """One row a case: backlog and age, times to answer and to solve, first contact.

    - First response (K63): working hours from opening to the first public answer of a
      person of ours, as the clocks measured it, their pauses included; unanswered cases
      are counted apart, never as zero.
    - Resolution (K64): working hours from opening to the last closing without those
      spent waiting for the customer; *gross* is with them.
    - First contact (K65): of the cases closed, those with exactly one public answer
      (or closed in the very call) after which the customer wrote no more, and which
      were not opened again within seven days of a closing. What was called off, as
      its resolution says, is in neither number.
    - Share (K70): the group's part in the cases of all groups shown; cumulated from the
      largest group on.
    - Won from service (K74): of the opportunities that the reader may see, each once,
      with the first case that names it.

    Medians and percentiles cannot be added up: the database computes them for each
    group, totals included.
    """

    _name = "crm.case.report"
    _inherit = "crm.case.dimension.mixin"
    _description = "Case Figures"
    _auto = False
    _order = "date_opened desc, id desc"

    stage_id = fields.Many2one("crm.case.stage", readonly=True)
    stage_category = fields.Selection(CATEGORIES, string="State", readonly=True)
    date_opened = fields.Datetime(string="Opened", readonly=True)
    date_closed = fields.Datetime(string="Closed", readonly=True)
    date_first_response = fields.Datetime(string="First Response", readonly=True)
    # backlog
    is_open = fields.Integer(string="Open", readonly=True)
    is_waiting = fields.Integer(string="Waiting", readonly=True)
    is_unassigned = fields.Integer(string="Unassigned", readonly=True)
    is_overdue = fields.Integer(
        string="Overdue", readonly=True, help="Open, and a promise is late now."
    )
    is_closed = fields.Integer(string="Closed Cases", readonly=True)
    age_days = fields.Float(
        string="Age (Days)",
        readonly=True,
        aggregator="avg",
        help="Of open cases: calendar days since they were opened.",
    )
    age_band = fields.Selection(
        [(key, label) for key, _days, label in AGES], string="Age", readonly=True
    )
    idle_days = fields.Float(
        string="Idle (Days)",
        readonly=True,
        aggregator="avg",
        help="Of open cases that wait for nobody: calendar days since somebody last"
        " wrote or moved them.",
    )
    # times
    is_answered = fields.Integer(string="Answered", readonly=True)
    is_unanswered = fields.Integer(
        string="Unanswered",
        readonly=True,
        help="No person of ours has answered so far, or ever.",
    )
    first_response_hours = fields.Float(
        string="First Response (Hours)",
        readonly=True,
        aggregator="avg",
        help="Working hours from opening to the first public answer of a person."
        " Unanswered cases have none.",
    )
    first_response_median = fields.Float(
        string="First Response (Median)", readonly=True, aggregator="avg"
    )
    first_response_p90 = fields.Float(
        string="First Response (90 %)",
        readonly=True,
        aggregator="avg",
        help="Nine of ten answered cases were answered within this time.",
    )
    resolution_hours = fields.Float(
        string="Resolution (Hours)",
        readonly=True,
        aggregator="avg",
        help="Working hours from opening to the last closing, without waiting for the"
        " customer.",
    )
    resolution_median = fields.Float(
        string="Resolution (Median)", readonly=True, aggregator="avg"
    )
    gross_hours = fields.Float(
        string="Resolution (Gross)",
        readonly=True,
        aggregator="avg",
        help="Working hours from opening to the last closing, waiting included.",
    )
    # hands and touches
    reopen_count = fields.Integer(string="Reopened", readonly=True)
    reassign_count = fields.Integer(string="Reassigned", readonly=True)
    transfer_count = fields.Integer(string="To Other Teams", readonly=True)
    touch_in_count = fields.Integer(
        string="Messages of Customers",
        readonly=True,
        help="Written after the case was opened; not those of machines.",
    )
    touch_out_count = fields.Integer(
        string="Our Replies",
        readonly=True,
        help="Public answers of people: neither notes nor automatic mail.",
    )
    touches = fields.Float(
        string="Touches per Case",
        readonly=True,
        aggregator="avg",
        help="Messages of both sides.",
    )
    # first contact
    is_eligible = fields.Integer(
        string="Closed, Eligible for First Contact", readonly=True
    )
    is_first_contact = fields.Integer(string="Solved at First Contact", readonly=True)
    first_contact = fields.Float(
        string="First Contact Resolution",
        readonly=True,
        aggregator="avg",
        help="Of the closed cases: one public answer (or closed in the very call), no"
        " later message of the customer, not opened again within seven days. Group by"
        " the date of closing.",
    )
    # volume
    share = fields.Float(
        readonly=True,
        aggregator="avg",
        help="Cases of the group in those of all groups shown.",
    )
    cumulated_share = fields.Float(
        readonly=True,
        aggregator="avg",
        help="Share of this group and all larger ones: the few that make the most.",
    )
    # sales
    won_revenue = fields.Monetary(
        string="Won from Service",
        readonly=True,
        currency_field="currency_id",
        groups="sales_team.group_sale_salesman",
        help="Value of won opportunities that were created from the case.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)

    _ratios = {"first_contact": ("is_first_contact", "is_eligible", 1)}

    _depends = {
        "crm.case": [
            "active",
            "category_id",
            "channel",
            "commercial_partner_id",
            "company_id",
            "date_closed",
            "date_first_response",
            "date_opened",
            "is_machine",
            "is_spam",
            "lead_id",
            "merged_into_id",
            "partner_id",
            "priority",
            "product_id",
            "reopen_count",
            "resolution_id",
            "sla_due",
            "stage_category",
            "stage_id",
            "team_id",
            "type_id",
            "user_id",
        ],
        "crm.case.resolution": ["is_cancelled"],
        "crm.lead": ["won_status", "expected_revenue"],
        "crm.sla.clock": [
            "date_start",
            "elapsed_seconds",
            "kind",
            "outcome",
            "paused_seconds",
            "res_id",
            "res_model",
        ],
        "mail.message": [
            "author_id",
            "date",
            "is_internal",
            "message_type",
            "model",
            "res_id",
            "subtype_id",
        ],
    }

    @property
    def _table_query(self):
        return SQL(
            "SELECT r.*, %s FROM (%s) AS r",
            self._get_ratio_columns("r"),
            self._get_rows_query(),
        )

    @api.model
    def _get_rows_query(self, row_id=None, columns=None, joins=None):
        """Hook: a row a case (``c``), or more where ``joins`` makes more of it.

        :param row_id: SQL of what tells the rows apart
        :param columns: SQL of further columns, beginning with a comma
        """
        # Each figure is a subquery of its own: the database leaves out those that
        # nobody looks at.
        return SQL(
            """
            SELECT %(row_id)s AS id, %(dimensions)s, c.team_id, c.user_id, c.stage_id,
                   c.stage_category, c.date_opened, c.date_closed,
                   c.date_first_response, COALESCE(c.reopen_count, 0) AS reopen_count,
                   %(currency)s AS currency_id,
                   %(is_open)s::int AS is_open,
                   (c.stage_category IN ('waiting_customer', 'waiting_third'))::int
                   AS is_waiting,
                   (%(is_open)s AND c.user_id IS NULL)::int AS is_unassigned,
                   (%(is_open)s AND c.sla_due < %(now)s)::int AS is_overdue,
                   (NOT %(is_open)s)::int AS is_closed,
                   CASE WHEN %(is_open)s THEN %(age)s END AS age_days,
                   CASE WHEN %(is_open)s THEN CASE %(ages)s ELSE %(oldest)s END END
                   AS age_band,
                   CASE WHEN c.stage_category = 'open' THEN %(idle)s END AS idle_days,
                   (c.date_first_response IS NOT NULL)::int AS is_answered,
                   (c.date_first_response IS NULL)::int AS is_unanswered,
                   %(first_response)s AS first_response_hours,
                   %(first_response)s AS first_response_median,
                   %(first_response)s AS first_response_p90,
                   %(resolution)s AS resolution_hours,
                   %(resolution)s AS resolution_median,
                   %(gross)s AS gross_hours,
                   %(reassigned)s AS reassign_count,
                   %(transferred)s AS transfer_count,
                   (SELECT count(*) FROM (%(touches)s) AS t WHERE NOT t.is_ours)::int
                   AS touch_in_count,
                   (SELECT count(*) FROM (%(touches)s) AS t WHERE t.is_ours)::int
                   AS touch_out_count,
                   (SELECT count(*) FROM (%(touches)s) AS t)::float8 AS touches,
                   %(is_eligible)s::int AS is_eligible,
                   (%(is_eligible)s AND %(first_contact)s)::int AS is_first_contact,
                   NULL::float8 AS share, NULL::float8 AS cumulated_share,
                   %(won)s AS won_revenue
                   %(columns)s
              FROM crm_case AS c
              JOIN res_company AS company ON company.id = c.company_id
              %(joins)s
             WHERE %(is_real)s
            """,
            row_id=row_id or SQL("c.id"),
            columns=columns or SQL(),
            joins=joins or SQL(),
            dimensions=self._get_case_select(),
            currency=SQL("company.currency_id"),
            is_open=SQL("(c.stage_category NOT IN ('solved', 'closed'))"),
            now=fields.Datetime.now(),
            age=self._age_sql(),
            ages=SQL(" ").join(
                SQL("WHEN %s <= %s THEN %s", self._age_sql(), days, key)
                for key, days, _label in AGES
                if days
            ),
            oldest=AGES[-1][0],
            idle=self._idle_sql(),
            is_eligible=SQL(
                """(c.stage_category IN ('solved', 'closed') AND NOT EXISTS (
                    SELECT FROM crm_case_resolution AS o
                     WHERE o.id = c.resolution_id AND o.is_cancelled))"""
            ),
            won=self._won_sql(),
            first_response=self._first_response_sql(),
            resolution=self._resolution_sql(
                SQL("h.category IS DISTINCT FROM 'waiting_customer'")
            ),
            gross=self._resolution_sql(SQL("TRUE")),
            reassigned=self._history_sql(SQL("h.is_reassigned")),
            transferred=self._history_sql(SQL("h.is_transferred")),
            touches=self.env["crm.case"]._touches_sql("c"),
            first_contact=self._first_contact_sql(),
            is_real=self._get_real_sql(),
        )

    @api.model
    def _age_sql(self):
        return SQL(
            "(extract(epoch FROM %s - c.date_opened) / 86400)::float8",
            fields.Datetime.now(),
        )

    @api.model
    def _idle_sql(self):
        """Days since the last public message, or the last step of the history."""
        return SQL(
            """(extract(epoch FROM %(now)s - LEAST(%(now)s, GREATEST(
                    c.date_opened,
                    (SELECT max(t.date) FROM (%(touches)s) AS t),
                    (SELECT max(h.date_start) FROM crm_case_stage_history AS h
                      WHERE h.case_id = c.id)))) / 86400)::float8""",
            now=fields.Datetime.now(),
            touches=self.env["crm.case"]._touches_sql("c"),
        )

    @api.model
    def _first_response_sql(self):
        """Working hours from the opening to the answer. A case that was closed and
        opened again before it was answered has a clock for each time, and was over in
        between: the stays know for how long.
        """
        return SQL(
            """(SELECT (sum(k.elapsed_seconds + COALESCE(k.paused_seconds, 0))
                        + CASE WHEN c.reopen_count > 0 THEN COALESCE((
                            SELECT sum(h.working_seconds)
                              FROM crm_case_stage_history AS h
                             WHERE h.case_id = c.id
                               AND h.category IN ('solved', 'closed')
                               AND h.date_end <= c.date_first_response), 0)
                          ELSE 0 END) / 3600.0
                  FROM crm_sla_clock AS k
                 WHERE k.res_model = 'crm.case' AND k.res_id = c.id
                   AND k.kind = 'first_response'
                   AND k.date_start <= c.date_first_response
                HAVING bool_or(k.outcome IN ('met', 'breached', 'unpromised'))
               )::float8"""
        )

    @api.model
    def _resolution_sql(self, counted):
        """Working hours until the last closing, of the stays (``h``) that count: those
        that began before it. (When many cases are closed at once, the last of them is
        noted some seconds after it was.)
        """
        return SQL(
            """CASE WHEN c.date_closed IS NOT NULL THEN (
                    SELECT COALESCE(sum(h.working_seconds) FILTER (WHERE %s), 0)
                      FROM crm_case_stage_history AS h
                     WHERE h.case_id = c.id AND h.date_end IS NOT NULL
                       AND h.date_start < c.date_closed
                   )::float8 / 3600 END""",
            counted,
        )

    @api.model
    def _won_sql(self):
        """Value of the opportunity that was created from the case and won. Parts of a
        split case name the same one: it counts with the first of them.
        """
        Lead = self.env["crm.lead"].with_context(active_test=False)
        if not Lead.has_access("read"):
            return SQL("NULL::numeric")
        return SQL(
            """(SELECT l.expected_revenue FROM crm_lead AS l
                 WHERE l.id = c.lead_id AND l.won_status = 'won'
                   AND l.create_date >= c.date_opened
                   AND l.id IN %s
                   AND NOT EXISTS (
                    SELECT FROM crm_case AS o
                     WHERE o.lead_id = c.lead_id AND o.id < c.id
                       AND o.date_opened <= l.create_date AND %s))""",
            Lead._search([("won_status", "=", "won")]).subselect(),
            self._get_real_sql("o"),
        )

    @api.model
    def _history_sql(self, condition):
        return SQL(
            """(SELECT count(*) FROM crm_case_stage_history AS h
                 WHERE h.case_id = c.id AND %s)::int""",
            condition,
        )

    @api.model
    def _first_contact_sql(self):
        return SQL(
            """((SELECT (count(*) FILTER (WHERE t.is_ours) = 1
                         AND COALESCE(max(t.id) FILTER (WHERE NOT t.is_ours)
                                      < max(t.id) FILTER (WHERE t.is_ours), TRUE))
                        OR (c.channel = 'phone'
                            AND count(*) = 0
                            AND c.date_closed <= c.date_opened + %(call)s)
                   FROM (%(touches)s) AS t)
                AND NOT EXISTS (
                 SELECT FROM crm_case_stage_history AS again
                   JOIN crm_case_stage_history AS closing
                     ON closing.case_id = again.case_id AND closing.is_closed
                    AND closing.date_start <= again.date_start
                    AND closing.date_start >= again.date_start - %(days)s
                  WHERE again.case_id = c.id AND again.is_reopened))""",
            call=SQL("%s * interval '1 minute'", CALL_MINUTES),
            days=SQL("%s * interval '1 day'", REOPEN_DAYS),
            touches=self.env["crm.case"]._touches_sql("c"),
        )

    def _read_group_select(self, aggregate_spec, query):
        name, _colon, function = aggregate_spec.partition(":")
        if function == "avg" and name in PERCENTILES:
            return SQL(
                "percentile_cont(%s) WITHIN GROUP (ORDER BY %s)",
                PERCENTILES[name],
                self._field_to_sql(self._table, name, query),
            )
        if aggregate_spec == "share:avg":
            return SQL("count(*)::float8 / NULLIF(sum(count(*)) OVER (), 0)")
        if aggregate_spec == "cumulated_share:avg":
            return SQL(
                """sum(count(*)) OVER (ORDER BY count(*) DESC
                                       ROWS UNBOUNDED PRECEDING)::float8
                   / NULLIF(sum(count(*)) OVER (), 0)"""
            )
        return super()._read_group_select(aggregate_spec, query)
