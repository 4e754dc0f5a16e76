from odoo import api, fields, models
from odoo.tools import SQL, format_date

from ...tools.company_time import ZONES_DEPENDS, day, zones_today
from ...tools.contact_hold import HoldProvider, terms_table
from ...tools.receivable import DUE, OPEN, overdue


class CrmContactHold(models.Model):
    """The holds that CRM Plus itself brings: from the ledger and the warehouse."""

    _inherit = "crm.contact.hold"

    @api.model
    def _get_hold_providers(self):
        return [
            *super()._get_hold_providers(),
            self._get_overdue_provider(),
            self._get_credit_provider(),
            self._get_return_provider(),
        ]

    # ------------------------------------------------------------
    # Overdue
    # ------------------------------------------------------------

    @api.model
    def _get_overdue_provider(self):
        return HoldProvider(
            key="overdue",
            label=self.env._("Overdue invoices"),
            select=self._select_overdue,
            words=lambda hold: self.env._(
                "Invoices overdue since %s", format_date(self.env, hold.date_since)
            ),
            depends={
                "account.move.line": [
                    "account_id",
                    "amount_residual",
                    "company_id",
                    "date",
                    "date_maturity",
                    "move_id",
                    "parent_state",
                    "partner_id",
                    "reconciled",
                ],
                "account.account": ["account_type"],
                "res.partner": ["commercial_partner_id"],
            },
        )

    def _select_overdue(self, terms, partner_ids):
        """Whose receivable items that are overdue for long enough come, less what is
        open in their favour, to more than the amount.
        """
        late = SQL(
            """
            SELECT l.id, p.commercial_partner_id AS customer_id, l.company_id,
                   l.move_id, %(due)s AS due, l.amount_residual AS residual
              FROM account_move_line l
              JOIN %(terms)s ON terms.company_id = l.company_id
              JOIN account_account a ON a.id = l.account_id
              JOIN res_partner p ON p.id = l.partner_id
             WHERE a.account_type = 'asset_receivable' AND %(open)s AND %(some)s
               AND (l.amount_residual < 0 OR %(due)s < %(today)s::date - terms.days)
            """,
            due=DUE,
            open=OPEN,
            terms=terms_table(terms),
            some=self._of_customers(partner_ids),
            today=fields.Date.context_today(self),
        )
        return SQL(
            """
            SELECT o.customer_id AS partner_id, o.company_id,
                   -- overdue since the day after it was due
                   o.date + 1 AS date_since,
                   'account.move'::varchar AS res_model, o.move_id AS res_id
              FROM (%(overdue)s) o
              JOIN %(terms)s ON terms.company_id = o.company_id
             WHERE o.amount > terms.amount
            """,
            overdue=overdue(late),
            terms=terms_table(terms),
        )

    def _of_customers(self, partner_ids):
        if partner_ids is None:
            return SQL("TRUE")
        return SQL("p.commercial_partner_id = ANY(%s)", list(partner_ids))

    # ------------------------------------------------------------
    # Credit
    # ------------------------------------------------------------

    @api.model
    def _get_credit_provider(self):
        return HoldProvider(
            key="credit",
            label=self.env._("Credit hold"),
            select=self._select_credit,
            words=lambda hold: self.env._(
                "Bad debtor, or over the credit limit, since %s",
                format_date(self.env, hold.date_since),
            ),
            depends={"res.partner": ["trust", "credit_limit"]},
        )

    def _select_credit(self, terms, partner_ids):
        """Whom accounting marks as a bad debtor, or who is over the credit limit: asked
        in the words of the credit light, so that the two never differ.
        """
        Company = self.env["res.company"]
        today = fields.Date.context_today(self)
        found = []
        for one in terms:
            company = Company.browse(one.company_id)
            candidates = self._get_credit_candidates(company, partner_ids)
            standings = candidates._get_credit_standings(company)
            found += [
                (partner_id, company.id)
                for partner_id, standing in standings.items()
                if standing.is_blocked
                or (standing.limit and standing.owed > standing.limit)
            ]
        return SQL(
            """
            SELECT f.partner_id, f.company_id,
                   COALESCE((
                       SELECT h.date_since FROM crm_contact_hold h
                        WHERE h.partner_id = f.partner_id
                          AND h.company_id = f.company_id
                          AND h.provider = 'credit' AND h.date_released IS NULL
                   ), %(today)s::date) AS date_since,
                   NULL::varchar AS res_model, NULL::integer AS res_id
              FROM unnest(%(partners)s::integer[], %(companies)s::integer[])
                   f (partner_id, company_id)
            """,
            today=today,
            partners=[partner_id for partner_id, _company in found],
            companies=[company_id for _partner, company_id in found],
        )

    def _get_credit_candidates(self, company, partner_ids):
        """Customers marked as bad debtors, and those with a limit who owe something."""
        # sudo: only who they are
        Partner = self.env["res.partner"].sudo().with_company(company)
        limited = SQL("FALSE")
        if company.account_use_credit_limit:
            limited = SQL(
                """
                %s > 0 AND (
                    EXISTS (
                        SELECT FROM account_move_line l
                         WHERE l.partner_id = p.id AND l.parent_state = 'posted'
                           AND l.reconciled IS NOT TRUE AND l.amount_residual > 0)
                    OR EXISTS (
                        SELECT FROM sale_order o
                          JOIN res_partner i ON i.id = o.partner_invoice_id
                         WHERE i.commercial_partner_id = p.id AND o.state = 'sale'
                           AND o.company_id = %s AND o.invoice_status <> 'invoiced'))
                """,
                Partner._field_to_sql("p", "credit_limit"),
                company.id,
            )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id FROM res_partner p
                 WHERE p.commercial_partner_id = p.id AND %s AND (%s = 'bad' OR %s)
                """,
                self._of_customers(partner_ids),
                Partner._field_to_sql("p", "trust"),
                limited,
            )
        )
        return Partner.browse(row[0] for row in rows)

    # ------------------------------------------------------------
    # Returns
    # ------------------------------------------------------------

    @api.model
    def _get_return_provider(self):
        return HoldProvider(
            key="return",
            label=self.env._("Open return"),
            select=self._select_returns,
            words=lambda hold: self.env._(
                "Goods are coming back since %s",
                format_date(self.env, hold.date_since),
            ),
            depends={
                "stock.picking": [
                    "company_id",
                    "location_dest_id",
                    "location_id",
                    "partner_id",
                    "state",
                ],
                "stock.location": ["usage"],
                **ZONES_DEPENDS,
                "res.partner": ["commercial_partner_id", *ZONES_DEPENDS["res.partner"]],
            },
        )

    def _select_returns(self, terms, partner_ids):
        """Who sends something back that has not arrived: the oldest such transfer."""
        return SQL(
            """
            SELECT DISTINCT ON (p.commercial_partner_id, k.company_id)
                   p.commercial_partner_id AS partner_id, k.company_id,
                   %(begun)s AS date_since,
                   'stock.picking'::varchar AS res_model, k.id AS res_id
              FROM stock_picking k
              JOIN %(terms)s ON terms.company_id = k.company_id
              JOIN (%(zones)s) z ON z.company_id = k.company_id
              JOIN stock_location lf ON lf.id = k.location_id
              JOIN stock_location lt ON lt.id = k.location_dest_id
              JOIN res_partner p ON p.id = k.partner_id
             WHERE k.state NOT IN ('draft', 'done', 'cancel')
               AND lf.usage = 'customer' AND lt.usage <> 'customer'
               AND %(some)s
               AND %(begun)s <= z.today - terms.days
          ORDER BY p.commercial_partner_id, k.company_id, k.create_date, k.id
            """,
            terms=terms_table(terms),
            some=self._of_customers(partner_ids),
            begun=day(SQL("k.create_date"), SQL("z.name")),
            zones=zones_today(),
        )
