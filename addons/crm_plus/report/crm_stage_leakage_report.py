from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, Query

from ..models.lifecycle.crm_period_report import SMALL

# completed visits below which a stage has no usual duration
MIN_VISITS = 5


class CrmStageLeakageReport(models.Model):
    """Where deals leave the pipeline: a row a lead and stage it entered.

    Moved on: it later entered a stage of higher sequence, or was won. Leaked: it was
    lost in this stage, or stalls in it - it is open and has been there for longer than
    the stage's *Days to rot*, or, where these are 0, than twice the median of completed
    visits (at least five). A deal that is revived leaves the leak by itself: these are
    facts of now. Junk is out, and so are won stages.

    The page counts in days of the company's time zone, as do all of our pages of a
    period, whoever reads them and wherever: of one company they give one figure. Lists
    and pivot tables show and group moments in the reader's own, as Odoo does.
    """

    _name = "crm.stage.leakage.report"
    _inherit = ["crm.period.report"]
    _description = "Stage Leakage"
    _auto = False
    _order = "date_start desc, id desc"
    _rec_name = "lead_id"
    _depends = {
        "crm.stage.history": [
            "lead_id",
            "stage_id",
            "date_start",
            "date_end",
            "outcome",
        ],
        "crm.stage": ["sequence", "is_won", "rotting_threshold_days"],
        "crm.lead": [
            "name",
            "stage_id",
            "active",
            "won_status",
            "is_junk",
            "type",
            "user_id",
            "team_id",
            "company_id",
            "campaign_id",
            "source_id",
            "expected_revenue",
            "lost_reason_id",
        ],
    }

    lead_id = fields.Many2one("crm.lead", readonly=True)
    stage_id = fields.Many2one("crm.stage", readonly=True)
    date_start = fields.Datetime(string="Entered", readonly=True)
    visits = fields.Integer(readonly=True, aggregator="sum")
    days = fields.Float(readonly=True, aggregator="avg", digits=(16, 1))
    conversion = fields.Float(
        string="Moved On",
        readonly=True,
        aggregator="avg",
        help="Share that later entered a higher stage or was won.",
    )
    is_lost = fields.Integer(string="Lost", readonly=True, aggregator="sum")
    is_stalled = fields.Integer(string="Stalled", readonly=True, aggregator="sum")
    leakage = fields.Float(
        string="Leaked",
        readonly=True,
        aggregator="avg",
        help="Share that was lost or stalls in the stage.",
    )
    leaked_value = fields.Monetary(
        readonly=True,
        currency_field="currency_id",
        help="Expected revenue of what was lost or stalls in the stage.",
    )
    leaked_share = fields.Float(
        string="Share of Leaks",
        readonly=True,
        aggregator="avg",
        help="Leaked value of the group in that of all groups shown.",
    )
    expected_revenue = fields.Monetary(readonly=True, currency_field="currency_id")
    currency_id = fields.Many2one("res.currency", readonly=True)
    type = fields.Selection(
        [("lead", "Lead"), ("opportunity", "Opportunity")], readonly=True
    )
    won_status = fields.Selection(
        [("won", "Won"), ("lost", "Lost"), ("pending", "Pending")], readonly=True
    )
    lost_reason_id = fields.Many2one("crm.lost.reason", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    campaign_id = fields.Many2one("utm.campaign", readonly=True)
    source_id = fields.Many2one("utm.source", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            WITH visit AS (
                SELECT min(h.id) AS id, h.lead_id, h.stage_id,
                       min(h.date_start) AS date_start, max(h.date_start) AS date_last,
                       count(*) AS visits,
                       sum(extract(
                           epoch FROM COALESCE(h.date_end, %(now)s) - h.date_start
                       )) / 86400 AS days
                  FROM crm_stage_history AS h
                 GROUP BY h.lead_id, h.stage_id
            ), usual AS (
                SELECT h.stage_id,
                       2 * percentile_cont(0.5) WITHIN GROUP (
                           ORDER BY extract(epoch FROM h.date_end - h.date_start)
                       ) / 86400 AS days
                  FROM crm_stage_history AS h
                 WHERE h.outcome IN ('forward', 'back')
                 GROUP BY h.stage_id
                HAVING count(*) >= %(min_visits)s
            ), stay AS (
                SELECT v.*, l.type, l.won_status, l.user_id, l.team_id, l.company_id,
                       l.campaign_id, l.source_id, l.expected_revenue, l.lost_reason_id,
                       COALESCE(c.currency_id, %(currency)s) AS currency_id,
                       (l.won_status = 'won' OR EXISTS (
                           SELECT 1
                             FROM crm_stage_history AS x
                             JOIN crm_stage AS sx ON sx.id = x.stage_id
                            WHERE x.lead_id = v.lead_id
                              AND x.date_start >= v.date_start
                              AND sx.sequence > s.sequence)) AS moved,
                       (l.won_status = 'lost' AND l.stage_id = v.stage_id) AS lost,
                       (l.won_status = 'pending' AND l.active
                        AND l.stage_id = v.stage_id
                        AND extract(epoch FROM %(now)s - v.date_last) / 86400
                            > CASE WHEN s.rotting_threshold_days > 0
                                   THEN s.rotting_threshold_days
                                   ELSE u.days END) IS TRUE AS stalled
                  FROM visit AS v
                  JOIN crm_lead AS l ON l.id = v.lead_id
                  JOIN crm_stage AS s ON s.id = v.stage_id
                  LEFT JOIN usual AS u ON u.stage_id = v.stage_id
                  LEFT JOIN res_company AS c ON c.id = l.company_id
                 WHERE l.is_junk IS NOT TRUE
                   AND s.is_won IS NOT TRUE
            )
            SELECT id, lead_id, stage_id, date_start, visits, days, type, won_status,
                   user_id, team_id, company_id, campaign_id, source_id, lost_reason_id,
                   expected_revenue, currency_id,
                   moved::int::float8 AS conversion,
                   lost::int AS is_lost,
                   stalled::int AS is_stalled,
                   (lost OR stalled)::int::float8 AS leakage,
                   CASE WHEN lost OR stalled THEN expected_revenue ELSE 0 END
                       AS leaked_value,
                   NULL::float8 AS leaked_share
              FROM stay
            """,
            now=self.env.cr.now(),
            min_visits=MIN_VISITS,
            currency=self.env.company.currency_id.id,
        )

    def _read_group_select(self, aggregate_spec: str, query: Query) -> SQL:
        # a share of what the whole grouping shows
        if aggregate_spec != "leaked_share:avg":
            return super()._read_group_select(aggregate_spec, query)
        value = self._field_to_sql(self._table, "leaked_value", query)
        return SQL("SUM(%s) / NULLIF(SUM(SUM(%s)) OVER (), 0)", value, value)

    def action_open_lead(self):
        self.ensure_one()
        return self.lead_id.get_formview_action()

    # ------------------------------------------------------------
    # The page
    # ------------------------------------------------------------

    @api.model
    @api.readonly
    def get_leakage(self, date_from, date_to, filters=None):
        """Return K21 of a period, stage by stage, for the web client.

        Of the deals that entered a stage in the period: those that were lost in it, and
        those that stall in it now. Values are in the currency of the company.

        :param date_from: first day, in the time zone of the company
        :param date_to: last day
        :param filters: ``{field: id}`` of ``get_filters``
        """
        start, end = self._get_period(date_from, date_to)
        stages = self.env["crm.stage"].search([("is_won", "=", False)])
        domains = {
            stage: self._get_filter_domain(filters)
            & Domain("type", "=", "opportunity")
            & Domain("stage_id", "=", stage.id)
            & Domain(
                "lead_id.stage_history_ids",
                "any",
                [
                    ("stage_id", "=", stage.id),
                    ("date_start", ">=", start),
                    ("date_start", "<", end),
                ],
            )
            for stage in stages
        }
        figures = {
            stage: values
            # lost deals are archived
            for stage, *values in self.with_context(active_test=False)._read_group(
                Domain.OR(domains.values()),
                ["stage_id"],
                [
                    "__count",
                    "is_lost:sum",
                    "is_stalled:sum",
                    "leaked_value:sum_currency",
                    "days:avg",
                ],
            )
        }
        leaked = sum(values[3] or 0 for values in figures.values())
        rows = [
            self._prepare_leakage(stage.name, *figures[stage], leaked, domain, stage.id)
            for stage, domain in domains.items()
            if stage in figures
        ]
        return {
            "small": SMALL,
            "currency_id": self.env.company.currency_id.id,
            "rows": rows,
            "leaked": leaked,
        }

    @api.model
    def _prepare_leakage(
        self, name, entered, lost, stalled, value, days, leaked, domain, stage_id
    ):
        out = Domain("is_lost", "=", 1) | Domain("is_stalled", "=", 1)
        return {
            "id": stage_id,
            "name": name,
            "entered": entered,
            "lost": lost,
            "stalled": stalled,
            "leaked": lost + stalled,
            "rate": self._rate(lost + stalled, entered),
            "value": value or 0,
            "share": self._rate(value or 0, leaked),
            "days": days or 0,
            "domain": self._to_client(domain),
            "lost_domain": self._to_client(domain & Domain("is_lost", "=", 1)),
            "stalled_domain": self._to_client(domain & Domain("is_stalled", "=", 1)),
            "leaked_domain": self._to_client(domain & out),
        }
