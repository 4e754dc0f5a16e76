from datetime import date, timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from ..report.crm_customer_statement_report import COMPANY_KEY, DATE_KEY
from ..tools.statement import OpenItem, build_statement, get_age
from .test_customer_profile import CustomerProfileCommon

REPORT = "crm_plus.report_customer_statement"
OWN_CONTEXT = 'context={"crm_plus_own_statement":true}'


class StatementCommon(CustomerProfileCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_data = cls.setup_other_company(name="Second House")
        cls.other_company = cls.other_data["company"]
        # a rate that leaves cents to lose
        cls.krona = cls.setup_other_currency("SEK", rates=[("2020-01-01", 11.37)])
        cls.env["res.currency.rate"].create(
            {
                "name": cls.today - timedelta(days=5),
                "rate": 10.91,
                "currency_id": cls.krona.id,
                "company_id": cls.company.id,
            }
        )
        cls.bank = cls.env["res.partner.bank"].create(
            {"acc_number": "BE71096123456769", "partner_id": cls.company.partner_id.id}
        )
        cls.customer.email = "office@brandt.example"
        cls.user_employee = new_test_user(
            cls.env,
            login="statement_colleague",
            groups="base.group_user",
            company_id=cls.company.id,
        )

    def _pay_some(self, invoice, amount, days_ago=0, **values):
        return (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create(
                {
                    "payment_date": self.today - timedelta(days=days_ago),
                    "amount": amount,
                    **values,
                }
            )
            ._create_payments()
        )

    def _entry(self, amount, days_ago, **values):
        """What a bank statement brings: a payment nobody matched yet."""
        day = self.today - timedelta(days=days_ago)
        receivable = self.company_data["default_account_receivable"]
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "date": day,
                "payment_ref": "Thanks",
                "partner_id": self.customer.id,
                "amount": amount,
                **values,
            }
        )
        move = line.move_id
        suspense = move.line_ids.filtered(
            lambda one: one.account_id == line.journal_id.suspense_account_id
        )
        suspense.account_id = receivable
        return move

    def _statement(self, at=None, partner=None, company=None, user=None):
        partner = partner or self.customer
        self.env.flush_all()
        return partner.with_user(user or self.env.user)._get_statements(
            company or self.company, at
        )[partner.commercial_partner_id.id]

    def _ledger(self, partner=None, company=None):
        """Open residuals of the receivable account: in each currency, in the books."""
        lines = self.env["account.move.line"].search(
            [
                ("partner_id", "child_of", (partner or self.customer).id),
                ("account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("company_id", "=", (company or self.company).id),
            ]
        )
        return (
            {
                currency.id: currency.round(
                    sum(some.mapped("amount_residual_currency"))
                )
                for currency, some in lines.grouped("currency_id").items()
                if any(some.mapped("amount_residual_currency"))
            },
            self.company.currency_id.round(sum(lines.mapped("amount_residual"))),
        )


@tagged("post_install", "-at_install", "crm_plus_profile")
class TestStatement(StatementCommon):
    # ------------------------------------------------------------
    # The paper, without a database
    # ------------------------------------------------------------

    def test_ages(self):
        for days, age in (
            (-5, "not_due"),
            (0, "not_due"),
            (1, "1_30"),
            (30, "1_30"),
            (31, "31_60"),
            (60, "31_60"),
            (61, "61_90"),
            (90, "61_90"),
            (91, "over_90"),
            (4000, "over_90"),
        ):
            with self.subTest(days=days):
                self.assertEqual(get_age(days), age)

    def test_building(self):
        at = date(2026, 3, 31)

        def item(line_id, due, residual, kind="invoice", currency_id=1):
            return OpenItem(
                line_id=line_id,
                move_id=line_id,
                name=f"D{line_id}",
                kind=kind,
                date=due,
                date_due=due,
                currency_id=currency_id,
                amount=residual,
                residual=residual,
                residual_company=residual,
            )

        statement = build_statement(
            at,
            [
                item(1, date(2026, 4, 1), 0.1),
                item(2, date(2026, 3, 30), 0.2),
                item(3, date(2025, 12, 30), 0.3),
                item(4, date(2026, 3, 1), -0.4, "payment"),
                item(5, date(2026, 3, 1), 7, currency_id=2),
                # open in the books of the company only
                OpenItem(
                    line_id=6,
                    move_id=6,
                    name="EXCH",
                    kind="other",
                    date=at,
                    date_due=at,
                    currency_id=2,
                    amount=0,
                    residual=0,
                    residual_company=0.01,
                ),
            ],
            dict.fromkeys((None, 1, 2), lambda amount: round(amount, 2)),
        )

        first, second = statement.sections
        self.assertEqual([row.item.line_id for row in first.rows], [3, 4, 2, 1])
        self.assertEqual([row.balance for row in first.rows], [0.3, -0.1, 0.1, 0.2])
        self.assertEqual(
            first.ages,
            {"not_due": 0.1, "1_30": -0.2, "31_60": 0, "61_90": 0, "over_90": 0.3},
        )
        self.assertEqual((first.total, first.overdue, first.unmatched), (0.2, 0.1, 0.4))
        self.assertEqual(
            [row.is_overdue for row in first.rows], [True, False, True, False]
        )
        self.assertEqual((second.total, len(second.rows)), (7, 1))
        self.assertEqual(statement.total_company, 7.21)
        self.assertTrue(statement.is_overdue)
        self.assertTrue(build_statement(at, [], {}).is_empty)

    # ------------------------------------------------------------
    # Against the ledger, to the cent
    # ------------------------------------------------------------

    def test_equals_the_receivable_account(self):
        paid = self._invoice(100, 512.5)
        self._pay_some(paid, 512.5, 50)
        partly = self._invoice(70, 333.33)
        self._pay_some(partly, 111.11, 20)
        credited = self._invoice(40, 250)
        credit_note = self._invoice(30, 80, move_type="out_refund")
        (credited | credit_note).line_ids.filtered(
            lambda one: one.account_type == "asset_receivable"
        ).reconcile()
        self._invoice(10, 60, move_type="out_refund")
        self._invoice(3, 99.99, invoice_date_due=self.today + timedelta(days=20))
        foreign = self._invoice(60, 1000.01, currency_id=self.krona.id)
        # at another rate: the difference of exchange is in the books only
        self._pay_some(foreign, 333.34, 1)
        self._invoice(95, 777.77, partner=self.contact)
        self._entry(45.6, 4)
        self._invoice(20, 5000, partner=self.partner_a)

        statement = self._statement()
        currencies, total = self._ledger()

        self.assertEqual(
            {part.currency_id: part.total for part in statement.sections}, currencies
        )
        self.assertEqual(len(currencies), 2)
        self.assertEqual(statement.total_company, total)
        for part in statement.sections:
            self.assertAlmostEqual(sum(part.ages.values()), part.total, 2)
            self.assertEqual(part.rows[-1].balance, part.total)
        ours = next(
            part
            for part in statement.sections
            if part.currency_id == self.company.currency_id.id
        )
        self.assertEqual(
            [(row.item.kind, row.item.residual, row.days) for row in ours.rows],
            [
                ("invoice", 777.77, 95),
                ("invoice", 222.22, 70),
                ("invoice", 170, 40),
                ("credit_note", -60, 10),
                ("payment", -45.6, 4),
                ("invoice", 99.99, -20),
            ],
        )
        self.assertEqual(
            ours.ages,
            {
                "not_due": 99.99,
                "1_30": -105.6,
                "31_60": 170,
                "61_90": 222.22,
                "over_90": 777.77,
            },
        )

    def test_at_a_date_in_the_past(self):
        invoice = self._invoice(40, 100)
        self._pay_some(invoice, 30, 20)
        self._pay_some(invoice, 70, 5)
        self._invoice(2, 500)

        for days_ago, total in ((41, None), (40, 100), (19, 70), (5, None), (0, 500)):
            with self.subTest(days_ago=days_ago):
                statement = self._statement(self.today - timedelta(days=days_ago))
                self.assertEqual(
                    [part.total for part in statement.sections],
                    [total] if total else [],
                )

    def test_what_is_matched_with_a_later_payment_is_open_still(self):
        invoice = self._invoice(10, 100)
        self._pay_some(invoice, 100, -10)
        self.assertFalse(invoice.amount_residual)

        [section] = self._statement().sections
        self.assertEqual(section.total, 100)
        self.assertTrue(self._statement(self.today + timedelta(days=10)).is_empty)

    def test_installments_are_rows_of_their_own(self):
        term = self.env["account.payment.term"].create(
            {
                "name": "Half and half",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": days}
                    )
                    for days in (0, 60)
                ],
            }
        )
        move = self._invoice(30, 100).copy({"invoice_payment_term_id": term.id})
        move.invoice_date = self.today - timedelta(days=30)
        move.action_post()
        [section] = self._statement().sections
        self.assertEqual(
            [(row.days, row.item.residual) for row in section.rows],
            [(30, 100), (30, 50), (-30, 50)],
        )

    def test_other_companies_are_apart(self):
        self._invoice(10, 100)
        there = (
            self.env["account.move"]
            .with_company(self.other_company)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.customer.id,
                    "invoice_date": self.today,
                    "company_id": self.other_company.id,
                    "invoice_line_ids": [
                        Command.create({"name": "x", "price_unit": 77, "tax_ids": []})
                    ],
                }
            )
        )
        there.action_post()

        [section] = self._statement().sections
        self.assertEqual(section.total, 100)
        [section] = self._statement(company=self.other_company).sections
        self.assertEqual(section.total, 77)
        self.assertEqual(
            self.customer._get_open_companies(), self.company | self.other_company
        )

    def test_notes_of_ours_are_not_told(self):
        move = self._entry(45, 4)
        move.ref = "Pays late, ask Ida"
        invoice = self._invoice(10, 100)
        invoice.ref = "Your order 7"
        invoice.payment_reference = False

        items = [
            item
            for part in self._statement().sections
            for item in (row.item for row in part.rows)
        ]

        references = {item.move_id: item.reference for item in items}
        self.assertEqual(references, {move.id: "", invoice.id: "Your order 7"})

    def test_drafts_do_not_count(self):
        self._invoice(10, 100).button_draft()
        self.assertTrue(self._statement().is_empty)

    def test_payment_on_its_way_is_told_but_not_deducted(self):
        """It has no journal entry until the bank has it."""
        invoice = self._invoice(10, 100)
        method = self.company_data[
            "default_journal_bank"
        ].inbound_payment_method_line_ids
        method.payment_account_id = False
        # with an accounting app that matches bank statements
        with patch.object(
            self.registry["account.move"],
            "_get_invoice_in_payment_state",
            lambda move: "in_payment",
        ):
            payment = self._pay_some(invoice, 100)
        self.assertFalse(payment.move_id)

        [section] = self._statement().sections
        self.assertEqual(section.total, 100)
        self.assertEqual(
            self.customer._get_pending_payments(self.company, self.today), payment
        )

    def test_many_customers_are_read_at_once(self):
        customers = self.env["res.partner"].create(
            [{"name": f"Customer {i}"} for i in range(10)]
        )
        for customer in customers:
            self._invoice(10, 100, partner=customer)
        self.env.flush_all()
        customers._get_statements(self.company)
        self.env.invalidate_all()
        with self.assertQueryCount(4):
            statements = customers._get_statements(self.company)
        self.assertEqual({len(one.sections) for one in statements.values()}, {1})

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_for_accounting_of_the_company_only(self):
        self._invoice(10, 100)
        reader = new_test_user(
            self.env,
            login="statement_reader",
            groups="account.group_account_readonly",
            company_id=self.company.id,
        )
        manager = new_test_user(
            self.env,
            login="statement_manager",
            groups="sales_team.group_sale_manager",
            company_id=self.company.id,
        )
        stranger = new_test_user(
            self.env,
            login="statement_stranger",
            groups="account.group_account_manager",
            company_id=self.other_company.id,
        )
        portal = new_test_user(
            self.env, login="statement_portal", groups="base.group_portal"
        )
        for user in (self.accountant, reader):
            with self.subTest(user.login):
                self.assertFalse(self._statement(user=user).is_empty)
        for user in (self.seller, self.seller_amounts, manager, stranger, portal):
            # the context is what clients write
            customer = self.customer.with_user(user).with_context(
                crm_plus_own_statement=True
            )
            report = customer.env["ir.actions.report"]
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    customer._get_statements(self.company)
                with self.assertRaises(AccessError):
                    report._render_qweb_html(
                        REPORT, customer.ids, data={"company_id": self.company.id}
                    )
                with self.assertRaises(AccessError):
                    wizard = customer.env["crm.customer.statement"].create(
                        {"partner_ids": customer.ids, "company_id": self.company.id}
                    )
                    wizard.action_print()

    def test_actions_are_not_offered_to_sellers(self):
        bindings = (
            "crm_plus.action_report_customer_statement",
            "crm_plus.crm_customer_statement_action",
        )
        ids = {self.env.ref(name).id for name in bindings}

        def offered(user):
            found = self.env["ir.actions.actions"].with_user(user)
            return {
                action["id"]
                for actions in found.get_bindings("res.partner").values()
                for action in actions
            } & ids

        self.assertEqual(offered(self.accountant), ids)
        self.assertFalse(offered(self.seller))

    # ------------------------------------------------------------
    # Print and send
    # ------------------------------------------------------------

    def _html(self, partners, user=None, **data):
        report = self.env["ir.actions.report"].with_user(user or self.accountant)
        html, _type = report._render_qweb_html(REPORT, partners.ids, data=data)
        return html.decode()

    def test_paper(self):
        invoice = self._invoice(40, 100)
        self._entry(45, 4)
        html = self._html(self.customer)

        for text in (invoice.name, "Payment, not matched yet", "BE71096123456769"):
            self.assertIn(text, html)
        self.assertRegex(html, r"(?s)statement_total.{0,120}55\.00")
        self.assertIn("Nothing is open", self._html(self.partner_a))

    def test_paper_speaks_the_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        self._invoice(40, 1234.5)
        html = self._html(self.customer)
        # 1 234,50 with a narrow space
        self.assertRegex(html, r"1\D{1,8}234,50")
        self.assertIn(
            (self.today - timedelta(days=40)).strftime("%d/%m/%Y"),
            html,
            "a French date",
        )

    def test_wizard_prints_at_its_date(self):
        self._invoice(40, 100)
        self._invoice(5, 900)
        wizard = (
            self.env["crm.customer.statement"]
            .with_user(self.accountant)
            .with_context(
                active_model="res.partner",
                active_ids=(self.contact | self.customer | self.partner_a).ids,
            )
            .create({"date": self.today - timedelta(days=10)})
        )
        self.assertEqual(wizard.partner_ids, self.customer | self.partner_a)
        self.assertEqual(wizard.nothing_open_ids, self.partner_a)
        self.assertEqual(wizard.open_count, 1)

        action = wizard.action_print()
        html = self._html(self.env["res.partner"], **action["data"])

        self.assertIn("100.00", html)
        self.assertNotIn("900.00", html)
        self.assertNotIn(self.partner_a.name, html)

    def test_send_to_several_each_the_own(self):
        self._invoice(40, 100)
        self._invoice(40, 321, partner=self.partner_a)
        self._invoice(40, 654, partner=self.partner_b)
        self.partner_a.email = "a@statement.example"
        self.partner_b.email = False
        # no marketing, please
        self.env["mail.blacklist"]._add(self.partner_a.email)
        partners = self.customer | self.partner_a | self.partner_b
        wizard = (
            self.env["crm.customer.statement"]
            .with_user(self.accountant)
            .create({"partner_ids": partners.ids})
        )
        self.assertEqual(wizard.without_email_ids, self.partner_b)
        action = wizard.action_send()
        papers = []

        def render(report, report_ref, res_ids=None, data=None):
            values = report.env[f"report.{REPORT}"]._get_report_values(res_ids, data)
            papers.extend(values["papers"])
            return b"paper", "pdf"

        with patch.object(
            self.registry["ir.actions.report"], "_render_qweb_pdf", render
        ):
            composer = (
                self.env["mail.compose.message"]
                .with_user(self.accountant)
                .with_context(**action["context"])
                .create({})
            )
            mails, _messages = composer._action_send_mail()

        self.assertEqual(mails.mapped("recipient_ids"), self.customer | self.partner_a)
        for mail in mails:
            self.assertEqual(len(mail.recipient_ids), 1)
            self.assertEqual(len(mail.attachment_ids), 1)
            # sellers read what stays with a contact, were it only until it is sent
            self.assertNotEqual(mail.attachment_ids.res_model, "res.partner")
            self.assertNotIn(mail.mail_message_id, partners.message_ids)
            self.assertFalse(
                mail.mail_message_id.with_user(self.seller).has_access("read")
            )
            self.assertFalse(
                mail.attachment_ids.with_user(self.seller).has_access("read")
            )
        self.assertEqual(
            {
                (paper["customer"].id, paper["statement"].sections[0].total)
                for paper in papers
            },
            {(self.customer.id, 100), (self.partner_a.id, 321)},
        )
        for partner, count in (
            (self.customer, 1),
            (self.partner_a, 1),
            (self.partner_b, 0),
        ):
            notes = partner.message_ids.filtered(lambda one: "Statement at" in one.body)
            self.assertEqual(len(notes), count)
            self.assertFalse(notes.attachment_ids)

    def test_on_hold_gets_none_by_mail(self):
        self._invoice(40, 100)
        self._invoice(40, 321, partner=self.partner_a)
        self.partner_a.email = "a@statement.example"
        hold = self.env["crm.contact.hold"].create(
            {"partner_id": self.partner_a.id, "note": "In dispute", "scope": "all"}
        )

        def wizard():
            return (
                self.env["crm.customer.statement"]
                .with_user(self.accountant)
                .create({"partner_ids": (self.customer | self.partner_a).ids})
            )

        self.assertFalse(wizard().held_ids, "the company does not apply the policy")
        self.env.company.crm_plus_contact_policy = True
        self.assertEqual(wizard().held_ids, self.partner_a)
        self.assertEqual(
            wizard().action_send()["context"]["default_res_ids"], self.customer.ids
        )
        self.assertEqual(wizard().open_count, 2, "it can be printed")
        hold.scope = "marketing"
        self.assertFalse(wizard().held_ids)

    def _compose(self, partners, template, **values):
        with patch.object(
            self.registry["ir.actions.report"],
            "_render_qweb_pdf",
            lambda *args, **kwargs: (b"paper", "pdf"),
        ):
            composer = (
                self.env["mail.compose.message"]
                .with_user(self.accountant)
                .create(
                    {
                        "model": "res.partner",
                        "res_ids": repr(partners.ids),
                        "template_id": template.id,
                        **values,
                    }
                )
            )
            return composer._action_send_mail()

    def test_picked_by_hand_it_does_not_stay_with_the_contact(self):
        """Whoever may read the contact would read what it owes."""
        self._invoice(40, 100)
        template = self.env.ref("crm_plus.mail_template_customer_statement")
        partners = self.customer + self.partner_a
        self.partner_a.email = "a@statement.example"
        before = partners.message_ids
        for one in (template, template.copy()):
            for chosen in (self.customer, partners):
                with self.assertRaises(UserError) as refusal:
                    self._compose(chosen, one, composition_mode="comment")
                self.assertIn("Send Statement", str(refusal.exception))
            mails, _messages = self._compose(
                partners,
                one,
                composition_mode="mass_mail",
                auto_delete=False,
                force_send=False,
            )
            self.assertEqual(len(mails.attachment_ids), 2)
            self.assertEqual(set(mails.mapped("auto_delete")), {True})
            for record in (mails.mail_message_id, mails.attachment_ids):
                for user in (self.seller, self.user_employee):
                    self.assertFalse(record.with_user(user).has_access("read"))
        notes = partners.message_ids - before
        self.assertEqual(len(notes), 4)
        self.assertFalse(notes.attachment_ids)

    def test_mails_of_automations_do_not_stay_either(self):
        template = self.env.ref("crm_plus.mail_template_customer_statement")
        with patch.object(
            self.registry["ir.actions.report"],
            "_render_qweb_pdf",
            lambda *args, **kwargs: (b"paper", "pdf"),
        ):
            mail_id = template.with_user(self.accountant).send_mail(self.customer.id)
        mail = self.env["mail.mail"].browse(mail_id)
        self.assertEqual(len(mail.attachment_ids), 1)
        self.assertNotIn(mail.mail_message_id, self.customer.message_ids)
        self.assertFalse(mail.mail_message_id.with_user(self.seller).has_access("read"))
        self.assertFalse(mail.attachment_ids.with_user(self.seller).has_access("read"))

    def test_mail_names_the_company_of_the_statement(self):
        """Not that of who sends it."""
        self.accountant.company_ids += self.other_company
        companies = self.company + self.other_company
        wizard = (
            self.env["crm.customer.statement"]
            .with_user(self.accountant)
            .with_context(allowed_company_ids=companies.ids)
            .create(
                {
                    "partner_ids": self.customer.ids,
                    "company_id": self.other_company.id,
                    "include_empty": True,
                }
            )
        )
        composer = (
            self.env["mail.compose.message"]
            .with_user(self.accountant)
            .with_context(
                **wizard.action_send()["context"], allowed_company_ids=companies.ids
            )
            .create({})
        )
        with patch.object(
            self.registry["ir.actions.report"],
            "_render_qweb_pdf",
            lambda *args, **kwargs: (b"paper", "pdf"),
        ):
            mails, _messages = composer._action_send_mail()
        self.assertEqual(mails.subject, "Second House: your statement of account")

    def test_date_of_the_mail_is_that_of_the_wizard(self):
        self._invoice(40, 100)
        self._invoice(5, 900)
        at = self.today - timedelta(days=10)
        values = (
            self.env[f"report.{REPORT}"]
            .with_user(self.accountant)
            .with_context(
                **{
                    DATE_KEY: fields.Date.to_string(at),
                    COMPANY_KEY: self.company.id,
                }
            )
            ._get_report_values(self.customer.ids)
        )
        [section] = values["papers"][0]["statement"].sections
        self.assertEqual(section.total, 100)

    def test_nothing_to_send(self):
        wizard = (
            self.env["crm.customer.statement"]
            .with_user(self.accountant)
            .create({"partner_ids": self.partner_a.ids})
        )
        for call in (wizard.action_send, wizard.action_print):
            with self.assertRaises(UserError):
                call()
        wizard.include_empty = True
        wizard.action_print()


