from datetime import date, timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import SQL

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..models.customer.crm_customer_profile_rebuild import AT_ONCE_LIMIT

MONEY = ("revenue_12", "margin_12", "past_value", "overdue_amount", "dso")


class CustomerProfileCommon(AccountTestInvoicingCommon):
    """A company with customers of its own; product_a costs 800, product_b nothing that
    is known. Users: a seller, an accountant, one with the group for amounts.
    """

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
        cls.company = cls.company_data["company"]
        cls.today = fields.Date.context_today(cls.env.user)
        cls.Profile = cls.env["crm.customer.profile"].sudo()
        cls.Yardstick = cls.env["crm.customer.yardstick"].sudo()
        cls.seller, cls.seller_amounts, cls.accountant = (
            new_test_user(
                cls.env,
                login=login,
                groups=groups,
                company_id=cls.company.id,
            )
            for login, groups in (
                (
                    "profile_seller",
                    "sales_team.group_sale_salesman,base.group_allow_export",
                ),
                (
                    "profile_amounts",
                    "sales_team.group_sale_salesman,crm_plus.crm_plus_group_amounts",
                ),
                ("profile_accountant", "account.group_account_invoice"),
            )
        )
        cls.beans = cls.env["product.product"].create(
            {"name": "Beans", "standard_price": 6, "taxes_id": []}
        )
        cls.advice = cls.env["product.product"].create(
            {"name": "Advice", "type": "service", "standard_price": 0, "taxes_id": []}
        )
        cls.customer = cls.env["res.partner"].create(
            {"name": "Brandt Kaffee", "is_company": True}
        )
        cls.contact = cls.env["res.partner"].create(
            {"name": "Ina Brandt", "parent_id": cls.customer.id}
        )

    @classmethod
    def _invoice(cls, days_ago, amount=100, partner=None, product=None, **values):
        """Post an invoice of ``amount`` for 10 pieces, dated so many days ago."""
        day = cls.today - timedelta(days=days_ago)
        product = cls.beans if product is None else product
        move = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or cls.customer).id,
                "invoice_date": day,
                "invoice_date_due": day,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "name": "Goods",
                            "quantity": 10,
                            "price_unit": amount / 10,
                            "tax_ids": [],
                        }
                    )
                ],
                **values,
            }
        )
        move.invoice_payment_term_id = False
        move.invoice_date_due = values.get("invoice_date_due", day)
        move.action_post()
        return move

    def _pay(self, invoice, days_ago):
        Register = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        day = self.today - timedelta(days=days_ago)
        Register.create({"payment_date": day})._create_payments()

    def _commit(self):
        self.env.flush_all()
        self.env.cr.precommit.run()

    def _profile(self, partner=None, rebuild=True, company=None):
        partner = partner or self.customer
        if rebuild:
            self.Profile._rebuild(partner.ids)
        return self.Profile.search(
            [
                ("partner_id", "=", partner.id),
                ("company_id", "=", (company or self.company).id),
            ]
        )

    def _measure(self):
        """The nightly run, of this company only."""
        self.Profile._rebuild()
        yardstick = self.Yardstick.search([("company_id", "=", self.company.id)])
        yardstick._renew()
        self.Profile._judge(None, yardstick)
        return yardstick


