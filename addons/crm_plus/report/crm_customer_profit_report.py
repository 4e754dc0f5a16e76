from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.invoice_cost import LINE_COST, LINE_COST_DEPENDS, LINE_COST_JOINS
from ..tools.sales import SALE_TYPES


class CrmCustomerProfitReport(models.Model):
    """What customers left (KPI 61): a row a customer and month.

    Net sales less the cost of goods, as in Invoice Analysis, and less what campaigns
    and service cost, where an app knows. Sales whose product has no cost stand apart:
    they are in the profit with nothing taken off.
    """

    _name = "crm.customer.profit.report"
    _description = "Customer Profitability"
    _auto = False
    _order = "date desc, id"
    _rec_name = "partner_id"
    _depends = {
        "account.move": [
            "commercial_partner_id",
            "company_id",
            "invoice_date",
            "move_type",
            "state",
        ],
        **LINE_COST_DEPENDS,
        "res.partner": ["commercial_partner_id", "user_id"],
        "crm.customer.profile": ["label_id"],
    }

    date = fields.Date(string="Month", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    label_id = fields.Many2one("crm.customer.label", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    revenue = fields.Monetary(string="Net Sales", readonly=True)
    cost = fields.Monetary(string="Cost of Goods", readonly=True)
    other_cost = fields.Monetary(
        string="Campaigns and Service",
        readonly=True,
        help="Where an app knows them; without one nothing is taken off.",
    )
    profit = fields.Monetary(readonly=True)
    revenue_unknown = fields.Monetary(
        string="Sales Without Cost",
        readonly=True,
        help="Part of the net sales whose product has no cost.",
    )

    unknown_costs = fields.Char(
        string="Not Taken Off",
        compute="_compute_unknown_costs",
        help="Costs that are not known: the profit is before them.",
    )

    @api.depends("company_id")
    @api.depends_context("lang")
    def _compute_unknown_costs(self):
        names = {
            "campaign": self.env._("Campaigns"),
            "service": self.env._("Service"),
        }
        for company, rows in self.grouped("company_id").items():
            known = self._get_known_costs(company)
            rows.unknown_costs = ", ".join(
                name for kind, name in names.items() if kind not in known
            )

    @api.model
    def _get_known_costs(self, company):
        """Hook: which of ``campaign`` and ``service`` ``_get_cost_queries`` has for the
        company.
        """
        return set()

    @api.model
    def _get_cost_queries(self):
        """Hook: list of SQL SELECTs of what customers cost besides goods, with the
        columns ``partner_id`` (commercial partner), ``company_id``, ``date``, ``cost``
        (in company currency, a cost is positive).
        """
        return []

    @property
    def _table_query(self):
        others = [
            SQL(
                """UNION ALL
                SELECT o.partner_id, o.company_id, o.date, 0, 0, o.cost, 0
                  FROM (%s) o""",
                query,
            )
            for query in self._get_cost_queries()
        ]
        return SQL(
            """
            SELECT row_number() OVER (ORDER BY r.company_id, r.partner_id,
                                      date_trunc('month', r.date)) AS id,
                   date_trunc('month', r.date)::date AS date,
                   r.partner_id, r.company_id, p.user_id, c.label_id,
                   sum(r.revenue) AS revenue, sum(r.cost) AS cost,
                   sum(r.other_cost) AS other_cost,
                   sum(r.revenue - r.cost - r.other_cost) AS profit,
                   sum(r.revenue_unknown) AS revenue_unknown
              FROM (
                SELECT partner_id, company_id, date, revenue,
                       COALESCE(cost, 0) AS cost, 0 AS other_cost,
                       CASE WHEN cost IS NULL THEN revenue ELSE 0 END
                           AS revenue_unknown
                  FROM (
                    SELECT p.commercial_partner_id AS partner_id, m.company_id,
                           m.invoice_date AS date, -l.balance AS revenue,
                           CASE m.move_type WHEN 'out_invoice' THEN 1 ELSE -1 END
                               * %(cost)s AS cost
                      FROM account_move m
                      JOIN res_partner p ON p.id = m.commercial_partner_id
                      JOIN account_move_line l ON l.move_id = m.id
                      %(cost_joins)s
                     WHERE m.state = 'posted'
                       AND m.move_type IN %(sale_types)s
                       AND l.display_type = 'product'
                  ) lines
                %(others)s
              ) r
              JOIN res_partner p ON p.id = r.partner_id
         LEFT JOIN crm_customer_profile c
                ON c.partner_id = r.partner_id AND c.company_id = r.company_id
             GROUP BY r.partner_id, r.company_id, date_trunc('month', r.date),
                      p.user_id, c.label_id
            """,
            cost=LINE_COST,
            cost_joins=LINE_COST_JOINS,
            sale_types=SALE_TYPES,
            others=SQL(" ").join(others),
        )
