import unittest
from decimal import Decimal

from odoo.tests import tagged

from .retail import CENT, FILE, TODAY, Retail
from .test_customer_profile import CustomerProfileCommon


@tagged("post_install", "-at_install", "crm_plus_profile")
@unittest.skipUnless(FILE.is_file(), f"public data not here: {FILE}")
class TestCustomerRetail(CustomerProfileCommon):
    """A tenth of the customers of a real wholesaler; the bench compares them all."""

    def test_profiles_of_real_invoices_are_right_to_the_cent(self):
        retail = Retail(keep=lambda customer: customer.endswith("7"))
        ids = retail.load(
            self.env,
            self.company,
            self.company_data["default_journal_sale"],
            self.company_data["default_account_revenue"],
            self.company_data["default_account_receivable"],
        )
        yardstick = self.Yardstick._get_all().filtered(
            lambda one: one.company_id == self.company
        )
        yardstick.margin_coverage = 60

        self.Profile._rebuild(list(ids.values()), today=TODAY)
        yardstick._renew(TODAY)
        self.Profile._judge(None, yardstick, TODAY)

        facts = retail.expect()
        profiles = {
            profile.partner_id.id: profile
            for profile in self.Profile.search(
                [("partner_id", "in", list(ids.values()))]
            )
        }
        self.assertGreater(len(profiles), 400)
        self.assertEqual(len(profiles), len(facts))
        scores = {
            name: retail.expect_scores(facts, field, sign)
            for name, field, sign in (
                ("recency_score", "recency_days", -1),
                ("frequency_score", "invoice_count_12", 1),
                ("revenue_score", "revenue_12", 1),
            )
        }
        margins = 0
        for customer, fact in facts.items():
            profile = profiles[ids[customer]]
            with self.subTest(customer):
                for name in ("revenue_total", "revenue_12"):
                    self.assertEqual(
                        Decimal(str(profile[name])).quantize(CENT), fact[name], name
                    )
                for name in (
                    "invoice_count",
                    "invoice_count_12",
                    "refund_count_12",
                    "interval_n",
                    "interval_median",
                    "recency_days",
                    "date_last",
                ):
                    self.assertEqual(profile[name], fact[name], name)
                for name, by_customer in scores.items():
                    # who was only ever credited has no score
                    self.assertEqual(profile[name], by_customer.get(customer, 0), name)
                if fact["all"] and fact["known"] * 100 >= fact["all"] * 60:
                    margins += 1
                    self.assertEqual(
                        Decimal(str(profile.margin_total)).quantize(CENT),
                        fact["margin"].quantize(CENT),
                    )
                elif fact["invoice_count"]:
                    self.assertEqual(profile.value_basis, "revenue")
        self.assertGreater(margins, 100)