@tagged("post_install", "-at_install", "crm_plus_profile")
class TestCustomerProfile(CustomerProfileCommon):
    # ------------------------------------------------------------
    # Money
    # ------------------------------------------------------------

    def test_sales_are_net_of_credit_notes_and_of_twelve_months(self):
        self._invoice(10, 100)
        self._invoice(400, 1000)
        self._invoice(5, 30, move_type="out_refund")
        self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_line_ids": [Command.create({"name": "D", "price_unit": 7})],
            }
        )

        profile = self._profile()

        self.assertRecordValues(
            profile,
            [
                {
                    "revenue_12": 70,
                    "revenue_total": 1070,
                    "invoice_count": 2,
                    "invoice_count_12": 1,
                    "refund_count_12": 1,
                    "recency_days": 10,
                    "date_last": self.today - timedelta(days=10),
                }
            ],
        )

    def test_margin_is_that_of_invoice_analysis(self):
        self._invoice(10, 100)
        self._invoice(5, 30, move_type="out_refund")
        profile = self._profile()

        self.env.flush_all()
        analysed = sum(
            self.env["account.invoice.report"]
            .search([("commercial_partner_id", "=", self.customer.id)])
            .mapped("price_margin")
        )

        self.assertEqual(profile.margin_12, 70, "100 - 30 - (10 - 10) pieces x 6")
        self.assertAlmostEqual(profile.margin_12, analysed)
        self.assertEqual(profile.value_basis, "margin")
        self.assertEqual(profile.past_value, 70)

    def test_margin_without_costs_is_not_known(self):
        self._invoice(10, 100, product=self.advice)

        profile = self._profile()

        self.assertEqual(profile.value_basis, "revenue")
        self.assertEqual(profile.past_value, 100)
        self.assertEqual(profile.margin_coverage, 0)
        self.assertFalse(profile.rfm_margin)
        self.env.cr.execute(
            "SELECT margin_12 FROM crm_customer_profile WHERE id = %s", [profile.id]
        )
        self.assertEqual(self.env.cr.fetchone(), (None,))

    def test_margin_needs_a_share_of_known_costs(self):
        self._invoice(10, 90)
        self._invoice(10, 10, product=self.advice)
        self.assertEqual(self._profile().margin_12, 30, "of the 90 that have a cost")

        self.Yardstick.search(
            [("company_id", "=", self.company.id)]
        ).margin_coverage = 95

        self.assertEqual(self._profile().value_basis, "revenue")

    def test_invoices_of_contacts_are_the_companys(self):
        self._invoice(10, 100, partner=self.contact)
        self.assertEqual(self._profile().revenue_12, 100)
        self.assertFalse(self._profile(self.contact, rebuild=False))
        self.assertEqual(
            self.contact.with_company(self.company).customer_profile_id, self._profile()
        )

    def test_contact_that_moves_to_another_company_takes_its_invoices(self):
        self._invoice(10, 100)
        group = self.env["res.partner"].create({"name": "Group", "is_company": True})
        self.customer.write({"parent_id": group.id, "is_company": False})

        self.Profile._rebuild((group + self.customer).ids)

        self.assertEqual(self._profile(group).revenue_12, 100)
        self.assertFalse(self._profile())

    # ------------------------------------------------------------
    # Rhythm
    # ------------------------------------------------------------

    def test_rhythm_is_the_median_interval(self):
        for days_ago in (100, 90, 70, 30):  # gaps 10, 20, 40
            self._invoice(days_ago)
        # two invoices of a day are one purchase
        self._invoice(30)

        profile = self._profile()

        self.assertRecordValues(
            profile,
            [
                {
                    "interval_median": 20,
                    "interval_n": 3,
                    "date_next": self.today - timedelta(days=10),
                    "days_overdue": 10,
                    "silence_ratio": 1.5,
                    "purchase_days": 4,
                }
            ],
        )

    def test_two_days_are_no_rhythm(self):
        self._invoice(100)
        self._invoice(50)

        profile = self._profile()

        self.assertEqual(profile.interval_n, 1)
        self.assertFalse(profile.interval_median)
        self.assertFalse(profile.date_next)
        self.assertIsNone(profile.churn_parts["rhythm"])

    def test_credit_notes_are_no_purchase(self):
        for days_ago in (100, 80):
            self._invoice(days_ago)
        self._invoice(60, move_type="out_refund")
        self.assertEqual(self._profile().interval_n, 1)

    # ------------------------------------------------------------
    # Payment
    # ------------------------------------------------------------

    def test_payment_delay_is_weighted_by_amount(self):
        for amount, days_late in ((300, 10), (100, -2)):
            invoice = self._invoice(60, amount)
            self._pay(invoice, 60 - days_late)
        self._invoice(20, 50)  # not paid: says nothing of the habit

        profile = self._profile()

        self.assertEqual(profile.payment_n, 2)
        self.assertEqual(profile.payment_delay, 7, "(300 x 10 - 100 x 2) / 400")
        self.assertEqual(profile.overdue_amount, 50)
        self.assertEqual(profile.overdue_days, 20)
        self.assertEqual(profile.receivable, 50)
        self.assertEqual(profile.dso, 40.6, "50 / 450 x 365")

    def test_credit_note_is_no_payment(self):
        invoice = self._invoice(60, 100)
        refund = self._invoice(20, 100, move_type="out_refund")
        (invoice + refund).line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        ).reconcile()
        profile = self._profile()
        self.assertEqual(profile.payment_n, 0)
        self.assertFalse(profile.is_overdue)

    def test_red_from_when_the_company_says(self):
        """As the light of its quotations."""
        self._invoice(40)
        for days, light in ((39, "red"), (40, "amber"), (60, "amber"), (0, "red")):
            with self.subTest(days):
                self.company.crm_plus_overdue_days = days
                self.assertEqual(self._profile().payment_light, light)
                standing = self.customer._get_credit_standings(self.company)
                self.assertEqual(standing[self.customer.id].judge(self.env)[0], light)

    def test_payment_lights(self):
        due = self.today + timedelta(days=20)
        cases = [
            # days since invoice, due, light, words
            (5, due, "green", "Nothing overdue"),
            (10, None, "amber", "Owes for some days"),
            (40, None, "red", "Long overdue, or over the credit limit"),
        ]
        for days_ago, date_due, light, words in cases:
            with self.subTest(light):
                partner = self.env["res.partner"].create({"name": light})
                values = {"invoice_date_due": date_due} if date_due else {}
                self._invoice(days_ago, partner=partner, **values)
                profile = self._profile(partner)
                self.assertEqual(profile.payment_light, light)
                self.assertEqual(profile.payment_words, words)

    def test_who_paid_in_time_pays_in_time(self):
        self._pay(self._invoice(30), 30)
        self.assertEqual(self._profile().payment_words, "Pays on time")

    def test_credit_used(self):
        self.company.account_use_credit_limit = True
        self.customer.with_company(self.company).credit_limit = 80
        due = self.today + timedelta(days=20)
        self._invoice(5, 100, invoice_date_due=due)

        profile = self._profile()

        self.assertEqual((profile.credit_limit, profile.credit_used), (80, 125))
        self.assertEqual(profile.payment_light, "red")
        self.assertEqual(profile.payment_words, "Over the credit limit")

    def test_credit_limit_that_is_not_used_says_nothing(self):
        self.customer.with_company(self.company).credit_limit = 80
        self._invoice(5, 100)
        self.assertFalse(self._profile().credit_limit)

    # ------------------------------------------------------------
    # Orders, goods, contact
    # ------------------------------------------------------------

    def test_customer_with_an_order_only(self):
        self.env["sale.order"].create(
            {
                "partner_id": self.contact.id,
                "company_id": self.company.id,
                "order_line": [Command.create({"product_id": self.beans.id})],
            }
        ).action_confirm()

        profile = self._profile()

        self.assertEqual(profile.order_count, 1)
        self.assertEqual(profile.date_last_order, self.today)
        for unknown in ("label_id", "payment_light", "churn_level", "rfm_revenue"):
            self.assertFalse(profile[unknown], unknown)
        self.assertEqual(profile.payment_words, "Not known")

    def test_channel_is_the_one_the_customer_uses(self):
        self._invoice(10)
        kinds = {kind.code: kind for kind in self.env["crm.touchpoint.kind"].search([])}
        now = fields.Datetime.now()
        rows = [
            ("email_in", 3, False),
            ("call_done", 5, False),
            ("call_done", 6, False),
            ("email_in", 7, True),  # an automatic reply
            ("email_in", 8, True),
            ("email_out", 1, False),
        ]
        self.env["crm.touchpoint"].sudo().create(
            [
                {
                    "kind_id": kinds[code].id,
                    "channel": kinds[code].channel,
                    "date": now - timedelta(days=days),
                    "partner_id": self.contact.id,
                    "commercial_partner_id": self.customer.id,
                    "is_machine": is_machine,
                    "res_model": "res.partner",
                    "res_id": number,
                }
                for number, (code, days, is_machine) in enumerate(rows, 1)
            ]
        )

        profile = self._profile()

        self.assertEqual((profile.channel, profile.channel_n), ("phone", 3))
        self.assertEqual(profile.date_last_word, (now - timedelta(days=3)).date())
        self.assertEqual(profile.churn_parts["silence"], 0)

    def test_products_bought(self):
        self._invoice(40, 100)
        self._invoice(10, 120)
        self._invoice(5, 30, move_type="out_refund")
        self._invoice(3, 50, product=self.advice)

        products = self._profile().product_ids

        self.assertRecordValues(
            products.sorted("revenue", reverse=True),
            [
                {
                    "product_id": self.beans.id,
                    "date_first": self.today - timedelta(days=40),
                    "date_last": self.today - timedelta(days=10),
                    "invoice_count": 2,
                    "quantity": 10,
                    "revenue": 190,
                    "has_margin": True,
                    "margin": 130,
                },
                {
                    "product_id": self.advice.id,
                    "date_first": self.today - timedelta(days=3),
                    "date_last": self.today - timedelta(days=3),
                    "invoice_count": 1,
                    "quantity": 10,
                    "revenue": 50,
                    "has_margin": False,
                    "margin": 0,
                },
            ],
        )

    # ------------------------------------------------------------
    # Judgement
    # ------------------------------------------------------------

    def test_churn_risk_and_health_rescale_what_is_known(self):
        """Rhythm: 60 days silent at 20 is certain risk; trend: nothing in 90 days would
        be, here 300 of 400; nothing is overdue; no word was ever heard.
        """
        for days_ago, amount in ((120, 400), (100, 0), (80, 300), (60, 0)):
            if amount:
                self._pay(self._invoice(days_ago, amount), days_ago)
            else:
                self._invoice(days_ago, amount)

        profile = self._profile()

        self.assertEqual(profile.trend_ratio, 0.75)
        self.assertEqual(
            profile.churn_parts,
            {
                "rhythm": 1,
                "trend": 0.25,
                "rating": None,
                "cases": None,
                "overdue": 0,
                "silence": None,
            },
        )
        # (35 x 1 + 25 x .25 + 10 x 0) / (35 + 25 + 10)
        self.assertEqual(profile.churn_risk, 59)
        self.assertEqual(profile.churn_coverage, 70)
        self.assertEqual(profile.churn_level, "medium")
        # (30 x 0 + 20 x .75 + 15 x 1) / 65
        self.assertEqual(profile.health, 46)
        self.assertEqual(profile.health_coverage, 65)
        self.assertEqual(profile.health_light, "amber")
        why = profile.churn_why.splitlines()
        self.assertEqual(
            why[0],
            "Beyond the Own Rhythm (60 days since the last invoice, usually 20.0, "
            "n = 3): 35.0 of 35 points",
        )
        self.assertIn("Bad Last Rating: not known", why)

    def test_little_data_gives_no_level(self):
        """Only that nothing is overdue is known: 10 of 100 points."""
        self._pay(self._invoice(5), 5)
        profile = self._profile()
        self.assertEqual((profile.churn_risk, profile.churn_coverage), (0, 10))
        self.assertFalse(profile.churn_level)
        self.assertFalse(profile.health_light)

        self.Yardstick.search([("company_id", "=", self.company.id)]).min_coverage = 10

        self.assertEqual(self._profile().churn_level, "low")

    def test_overdue_counts_against_the_monthly_sales(self):
        self._invoice(100, 1200)

        profile = self._profile()

        # overdue 1200 at 100 a month: 12 months, in full from 3 on
        self.assertEqual(profile.churn_parts["overdue"], 1)
        self.assertEqual(profile.health_parts["payment"], 0)

    def test_what_service_knows_comes_by_the_hook(self):
        self._invoice(10)
        query = SQL(
            """SELECT DISTINCT s.customer_id, %s AS company_id, 3::float8 AS rating,
                      4 AS rating_n, 2 AS case_open_count, 1 AS case_late_count,
                      7 AS case_count_12
                 FROM scope s""",
            self.company.id,
        )
        with patch.object(type(self.Profile), "_get_service_query", lambda self: query):
            profile = self._profile()

        self.assertRecordValues(
            profile,
            [{"rating": 3, "rating_n": 4, "case_open_count": 2, "case_late_count": 1}],
        )
        self.assertEqual(profile.churn_parts["rating"], 0.5)
        self.assertEqual(profile.churn_parts["cases"], 0.5)
        self.assertEqual(profile.health_parts["satisfaction"], 0.5)
        self.assertTrue(profile.is_service_known)

    def test_weights_add_up(self):
        yardstick = self.Yardstick._get_all()[0]
        with self.assertRaises(ValidationError):
            yardstick.churn_rhythm = 90
        with self.assertRaises(ValidationError):
            yardstick.write({"health_rhythm": -10, "health_trend": 60})

    def test_every_score_has_a_label(self):
        labels = self.env["crm.customer.label"].search([])
        for r in range(1, 6):
            for f in range(1, 6):
                for m in range(1, 6):
                    self.assertTrue(
                        labels.filtered(
                            lambda label, r=r, f=f, m=m: (
                                label.recency_from <= r <= label.recency_to
                                and label.frequency_from <= f <= label.frequency_to
                                and label.monetary_from <= m <= label.monetary_to
                            )
                        ),
                        (r, f, m),
                    )

    # ------------------------------------------------------------
    # Buckets
    # ------------------------------------------------------------

    def _make_customers(self, count, product=None):
        """The n-th bought n days ago, for n x 10; every fifth twice."""
        partners = self.env["res.partner"].create(
            [{"name": f"C{n}"} for n in range(1, count + 1)]
        )
        for n, partner in enumerate(partners, 1):
            self._invoice(n, n * 10, partner, product=product)
            if n % 5 == 0:
                self._invoice(n, 0, partner, product=product)
        return partners

    def test_nobody_is_lost_before_the_first_comparison(self):
        self.Yardstick._get_all().write({"population": False, "is_fixed": False})
        self.env.flush_all()
        self.env.cr.execute("UPDATE crm_customer_yardstick SET population = NULL")
        self.env.invalidate_all()
        self._invoice(2, 100)
        profile = self._profile()
        self.assertFalse(profile.rfm_revenue)
        self.assertFalse(profile.label_id)

        self._measure()

        self.assertTrue(self._profile(rebuild=False).label_id)

    def test_quintiles_and_ties(self):
        partners = self._make_customers(25)
        # bought, but not within 12 months
        lapsed = self.env["res.partner"].create({"name": "Lapsed"})
        self._invoice(500, 9000, lapsed)

        yardstick = self._measure()

        self.assertEqual((yardstick.population, yardstick.scale), (25, 5))
        self.assertEqual(yardstick.recency_bounds, "5, 10, 15, 20")
        self.assertEqual(yardstick.revenue_bounds, "60, 110, 160, 210")
        # 20 of 25 have one invoice: they share the 4th quintile, that they reach
        self.assertEqual(yardstick.frequency_bounds, "1, 1, 1, 2")
        scores = [self._profile(p, rebuild=False).rfm_revenue for p in partners]
        self.assertEqual(scores[0], "5-4-1")
        self.assertEqual(scores[4], "5-5-1")
        self.assertEqual(scores[24], "1-5-5")
        self.assertEqual(self._profile(lapsed, rebuild=False).rfm_revenue, "1-1-1")

    def test_few_customers_are_cut_into_thirds(self):
        partners = self._make_customers(6, product=self.advice)

        yardstick = self._measure()

        self.assertEqual(yardstick.scale, 3)
        scores = [self._profile(p, rebuild=False).recency_score for p in partners]
        self.assertEqual(scores, [3, 3, 2, 2, 1, 1])
        # a best of 3 is as good as a best of 5
        best = self._profile(partners[4], rebuild=False)
        self.assertEqual(best.rfm_revenue, "1-3-3")
        self.assertEqual(best.label_id.name, "Cannot Lose")

    def test_margin_ranks_apart_from_revenue(self):
        partners = self._make_customers(4)
        # the best by revenue leaves least
        rich = self.env["product.product"].create(
            {"name": "Gold", "standard_price": 120, "taxes_id": []}
        )
        last = self.env["res.partner"].create({"name": "Gold buyer"})
        self._invoice(5, 1000, last, product=rich)

        self._measure()

        profile = self._profile(last, rebuild=False)
        self.assertEqual(profile.revenue_score, 3)
        self.assertEqual(profile.margin_12, -200)
        self.assertEqual(profile.margin_score, 1)
        self.assertEqual(self._profile(partners[3], rebuild=False).margin_score, 3)

    def test_fixed_bounds_stay(self):
        self._make_customers(6)
        yardstick = self._measure()
        with self.assertRaises(ValidationError):
            yardstick.write({"is_fixed": True, "recency_bounds": "9, x, 3, 1"})
        with self.assertRaises(ValidationError):
            yardstick.write({"is_fixed": True, "recency_bounds": "9"})
        yardstick.write(
            {
                "is_fixed": True,
                "recency_bounds": "1, 2, 3, 4",
                "frequency_bounds": "2, 3, 4, 5",
                "revenue_bounds": "15, 25, 35, 45",
                "margin_bounds": "1, 2, 3, 4",
            }
        )

        self._measure()

        self.assertEqual(yardstick.revenue_bounds, "15, 25, 35, 45")
        first = self.Profile.search([("partner_id.name", "=", "C1")])
        self.assertEqual(first.rfm_revenue, "5-1-1")

    def test_bounds_are_numbers_before_they_are_fixed(self):
        """Who is measured by words stops each invoice from being posted."""
        yardstick = self.Yardstick._get_all().filtered(
            lambda one: one.company_id == self.company
        )
        for bounds in ("9, x", "nan, 1"):
            with self.subTest(bounds), self.assertRaises(ValidationError):
                yardstick.recency_bounds = bounds

    # ------------------------------------------------------------
    # Expected value
    # ------------------------------------------------------------

    def test_expected_value_of_few_customers_is_not_known(self):
        self._invoice(10)
        self._measure()
        profile = self._profile(rebuild=False)
        self.assertFalse(profile.expected_basis)
        self.assertFalse(profile.expected_value)

    def test_expected_value_by_churn(self):
        """26 customers a year ago, 13 of whom bought since."""
        partners = self.env["res.partner"].create(
            [{"name": f"C{n}"} for n in range(26)]
        )
        for n, partner in enumerate(partners):
            self._invoice(400, 100, partner)
            if n % 2:
                self._invoice(30, 120, partner)

        yardstick = self._measure()

        self.assertEqual(yardstick.churn_n, 26)
        self.assertAlmostEqual(yardstick.churn_monthly, 1 - 0.5 ** (1 / 12), 5)
        kept = self._profile(partners[1], rebuild=False)
        self.assertEqual(kept.expected_basis, "simple")
        # 60 (of 120) of margin a year = 5 a month, / .0561
        self.assertAlmostEqual(kept.expected_value, 5 / (1 - 0.5 ** (1 / 12)), 1)
        self.assertAlmostEqual(kept.lifetime_value, 100 + kept.expected_value, 2)
        self.assertIn("Not enough data (n = 13", yardstick.buying_message)

    def test_customers_stay_as_long_as_others_of_their_label(self):
        """26 had the label a year ago and 13 came again; 26 more came all again."""
        labels = self.env["crm.customer.label"]
        labels.search([]).active = False
        label = labels.create({"name": "Everybody"})
        partners = self.env["res.partner"].create(
            [{"name": f"C{n}"} for n in range(52)]
        )
        month = (self.today - timedelta(days=350)).replace(day=1)
        ages = (self.today - month).days
        for n, partner in enumerate(partners):
            self._invoice(ages + 20, 100, partner)
            if n < 13 or n >= 26:
                self._invoice(30, 120, partner)
        self.env["crm.customer.snapshot"].sudo().create(
            [
                {
                    "date": month,
                    "partner_id": partner.id,
                    "company_id": self.company.id,
                    "label_id": label.id,
                }
                for partner in partners[:26]
            ]
        )

        yardstick = self._measure()

        monthly = 1 - 0.5 ** (365.25 / 12 / ages)
        found = yardstick.churn_labels[str(label.id)]
        self.assertEqual(found["n"], 26)
        self.assertAlmostEqual(found["monthly"], monthly, 6)
        self.assertEqual(yardstick.churn_n, 52)
        self.assertIn("(n = 26)", yardstick.churn_label_words)
        profile = self._profile(partners[0], rebuild=False)
        self.assertEqual(profile.label_id, label)
        self.assertAlmostEqual(profile.expected_value, 5 / monthly, 1)
        self.assertIn("n = 26 customers with the label Everybody", profile.expected_why)

    # ------------------------------------------------------------
    # At once, set-based, nightly
    # ------------------------------------------------------------

    def test_posting_paying_and_drafting_show_at_once(self):
        invoice = self._invoice(10)
        self._commit()
        self.assertEqual(self._profile(rebuild=False).overdue_amount, 100)

        self._pay(invoice, 1)
        self._commit()
        profile = self._profile(rebuild=False)
        self.assertEqual(profile.overdue_amount, 0)
        self.assertEqual(profile.payment_delay, 9)

        invoice.button_draft()
        self._commit()
        self.assertFalse(self._profile(rebuild=False), "nothing is left of it")

    def test_merged_customers_are_one(self):
        other = self.env["res.partner"].create(
            {"name": "Brandt Kaffee", "is_company": True}
        )
        self._invoice(10, 100)
        self._invoice(20, 50, partner=other)
        self._commit()
        self.assertEqual(self._profile(other, rebuild=False).revenue_12, 50)

        self.env["base.partner.merge.automatic.wizard"].sudo()._merge(
            (self.customer + other).ids, self.customer
        )
        self._commit()

        profile = self._profile(rebuild=False)
        self.assertEqual(profile.revenue_12, 150)
        self.assertEqual(profile.product_ids.quantity, 20)
        self.assertFalse(other.exists())

    def test_people_and_leads_of_the_customer_follow(self):
        """What the profile says counts for contacts and leads at once."""
        lead = self.env["crm.lead"].create(
            {"name": "More beans", "type": "lead", "partner_id": self.contact.id}
        )
        domain = "[('%s', '>', 0), ('%s', '=', '%s')]"
        path = "commercial_partner_id.customer_profile_ids.invoice_count"
        segments = self.env["crm.segment"].create(
            [
                {
                    "name": model,
                    "target": model,
                    "domain": domain % (prefix + path, f"{prefix}name", name),
                    "company_id": self.company.id,
                }
                for model, prefix, name in (
                    ("res.partner", "", self.contact.name),
                    ("crm.lead", "partner_id.", self.contact.name),
                )
            ]
        )
        models = self.env["crm.score.model"].create(
            [
                {
                    "name": target,
                    "target": target,
                    "rule_ids": [
                        Command.create(
                            {
                                "name": "Known buyer",
                                "dimension": "fit",
                                "points": 7,
                                "domain": f"[('{prefix}{path}', '>', 0)]",
                            }
                        )
                    ],
                }
                for target, prefix in (("customer", ""), ("lead", "partner_id."))
            ]
        )
        self._commit()
        self.assertFalse(segments.member_ids)

        self._invoice(10)
        self._commit()

        self.assertEqual(self._profile(rebuild=False).invoice_count, 1)
        self.assertEqual(
            [segment.member_ids.mapped("res_id") for segment in segments],
            [self.contact.ids, lead.ids],
        )
        scores = self.env["crm.score"].search([("model_id", "in", models.ids)])
        self.assertEqual(scores.lead_id.filtered("score_total"), lead)
        self.assertIn(self.contact, scores.partner_id.filtered("score_total"))

    def test_a_seller_who_posts_needs_no_right_to_profiles(self):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.contact.id,
                "company_id": self.company.id,
                "user_id": self.seller.id,
                "order_line": [Command.create({"product_id": self.beans.id})],
            }
        )
        order.with_user(self.seller).action_confirm()
        self._commit()
        self.assertEqual(self._profile(rebuild=False).order_count, 1)

    def test_many_customers_are_left_to_the_scheduler(self):
        self._invoice(10)
        profile = self._profile()
        partners = self.customer + self.env["res.partner"].create(
            [{"name": f"P{n}"} for n in range(AT_ONCE_LIMIT)]
        )
        self._commit()
        cron = self.env.ref("crm_plus.ir_cron_rebuild_profiles")
        triggers = self.env["ir.cron.trigger"].sudo()
        before = triggers.search_count([("cron_id", "=", cron.id)])
        self.Profile._queue_rebuild(partners)
        self._commit()
        self.assertEqual(triggers.search_count([("cron_id", "=", cron.id)]), before + 1)
        self.assertFalse(profile.date_rebuilt)

    def test_customer_of_many_invoices_is_left_to_the_scheduler(self):
        other = self.env["res.partner"].create({"name": "Small"})
        self._invoice(20)
        self._invoice(20, partner=other)
        self._commit()
        counter, small = self._profile(rebuild=False), self._profile(other, False)
        with patch(
            "odoo.addons.crm_plus.models.customer.crm_customer_profile_rebuild"
            ".AT_ONCE_INVOICES",
            1,
        ):
            self._invoice(10)
            self._commit()
            self.assertEqual(counter.invoice_count, 2)
            self._invoice(5)
            self._invoice(5, partner=other)
            self._commit()
        self.assertEqual((counter.invoice_count, small.invoice_count), (2, 2))
        self.assertFalse(counter.date_rebuilt)
        self.assertIn(self.customer.id, self.Profile._get_due_ids(self.today))

    def test_number_of_statements_does_not_grow(self):
        partners = self._make_customers(12)
        self._commit()
        self.Profile._rebuild(partners.ids)
        self.env.flush_all()
        counts = []
        for some in (partners[:1], partners):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.Profile._rebuild(some.ids)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])
        self.assertLess(counts[0], 20)

    def test_nightly_run_measures_who_was_not_today(self):
        self._invoice(10)
        profile = self._profile()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_customer_profile SET date_rebuilt = %s, recency_days = 3",
            [fields.Datetime.now() - timedelta(days=2)],
        )
        self.env.invalidate_all()
        other = self.env["res.partner"].create({"name": "New"})
        self._invoice(20, partner=other)
        self.env.cr.precommit.clear()

        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_rebuild_profiles").method_direct_trigger()

        self.assertEqual(profile.recency_days, 10)
        self.assertTrue(self._profile(other, rebuild=False))
        yardstick = self.Yardstick.search([("company_id", "=", self.company.id)])
        self.assertEqual(yardstick.date, self.today)
        self.assertFalse(self.Profile._get_due_ids(self.today))

    def test_rebuild_as_of_a_day_in_the_past(self):
        for days_ago in (100, 10):
            self._invoice(days_ago)
        day = self.today - timedelta(days=50)
        self.Profile._rebuild(self.customer.ids, today=day)
        profile = self._profile(rebuild=False)
        self.assertEqual((profile.invoice_count, profile.recency_days), (1, 50))

    def test_each_company_has_its_own_profile(self):
        self._invoice(10, 100)
        other = self.setup_other_company()
        self.env["account.move"].with_company(other["company"]).create(
            {
                "move_type": "out_invoice",
                "company_id": other["company"].id,
                "partner_id": self.customer.id,
                "invoice_date": date.today(),
                "invoice_line_ids": [
                    Command.create({"name": "X", "price_unit": 55, "tax_ids": []})
                ],
            }
        ).action_post()

        self.assertEqual(self._profile().revenue_12, 100)
        self.assertEqual(self._profile(company=other["company"]).revenue_12, 55)
        seen = self.Profile.with_user(self.seller).search(
            [("partner_id", "=", self.customer.id)]
        )
        self.assertEqual(seen.company_id, self.company)

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_seller_sees_lights_and_no_amounts(self):
        self._invoice(40)
        profile = self._profile()
        own = profile.with_user(self.seller)

        self.assertEqual(own.payment_light, "red")
        self.assertTrue(own.churn_why)
        for name in MONEY:
            with self.subTest(name):
                with self.assertRaises(AccessError):
                    own.read([name])
                with self.assertRaises(AccessError):
                    own.search([(name, ">", 0)])
                with self.assertRaises(AccessError):
                    own.search([], order=f"{name} desc")
                with self.assertRaises(AccessError):
                    own._read_group([], ["label_id"], [f"{name}:sum"])
                with self.assertRaises(AccessError):
                    own.export_data([name])
                self.assertNotIn(name, own.fields_get())

    def test_seller_finds_no_amount_through_the_contact(self):
        self._invoice(40)
        self._profile()
        Partner = self.env["res.partner"].with_user(self.seller)
        with self.assertRaises(AccessError):
            Partner.search([("customer_profile_ids.revenue_12", ">", 1)])
        with self.assertRaises(AccessError):
            self.customer.with_user(self.seller).export_data(
                ["customer_profile_ids/revenue_12"]
            )
        found = Partner.search([("customer_profile_ids.payment_light", "=", "red")])
        self.assertIn(self.customer, found)

    def test_seller_sees_what_was_bought_without_amounts(self):
        self._invoice(40)
        products = self._profile().product_ids.with_user(self.seller)
        self.assertEqual(products.quantity, 10)
        for name in ("revenue", "margin"):
            with self.assertRaises(AccessError):
                products.read([name])

    def test_who_has_accounting_or_the_group_sees_amounts(self):
        self._invoice(40)
        profile = self._profile()
        for user in (self.accountant, self.seller_amounts):
            with self.subTest(user.login):
                self.assertEqual(profile.with_user(user).revenue_12, 100)

    def test_nobody_writes_a_profile(self):
        self._invoice(40)
        profile = self._profile()
        for user in (self.seller, self.accountant, self.seller_amounts):
            own = profile.with_user(user)
            with self.assertRaises(AccessError):
                own.churn_risk = 0
            with self.assertRaises(AccessError):
                own.unlink()
            with self.assertRaises(AccessError):
                own.product_ids.unlink()

    def test_who_has_no_sales_right_sees_nothing(self):
        self._invoice(40)
        profile = self._profile()
        employee = new_test_user(self.env, login="profile_employee")
        portal = new_test_user(
            self.env, login="profile_portal", groups="base.group_portal"
        )
        for user in (employee, portal):
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    profile.with_user(user).read(["label_id"])
                with self.assertRaises(AccessError):
                    self.customer.with_user(user).read(["customer_payment_words"])

    def test_seller_may_not_set_the_yardstick(self):
        yardstick = self.Yardstick._get_all()[0]
        with self.assertRaises(AccessError):
            yardstick.with_user(self.seller).read(["churn_rhythm"])
        with self.assertRaises(AccessError):
            yardstick.with_user(self.seller).action_renew()

    def test_forms_open(self):
        self._invoice(40)
        profile = self._profile()
        for user in (self.seller, self.accountant):
            with self.subTest(user.login):
                form = Form(profile.with_user(user))
                self.assertEqual(form.partner_id, self.customer)
        action = self.customer.with_user(self.seller).action_view_customer_profile()
        self.assertEqual(action["res_id"], profile.id)
