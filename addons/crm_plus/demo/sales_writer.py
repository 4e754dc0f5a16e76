"""Orders, deliveries, returns, invoices and payments."""

from collections import defaultdict
from datetime import timedelta

from odoo import Command

from . import pools
from .base_writer import BaseWriter
from .story import Mail

OPENING_STOCK_DAYS = 380


class SalesWriter(BaseWriter):
    """The sales of a plot, through Odoo's own flows."""

    def set_ready(self, moves, quantities=None):
        """Count what is to be moved, so that the transfer can be validated."""
        for move in moves:
            move.quantity = (quantities or {}).get(move, move.product_uom_qty)
        moves.picked = True

    def write_stock(self):
        """What was ordered, and some more, was on hand a year ago."""
        needed = defaultdict(float)
        for plan in self.plot.orders:
            if plan.confirmed:
                for code, quantity in plan.lines:
                    needed[code] += quantity
        warehouse = self.env["stock.warehouse"].search(
            [("company_id", "=", self.company.id)], limit=1
        )
        Quant = self.env["stock.quant"].with_context(inventory_mode=True)
        quants = Quant.create(
            [
                {
                    "product_id": product.id,
                    "location_id": warehouse.lot_stock_id.id,
                    # round figures; machines are few
                    "inventory_quantity": needed[code]
                    + (4 if code.startswith("EQ") else 60 + 17 * (len(code) % 5)),
                }
                for code, product in self.products.items()
            ]
        )
        first_move_id = self.max_id("stock.move")
        quants.action_apply_inventory()
        moves = self.env["stock.move"].search([("id", ">", first_move_id)])
        opening = self.plot.ago(OPENING_STOCK_DAYS)
        for column in ("date", "create_date"):
            self.put("stock.move", column, dict.fromkeys(moves.ids, opening))
        lines = moves.move_line_ids
        self.put("stock.move.line", "date", dict.fromkeys(lines.ids, opening))
        self.put("stock.quant", "in_date", dict.fromkeys(quants.ids, opening))

    def write_orders(self):
        terms = {
            days: self.env.ref(f"account.account_payment_term_{days}days")
            for days in (15, 30, 45)
        }
        plans = self.plot.orders
        vals_list = []
        for plan in plans:
            lead = self.leads.get(id(plan.lead), self.env["crm.lead"])
            vals_list.append(
                {
                    "partner_id": self.partners[id(plan.contact)].id,
                    "company_id": self.company.id,
                    "user_id": self.users[plan.customer.seller].id,
                    "team_id": self.ref(f"team_{plan.customer.team}").id,
                    "opportunity_id": lead.id,
                    "campaign_id": lead.campaign_id.id,
                    "source_id": lead.source_id.id,
                    "medium_id": lead.medium_id.id,
                    "date_order": plan.confirmed or plan.sent or plan.created,
                    "validity_date": (plan.created + timedelta(days=30)).date(),
                    "commitment_date": plan.promised,
                    "payment_term_id": terms[plan.customer.term_days].id,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": self.products[code].id,
                                "product_uom_qty": quantity,
                            }
                        )
                        for code, quantity in plan.lines
                    ],
                }
            )
        orders = self.env["sale.order"].create(vals_list)
        self.orders = {id(p): order for p, order in zip(plans, orders, strict=True)}
        self._orders_of("confirmed").action_confirm()
        open_plans = [p for p in plans if not p.confirmed]
        self._orders(p for p in open_plans if p.sent).write({"state": "sent"})
        self._orders(p for p in open_plans if p.cancelled)._action_cancel()

    def _orders(self, plans):
        return self.env["sale.order"].concat(*(self.orders[id(p)] for p in plans))

    def _plans_with(self, event):
        return [plan for plan in self.plot.orders if getattr(plan, event)]

    def _orders_of(self, event):
        return self._orders(self._plans_with(event))

    def write_deliveries(self):
        pickings = self._orders_of("delivered").picking_ids
        self.set_ready(pickings.move_ids)
        pickings._action_done()

    def write_returns(self):
        Wizard = self.env["stock.return.picking"]
        self.returns = {}
        for plan in self._plans_with("returned"):
            delivery = self.orders[id(plan)].picking_ids
            wizard = Wizard.with_context(
                active_model="stock.picking", active_id=delivery.id
            ).create({"picking_id": delivery.id})
            # a whole case, not a half bag
            first = wizard.product_return_moves[:1]
            first.quantity = max(1, round(first.move_quantity * plan.returned_share))
            first.to_refund = True
            self.returns[id(plan)] = wizard._create_return()
        returns = self.env["stock.picking"].concat(*self.returns.values())
        self.set_ready(returns.move_ids)
        returns._action_done()
        self._write_credit_notes()

    def write_invoices(self):
        self.invoices = self._invoice("invoiced")

    def _invoice(self, event):
        """Invoice the orders of plans with ``event``, at its date: ``{plan: move}``."""
        plans = self._plans_with(event)
        orders = self._orders(plans)
        if not orders:
            return {}
        moves = orders._create_invoices(grouped=True, final=True)
        by_order = {
            order: move
            for move in moves
            for order in move.line_ids.sale_line_ids.order_id
        }
        of_plan = {
            id(plan): by_order[order]
            for plan, order in zip(plans, orders, strict=True)
            if order in by_order
        }
        by_date = defaultdict(lambda: self.env["account.move"])
        for plan in plans:
            by_date[getattr(plan, event).date()] += of_plan[id(plan)]
        for date, dated in by_date.items():
            dated.write({"invoice_date": date})
        moves.action_post()
        self.put(
            "account.move",
            "create_date",
            {of_plan[id(plan)]: getattr(plan, event) for plan in plans},
        )
        moves.write({"is_move_sent": True})
        return of_plan

    def _write_credit_notes(self):
        credit_notes = self._invoice("credited")
        pairs = []
        for plan in self._plans_with("credited"):
            pair = self.invoices[id(plan)] + credit_notes[id(plan)]
            pairs.append((self._receivable(pair), plan.credited))
        self.env["account.move.line"]._reconcile_plan([lines for lines, _date in pairs])
        self._date_back_reconciliation(pairs)

    def write_payments(self):
        """What the payment wizard does, for payments of all days at once."""
        bank = self.env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", self.company.id)], limit=1
        )
        paid = [
            (plan, invoice)
            for plan in self._plans_with("paid")
            for invoice in [self.invoices[id(plan)]]
            if invoice.amount_residual > 0
        ]
        payments = (
            self.env["account.payment"]
            .with_context(skip_invoice_sync=True)
            .create(
                [
                    {
                        "date": plan.paid.date(),
                        "amount": invoice.amount_residual,
                        "payment_type": "inbound",
                        "partner_type": "customer",
                        "partner_id": invoice.commercial_partner_id.id,
                        "memo": invoice.payment_reference or invoice.name,
                        "journal_id": bank.id,
                        "destination_account_id": self._receivable(
                            invoice
                        ).account_id.id,
                    }
                    for plan, invoice in paid
                ]
            )
        )
        payments.action_post()
        pairs = [
            self._receivable(payment.move_id) + self._receivable(invoice)
            for payment, (_plan, invoice) in zip(payments, paid, strict=True)
        ]
        self.env["account.move.line"]._reconcile_plan(pairs)
        for payment, (_plan, invoice) in zip(payments, paid, strict=True):
            invoice.matched_payment_ids += payment
        for model, records in (
            ("account.payment", payments),
            ("account.move", payments.move_id),
        ):
            self.put(
                model,
                "create_date",
                {
                    record: plan.paid
                    for record, (plan, _invoice) in zip(records, paid, strict=True)
                },
            )
        self._date_back_reconciliation(
            zip(pairs, (plan.paid for plan, _invoice in paid), strict=True)
        )

    def _receivable(self, move):
        return move.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )

    def _date_back_reconciliation(self, pairs):
        """:param pairs: (journal items that were reconciled, when)"""
        self.put(
            "account.partial.reconcile",
            "create_date",
            {
                partial: moment
                for lines, moment in pairs
                for partial in (
                    lines[:1].matched_debit_ids + lines[:1].matched_credit_ids
                )
                if partial.debit_move_id in lines and partial.credit_move_id in lines
            },
        )

    def write_order_mails(self):
        rnd = self.plot.random
        vals_list = []
        for plan in self.plot.orders:
            order = self.orders[id(plan)]
            user = self.users[plan.customer.seller]
            partner = self.partners[id(plan.contact)]
            if plan.sent:
                text = rnd.choice(pools.ORDER_MAILS).format(order=order.name)
                mail = Mail(plan.sent, False, text, f"Quotation {order.name}")
                vals_list.append(
                    self.mail_values(
                        "sale.order", order, mail, plan.contact, partner, user
                    )
                )
            if plan.confirmed and not plan.lead:
                # repeat orders come by mail
                codes = ", ".join(
                    f"{quantity} x {self.products[code].name}"
                    for code, quantity in plan.lines
                )
                mail = Mail(
                    plan.created,
                    True,
                    f"please send us as usual: {codes}.",
                    "New order",
                )
                vals_list.append(
                    self.mail_values(
                        "sale.order", order, mail, plan.contact, partner, user
                    )
                )
        vals_list.sort(key=lambda values: values["date"])
        self.post(vals_list)

    def date_back_documents(self):
        orders = [(plan, self.orders[id(plan)]) for plan in self.plot.orders]
        self.put(
            "sale.order", "create_date", {order: plan.created for plan, order in orders}
        )
        self.put(
            "sale.order",
            "date_order",
            {
                order: plan.confirmed or plan.sent or plan.created
                for plan, order in orders
            },
        )
        # a quotation was sent when it was last written
        self.put(
            "sale.order",
            "write_date",
            {order: plan.sent for plan, order in orders if order.state == "sent"},
        )
        created, planned, done = {}, {}, {}
        for plan, order in orders:
            returned = self.returns.get(id(plan), self.env["stock.picking"])
            for picking in order.picking_ids - returned:
                created[picking.id] = plan.confirmed
                planned[picking.id] = plan.promised
                done[picking.id] = plan.delivered
            for picking in returned:
                created[picking.id] = plan.returned - timedelta(days=1)
                planned[picking.id] = done[picking.id] = plan.returned
        self.put("stock.picking", "create_date", created)
        self.put("stock.picking", "scheduled_date", planned)
        self.put("stock.picking", "date_deadline", planned)
        self.put("stock.picking", "date_done", done)
        moves = self.env["stock.picking"].browse(created).move_ids
        of_picking = {move.id: move.picking_id.id for move in moves}
        when = {
            move: done.get(picking) or planned[picking]
            for move, picking in of_picking.items()
        }
        self.put("stock.move", "date", when)
        self.put(
            "stock.move",
            "create_date",
            {move: created[picking] for move, picking in of_picking.items()},
        )
        self.put(
            "stock.move.line",
            "date",
            {line.id: when[line.move_id.id] for line in moves.move_line_ids},
        )
