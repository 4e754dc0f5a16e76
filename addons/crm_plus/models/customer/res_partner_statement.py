from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ...tools.statement import OpenItem, build_statement

STATEMENT_GROUPS = "account.group_account_invoice,account.group_account_readonly"
OWN_KEY = "crm_plus_own_statement"
# what a journal item is for who reads the statement
KIND_BY_MOVE_TYPE = {
    "out_invoice": "invoice",
    "out_receipt": "invoice",
    "out_refund": "credit_note",
    "in_refund": "invoice",
    "in_invoice": "credit_note",
}


class ResPartner(models.Model):
    """What a customer owes at a date, item by item, to print, to send and to show to
    the customer in the portal.
    """

    _inherit = "res.partner"

    def _check_statement_access(self, company):
        """Statements are for accounting; and the portal's pages show customers theirs.

        Reports are rendered by whoever knows their name: this stands behind them.
        """
        if self.env.user.has_groups(STATEMENT_GROUPS):
            if self.env.su or company in self.env.companies:
                self.check_access("read")
                return
        # not by the context alone, which clients write: superuser is set by the server
        elif self.env.su and self.env.context.get(OWN_KEY):
            if self.commercial_partner_id == self.env.user.commercial_partner_id:
                return
        raise AccessError(self.env._("Statements are for accounting only."))

    def _get_statements(self, company, at=None):
        """Return ``{commercial partner id: Statement}`` of these customers in
        ``company`` at the date ``at`` (today), set-based.

        Open at a date is what was booked until then and not matched by then with what
        was booked until then: the residuals of the receivable accounts today, unless
        something carries a later date.
        """
        self._check_statement_access(company)
        at = at or fields.Date.context_today(self)
        customers = self.commercial_partner_id
        items = {customer.id: [] for customer in customers}
        for customer_id, item in self._read_open_items(customers.ids, company, at):
            items[customer_id].append(item)
        currency_ids = {item.currency_id for some in items.values() for item in some}
        rounders = {
            currency.id: currency.round
            # sudo: currencies are no secret, and portal users may not see archived ones
            for currency in self.env["res.currency"].sudo().browse(currency_ids)
        }
        rounders[None] = company.sudo().currency_id.round
        return {
            customer_id: build_statement(at, some, rounders)
            for customer_id, some in items.items()
        }

    def _read_open_items(self, customer_ids, company, at):
        """Yield ``(commercial partner id, OpenItem)`` of what was open ``at``."""
        if not customer_ids:
            return
        self.env["account.move.line"].flush_model()
        self.env["account.partial.reconcile"].flush_model()
        self.env["account.move"].flush_model(["name", "payment_reference", "ref"])
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT p.commercial_partner_id AS customer_id, l.id AS line_id,
                       l.move_id, m.name, m.move_type, m.origin_payment_id,
                       m.statement_line_id, m.payment_reference, m.ref,
                       COALESCE(m.invoice_date, l.date) AS date,
                       COALESCE(l.date_maturity, l.date) AS date_due,
                       l.currency_id, l.amount_currency AS amount,
                       l.amount_currency - COALESCE(r.amount_currency, 0) AS residual,
                       l.balance - COALESCE(r.amount, 0) AS residual_company
                  FROM account_move_line l
                  JOIN res_partner p ON p.id = l.partner_id
                  JOIN account_account a ON a.id = l.account_id
                  JOIN account_move m ON m.id = l.move_id
             LEFT JOIN LATERAL (
                 SELECT sum(amount) AS amount, sum(amount_currency) AS amount_currency
                   FROM (SELECT amount, debit_amount_currency AS amount_currency
                           FROM account_partial_reconcile
                          WHERE debit_move_id = l.id AND max_date <= %(at)s
                          UNION ALL
                         SELECT -amount, -credit_amount_currency
                           FROM account_partial_reconcile
                          WHERE credit_move_id = l.id AND max_date <= %(at)s) k
             ) r ON TRUE
                 WHERE a.account_type = 'asset_receivable'
                   AND l.parent_state = 'posted'
                   AND l.company_id = %(company)s
                   AND p.commercial_partner_id = ANY(%(customers)s)
                   AND l.date <= %(at)s
                   -- the many that are long settled need no sum
                   AND (l.reconciled IS NOT TRUE OR EXISTS (
                        SELECT FROM account_partial_reconcile
                         WHERE debit_move_id = l.id AND max_date > %(at)s) OR EXISTS (
                        SELECT FROM account_partial_reconcile
                         WHERE credit_move_id = l.id AND max_date > %(at)s))
                """,
                at=at,
                company=company.id,
                customers=list(customer_ids),
            )
        )
        # sudo: currencies are no secret
        currencies = self.env["res.currency"].sudo()
        for row in rows:
            currency = currencies.browse(row["currency_id"])
            residual = currency.round(float(row["residual"]))
            # sudo: likewise
            residual_company = company.sudo().currency_id.round(
                float(row["residual_company"])
            )
            if not residual and not residual_company:
                continue
            yield (
                row["customer_id"],
                OpenItem(
                    line_id=row["line_id"],
                    move_id=row["move_id"],
                    name=row["name"] or "",
                    kind=self._get_item_kind(row),
                    date=row["date"],
                    date_due=row["date_due"],
                    currency_id=row["currency_id"],
                    amount=float(row["amount"]),
                    residual=residual,
                    residual_company=residual_company,
                    reference=self._get_item_reference(row),
                ),
            )

    def _get_item_reference(self, row):
        """The customer's own words; those of other entries are notes of ours."""
        if row["move_type"] not in KIND_BY_MOVE_TYPE:
            return row["payment_reference"] or ""
        return row["payment_reference"] or row["ref"] or ""

    def _get_item_kind(self, row):
        """Hook: one of ``statement.KINDS`` for a journal item."""
        if row["origin_payment_id"] or row["statement_line_id"]:
            return "payment"
        return KIND_BY_MOVE_TYPE.get(row["move_type"], "other")

    def _get_open_companies(self):
        """Companies whose receivable accounts have something open of this customer."""
        self.ensure_one()
        groups = self.env["account.move.line"]._read_group(
            [
                (
                    "partner_id.commercial_partner_id",
                    "=",
                    self.commercial_partner_id.id,
                ),
                ("account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
            ],
            ["company_id"],
        )
        return self.env["res.company"].union(*(company for (company,) in groups))

    def _get_pending_payments(self, company, at):
        """Payments that were registered and that the bank has yet to confirm: they have
        no journal entry, what they pay is still open in the ledger.
        """
        self._check_statement_access(company)
        # sudo: the portal shows customers their own payments
        return (
            self.env["account.payment"]
            .sudo()
            .search(
                [
                    ("company_id", "=", company.id),
                    ("partner_id.commercial_partner_id", "in", self.ids),
                    ("partner_type", "=", "customer"),
                    ("payment_type", "=", "inbound"),
                    ("state", "=", "in_process"),
                    ("move_id", "=", False),
                    ("date", "<=", at),
                ],
                order="date, id",
            )
        )

    def _get_statement_banks(self, company, currency):
        """Hook: the accounts of ours to pay ``currency`` to, best first, as on
        invoices.
        """
        banks = self.bank_ids.filtered(
            lambda bank: not bank.company_id or bank.company_id == company
        )
        fitting = banks.filtered(
            lambda bank: not bank.currency_id or bank.currency_id == currency
        )
        return (fitting or banks).sorted(
            lambda bank: (not bank.allow_out_payment, bank.sequence, bank.id)
        )[:2]

    def _get_customer_buttons(self):
        buttons = super()._get_customer_buttons()
        if self.env.user.has_groups(STATEMENT_GROUPS):
            buttons.append(
                {
                    "method": "action_send_statement",
                    "label": self.env._("Statement"),
                    "icon": "fa-file-text-o",
                }
            )
        return buttons

    def action_send_statement(self):
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_customer_statement_action"
        )
        action["context"] = {
            "active_model": self._name,
            "active_ids": self.ids,
            "dialog_size": "medium",
        }
        return action
