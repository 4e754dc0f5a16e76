from odoo import fields, models
from odoo.tools import SQL

from ...tools.company_time import ZONES_DEPENDS, day, zones
from ...tools.credit_standing import CreditStanding
from ...tools.receivable import DUE, OPEN, overdue


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
                "date",
                "date_maturity",
                "move_id",
            ]
        )
        for model, names in ZONES_DEPENDS.items():
            self.env[model].flush_model(names)
        overdue_days = dict(
            self.env.execute_query(
                SQL(
                    """
                    WITH receivable AS MATERIALIZED (
                        SELECT id FROM account_account
                         WHERE account_type = 'asset_receivable'
                    )
                    -- of all that was ever booked one line will do, and what is open
                    SELECT p.id, COALESCE(z.today - o.date, 0)
                      FROM unnest(%(partners)s::int[]) AS p (id)
                CROSS JOIN (
                        SELECT %(today)s AS today FROM (%(zones)s) zones
                         WHERE company_id = %(company)s
                      ) AS z
                 LEFT JOIN LATERAL (%(overdue)s) AS o ON TRUE
                     WHERE EXISTS (
                        SELECT FROM account_move_line AS l
                         WHERE l.partner_id = p.id
                           AND l.company_id = %(company)s
                           AND l.account_id IN (SELECT id FROM receivable)
                           AND l.parent_state = 'posted')
                    """,
                    overdue=overdue(
                        SQL(
                            """
                            SELECT l.id, l.partner_id AS customer_id, l.company_id,
                                   l.move_id, %(due)s AS due,
                                   l.amount_residual AS residual
                              FROM account_move_line AS l
                             WHERE l.partner_id = p.id
                               AND l.company_id = %(company)s
                               AND l.account_id IN (SELECT id FROM receivable)
                               AND %(open)s
                               AND (l.amount_residual < 0 OR %(due)s < z.today)
                            """,
                            due=DUE,
                            open=OPEN,
                            company=company.id,
                        )
                    ),
                    today=day(
                        SQL("%s::timestamp", fields.Datetime.now()), SQL("zones.name")
                    ),
                    zones=zones(),
                    company=company.id,
                    partners=self.ids,
                )
            )
        )
        standings = {}
        for partner in self.with_company(company):
            limit = partner.credit_limit if company.account_use_credit_limit else 0.0
            standings[partner.id] = CreditStanding(
                is_known=partner.id in overdue_days,
                is_blocked=partner.trust == "bad",
                owed=partner.credit + partner.credit_to_invoice if limit else 0.0,
                limit=limit,
                overdue_days=overdue_days.get(partner.id, 0),
                stop_days=company.crm_plus_overdue_days,
            )
        return standings
