from odoo import api, fields, models
from odoo.tools import SQL

from ..models.customer.crm_customer_yardstick import MONEY_GROUPS
from ..tools.attribution import MODELS
from ..tools.company_time import ZONES_DEPENDS, day, zones

# measure: (numerator, denominator, factor); of groups, too, sums are divided
RATIOS = {
    "mql_rate": ("mqls", "leads", 100),
    "win_rate": ("won", "leads", 100),
    "cost_per_lead": ("cost", "leads", 1),
    "cost_per_customer": ("cost", "customers", 1),
    "roi": ("profit", "cost", 100),
    "roi_revenue": ("surplus", "cost", 100),
}
SUMS = (
    "leads",
    "mqls",
    "won",
    "customers",
    "invoices",
    "cost",
    "revenue",
    "paid",
    "margin",
)


class CrmMarketingReturnReport(models.Model):
    """What marketing cost and brought (K35 to K38, K47): a row a month, campaign,
    medium and source.

    Leads count in the month they came, costs on their date, invoices on theirs, shared
    out by the model of returns in the settings. Without a cost there is no ROI.
    """

    _name = "crm.marketing.return.report"
    _description = "Returns of Campaigns"
    _inherit = ["crm.ratio.mixin"]
    _auto = False
    _ratios = RATIOS
    # nothing spent: nothing to share out, rather than a cost of 0
    _ratio_blanks = ("cost",)
    _order = "date desc, id"
    _rec_name = "campaign_id"
    _depends = {
        "account.move": [
            "amount_residual_signed",
            "amount_total_signed",
            "commercial_partner_id",
            "company_id",
            "invoice_date",
            "move_type",
            "state",
        ],
        "account.move.line": ["balance", "parent_state"],
        "crm.attribution": ["company_id", "date", "margin", "move_id", "revenue"],
        "crm.attribution.touch": [
            "attribution_id",
            "campaign_id",
            "medium_id",
            "source_id",
            *(f"share_{model}" for model, _name in MODELS),
        ],
        "crm.lead": [
            "campaign_id",
            "company_id",
            "date_mql",
            "is_junk",
            "medium_id",
            "source_id",
            "won_status",
        ],
        "crm.marketing.cost": [
            "amount_company",
            "bill_line_id",
            "campaign_id",
            "company_id",
            "date",
            "is_from_bill",
            "medium_id",
            "source_id",
        ],
        **ZONES_DEPENDS,
        "res.company": [*ZONES_DEPENDS["res.company"], "currency_id"],
    }

    date = fields.Date(string="Month", readonly=True)
    campaign_id = fields.Many2one("utm.campaign", readonly=True)
    medium_id = fields.Many2one("utm.medium", readonly=True)
    source_id = fields.Many2one("utm.source", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    leads = fields.Integer(readonly=True, help="Without junk.")
    mqls = fields.Integer(string="MQL", readonly=True)
    won = fields.Integer(string="Won Leads", readonly=True)
    customers = fields.Float(
        string="New Customers",
        readonly=True,
        digits=(16, 1),
        help="Invoiced for the first time; shared out by the model of returns.",
    )
    invoices = fields.Float(readonly=True, digits=(16, 1))
    cost = fields.Monetary(readonly=True)
    revenue = fields.Monetary(
        string="Invoiced",
        readonly=True,
        groups=MONEY_GROUPS,
        help="Posted invoices less credit notes, untaxed.",
    )
    paid = fields.Monetary(readonly=True, groups=MONEY_GROUPS)
    margin = fields.Monetary(readonly=True, groups=MONEY_GROUPS)
    profit = fields.Monetary(
        string="Margin Less Cost", readonly=True, groups=MONEY_GROUPS
    )
    surplus = fields.Monetary(
        string="Invoiced Less Cost", readonly=True, groups=MONEY_GROUPS
    )
    mql_rate = fields.Float(
        string="MQL (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    win_rate = fields.Float(
        string="Won (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    cost_per_lead = fields.Monetary(readonly=True, aggregator="avg")
    cost_per_customer = fields.Monetary(
        readonly=True,
        aggregator="avg",
        help="Costs of campaigns only; what selling costs is not in it.",
    )
    roi = fields.Float(
        string="ROI (%)",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        groups=MONEY_GROUPS,
        help="Attributed margin less cost, per cost.",
    )
    roi_revenue = fields.Float(
        string="ROI on Revenue (%)",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        groups=MONEY_GROUPS,
        help="What was invoiced less cost, per cost.",
    )

    @api.model
    def _get_model(self):
        """Return the key of the model of returns."""
        # sudo: a setting, whoever reads the report
        model = (
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_plus.attribution_model")
        )
        return model if model in dict(MODELS) else "last"

    @api.model
    def _get_fact_queries(self):
        """Hook: SQL SELECTs of date, company, campaign, medium, source and ``SUMS``."""
        return [self._leads_query(), self._invoices_query(), self._costs_query()]

    def _leads_query(self):
        return SQL(
            """
            SELECT %(day)s AS date, l.company_id, l.campaign_id,
                   l.medium_id, l.source_id,
                   1 AS leads, (l.date_mql IS NOT NULL)::int AS mqls,
                   (l.won_status = 'won')::int AS won,
                   0 AS customers, 0 AS invoices, 0 AS cost, 0 AS revenue, 0 AS paid,
                   0 AS margin
              FROM crm_lead l
         LEFT JOIN (%(zones)s) zone ON zone.company_id = l.company_id
             WHERE l.is_junk IS NOT TRUE
            """,
            day=day(SQL("l.create_date"), SQL("COALESCE(zone.name, 'UTC')")),
            zones=zones(),
        )

    def _invoices_query(self):
        return SQL(
            """
            SELECT a.date, a.company_id, t.campaign_id, t.medium_id, t.source_id,
                   0, 0, 0,
                   %(share)s * (firsts.id IS NOT NULL)::int,
                   %(share)s * (m.move_type = 'out_invoice')::int, 0,
                   %(share)s * a.revenue,
                   %(share)s * a.revenue * COALESCE(
                       1 - m.amount_residual_signed
                           / NULLIF(m.amount_total_signed, 0), 1),
                   %(share)s * a.margin
              FROM crm_attribution_touch t
              JOIN crm_attribution a ON a.id = t.attribution_id
              JOIN account_move m ON m.id = a.move_id
         LEFT JOIN (%(firsts)s) firsts ON firsts.id = a.move_id
             WHERE m.state = 'posted' AND %(share)s > 0
            """,
            share=SQL.identifier("t", f"share_{self._get_model()}"),
            firsts=self.env["crm.attribution.report"]._first_invoices_query(),
        )

    def _costs_query(self):
        """Of a bill only while it is posted, and never more than it is for: its line
        may be for less by now.
        """
        return SQL(
            """
            SELECT c.date, c.company_id, c.campaign_id, c.medium_id, c.source_id,
                   0, 0, 0, 0, 0,
                   c.amount_company * CASE WHEN c.is_from_bill THEN LEAST(1, abs(
                       l.balance / NULLIF(sum(c.amount_company) OVER (
                           PARTITION BY c.bill_line_id), 0))) ELSE 1 END,
                   0, 0, 0
              FROM crm_marketing_cost c
         LEFT JOIN account_move_line l ON l.id = c.bill_line_id
             WHERE c.is_from_bill IS NOT TRUE OR l.parent_state = 'posted'
            """
        )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT row_number() OVER (ORDER BY date, company_id, campaign_id, medium_id,
                                      source_id) AS id,
                   f.*,
                   %(ratios)s, COALESCE(c.currency_id, %(currency)s) AS currency_id
              FROM (
                SELECT date_trunc('month', date)::date AS date, company_id, campaign_id,
                       medium_id, source_id, %(sums)s,
                       sum(margin - cost) AS profit, sum(revenue - cost) AS surplus
                  FROM (%(facts)s) facts
                 GROUP BY 1, 2, 3, 4, 5
              ) f
         LEFT JOIN res_company c ON c.id = f.company_id
            """,
            sums=SQL(", ").join(
                SQL("sum(%s) AS %s", SQL.identifier(name), SQL.identifier(name))
                for name in SUMS
            ),
            ratios=self._get_ratio_columns("f"),
            facts=SQL(" UNION ALL ").join(self._get_fact_queries()),
            currency=self.env.company.currency_id.id,
        )
