from odoo import api, models
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.invoice_cost import LINE_COST, LINE_COST_JOINS


class CrmCustomerProfitReport(models.Model):
    """What service cost a customer, besides the credit notes, which are in the sales.

    A credit note takes the cost of its goods back as if they had returned. Where they
    have, that is in "Goods Taken Back", too: counted once. Where the customer kept
    them, their cost stays.
    """

    _inherit = "crm.customer.profit.report"
    _depends = {
        "account.analytic.line": ["amount", "case_id", "date"],
        "account.move": ["case_claim_id"],
        "crm.case": ["commercial_partner_id", "company_id"],
        "crm.case.claim": ["case_id", "date_approved", "freight_cost", "state"],
        "crm.case.claim.line": ["claim_id", "remedy"],
        "crm.case.time": ["case_id", "date", "hour_cost", "hours"],
        "stock.move": ["case_claim_line_id", "date", "is_in", "is_out", "state"],
    }

    @api.model
    def _get_known_costs(self, company):
        known = super()._get_known_costs(company)
        # sudo: who reads the profit may know whether service is in it
        Claim = self.env["crm.case.claim"].sudo()
        Line = self.env["account.analytic.line"].sudo()
        Time = self.env["crm.case.time"].sudo()
        if (
            Claim.search_count(
                [
                    ("company_id", "=", company.id),
                    ("state", "in", ("progress", "done")),
                ],
                limit=1,
            )
            or Line.search_count(
                [("company_id", "=", company.id), ("case_id", "!=", False)], limit=1
            )
            or Time.search_count(
                [("company_id", "=", company.id), ("hour_cost", ">", 0)], limit=1
            )
        ):
            known = known | {"service"}
        return known

    @api.model
    def _get_cost_queries(self):
        return [
            *super()._get_cost_queries(),
            SQL(
                """
                SELECT c.commercial_partner_id AS partner_id, c.company_id, r.date,
                       r.amount AS cost
                  FROM (%s) r
                  JOIN crm_case c ON c.id = r.case_id
                 WHERE r.kind <> 'credit' AND c.commercial_partner_id IS NOT NULL
                """,
                self.env["crm.case.cost"]._get_rows_query(),
            ),
            SQL(
                """
                SELECT p.commercial_partner_id AS partner_id, m.company_id,
                       m.invoice_date AS date, COALESCE(%s, 0) AS cost
                  FROM account_move m
                  JOIN res_partner p ON p.id = m.commercial_partner_id
                  JOIN account_move_line l ON l.move_id = m.id
                  %s
                 WHERE m.case_claim_id IS NOT NULL AND m.state = 'posted'
                   AND m.move_type = 'out_refund' AND l.display_type = 'product'
                """,
                LINE_COST,
                LINE_COST_JOINS,
            ),
        ]
