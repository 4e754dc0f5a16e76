from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from ..tools.credit_standing import CreditStanding
from .test_pipeline_invoice import InvoiceCommon


@tagged("post_install", "-at_install")
class TestPipelineMoney(InvoiceCommon):
    def _quote(self, *, user=None, **values):
        return (
            self.env["sale.order"]
            .with_user(user or self.seller)
            .create(
                {
                    "partner_id": self.customer.id,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": self.machine.id,
                                "product_uom_qty": 2,
                                "tax_ids": False,
                            }
                        )
                    ],
                    **values,
                }
            )
        )

    def _owe(self, days, **values):
        """An invoice of 1800 that is overdue for so many days."""
        due = self.today - timedelta(days=days)
        return self._invoice(
            invoice_date=due,
            invoice_date_due=due,
            invoice_payment_term_id=False,
            **values,
        )

    def _pay(self, move, amount):
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create({"amount": amount})._create_payments()

    # ------------------------------------------------------------
    # Steps of a deal
    # ------------------------------------------------------------

    def _steps(self, user):
        self.deal.invalidate_recordset()
        return {step["key"]: step for step in self.deal.with_user(user).progress}

    def test_steps_tell_words_to_sellers_and_amounts_to_accounting(self):
        self._owe(12, opportunity_id=self.deal.id)
        self.manager.group_ids += self.env.ref("account.group_account_readonly")

        for user, amounts in ((self.seller, False), (self.manager, True)):
            with self.subTest(user.login):
                steps = self._steps(user)
                self.assertEqual(
                    [(step["words"], step["light"]) for step in steps.values()],
                    [
                        ("Not yet", "none"),
                        ("Not yet", "none"),
                        ("Not yet", "none"),
                        ("In full", "green"),
                        ("Not yet", "amber"),
                        ("For 12 days", "red"),
                    ],
                )
                for key in ("invoiced", "paid", "overdue"):
                    self.assertEqual(bool(steps[key]["amount"]), amounts)
        self.assertIn("1,800", steps["overdue"]["amount"])

    def test_steps_of_an_order_on_its_way(self):
        order = self._quote(opportunity_id=self.deal.id)
        self.assertEqual(self._steps(self.seller)["quoted"]["words"], order.name)
        order.sudo().action_confirm()

        steps = self._steps(self.seller)
        self.assertIn("1,800", steps["ordered"]["amount"])
        self.assertEqual(steps["delivered"]["light"], "amber")
        picking = order.sudo().picking_ids
        picking.move_ids.date_deadline = fields.Datetime.now() - timedelta(days=3)
        step = self._steps(self.seller)["delivered"]
        self.assertEqual((step["light"], step["words"]), ("red", "Late by 3 days"))
        picking.move_ids.write({"quantity": 2, "picked": True})
        picking._action_done()
        step = self._steps(self.seller)["delivered"]
        self.assertEqual(
            (step["light"], step["words"]), ("green", "In full, late by 3 days")
        )

    def test_partly_paid(self):
        invoice = self._invoice(opportunity_id=self.deal.id)
        self._pay(invoice, 600)
        step = self._steps(self.seller)["paid"]
        self.assertEqual((step["words"], step["amount"]), ("In part", ""))

    def test_an_instalment_may_be_overdue(self):
        """Half is due at once, half in sixty days; the invoice counts by its last."""
        term = self.env["account.payment.term"].create(
            {
                "name": "Halves",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": days}
                    )
                    for days in (0, 60)
                ],
            }
        )
        self.manager.group_ids += self.env.ref("account.group_account_readonly")
        self._invoice(
            invoice_date=self.today - timedelta(days=12),
            invoice_payment_term_id=term.id,
            opportunity_id=self.deal.id,
        )
        step = self._steps(self.manager)["overdue"]
        self.assertEqual((step["light"], step["words"]), ("red", "For 12 days"))
        self.assertIn("900", step["amount"])

    # ------------------------------------------------------------
    # Won and invoiced
    # ------------------------------------------------------------

    def test_won_against_invoiced_and_paid(self):
        invoice = self._invoice(opportunity_id=self.deal.id)
        self._pay(invoice, 450)
        self._invoice(move_type="out_refund", quantity=1, opportunity_id=self.deal.id)

        row = self.env["crm.won.invoiced.report"].search(
            [("lead_id", "=", self.deal.id)]
        )
        self.assertRecordValues(
            row, [{"won": 1800, "invoiced": 900, "paid": 450, "difference": 900}]
        )
        self.assertTrue(row.with_user(self.accountant).has_access("read"))
        for user in (self.seller, self.manager, self.user_other_company):
            self.assertFalse(row.with_user(user).has_access("read"))

    def test_receipts_are_debts_and_no_sales(self):
        """The same figure on all screens: they are neither revenue of the customer nor
        invoiced on the deal; what they leave open is owed and overdue."""
        self.accountant.group_ids += self.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )
        invoice = self._invoice(opportunity_id=self.deal.id, quantity=1)
        receipt = self._owe(12, opportunity_id=self.deal.id, move_type="out_receipt")
        Profile = self.env["crm.customer.profile"].sudo()
        Profile._rebuild(self.customer.ids)
        self.env.invalidate_all()

        profile = Profile.search(
            [
                ("partner_id", "=", self.customer.id),
                ("company_id", "=", self.company.id),
            ]
        )
        self.assertEqual((profile.revenue_total, profile.receivable), (900, 2700))
        row = self.env["crm.won.invoiced.report"].search(
            [("lead_id", "=", self.deal.id)]
        )
        self.assertRecordValues(row, [{"invoiced": 900, "paid": 0, "difference": 900}])
        opened = self.env["account.move"].search(row.action_view_invoices()["domain"])
        self.assertEqual(opened, invoice)
        steps = self._steps(self.accountant)
        self.assertIn("900", steps["invoiced"]["amount"])
        self.assertNotIn("2,700", steps["invoiced"]["amount"])
        self.assertEqual(steps["overdue"]["words"], "For 12 days")
        self.assertIn("1,800", steps["overdue"]["amount"])

        self._pay(receipt, 1800)
        steps = self._steps(self.accountant)
        self.assertEqual(steps["paid"]["words"], "Not yet")
        self.assertEqual(steps["overdue"]["words"], "Nothing")

    # ------------------------------------------------------------
    # Traffic light
    # ------------------------------------------------------------

    def test_judgement(self):
        for values, amount, light in (
            ({"is_known": False}, 0, "none"),
            ({}, 0, "green"),
            ({"overdue_days": 1}, 0, "amber"),
            ({"overdue_days": 30}, 0, "amber"),
            ({"overdue_days": 31}, 0, "red"),
            ({"is_blocked": True}, 0, "red"),
            ({"limit": 100, "owed": 80}, 0, "green"),
            ({"limit": 100, "owed": 80}, 1, "amber"),
            ({"limit": 100, "owed": 80}, 20, "amber"),
            ({"limit": 100, "owed": 80}, 21, "red"),
        ):
            with self.subTest(values, amount=amount):
                found, words = CreditStanding(**values).judge(self.env, amount)
                self.assertEqual(found, light)
                self.assertTrue(words)

    def test_light_of_deal_and_quotation_in_words_for_sellers(self):
        deal = self.deal.with_user(self.seller)
        order = self._quote()
        self.assertEqual((deal.credit_light, order.credit_light), ("none", "none"))
        self._owe(40)
        self.env.invalidate_all()

        for record in (deal, order):
            self.assertEqual(record.credit_light, "red")
            self.assertEqual(record.credit_words, "Invoices overdue for 40 days")

    def _credit(self, amount):
        """A credit note that nobody has reconciled."""
        return self._invoice(
            move_type="out_refund",
            invoice_line_ids=[
                Command.create(
                    {"name": "Goodwill", "price_unit": amount, "tax_ids": False}
                )
            ],
        )

    def test_what_is_open_in_favour_of_the_customer_settles_what_is_overdue(self):
        self.company.crm_plus_credit_stop = True
        order = self._quote()
        self._owe(90)
        self._owe(10)
        for amount, light, words in (
            (1700, "red", "Invoices overdue for 90 days"),
            (100, "amber", "Invoices overdue for 10 days"),
            (1799, "amber", "Invoices overdue for 10 days"),
            (1, "green", "Nothing overdue"),
        ):
            with self.subTest(words, amount=amount):
                self._credit(amount)
                self.env.invalidate_all()
                self.assertEqual(
                    (order.credit_light, order.credit_words), (light, words)
                )
                self.assertEqual(order.is_credit_stopped, light == "red")
        order.action_confirm()
        self.assertEqual(order.state, "sale")

    def test_light_hold_and_profile_agree(self):
        """They read the same rule."""
        self.env["crm.contact.hold.rule"].search(
            [("provider", "=", "overdue"), ("company_id", "=", False)]
        ).write({"days": 0, "amount": 0})
        Hold = self.env["crm.contact.hold"]
        Profile = self.env["crm.customer.profile"]
        partner = [
            ("partner_id", "=", self.customer.id),
            ("company_id", "=", self.company.id),
        ]
        for change, days, amount in (
            (lambda: (self._owe(90), self._owe(10)), 90, 3600),
            (lambda: self._credit(1800), 10, 1800),
            (lambda: self._credit(1800), 0, 0),
            (lambda: self._credit(50), 0, 0),
        ):
            change()
            self.env.flush_all()
            Hold._refresh(self.customer.ids)
            Profile._rebuild(self.customer.ids)
            self.env.invalidate_all()
            with self.subTest(days):
                standing = self.customer._get_credit_standings(self.company)
                self.assertEqual(standing[self.customer.id].overdue_days, days)
                hold = Hold.search(
                    [*partner, ("provider", "=", "overdue"), ("is_open", "=", True)]
                )
                self.assertEqual(
                    hold.date_since,
                    bool(days) and self.today - timedelta(days=days - 1),
                )
                profile = Profile.search(partner)
                self.assertEqual(profile.overdue_amount, amount)
                self.assertEqual(profile.overdue_days, days)
                self.assertEqual(profile.is_overdue, bool(days))

    def _make_bad_debtor(self):
        self.customer.with_company(self.company).trust = "bad"
        self.company.crm_plus_credit_stop = True

    def test_what_accounting_thinks_is_not_for_the_customer(self):
        self._make_bad_debtor()
        order = self._quote(state="sent")
        invoice = self._invoice(opportunity_id=self.deal.id)
        portal = self._create_portal_user()
        portal.partner_id.parent_id = self.customer
        for record, names, readers in (
            (
                order,
                ("credit_light", "credit_words", "is_credit_stopped"),
                (self.seller, self.accountant),
            ),
            (invoice, ("opportunity_id", "is_without_opportunity"), self.accountant),
        ):
            record.message_subscribe(portal.partner_id.ids)
            self.env.invalidate_all()
            theirs = record.with_user(portal)
            self.assertTrue(theirs.read(["name"]), "it is about this one")
            for name in names:
                with self.subTest(name):
                    self.assertNotIn(name, theirs.fields_get())
                    for call in (
                        lambda theirs=theirs, name=name: theirs.read([name]),
                        lambda theirs=theirs, name=name: theirs[name],
                        lambda theirs=theirs, name=name: theirs.search(
                            [(name, "!=", False)]
                        ),
                    ):
                        with self.assertRaises(AccessError):
                            call()
                    for user in readers:
                        record.with_user(user).read([name])

    def test_stop_holds_for_whoever_may_not_read_why(self):
        self._make_bad_debtor()
        order = self._quote()
        stock = new_test_user(
            self.env, login="money_stock", groups="stock.group_stock_user"
        )
        self.env.invalidate_all()
        theirs = order.with_user(stock)
        self.assertIn("is stopped. A sales", theirs._confirmation_error_message())
        self.assertIn("bad debtor", order._confirmation_error_message())
        arch = theirs.get_view(view_type="form")["arch"]
        self.assertNotIn("credit_words", arch)
        self.assertIn("credit_words", order.get_view(view_type="form")["arch"])

    def test_debts_to_another_company_do_not_count(self):
        self._owe(40)
        standings = self.customer._get_credit_standings(self.company_2)
        self.assertFalse(standings[self.customer.id].overdue_days)

    def test_quotation_counts_in_the_limit(self):
        self.company.account_use_credit_limit = True
        self.customer.credit_limit = 2000
        self._invoice(quantity=1)
        order = self._quote()
        self.assertEqual(order.credit_light, "red")
        self.assertEqual(order.credit_words, "Over the credit limit")
        self.assertEqual(self.deal.credit_light, "green")

    def test_without_the_setting_a_red_light_stops_nobody(self):
        self._owe(40)
        order = self._quote()
        order.action_confirm()
        self.assertEqual(order.state, "sale")

    def test_stop_and_override_with_a_reason(self):
        self.company.crm_plus_credit_stop = True
        self._owe(40)
        order = self._quote()
        with self.assertRaisesRegex(UserError, "overdue for 40 days"):
            order.action_confirm()
        with self.assertRaises(AccessError):
            order.credit_pass_user_id = self.seller
        with self.assertRaises(AccessError):
            self.env["sale.order.credit.pass"].with_user(self.seller).create(
                {"order_id": order.id, "reason": "I want to"}
            )

        self.env["sale.order.credit.pass"].with_user(self.manager).create(
            {"order_id": order.id, "reason": "They paid this morning"}
        ).action_pass()

        self.assertEqual(order.state, "sale")
        self.assertRecordValues(
            order.sudo(),
            [
                {
                    "credit_pass_user_id": self.manager.id,
                    "credit_pass_reason": "They paid this morning",
                }
            ],
        )
        self.assertTrue(
            order.message_ids.filtered(lambda m: "They paid this morning" in m.body)
        )

    def test_credit_of_orders_that_one_does_not_see_is_not_told(self):
        self._owe(40)
        order = self._quote()
        self.assertTrue(order.credit_words)
        self.env.invalidate_all()
        Pass = self.env["sale.order.credit.pass"].with_user(self.user_other_company)
        with self.assertRaises(AccessError):
            Pass.onchange(
                {"order_id": order.id},
                ["order_id"],
                {"order_id": {}, "credit_words": {}},
            )

    def test_a_lifted_stop_is_lifted_once(self):
        """What comes after a reset to draft is another order, however large."""
        self.company.crm_plus_credit_stop = True
        self._owe(40)
        order = self._quote()
        self.env["sale.order.credit.pass"].with_user(self.manager).create(
            {"order_id": order.id, "reason": "They paid this morning"}
        ).action_pass()
        order._action_cancel()
        order.action_draft()
        order.order_line.product_uom_qty = 1000
        with self.assertRaisesRegex(UserError, "overdue for 40 days"):
            order.action_confirm()

    def test_stop_does_not_meet_the_customer_online(self):
        self.company.crm_plus_credit_stop = True
        self._owe(40)
        order = self._quote()
        order.sudo().action_confirm()
        self.assertEqual(order.state, "sale")

    # ------------------------------------------------------------
    # Expected receipts
    # ------------------------------------------------------------

    def _receipts(self):
        Report = self.env["crm.expected.receipt.report"]
        Report.invalidate_model()
        return Report.search([("partner_id", "=", self.customer.id)])

    def test_open_invoice_is_shifted_by_the_habit_of_the_customer(self):
        due = self.today + timedelta(days=10)
        invoice = self._invoice(invoice_date_due=due, invoice_payment_term_id=False)
        self._pay(invoice, 600)
        self.assertRecordValues(
            self._receipts(),
            [{"date_expected": due, "amount_invoice": 1200, "amount_deal": 0}],
        )

        profile = self.env["crm.customer.profile"].search(
            [
                ("partner_id", "=", self.customer.id),
                ("company_id", "=", self.company.id),
            ]
        ) or self.env["crm.customer.profile"].create(
            {"partner_id": self.customer.id, "company_id": self.company.id}
        )
        profile.write({"payment_delay": 7.4, "payment_n": 3})

        self.assertRecordValues(
            self._receipts(),
            [
                {
                    "date_expected": due + timedelta(days=7),
                    "delay_days": 7,
                    "payment_count": 3,
                }
            ],
        )

    def test_overdue_invoice_is_expected_today_at_the_earliest(self):
        self._owe(40)
        self.assertEqual(self._receipts().date_expected, self.today)

    def test_deals_are_a_layer_of_their_own(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "In 20 days",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 100, "nb_days": 20}
                    )
                ],
            }
        )
        self.customer.with_company(self.company).property_payment_term_id = term
        closing = self.today + timedelta(days=5)
        self._create_leads(
            1,
            type="opportunity",
            partner_id=self.customer.id,
            company_id=self.company.id,
            expected_revenue=1000,
            probability=40,
            date_deadline=closing,
        )
        self._create_leads(
            1,
            type="opportunity",
            partner_id=self.customer.id,
            company_id=self.company.id,
            expected_revenue=1000,
            probability=40,
            date_deadline=self.today - timedelta(days=1),
        )
        dated, late = self._receipts().sorted(lambda row: not row.date_expected)

        self.assertRecordValues(
            dated,
            [
                {
                    "layer": "deal",
                    "date_expected": closing + timedelta(days=20),
                    "amount_deal": 400,
                    "amount_invoice": 0,
                }
            ],
        )
        # a closing that is past is no forecast
        self.assertFalse(late.date_expected)

    def test_receipts_are_for_accounting_of_the_company(self):
        self._owe(1)
        row = self._receipts()
        self.assertTrue(row.with_user(self.accountant).has_access("read"))
        for user in (self.seller, self.manager, self.user_other_company):
            with self.subTest(user.login):
                self.assertFalse(row.with_user(user).has_access("read"))
        self.accountant.write(
            {
                "company_ids": [Command.set(self.company_2.ids)],
                "company_id": self.company_2.id,
            }
        )
        self.assertFalse(row.with_user(self.accountant).has_access("read"))


