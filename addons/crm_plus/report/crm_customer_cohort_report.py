from odoo import fields, models
from odoo.tools import SQL

from ..tools.company_time import ZONES_DEPENDS, zones_today


class CrmCustomerCohortReport(models.Model):
    """Of the customers that were first invoiced in a month, how many were invoiced so
    many months later (KPI 58): a row a month of beginning and month of age.
    """

    _name = "crm.customer.cohort.report"
    _description = "Customer Cohorts"
    _auto = False
    _order = "cohort desc, age"
    _rec_name = "cohort"
    _depends = {
        "account.move": [
            "commercial_partner_id",
            "company_id",
            "invoice_date",
            "move_type",
            "state",
        ],
        **ZONES_DEPENDS,
        "res.partner": ["commercial_partner_id", *ZONES_DEPENDS["res.partner"]],
    }

    cohort = fields.Date(string="First Invoice In", readonly=True)
    age = fields.Integer(
        string="Months Later",
        readonly=True,
        aggregator=None,
        help="0: the first month.",
    )
    company_id = fields.Many2one("res.company", readonly=True)
    size = fields.Integer(
        string="Customers of the Cohort (n)", readonly=True, aggregator="max"
    )
    customers = fields.Integer(string="Invoiced", readonly=True, aggregator="avg")
    share = fields.Float(
        string="Invoiced (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )

    @property
    def _table_query(self):
        return SQL(
            """
            WITH zone AS (%(zones)s), months AS (
                SELECT DISTINCT p.commercial_partner_id AS customer_id, m.company_id,
                       date_trunc('month', m.invoice_date)::date AS month
                  FROM account_move m
                  JOIN res_partner p ON p.id = m.commercial_partner_id
                  JOIN zone z ON z.company_id = m.company_id
                 WHERE m.state = 'posted' AND m.move_type = 'out_invoice'
                   AND m.invoice_date <= z.today
            ), firsts AS (
                SELECT customer_id, company_id, min(month) AS cohort
                  FROM months
                 GROUP BY customer_id, company_id
            ), sizes AS (
                SELECT company_id, cohort, count(*) AS size
                  FROM firsts
                 GROUP BY company_id, cohort
            ), ages AS (
                SELECT s.*, a.age,
                       (s.cohort + a.age * interval '1 month')::date AS month
                  FROM sizes s
                  JOIN zone z ON z.company_id = s.company_id
            CROSS JOIN LATERAL generate_series(
                    0, (EXTRACT(YEAR FROM z.today) * 12 + EXTRACT(MONTH FROM z.today)
                        - EXTRACT(YEAR FROM s.cohort) * 12
                        - EXTRACT(MONTH FROM s.cohort))::int) AS a (age)
            ), counts AS (
                SELECT f.company_id, f.cohort, m.month, count(*) AS customers
                  FROM firsts f
                  JOIN months m USING (customer_id, company_id)
                 GROUP BY f.company_id, f.cohort, m.month
            )
            SELECT row_number() OVER (ORDER BY a.company_id, a.cohort, a.age) AS id,
                   a.company_id, a.cohort, a.age, a.size,
                   COALESCE(c.customers, 0) AS customers,
                   100.0 * COALESCE(c.customers, 0) / a.size AS share
              FROM ages a
         LEFT JOIN counts c
                ON c.company_id = a.company_id AND c.cohort = a.cohort
               AND c.month = a.month
            """,
            zones=zones_today(),
        )
