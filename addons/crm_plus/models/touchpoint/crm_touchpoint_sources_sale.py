from odoo import api, models
from odoo.tools import SQL

from ...tools.company_time import ZONES_DEPENDS, day, day_start, zones
from ...tools.touchpoint_source import TouchpointSource

# The order an invoice belongs to: the first one by id where it bills several.
INVOICE_FROM = SQL(
    """account_move m
       JOIN (%s) z ON z.company_id = m.company_id
       LEFT JOIN LATERAL (
           SELECT o.id, o.opportunity_id
             FROM account_move_line ml
             JOIN sale_order_line_invoice_rel r ON r.invoice_line_id = ml.id
             JOIN sale_order_line ol ON ol.id = r.order_line_id
             JOIN sale_order o ON o.id = ol.order_id
            WHERE ml.move_id = m.id
            ORDER BY o.id LIMIT 1
       ) o ON TRUE""",
    zones(),
)


def dated(date, created) -> SQL:
    """SQL of the moment of what bears a date: what is dated the day it was made was
    made at a moment; else it is that day, which begins where the company is.
    """
    zone = SQL("z.name")
    return SQL(
        "CASE WHEN %(date)s = %(day)s THEN %(created)s ELSE %(start)s END",
        date=date,
        created=created,
        day=day(created, zone),
        start=day_start(date, zone),
    )


INVOICE_DATE = dated(SQL("m.invoice_date"), SQL("m.create_date"))
IS_DELIVERY = SQL("lt.usage = 'customer' AND lf.usage <> 'customer'")
# the day after the promise begins where the company is
DELIVERY_LATE_FROM = day_start(
    SQL(
        "%s + 1", day(SQL("COALESCE(p.date_deadline, p.scheduled_date)"), SQL("z.name"))
    ),
    SQL("z.name"),
)
# by then it has begun everywhere; written as in the index of stock.picking
DELIVERY_LATE_UNTIL = SQL(
    """(date_trunc('day', COALESCE(p.date_deadline, p.scheduled_date))
        + interval '2 days')"""
)


