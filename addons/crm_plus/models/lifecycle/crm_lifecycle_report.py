from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.company_time import ZONES_DEPENDS, zones
from ..touchpoint.crm_touchpoint_sources_sale import INVOICE_DATE
from .crm_lifecycle_step import LEAD_STEPS

# Touchpoints of which one by a seller is an interaction (K02).
INTERACTIONS = ("email_out", "call_done", "meeting_done")


class CrmLifecycleReport(models.Model):
    """One row a lead: which steps it reached, when, and after how long.

    Cohorts: rows are dated by the creation of the lead. Lost leads are in, junk is out.
    Of several passes through the funnel the first time counts. Rates are averages of 0
    and 100 over the leads that are in their denominator; elsewhere they are empty.
    """

    _name = "crm.lifecycle.report"
    _inherit = ["crm.period.report"]
    _description = "Funnel Analysis"
    _auto = False
    _order = "create_date desc, id desc"
    _rec_name = "lead_id"

    lead_id = fields.Many2one("crm.lead", string="Lead/Opportunity", readonly=True)
    create_date = fields.Datetime(string="Created On", readonly=True)
    type = fields.Selection(
        [("lead", "Lead"), ("opportunity", "Opportunity")], readonly=True
    )
    won_status = fields.Selection(
        [("won", "Won"), ("lost", "Lost"), ("pending", "Pending")],
        string="Outcome",
        readonly=True,
    )
    lifecycle_step_id = fields.Many2one("crm.lifecycle.step", readonly=True)
    # whose, where from
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Contact", readonly=True)
    country_id = fields.Many2one("res.country", readonly=True)
    source_id = fields.Many2one("utm.source", readonly=True)
    medium_id = fields.Many2one("utm.medium", readonly=True)
    campaign_id = fields.Many2one("utm.campaign", readonly=True)
    # when
    date_lead = fields.Datetime(string="Lead On", readonly=True)
    date_mql = fields.Datetime(string="MQL On", readonly=True)
    date_mal = fields.Datetime(string="Accepted On", readonly=True)
    date_sql = fields.Datetime(string="SQL On", readonly=True)
    date_opportunity = fields.Datetime(string="Opportunity On", readonly=True)
    date_customer = fields.Datetime(string="Customer On", readonly=True)
    days_mql = fields.Float(string="Days to MQL", readonly=True, aggregator="avg")
    days_mal = fields.Float(string="Days to Accepted", readonly=True, aggregator="avg")
    days_sql = fields.Float(string="Days to SQL", readonly=True, aggregator="avg")
    days_opportunity = fields.Float(
        string="Days to Opportunity", readonly=True, aggregator="avg"
    )
    days_customer = fields.Float(
        string="Days to Customer", readonly=True, aggregator="avg"
    )
    # how many
    mql_count = fields.Integer(string="MQLs", readonly=True)
    mal_count = fields.Integer(string="Accepted", readonly=True)
    sql_count = fields.Integer(string="SQLs", readonly=True)
    opportunity_count = fields.Integer(string="Opportunities", readonly=True)
    customer_count = fields.Integer(string="Customers", readonly=True)
    # the formulas
    is_touched = fields.Boolean(
        string="Interacted With",
        readonly=True,
        help="A seller has written, called, met or done an activity.",
    )
    is_paying = fields.Boolean(
        string="Paying",
        readonly=True,
        help="The customer has a posted invoice dated after the creation of the lead.",
    )
    is_qualified = fields.Boolean(
        string="Qualified", readonly=True, help="Converted, or has reached SQL."
    )
    conversion_rate = fields.Float(
        string="Conversion Rate (%)",
        readonly=True,
        aggregator="avg",
        digits=(16, 1),
        help="K02: of the leads that sellers interacted with, those whose customer has "
        "a posted invoice dated after the creation of the lead.",
    )
    qualified_rate = fields.Float(
        string="Leads to Prospects (%)",
        readonly=True,
        aggregator="avg",
        digits=(16, 1),
        help="K03: of the leads, those converted or sales-qualified.",
    )
    won_rate = fields.Float(
        string="Leads to Won Deals (%)",
        readonly=True,
        aggregator="avg",
        digits=(16, 1),
        help="K04: of the leads, those won. Young cohorts look worse: see how many are "
        "still open.",
    )
    mql_rate = fields.Float(
        string="MQL Rate (%)",
        readonly=True,
        aggregator="avg",
        digits=(16, 1),
        help="K06: of the leads, those that became marketing-qualified.",
    )

    _depends = {
        "crm.lead": [
            "active",
            "campaign_id",
            "company_id",
            "country_id",
            "create_date",
            "date_conversion",
            "is_junk",
            "lifecycle_step_id",
            "medium_id",
            "partner_id",
            "source_id",
            "team_id",
            "type",
            "user_id",
            "won_status",
        ],
        **ZONES_DEPENDS,
        "res.partner": ["commercial_partner_id", *ZONES_DEPENDS["res.partner"]],
        "account.move": [
            "company_id",
            "create_date",
            "invoice_date",
            "move_type",
            "state",
        ],
        "mail.message": ["author_id", "mail_activity_type_id", "model", "res_id"],
    }

    @property
    def _table_query(self) -> SQL:
        return SQL("%s %s %s", self._select(), self._from(), self._where())

    @api.model
    def _get_seller_ids(self):
        """Ids of who is or was a salesperson, archived ones included."""
        # sudo: who sells is no secret to who reads the report
        group_sudo = self.env.ref("sales_team.group_sale_salesman").sudo()
        return group_sudo.with_context(active_test=False).all_user_ids.ids

    @api.model
    def _sql_date(self, code):
        """SQL: when the lead first reached a step; a lead it is since its creation."""
        if code == "lead":
            return SQL("COALESCE(reached.lead, date_trunc('second', l.create_date))")
        return SQL.identifier("reached", code)

    @api.model
    def _select(self):
        return SQL(
            """
            SELECT l.id, l.id AS lead_id, l.create_date, l.type, l.won_status,
                   l.lifecycle_step_id, l.user_id, l.team_id, l.company_id,
                   l.partner_id, l.country_id, l.source_id, l.medium_id, l.campaign_id,
                   %(dates)s, %(days)s, %(counts)s,
                   fact.is_touched, fact.is_paying, fact.is_qualified,
                   CASE WHEN fact.is_touched THEN 100.0 * fact.is_paying::int END
                       AS conversion_rate,
                   100.0 * fact.is_qualified::int AS qualified_rate,
                   100.0 * (l.won_status IS NOT DISTINCT FROM 'won')::int AS won_rate,
                   100.0 * (reached.mql IS NOT NULL)::int AS mql_rate
            """,
            dates=SQL(", ").join(
                SQL("%s AS %s", self._sql_date(code), SQL.identifier(f"date_{code}"))
                for code in LEAD_STEPS
            ),
            # since the furthest step before it that was reached
            days=SQL(", ").join(
                SQL(
                    "EXTRACT(EPOCH FROM %s - GREATEST(%s))::float8 / 86400 AS %s",
                    SQL.identifier("reached", code),
                    SQL(", ").join(
                        SQL(
                            "CASE WHEN %(former)s <= %(this)s THEN %(former)s END",
                            former=self._sql_date(former),
                            this=SQL.identifier("reached", code),
                        )
                        for former in LEAD_STEPS[:position]
                    ),
                    SQL.identifier(f"days_{code}"),
                )
                for position, code in enumerate(LEAD_STEPS)
                if position
            ),
            counts=SQL(", ").join(
                SQL(
                    "(%s IS NOT NULL)::int AS %s",
                    SQL.identifier("reached", code),
                    SQL.identifier(f"{code}_count"),
                )
                for code in LEAD_STEPS[1:]
            ),
        )

    @api.model
    def _from(self):
        steps = self.env["crm.lifecycle.step"]._get_ids()
        return SQL(
            """
              FROM crm_lead l
         LEFT JOIN res_partner p ON p.id = l.partner_id
         LEFT JOIN LATERAL (
                   SELECT %(firsts)s
                     FROM crm_lifecycle_event e
                    WHERE e.lead_id = l.id AND e.kind = 'reached'
              ) reached ON TRUE
        CROSS JOIN LATERAL (
                   SELECT l.date_conversion IS NOT NULL OR reached.sql IS NOT NULL
                              AS is_qualified,
                          EXISTS (
                              SELECT FROM crm_touchpoint t
                                JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                               WHERE t.lead_id = l.id
                                 AND k.code = ANY(%(interactions)s)
                                 AND t.user_id = ANY(%(sellers)s)
                                 AND t.is_machine IS NOT TRUE
                          ) OR EXISTS (
                              SELECT FROM mail_message m
                                JOIN res_users u ON u.partner_id = m.author_id
                               WHERE m.model = 'crm.lead' AND m.res_id = l.id
                                 AND m.mail_activity_type_id IS NOT NULL
                                 AND u.id = ANY(%(sellers)s)
                          ) AS is_touched,
                          EXISTS (
                              SELECT FROM crm_touchpoint t
                                JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                                JOIN account_move m
                                  ON m.id = t.res_id AND t.res_model = 'account.move'
                                JOIN (%(zones)s) z ON z.company_id = m.company_id
                               WHERE t.commercial_partner_id = p.commercial_partner_id
                                 AND k.code = 'invoice_posted'
                                 AND m.state = 'posted' AND m.move_type = 'out_invoice'
                                 AND %(invoice_date)s > l.create_date
                                 AND (l.company_id IS NULL
                                      OR m.company_id = l.company_id)
                          ) AS is_paying
              ) fact
            """,
            firsts=SQL(", ").join(
                SQL(
                    "min(e.date) FILTER (WHERE e.step_to_id = %s) AS %s",
                    steps[code],
                    SQL.identifier(code),
                )
                for code in LEAD_STEPS
            ),
            interactions=list(INTERACTIONS),
            sellers=self._get_seller_ids(),
            invoice_date=INVOICE_DATE,
            zones=zones(),
        )

    @api.model
    def _where(self):
        return SQL("WHERE l.is_junk IS NOT TRUE")

    def action_open_lead(self):
        self.ensure_one()
        self.lead_id.check_access("read")
        return self.lead_id.redirect_lead_opportunity_view()
