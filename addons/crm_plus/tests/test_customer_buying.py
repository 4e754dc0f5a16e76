import random
import unittest
from datetime import timedelta

from odoo.tests import tagged

from ..tools import buying
from .retail import CDNOW, Cdnow, Ledger
from .test_customer_profile import CustomerProfileCommon


class Shop(Ledger):
    """Customers that buy every so often, for about as much, until some leave."""

    name = "Shop"

    def __init__(self, count, today):
        super().__init__()
        draw = random.Random(count)
        for customer in range(count):
            day = today - timedelta(days=draw.randrange(300, 400))
            pace, worth = draw.gammavariate(2, 30), draw.gammavariate(8, 10)
            while day < today:
                number = str(len(self.invoices))
                amount = round(draw.gammavariate(6, worth / 6), 2)
                self.invoices[number] = [f"{customer:03}", day, amount, True]
                self.lines.append((number, 0, 1, amount, amount))
                day += timedelta(days=1 + round(draw.expovariate(1 / pace)))
                if draw.random() < 0.1:
                    break


@tagged("post_install", "-at_install", "crm_plus_profile")
@unittest.skipUnless(buying.is_available(), "scipy is not installed")
class TestCustomerBuying(CustomerProfileCommon):
    """Models of buying, from posted invoices to what stands on the profile."""

    def _load(self, ledger, today):
        ids = ledger.load(
            self.env,
            self.company,
            self.company_data["default_journal_sale"],
            self.company_data["default_account_revenue"],
            self.company_data["default_account_receivable"],
        )
        yardstick = self.Yardstick._get_all().filtered(
            lambda one: one.company_id == self.company
        )
        self.Profile._rebuild(list(ids.values()), today=today)
        yardstick._renew(today)
        self.Profile._judge(None, yardstick, today)
        profiles = self.Profile.search([("partner_id", "in", list(ids.values()))])
        return yardstick, {
            profile.partner_id.name.split()[-1]: profile for profile in profiles
        }

    @unittest.skipUnless(CDNOW.is_file(), f"public data not here: {CDNOW}")
    def test_posted_invoices_give_the_published_models(self):
        yardstick, profiles = self._load(Cdnow(), Cdnow.TODAY)

        self.assertEqual(len(profiles), 2357)
        self.assertEqual(yardstick.buying_n, 946)
        for name, published in (
            ("buying_r", 0.243),
            ("buying_a", 0.793),
            ("buying_b", 2.426),
        ):
            self.assertAlmostEqual(yardstick[name], published, delta=0.001, msg=name)
        # published in weeks
        self.assertAlmostEqual(yardstick.buying_alpha / 7, 4.414, delta=0.002)
        # the likelihood is flat: see TestBuyingTools
        for name, published in (("value_p", 6.25), ("value_q", 3.74)):
            self.assertAlmostEqual(yardstick[name], published, delta=0.02, msg=name)
        self.assertAlmostEqual(yardstick.value_v, 15.44, delta=0.1)
        # the authors' customer: 2 repeats, 1.226 expected in the next 39 weeks
        profile = profiles["0001"]
        self.assertEqual(profile.purchase_days, 3)
        [expected] = buying.BuyingModel(0.243, 4.414, 0.793, 2.426).expected(
            [2], [30.43], [38.86], 365 / 7
        )
        self.assertAlmostEqual(profile.expected_orders_12, expected, delta=0.01)
        self.assertIn("n = 946", profile.expected_why)
        self.assertIn("bought on 3 days", profile.expected_why)

    def test_enough_history_shows_expected_purchases(self):
        yardstick, profiles = self._load(Shop(160, self.today), self.today)

        self.assertGreaterEqual(yardstick.buying_n, 100)
        model, value = yardstick._get_buying()
        for profile in list(profiles.values())[::20]:
            if profile.date_first == self.today:
                continue
            x = profile.purchase_days - 1
            t_x = (profile.date_last - profile.date_first).days
            t = (self.today - profile.date_first).days
            with self.subTest(profile.partner_id.name):
                self.assertEqual(profile.expected_basis, "buying")
                [orders] = model.expected([x], [t_x], [t], 365)
                self.assertAlmostEqual(profile.expected_orders_12, orders, places=2)
                [alive] = model.alive([x], [t_x], [t])
                self.assertAlmostEqual(profile.alive_probability, alive, places=4)
                [worth] = value.expected([x], [profile.repeat_value])
                [ahead] = model.expected([x], [t_x], [t], 60 * 365.25 / 12)
                self.assertAlmostEqual(profile.expected_value, ahead * worth, places=1)
                self.assertIn(f"n = {yardstick.buying_n}", profile.expected_why)
                own = profile.with_user(self.seller)
                self.assertTrue(own.expected_why)

    def test_too_little_history_says_so(self):
        yardstick, profiles = self._load(Shop(60, self.today), self.today)

        self.assertFalse(yardstick.buying_r)
        self.assertLess(yardstick.buying_n, 100)
        for profile in profiles.values():
            self.assertNotEqual(profile.expected_basis, "buying")
            self.assertFalse(profile.expected_orders_12)
            self.assertIn("Not enough data (n = ", profile.expected_why)
