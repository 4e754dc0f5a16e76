from datetime import datetime, timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


@tagged("post_install", "-at_install", "crm_touchpoint")
class TestTouchpointLedger(AccountTestInvoicingCommon):
    """From quotation to payment, through the real flows of the apps."""

    @classmethod
    def default_env_context(cls):
        return {**super().default_env_context(), "tracking_disable": False}

    @classmethod
    def get_default_groups(cls):
        return (
            super().get_default_groups()
            | cls.quick_ref("sales_team.group_sale_manager")
            | cls.quick_ref("stock.group_stock_manager")
        )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        company_id = cls.company_data["company"].id
        cls.seller = new_test_user(
            cls.env,
            login="ledger_seller",
            groups="sales_team.group_sale_salesman",
            company_id=company_id,
        )
        cls.accountant = new_test_user(
            cls.env,
            login="ledger_accountant",
            groups="account.group_account_invoice",
            company_id=company_id,
        )
        cls.campaign = cls.env["utm.campaign"].create({"name": "Autumn"})
        cls.storable = cls.env["product.product"].create(
            {
                "name": "Beans 1 kg",
                "is_storable": True,
                "list_price": 100,
                "invoice_policy": "order",
                "taxes_id": [],
            }
        )
        cls.lead = cls.env["crm.lead"].create(
            {
                "name": "Beans for the office",
                "type": "opportunity",
                "partner_id": cls.partner_a.id,
                "user_id": cls.seller.id,
                "campaign_id": cls.campaign.id,
            }
        )

    def _commit(self):
        self.env.flush_all()
        self.env.cr.precommit.run()

    def _create_order(self, quantity=3):
        return self.env["sale.order"].create(
            {
                "partner_id": self.partner_a.id,
                "opportunity_id": self.lead.id,
                "user_id": self.seller.id,
                "campaign_id": self.campaign.id,
                "order_line": [
                    Command.create(
                        {"product_id": self.storable.id, "product_uom_qty": quantity}
                    )
                ],
            }
        )

    def _pay(self, invoice, amount=None):
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        wizard.create({"amount": amount} if amount else {})._create_payments()

    def _touchpoints(self, kind=None):
        domain = [("commercial_partner_id", "=", self.partner_a.id)]
        if kind:
            domain.append(("kind_id.code", "=", kind))
        return self.env["crm.touchpoint"].search(domain, order="id")

    def _deliver(self, picking):
        for move in picking.move_ids:
            move.quantity = move.product_uom_qty
        picking.move_ids.picked = True
        picking.button_validate()

    def test_order_to_cash(self):
        order = self._create_order()
        order.action_quotation_sent()
        self._commit()
        order.action_confirm()
        self._commit()
        self._deliver(order.picking_ids)
        self._commit()
        invoice = order._create_invoices()
        invoice.action_post()
        self._commit()
        self._pay(invoice, 100)
        self._commit()
        self.assertFalse(self._touchpoints("invoice_paid"), "paid in part only")
        self.assertEqual(self._touchpoints("payment_received").amount_ledger, 100)
        self._pay(invoice)
        self._commit()

        touchpoints = self._touchpoints()
        self.assertEqual(
            [touchpoint.kind_id.code for touchpoint in touchpoints],
            [
                "lead_created",
                "quotation_sent",
                "order_confirmed",
                "delivery_done",
                "invoice_posted",
                "payment_received",
                "payment_received",
                "invoice_paid",
            ],
        )
        self.assertEqual(touchpoints.lead_id, self.lead, "each knows its deal")
        self.assertEqual(touchpoints.campaign_id, self.campaign)
        self.assertEqual(touchpoints.user_id, self.seller)
        self.assertEqual(
            touchpoints.mapped("amount"),
            [0, 300, 300, 0, 0, 0, 0, 0],
            "commercial amounts",
        )
        self.assertEqual(
            touchpoints.mapped("amount_ledger"), [0, 0, 0, 0, 300, 100, 200, 300]
        )
        self.assertEqual(sum(self.env["crm.touchpoint"]._harvest().values()), 0)

    def test_payment_that_is_none_of_a_customer(self):
        bill = self.init_invoice(
            "in_invoice", partner=self.partner_a, amounts=[300], post=True
        )
        self._pay(bill)
        draft = self.env["account.payment"].create(
            {"partner_id": self.partner_a.id, "amount": 40}
        )
        self._commit()
        self.assertFalse(self._touchpoints("payment_received"))

        draft.action_post()
        self._commit()
        advance = self._touchpoints("payment_received")
        self.assertEqual(advance.res_id, draft.id, "before there is an invoice")
        self.assertEqual(advance.amount_ledger, 40)

    def test_bank_line_that_pays_invoices_is_one_payment(self):
        invoices = self.env["account.move"]
        for amount in (100, 50):
            invoices += self.init_invoice(
                "out_invoice", partner=self.partner_a, amounts=[amount], post=True
            )
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "partner_id": self.partner_a.id,
                "payment_ref": "INV 1 and 2",
                "amount": 150,
            }
        )
        _liquidity, suspense, _other = line._seek_for_lines()
        owed = invoices.line_ids.filtered(
            lambda each: each.account_type == "asset_receivable"
        )
        suspense.account_id = owed.account_id
        self._commit()
        self.assertFalse(self._touchpoints("payment_received"), "nobody's yet")

        (suspense + owed).reconcile()
        self._commit()

        paid = self._touchpoints("payment_received")
        self.assertEqual((paid.res_model, paid.res_id), (line._name, line.id))
        self.assertEqual(paid.amount_ledger, 150)
        self.assertEqual(
            self.env["crm.touchpoint"]._harvest(["bank_payment_received"]),
            {"bank_payment_received": 0},
        )

    def test_dates_are_cut_to_the_second(self):
        """``write_date`` has microseconds, ``date_order`` has none: an order confirmed
        in the second in which it was sent would come first."""
        order = self._create_order()
        order.action_quotation_sent()
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE sale_order SET write_date = '2026-03-02 10:00:05.7'
                    WHERE id = %s RETURNING id""",
                order.id,
            )
        )
        self._commit()

        self.assertEqual(
            self._touchpoints("quotation_sent").date, datetime(2026, 3, 2, 10, 0, 5)
        )

    def test_return_and_credit_note(self):
        order = self._create_order()
        order.action_confirm()
        self._deliver(order.picking_ids)
        invoice = order._create_invoices()
        invoice.action_post()
        wizard = (
            self.env["stock.return.picking"]
            .with_context(
                active_id=order.picking_ids.id,
                active_ids=order.picking_ids.ids,
                active_model="stock.picking",
            )
            .create({})
        )
        wizard.product_return_moves.quantity = 1
        self._deliver(
            self.env["stock.picking"].browse(wizard.action_create_returns()["res_id"])
        )
        reversal = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id})
        )
        credit_note = self.env["account.move"].browse(
            reversal.reverse_moves()["res_id"]
        )
        credit_note.action_post()
        self._commit()

        self.assertEqual(len(self._touchpoints("return_done")), 1)
        self.assertEqual(len(self._touchpoints("delivery_done")), 1)
        self.assertEqual(self._touchpoints("credit_note_posted").amount_ledger, -300)

    def test_invoice_overdue_when_its_due_date_has_passed(self):
        today = fields.Date.today()
        late, due_today, paid = (
            self.init_invoice(
                "out_invoice",
                partner=self.partner_a,
                invoice_date=today - timedelta(days=40),
                amounts=[100],
                post=False,
            )
            for _i in range(3)
        )
        for invoice, days in ((late, 10), (due_today, 0), (paid, 10)):
            invoice.invoice_payment_term_id = False
            invoice.invoice_date_due = today - timedelta(days=days)
            invoice.action_post()
        self._pay(paid)
        Touchpoint = self.env["crm.touchpoint"]
        Touchpoint._harvest(["invoice_overdue"])

        overdue = self._touchpoints("invoice_overdue")
        self.assertEqual(overdue.mapped("res_id"), late.ids)
        self.assertEqual(overdue.date.date(), today - timedelta(days=9))
        self.assertEqual(Touchpoint._harvest(["invoice_overdue"])["invoice_overdue"], 0)

    def test_vendor_bill_is_no_touchpoint(self):
        before = self._touchpoints()
        self.init_invoice(
            "in_invoice", partner=self.partner_a, amounts=[300], post=True
        )
        self._commit()
        self.env["crm.touchpoint"]._harvest()

        self.assertEqual(
            self._touchpoints() - before, self._touchpoints("lead_created")
        )

    def test_seller_sees_that_it_was_paid_but_no_amount_of_the_ledger(self):
        order = self._create_order()
        order.action_confirm()
        invoice = order._create_invoices()
        invoice.action_post()
        self._pay(invoice)
        self._commit()

        paid = self._touchpoints("invoice_paid").with_user(self.seller)
        self.assertEqual(paid.kind_id.name, "Invoice paid")
        self.assertEqual(paid.amount, 0)
        with self.assertRaises(AccessError):
            paid.read(["amount_ledger"])
        with self.assertRaises(AccessError):
            paid.search([("amount_ledger", ">", 0)])
        with self.assertRaises(AccessError):
            paid.formatted_read_group([], ["kind_id"], ["amount_ledger:sum"])
        self.assertEqual(
            self._touchpoints("invoice_paid").with_user(self.accountant).amount_ledger,
            300,
        )

    def test_accountant_sees_accounting_only(self):
        order = self._create_order()
        order.action_confirm()
        order._create_invoices().action_post()
        self._commit()

        seen = self.env["crm.touchpoint"].with_user(self.accountant).search([])
        self.assertEqual(set(seen.mapped("channel")), {"accounting"})

    def test_amount_of_an_order_in_another_currency_is_in_company_currency(self):
        currency = self.setup_other_currency("HRK")
        order = self._create_order()
        order.pricelist_id = self.env["product.pricelist"].create(
            {"name": "Other", "currency_id": currency.id}
        )
        order.order_line.price_unit = 200
        order.action_confirm()
        self._commit()

        expected = order.amount_untaxed / order.currency_rate
        self.assertNotAlmostEqual(order.currency_rate, 1)
        self.assertAlmostEqual(
            self._touchpoints("order_confirmed").amount, expected, places=2
        )
