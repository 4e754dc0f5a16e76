from odoo import models
from odoo.tools import SQL

from ...tools.company_time import company_today
from ...tools.credit_standing import CreditStanding


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _get_credit_standings(self, company):
        """``{commercial partner id: CreditStanding}`` in ``company``. Call with sudo,
        and give nobody its amounts.
        """
        if not self.ids:
            return {}
        self.env["account.move.line"].flush_model(
            [
                "partner_id",
                "company_id",
                "account_id",
                "parent_state",
                "reconciled",
                "amount_residual",
                "date_maturity",
            ]
        )
        today = company_today(company)
        ledger = dict(
            self.env.execute_query(
                SQL(
                    """
                    WITH receivable AS MATERIALIZED (
                        SELECT id FROM account_account
                         WHERE account_type = 'asset_receivable'
                    )
                    -- of all that was ever booked one line will do, and what is open
                    SELECT p.id, o.date
                      FROM unnest(%(partners)s::int[]) AS p (id)
                CROSS JOIN LATERAL (
                        SELECT min(l.date_maturity) AS date
                          FROM account_move_line AS l
                         WHERE l.partner_id = p.id
                           AND l.company_id = %(company)s
                           AND l.account_id IN (SELECT id FROM receivable)
                           AND l.parent_state = 'posted'
                           AND l.reconciled IS NOT TRUE
                           AND l.amount_residual > 0
                           AND l.date_maturity < %(today)s
                      ) AS o
                     WHERE EXISTS (
                        SELECT FROM account_move_line AS l
                         WHERE l.partner_id = p.id
                           AND l.company_id = %(company)s
                           AND l.account_id IN (SELECT id FROM receivable)
                           AND l.parent_state = 'posted')
                    """,
                    today=today,
                    company=company.id,
                    partners=self.ids,
                )
            )
        )
        standings = {}
        for partner in self.with_company(company):
            due = ledger.get(partner.id)
            limit = partner.credit_limit if company.account_use_credit_limit else 0.0
            standings[partner.id] = CreditStanding(
                is_known=partner.id in ledger,
                is_blocked=partner.trust == "bad",
                owed=partner.credit + partner.credit_to_invoice if limit else 0.0,
                limit=limit,
                overdue_days=(today - due).days if due else 0,
                stop_days=company.crm_plus_overdue_days,
            )
        return standings
