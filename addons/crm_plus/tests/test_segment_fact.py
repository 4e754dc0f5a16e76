from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import format_date

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from .test_segment import SegmentCommon


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegmentFact(SegmentCommon, AccountTestInvoicingCommon):
    @classmethod
    def get_default_groups(cls):
        return super().get_default_groups() | cls.quick_ref(
            "sales_team.group_sale_manager"
        )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.company_data["company"]
        cls.today = fields.Date.today()
        cls.book_keeper = cls.env["res.users"].create(
            {
                "name": "Marketing and books",
                "login": "plus_books",
                "company_id": cls.company.id,
                "company_ids": [Command.set(cls.company.ids)],
                "group_ids": [
                    Command.link(cls.env.ref("sales_team.group_sale_manager").id),
                    Command.link(cls.env.ref("account.group_account_readonly").id),
                ],
            }
        )
        cls.tea, cls.beans = cls.env["product.product"].create(
            [
                {"name": "Tea", "categ_id": cls._category("Drinks").id},
                {"name": "Beans", "categ_id": cls._category("Raw").id},
            ]
        )
        cls.everybody = [("id", "in", (cls.customer + cls.customer_2).ids)]
        cls._invoice(cls.customer_contact, cls.tea, 100, days_ago=10)
        cls._invoice(cls.customer, cls.tea, 30, days_ago=10, move_type="out_refund")
        cls._invoice(cls.customer_2, cls.beans, 500, days_ago=200)

    @classmethod
    def _category(cls, name):
        parent = cls.env["product.category"].create({"name": f"All {name}"})
        return cls.env["product.category"].create(
            {"name": name, "parent_id": parent.id}
        )

    @classmethod
    def _invoice(cls, partner, product, price, days_ago, move_type="out_invoice"):
        date = cls.today - timedelta(days=days_ago)
        move = cls.env["account.move"].create(
            {
                "move_type": move_type,
                "partner_id": partner.id,
                "company_id": cls.company.id,
                "invoice_date": date,
                "invoice_date_due": date,
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "price_unit": price,
                            "tax_ids": [Command.clear()],
                        }
                    )
                ],
            }
        )
        move.action_post()
        return move

    def _rebuild(self):
        self.env.flush_all()
        self.env["crm.customer.profile"]._rebuild((self.customer + self.customer_2).ids)

    def _profile(self, partner, **values):
        profile = self.env["crm.customer.profile"].search(
            [("partner_id", "=", partner.id), ("company_id", "=", self.company.id)]
        )
        profile.sudo().write(values)
        self.env.flush_all()

    def _found(self, user=None, target="res.partner", domain=None, **fact):
        segment = self._create_segment(
            "Fact",
            str(domain or self.everybody),
            target=target,
            user_id=(user or self.book_keeper).id,
            company_id=self.company.id,
            fact_ids=[Command.create(fact)],
        )
        segment._refresh()
        found = segment.member_ids.mapped(
            "lead_id" if target == "crm.lead" else "partner_id"
        )
        # a change of few records is followed up by other SQL with the same result
        everybody = self.env[target].search(domain or self.everybody)
        query = segment._get_member_query(everybody.ids)
        self.assertEqual(set(query.get_result_ids()), set(found.ids))
        return found

    def test_bought(self):
        drinks = self.tea.categ_id.parent_id.ids
        for fact, expected in (
            ({"product_ids": self.tea.ids}, self.customer),
            ({"product_ids": self.tea.ids, "days": 5}, self.env["res.partner"]),
            ({"product_ids": self.tea.ids, "days": 30}, self.customer),
            ({"product_ids": self.tea.ids, "times": 2}, self.env["res.partner"]),
            ({"product_ids": self.tea.ids, "is_not": True}, self.customer_2),
            ({"categ_ids": drinks}, self.customer),
            ({}, self.customer + self.customer_2),
            ({"is_not": True, "days": 30}, self.customer_2),
        ):
            with self.subTest(fact=fact):
                values = {
                    name: [Command.set(value)] if name.endswith("_ids") else value
                    for name, value in fact.items()
                }
                self.assertEqual(self._found(kind="bought", **values), expected)

    def test_spent_is_net_of_credit_notes(self):
        for amount, days, expected in (
            (70, 0, self.customer + self.customer_2),
            (71, 0, self.customer_2),
            (70, 30, self.customer),
            (71, 30, self.env["res.partner"]),
        ):
            with self.subTest(amount=amount, days=days):
                self.assertEqual(
                    self._found(kind="spent", amount=amount, days=days), expected
                )

    def test_amounts_of_companies_with_other_currencies(self):
        """100 invoiced where a unit is worth two of those that the fact is in."""
        currency = self.env["res.currency"].create(
            {"name": "TST", "symbol": "T", "rounding": 0.01}
        )
        self.env["res.currency.rate"].create(
            {
                "currency_id": currency.id,
                "name": "2020-01-01",
                "rate": 0.5,
                "company_id": self.company.id,
            }
        )
        there = self.setup_other_company(name="Abroad", currency_id=currency.id)[
            "company"
        ]
        self.book_keeper.company_ids += there
        self.env.user.company_ids += there
        due = self.today - timedelta(days=10)
        move = (
            self.env["account.move"]
            .with_company(there)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.customer.id,
                    "company_id": there.id,
                    "invoice_date": due,
                    "invoice_date_due": due,
                    "invoice_payment_term_id": False,
                    "invoice_line_ids": [
                        Command.create(
                            {"name": "Goods", "price_unit": 1000, "tax_ids": False}
                        )
                    ],
                }
            )
        )
        move.action_post()
        self.assertEqual(move.company_currency_id, currency)
        # 70 here, 1000 there: 2000 here
        for kind, least in (("spent", 2070), ("overdue", 2070)):
            for amount, expected in (
                (least, self.customer),
                (least + 1, self.env["res.partner"]),
            ):
                with self.subTest(kind, amount=amount):
                    segment = self._create_segment(
                        "All",
                        str([("id", "=", self.customer.id)]),
                        target="res.partner",
                        user_id=self.book_keeper.id,
                        company_id=False,
                        fact_ids=[Command.create({"kind": kind, "amount": amount})],
                    )
                    segment._refresh()
                    self.assertEqual(segment.member_ids.partner_id, expected)

    def test_overdue(self):
        both = self.customer + self.customer_2
        self.assertEqual(self._found(kind="overdue", amount=70), both)
        # 100, less a credit note of 30 that nobody has reconciled
        self.assertEqual(self._found(kind="overdue", amount=71), self.customer_2)
        self.assertEqual(
            self._found(kind="overdue", amount=60, days=30), self.customer_2
        )
        self._invoice(self.customer, self.tea, 70, days_ago=0, move_type="out_refund")
        self.assertEqual(self._found(kind="overdue"), self.customer_2)

    def test_touched_by_people(self):
        self.env["crm.touchpoint"]._harvest()
        kind = self.env.ref("crm_plus.crm_touchpoint_kind_invoice_posted")
        fact = {"kind": "touched", "touchpoint_kind_ids": [Command.set(kind.ids)]}
        self.assertEqual(self._found(**fact, days=30), self.customer)
        self.env.cr.execute("UPDATE crm_touchpoint SET is_machine = TRUE")
        self.env.invalidate_all()
        self.assertFalse(self._found(**fact, days=30))

    def test_leads_by_what_their_customer_bought(self):
        buyer = self._create_leads(
            partner_id=self.customer_contact.id, company_id=self.company.id
        )
        stranger = self._create_leads(company_id=self.company.id)
        fact = {"kind": "bought", "product_ids": [Command.set(self.tea.ids)]}
        domain = [("id", "in", (buyer + stranger).ids)]
        args = {"target": "crm.lead", "domain": domain}
        self.assertEqual(self._found(**args, **fact), buyer)
        self.assertEqual(self._found(**args, **fact, is_not=True), stranger)

    def test_a_change_of_customer_is_followed_at_once(self):
        lead = self.env["crm.lead"].create(
            {"name": "Of nobody", "company_id": self.company.id}
        )
        branch = self.env["res.partner"].create({"name": "Branch"})
        of_leads, of_partners = (
            self._create_segment(
                "Bought tea",
                str([("id", "=", record.id)]),
                target=record._name,
                user_id=self.book_keeper.id,
                company_id=self.company.id,
                fact_ids=[
                    Command.create(
                        {"kind": "bought", "product_ids": [Command.set(self.tea.ids)]}
                    )
                ],
            )
            for record in (lead, branch)
        )
        self._harvest_queued()

        lead.partner_id = self.customer
        branch.parent_id = self.customer
        self._harvest_queued()

        self.assertEqual(of_leads.member_ids.lead_id, lead)
        self.assertEqual(of_partners.member_ids.partner_id, branch)

    def test_of_the_companies_of_the_segment(self):
        segment = self._create_segment(
            "There",
            str(self.everybody),
            target="res.partner",
            company_id=self.company_2.id,
            fact_ids=[Command.create({"kind": "bought"})],
        )
        segment._refresh()
        self.assertFalse(segment.member_ids)

    def test_amounts_need_the_right_to_read_them(self):
        for kind in ("spent", "overdue"):
            with self.subTest(kind=kind), self.assertRaises(ValidationError):
                self._found(user=self.manager, kind=kind, amount=1)
        segment = self._create_segment(
            "Books",
            "[]",
            target="res.partner",
            user_id=self.book_keeper.id,
            fact_ids=[Command.create({"kind": "spent", "amount": 1})],
        )
        with self.assertRaisesRegex(ValidationError, "may not see what"):
            segment.user_id = self.manager
        with self.assertRaises(ValidationError):
            segment.fact_ids.with_user(self.manager).amount = 2
        with self.assertRaises(AccessError):
            segment.fact_ids.with_user(self.seller).amount = 2

    def test_that_something_is_overdue_is_no_secret(self):
        self.assertEqual(
            self._found(user=self.manager, kind="overdue"),
            self.customer + self.customer_2,
        )
        with self.assertRaises(ValidationError):
            self._found(user=self.manager, kind="overdue", days=30)

    def test_label(self):
        self._rebuild()
        label = self.env["crm.customer.label"].create({"name": "Darlings"})
        self._profile(self.customer, label_id=label.id)
        fact = {"kind": "label", "label_ids": [Command.set(label.ids)]}
        self.assertEqual(self._found(**fact), self.customer)
        self.assertEqual(self._found(**fact, is_not=True), self.customer_2)

    def test_silent_against_the_own_rhythm(self):
        self._rebuild()
        # of the second one no rhythm is known: silent is neither true nor false
        self._profile(self.customer, interval_median=4, interval_n=3)
        for ratio, expected in (
            (2.5, self.customer),
            (2.6, self.env["res.partner"]),
        ):
            with self.subTest(ratio=ratio):
                self.assertEqual(self._found(kind="silent", ratio=ratio), expected)
        self.assertEqual(
            self._found(kind="silent", ratio=2.6, is_not=True),
            self.customer + self.customer_2,
        )

    def test_score_and_grade_of_the_record(self):
        leads = self._create_leads(3, company_id=self.company.id)
        model = self.env["crm.score.model"].create({"name": "M", "target": "lead"})
        self.env.flush_all()
        # the rows below are the score
        self.env.cr.precommit.clear()
        for lead, total, grade in zip(
            leads, (10, 50, 80), ("A1", "B2", "C1"), strict=True
        ):
            self.env.cr.execute(
                """INSERT INTO crm_score (model_id, lead_id, is_main, fit, engagement,
                                          total, grade)
                   VALUES (%s, %s, TRUE, 0, %s, %s, %s)""",
                [model.id, lead.id, total, total, grade],
            )
        self.env.invalidate_all()
        args = {"target": "crm.lead", "domain": [("id", "in", leads.ids)]}
        for fact, expected in (
            ({"kind": "score", "points": 50}, leads[1:]),
            ({"kind": "score", "points": 50, "is_not": True}, leads[0]),
            ({"kind": "score", "score_measure": "fit", "points": 1}, leads[:0]),
            ({"kind": "grade", "grade_letter": "B", "grade_digit": "2"}, leads[:2]),
            (
                {"kind": "grade", "grade_letter": "C", "grade_digit": "1"},
                leads[0] + leads[2],
            ),
        ):
            with self.subTest(fact=fact):
                self.assertEqual(self._found(**args, **fact), expected)

    def test_words(self):
        tea = {"kind": "bought", "product_ids": [Command.set(self.tea.ids)]}
        drinks = [Command.set(self.tea.categ_id.ids)]
        invoiced = self.env.ref("crm_plus.crm_touchpoint_kind_invoice_posted")
        touched = {
            "kind": "touched",
            "touchpoint_kind_ids": [Command.set(invoiced.ids)],
        }
        category = self.tea.categ_id.display_name
        for fact, expected in (
            ({**tea, "days": 90}, "bought Tea in the last 90 days"),
            ({**tea, "is_not": True}, "never bought Tea"),
            (
                {**tea, "is_not": True, "days": 90},
                "did not buy Tea in the last 90 days",
            ),
            ({**tea, "times": 3}, "bought Tea 3 times"),
            (
                {**tea, "times": 3, "is_not": True},
                "did not buy Tea, at least 3 times",
            ),
            (
                {"kind": "bought", "categ_ids": drinks, "days": 30},
                f"bought {category} in the last 30 days",
            ),
            ({"kind": "bought", "is_not": True}, "never bought anything"),
            ({"kind": "overdue"}, "has overdue invoices"),
            ({"kind": "overdue", "is_not": True}, "has nothing overdue"),
            ({"kind": "silent", "days": 5}, "silent for 1.5 times the usual interval"),
            ({"kind": "score", "points": 50}, "Score at least 50.0"),
            ({"kind": "grade"}, "grade B2 or better"),
            ({"kind": "grade", "is_not": True}, "grade below B2"),
            (touched, invoiced.name),
            ({**touched, "is_not": True}, f"Not: {invoiced.name}"),
        ):
            with self.subTest(expected=expected):
                fact = self.env["crm.segment.fact"].new(
                    {**fact, "segment_id": self.hot.id}
                )
                self.assertEqual(fact.summary, expected)

    def test_why_shows_what_stands_behind(self):
        self._rebuild()
        segment = self._create_segment(
            "Why",
            "[]",
            target="res.partner",
            user_id=self.book_keeper.id,
            fact_ids=[
                Command.create(
                    {"kind": "bought", "product_ids": [Command.set(self.tea.ids)]}
                ),
                Command.create({"kind": "spent", "amount": 50}),
                Command.create({"kind": "silent"}),
            ],
        )

        def present(user, partner):
            lines = segment.with_user(user)._explain(partner.with_user(user))["lines"]
            return {line["text"]: line["present"] for line in lines}

        day = format_date(self.env, self.today - timedelta(days=10))
        found = present(self.book_keeper, self.customer)
        self.assertEqual(found["bought Tea"], f"last on {day}")
        spent = next(text for text in found if text.startswith("spent"))
        self.assertIn("70", found[spent])
        self.assertEqual(
            found["silent for 1.5 times the usual interval"], "rhythm not known"
        )
        self.assertEqual(
            present(self.book_keeper, self.customer_2)["bought Tea"], "never"
        )
        # whoever may not see amounts reads that there is a condition, and nothing else
        for user in (self.manager, self.seller):
            why = segment.with_user(user)._explain(self.customer.with_user(user))
            self.assertFalse([x for x in why["lines"] if "spent" in x["text"]])
            [line] = [x for x in why["lines"] if "may not see" in x["text"]]
            self.assertIsNone(line["holds"])
            self.assertIsNone(line["present"])
            html = segment.with_user(user)._render_why(self.customer.with_user(user))
            self.assertIn("fa-lock", html)
            self.assertNotIn("50", html)

    def test_preview_tells_nothing_of_amounts(self):
        """By RPC the button is there for whoever reads the segment."""
        self._rebuild()
        segment = self._create_segment(
            "Spent",
            str(self.everybody),
            target="res.partner",
            user_id=self.book_keeper.id,
            fact_ids=[Command.create({"kind": "spent", "amount": 50})],
        )
        action = segment.with_user(self.book_keeper).action_preview()
        self.assertIn("2 match", action["name"])
        for user in (self.manager, self.seller):
            with self.assertRaises(AccessError):
                segment.with_user(user).action_preview()

    def test_queries_of_a_fact_do_not_grow(self):
        segment = self._create_segment(
            "Queries",
            "[]",
            target="res.partner",
            user_id=self.manager.id,
            fact_ids=[Command.create({"kind": kind}) for kind in ("bought", "silent")],
        )

        def queries(count):
            self.env["res.partner"].create([{"name": f"P{i}"} for i in range(count)])
            self.env.flush_all()
            self.env.cr.precommit.clear()
            segment.mapped("date_refreshed")
            before = self.env.cr.sql_log_count
            segment._refresh()
            return self.env.cr.sql_log_count - before

        queries(1)
        self.assertEqual(queries(1), queries(100))

    def test_a_fact_that_goes_with_its_addon_archives_the_segment(self):
        segment = self._create_segment(
            "Fact",
            str(self.everybody),
            target="res.partner",
            fact_ids=[Command.create({"kind": "bought"})],
        )
        segment._refresh()
        segment.fact_ids._forget_kind()
        self.assertFalse(segment.active)
        self.assertTrue(segment.member_count, "it keeps the members it has")

    def test_incomplete(self):
        for fact in (
            {"kind": "touched"},
            {"kind": "spent", "amount": 0},
            {"kind": "label"},
            {"kind": "grade", "grade_letter": False},
        ):
            with self.subTest(fact=fact), self.assertRaises(ValidationError):
                self._found(**fact)

    def test_a_changed_fact_asks_for_a_refresh(self):
        segment = self._create_segment(
            "Fact",
            str(self.everybody),
            target="res.partner",
            fact_ids=[Command.create({"kind": "bought"})],
        )
        segment._refresh()
        self.assertTrue(segment.date_tried)
        segment.fact_ids.days = 30
        self.assertFalse(segment.date_tried)
        segment._refresh()
        segment.fact_ids.unlink()
        self.assertFalse(segment.date_tried)

    def test_on_the_form(self):
        segment = self._create_segment(
            "Tea", str(self.everybody), target="res.partner", user_id=self.manager.id
        )
        with Form(segment.with_user(self.manager)) as form:
            with form.fact_ids.new() as line:
                line.kind = "bought"
                line.product_ids.add(self.tea)
                self.assertEqual(line.summary, "bought Tea")
                line.is_not = True
                self.assertEqual(line.summary, "never bought Tea")
            self.assertIn(self.customer_2.name, form.preview)
            self.assertNotIn(self.customer.name, form.preview)
        action = segment.action_preview()
        self.assertEqual(
            self.env["res.partner"].search(action["domain"]), self.customer_2
        )
        why = segment._explain(self.customer)
        lines = {line["text"]: line["holds"] for line in why["lines"]}
        self.assertIs(lines["never bought Tea"], False)