@tagged("post_install", "-at_install", "crm_plus_profile")
class TestStatementPortal(HttpCase, StatementCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ida, cls.jan, cls.employee = (
            new_test_user(cls.env, login=login, groups=groups, partner_id=partner.id)
            for login, groups, partner in (
                ("statement_ida", "base.group_portal", cls.contact),
                (
                    "statement_jan",
                    "base.group_portal",
                    cls.env["res.partner"].create({"name": "Jan"}),
                ),
                (
                    "statement_employee",
                    "base.group_user",
                    cls.env["res.partner"].create(
                        {"name": "Guest", "parent_id": cls.customer.id}
                    ),
                ),
            )
        )
        cls.invoice = cls._invoice(40, 123.45)
        cls.foreign = cls._invoice(40, 6789.01, partner=cls.partner_a)

    def test_page_of_the_own_customer(self):
        self.authenticate("statement_ida", "statement_ida")
        page = self.url_open("/my/statement").text
        self.assertIn(self.invoice.name, page)
        self.assertIn("123.45", page)
        self.assertNotIn(self.foreign.name, page)
        self.assertNotIn("6,789.01", page)

        counters = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["statement_count"]}
        )
        self.assertEqual(counters["statement_count"], 1)
        self.assertIn("/my/statement", self.url_open("/my").text)

    def test_others_get_nothing(self):
        pdf = f"/my/statement/{self.company.id}/pdf"
        for login in ("statement_jan", "statement_employee"):
            with self.subTest(login):
                self.authenticate(login, login)
                page = self.url_open("/my/statement").text
                self.assertIn("Nothing is open", page)
                self.assertNotIn(self.invoice.name, page)
                response = self.url_open(pdf, allow_redirects=False)
                self.assertEqual(response.status_code, 303)
                for url in (
                    f"/report/html/{REPORT}/{self.customer.id}",
                    f"/report/html/{REPORT}/{self.customer.id}?{OWN_CONTEXT}",
                ):
                    response = self.url_open(url)
                    self.assertNotEqual(response.status_code, 200)
                    self.assertNotIn("123.45", response.text)

    def test_download(self):
        seen = []

        def render(report, report_ref, res_ids=None, data=None):
            values = report.env[f"report.{REPORT}"]._get_report_values(res_ids, data)
            seen.extend(values["papers"])
            return b"%PDF own", "pdf"

        self.authenticate("statement_ida", "statement_ida")
        with patch.object(
            self.registry["ir.actions.report"], "_render_qweb_pdf", render
        ):
            response = self.url_open(f"/my/statement/{self.company.id}/pdf")
            refused = self.url_open(
                f"/my/statement/{self.other_company.id}/pdf", allow_redirects=False
            )
        self.assertEqual(response.content, b"%PDF own")
        self.assertEqual([paper["customer"].id for paper in seen], self.customer.ids)
        self.assertEqual(refused.status_code, 303)
