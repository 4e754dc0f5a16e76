from odoo import fields, models
from odoo.tools import SQL

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
        today = fields.Date.context_today(self)
        ledger = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT l.partner_id,
                           min(l.date_maturity) FILTER (
                               WHERE NOT l.reconciled AND l.amount_residual > 0
                                 AND l.date_maturity < %(today)s)
                      FROM account_move_line AS l
                      JOIN account_account AS a ON a.id = l.account_id
                     WHERE a.account_type = 'asset_receivable'
                       AND l.parent_state = 'posted'
                       AND l.company_id = %(company)s
                       AND l.partner_id = ANY(%(partners)s)
                     GROUP BY l.partner_id
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