@tagged("post_install", "-at_install")
class TestPipelineMoneyPortal(HttpCase, InvoiceCommon):
    def test_customer_reads_and_signs_the_own_quotation(self):
        """The light and the stop are ours; the pages work without them."""
        portal = self._create_portal_user()
        portal.partner_id.parent_id = self.customer
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "require_payment": False,
                "order_line": [
                    Command.create({"product_id": self.machine.id, "tax_ids": False})
                ],
            }
        )
        order.state = "sent"
        order.message_subscribe(portal.partner_id.ids)
        self.customer.with_company(self.company).trust = "bad"
        self.company.crm_plus_credit_stop = True
        self.assertTrue(order.is_credit_stopped)

        self.authenticate(portal.login, portal.login)
        for url in ("/my/quotes", "/my/orders", order.get_portal_url()):
            page = self.url_open(url)
            self.assertEqual(page.status_code, 200, url)
            self.assertNotIn("bad debtor", page.text)
        answer = self.make_jsonrpc_request(
            "/web/dataset/call_kw/sale.order/read",
            {
                "model": "sale.order",
                "method": "read",
                "args": [order.ids, ["name"]],
                "kwargs": {},
            },
        )
        self.assertEqual(answer[0]["name"], order.name)

        self.authenticate(None, None)
        page = self.url_open(order.get_portal_url())
        self.assertEqual(page.status_code, 200)
        self.assertIn(order.name, page.text)
        self.assertNotIn("bad debtor", page.text)
        answer = self.make_jsonrpc_request(
            f"/my/orders/{order.id}/accept",
            {
                "access_token": order.access_token,
                "name": "Ida",
                "signature": (
                    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
                    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
                ),
            },
        )
        self.assertTrue(answer.get("redirect_url"), answer)
        order.invalidate_recordset()
        self.assertEqual(order.state, "sale")