class CrmTouchpoint(models.Model):
    """Sources of CRM, sales, stock and accounting."""

    _inherit = "crm.touchpoint"

    @api.model
    def _get_sources(self):
        return [
            *super()._get_sources(),
            self._source_lead_created(),
            self._source_lead_won(),
            self._source_lead_lost(),
            self._source_quotation_sent(),
            self._source_order_confirmed(),
            self._source_delivery_done(),
            self._source_return_done(),
            self._source_delivery_late(),
            self._source_invoice_posted(),
            self._source_credit_note_posted(),
            self._source_payment_received(),
            self._source_bank_payment_received(),
            self._source_invoice_paid(),
            self._source_invoice_overdue(),
        ]

    # ------------------------------------------------------------
    # Leads
    # ------------------------------------------------------------

    def _lead_source(self, key, **values):
        columns = {
            "name": SQL("l.name"),
            "partner_id": SQL("l.partner_id"),
            "lead_id": SQL("l.id"),
            "user_id": SQL("l.user_id"),
            "company_id": SQL("l.company_id"),
            "campaign_id": SQL("l.campaign_id"),
            "medium_id": SQL("l.medium_id"),
            "source_id": SQL("l.source_id"),
            **values.pop("columns", {}),
        }
        return TouchpointSource(
            key=key,
            kind=key,
            model="crm.lead",
            record_id=SQL("l.id"),
            from_clause=SQL("crm_lead l"),
            columns=columns,
            depends={
                "crm.lead": [
                    "won_status",
                    "date_closed",
                    "is_junk",
                    "expected_revenue",
                    "write_date",
                    *columns.keys() - {"lead_id", "amount"},
                ]
            },
            **values,
        )

    def _source_lead_created(self):
        return self._lead_source(
            "lead_created",
            date=SQL("l.create_date"),
            where=SQL("TRUE"),
            changed=(SQL("l.create_date"),),
        )

    def _source_lead_won(self):
        return self._lead_source(
            "lead_won",
            date=SQL("l.date_closed"),
            where=SQL("l.won_status = 'won' AND l.date_closed IS NOT NULL"),
            changed=(SQL("l.write_date"),),
            # a deal that is reopened and won again was won twice
            occurrence=SQL("to_char(l.date_closed, 'YYYYMMDDHH24MISS')"),
            columns={"amount": SQL("l.expected_revenue")},
        )

    def _source_lead_lost(self):
        return self._lead_source(
            "lead_lost",
            date=SQL("l.date_closed"),
            # junk never was a deal
            where=SQL(
                "l.won_status = 'lost' AND l.date_closed IS NOT NULL"
                " AND l.is_junk IS NOT TRUE"
            ),
            changed=(SQL("l.write_date"),),
            occurrence=SQL("to_char(l.date_closed, 'YYYYMMDDHH24MISS')"),
            columns={"amount": SQL("l.expected_revenue")},
        )

    # ------------------------------------------------------------
    # Quotations and orders
    # ------------------------------------------------------------

    def _order_source(self, key, **values):
        return TouchpointSource(
            key=key,
            kind=key,
            model="sale.order",
            record_id=SQL("o.id"),
            from_clause=SQL("sale_order o"),
            changed=(SQL("o.write_date"),),
            columns={
                "name": SQL("o.name"),
                "partner_id": SQL("o.partner_id"),
                "lead_id": SQL("o.opportunity_id"),
                "user_id": SQL("o.user_id"),
                "company_id": SQL("o.company_id"),
                "campaign_id": SQL("o.campaign_id"),
                "medium_id": SQL("o.medium_id"),
                "source_id": SQL("o.source_id"),
                # currency_rate: units of the order's currency for one of the company's
                "amount": SQL(
                    "o.amount_untaxed / COALESCE(NULLIF(o.currency_rate, 0), 1)"
                ),
            },
            depends={
                "sale.order": [
                    "state",
                    "date_order",
                    "amount_untaxed",
                    "currency_rate",
                    "opportunity_id",
                    "partner_id",
                    "user_id",
                    "campaign_id",
                ]
            },
            **values,
        )

    def _source_quotation_sent(self):
        return self._order_source(
            "quotation_sent", date=SQL("o.write_date"), where=SQL("o.state = 'sent'")
        )

    def _source_order_confirmed(self):
        return self._order_source(
            "order_confirmed", date=SQL("o.date_order"), where=SQL("o.state = 'sale'")
        )

    # ------------------------------------------------------------
    # Deliveries and returns
    # ------------------------------------------------------------

    def _picking_source(self, key, **values):
        return TouchpointSource(
            key=key,
            kind=key,
            model="stock.picking",
            record_id=SQL("p.id"),
            from_clause=SQL(
                """stock_picking p
                   JOIN stock_location lf ON lf.id = p.location_id
                   JOIN stock_location lt ON lt.id = p.location_dest_id
                   JOIN (%s) z ON z.company_id = p.company_id
                   LEFT JOIN sale_order o ON o.id = p.sale_id""",
                zones(),
            ),
            columns={
                "name": SQL("concat_ws(', ', p.name, o.name)"),
                "partner_id": SQL("COALESCE(p.partner_id, o.partner_id)"),
                "lead_id": SQL("o.opportunity_id"),
                "user_id": SQL("COALESCE(o.user_id, p.user_id)"),
                "company_id": SQL("p.company_id"),
                "campaign_id": SQL("o.campaign_id"),
                "medium_id": SQL("o.medium_id"),
                "source_id": SQL("o.source_id"),
            },
            depends={
                "stock.picking": [
                    "state",
                    "date_done",
                    "date_deadline",
                    "scheduled_date",
                    "sale_id",
                    "partner_id",
                ],
                "sale.order": ["opportunity_id"],
                **ZONES_DEPENDS,
            },
            **values,
        )

    def _picking_done_source(self, key, where):
        return self._picking_source(
            key,
            date=SQL("p.date_done"),
            where=SQL("p.state = 'done' AND p.date_done IS NOT NULL AND %s", where),
            changed=(SQL("p.write_date"),),
        )

    def _source_delivery_done(self):
        return self._picking_done_source("delivery_done", IS_DELIVERY)

    def _source_return_done(self):
        return self._picking_done_source(
            "return_done", SQL("lf.usage = 'customer' AND lt.usage <> 'customer'")
        )

    def _source_delivery_late(self):
        """The day after the promise passes without a write; a transfer is late once,
        whatever date it is promised for then.
        """
        return self._picking_source(
            "delivery_late",
            date=DELIVERY_LATE_FROM,
            where=SQL(
                """p.state NOT IN ('draft', 'cancel') AND %s
                   AND %s <= CASE WHEN p.state = 'done' THEN p.date_done
                                  ELSE now() AT TIME ZONE 'UTC' END""",
                IS_DELIVERY,
                DELIVERY_LATE_FROM,
            ),
            changed=(SQL("p.write_date"), DELIVERY_LATE_UNTIL),
        )

    # ------------------------------------------------------------
    # Invoices
    # ------------------------------------------------------------

    def _invoice_source(self, key, **values):
        return TouchpointSource(
            key=key,
            kind=key,
            model="account.move",
            record_id=SQL("m.id"),
            from_clause=values.pop("from_clause", INVOICE_FROM),
            columns={
                "name": SQL("m.name"),
                "partner_id": SQL("m.partner_id"),
                "lead_id": SQL("COALESCE(m.opportunity_id, o.opportunity_id)"),
                "user_id": SQL("m.invoice_user_id"),
                "company_id": SQL("m.company_id"),
                "campaign_id": SQL("m.campaign_id"),
                "medium_id": SQL("m.medium_id"),
                "source_id": SQL("m.source_id"),
                "amount_ledger": SQL("m.amount_untaxed_signed"),
            },
            depends={
                "account.move": [
                    "state",
                    "payment_state",
                    "amount_residual",
                    "amount_untaxed_signed",
                    "invoice_date",
                    "invoice_date_due",
                    "name",
                    "campaign_id",
                    "opportunity_id",
                ],
                "account.move.line": ["sale_line_ids"],
                "sale.order": ["opportunity_id"],
                **ZONES_DEPENDS,
            },
            **values,
        )

    def _source_invoice_posted(self):
        return self._invoice_source(
            "invoice_posted",
            date=INVOICE_DATE,
            where=SQL("m.move_type = 'out_invoice' AND m.state = 'posted'"),
            changed=(SQL("m.write_date"),),
        )

    def _source_credit_note_posted(self):
        return self._invoice_source(
            "credit_note_posted",
            date=INVOICE_DATE,
            where=SQL("m.move_type = 'out_refund' AND m.state = 'posted'"),
            changed=(SQL("m.write_date"),),
        )

    def _source_invoice_paid(self):
        return self._invoice_source(
            "invoice_paid",
            # the last payment is what makes it fully paid
            date=SQL("COALESCE(pay.date, m.write_date)"),
            from_clause=SQL(
                """%s LEFT JOIN LATERAL (
                       SELECT max(r.create_date) AS date
                         FROM account_move_line l
                         JOIN account_partial_reconcile r
                           ON l.id = r.debit_move_id OR l.id = r.credit_move_id
                        WHERE l.move_id = m.id AND l.display_type = 'payment_term'
                   ) pay ON TRUE""",
                INVOICE_FROM,
            ),
            where=SQL(
                """m.move_type = 'out_invoice' AND m.state = 'posted'
                   AND m.payment_state IN ('paid', 'in_payment')"""
            ),
            changed=(SQL("m.write_date"),),
        )

    def _source_payment_received(self):
        """Payments of customers, of a part or of all: as they are registered."""
        return TouchpointSource(
            key="payment_received",
            kind="payment_received",
            model="account.payment",
            record_id=SQL("p.id"),
            date=dated(SQL("p.date"), SQL("p.create_date")),
            from_clause=SQL(
                """account_payment p
                   JOIN (%s) z ON z.company_id = p.company_id
                   LEFT JOIN LATERAL (
                       SELECT min(i.opportunity_id) AS opportunity_id,
                              string_agg(i.name, ', ' ORDER BY i.id) AS names
                         FROM account_move__account_payment r
                         JOIN account_move i ON i.id = r.invoice_id
                        WHERE r.payment_id = p.id
                   ) m ON TRUE""",
                zones(),
            ),
            where=SQL(
                """p.payment_type = 'inbound' AND p.partner_type = 'customer'
                   AND p.state IN ('in_process', 'paid')"""
            ),
            changed=(SQL("p.write_date"),),
            columns={
                "name": SQL("concat_ws(', ', p.name, COALESCE(m.names, p.memo))"),
                "partner_id": SQL("p.partner_id"),
                "lead_id": SQL("m.opportunity_id"),
                "company_id": SQL("p.company_id"),
                "amount_ledger": SQL("p.amount_company_currency_signed"),
            },
            depends={
                "account.payment": [
                    "amount_company_currency_signed",
                    "company_id",
                    "date",
                    "invoice_ids",
                    "memo",
                    "name",
                    "partner_id",
                    "partner_type",
                    "payment_type",
                    "state",
                ],
                "account.move": ["name", "opportunity_id"],
                **ZONES_DEPENDS,
            },
        )

    def _source_bank_payment_received(self):
        """Lines of bank statements that pay invoices without a payment between them."""
        return TouchpointSource(
            key="bank_payment_received",
            kind="payment_received",
            model="account.bank.statement.line",
            record_id=SQL("s.id"),
            date=dated(SQL("b.date"), SQL("s.create_date")),
            # the line may pay several invoices: it is one payment all the same
            from_clause=SQL(
                """account_partial_reconcile r
                   JOIN account_move_line cl ON cl.id = r.credit_move_id
                   JOIN account_move b ON b.id = cl.move_id
                   JOIN account_bank_statement_line s ON s.id = b.statement_line_id
                   JOIN account_move_line dl ON dl.id = r.debit_move_id
                   JOIN account_move m ON m.id = dl.move_id
                   JOIN (%s) z ON z.company_id = b.company_id""",
                zones(),
            ),
            where=SQL("m.move_type = 'out_invoice'"),
            changed=(SQL("r.create_date"),),
            window_id=SQL("r.id"),
            columns={
                "name": SQL("concat_ws(', ', b.name, m.name)"),
                "partner_id": SQL("m.partner_id"),
                "lead_id": SQL("m.opportunity_id"),
                "company_id": SQL("m.company_id"),
                "amount_ledger": SQL("b.amount_total_signed"),
            },
            depends={
                "account.partial.reconcile": ["credit_move_id", "debit_move_id"],
                "account.move": [
                    "amount_total_signed",
                    "date",
                    "move_type",
                    "name",
                    "opportunity_id",
                    "partner_id",
                    "statement_line_id",
                ],
                "account.move.line": ["move_id"],
                **ZONES_DEPENDS,
            },
        )

    def _source_invoice_overdue(self):
        """Not a change of the row but of the calendar: the few open invoices past due
        are read each time.
        """
        return self._invoice_source(
            "invoice_overdue",
            date=day_start(SQL("m.invoice_date_due + 1"), SQL("z.name")),
            where=SQL(
                """m.move_type = 'out_invoice' AND m.state = 'posted'
                   AND m.payment_state IN ('not_paid', 'partial')
                   AND m.amount_residual > 0
                   AND m.invoice_date_due < %s""",
                day(SQL("now() AT TIME ZONE 'UTC'"), SQL("z.name")),
            ),
            # a new due date that passes is a new event
            occurrence=SQL("m.invoice_date_due::varchar"),
        )
