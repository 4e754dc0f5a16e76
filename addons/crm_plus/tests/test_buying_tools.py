import csv
import unittest
import warnings
from pathlib import Path

from odoo.tests import BaseCase, tagged

from ..tools import buying
from ..tools.buying import BuyingModel, ValueModel

DATA = Path(__file__).resolve().parents[3].parent / (
    "shared/data/02_rfm_clv_churn/cdnow_sample"
)
# what the authors publish: Fader, Hardie & Lee 2005, table 2; Fader & Hardie 2013
PUBLISHED = BuyingModel(r=0.243, alpha=4.414, a=0.793, b=2.426)


def read_cdnow():
    """Columns x, t_x, t, mean value of 2,357 customers, in weeks."""
    with (DATA / "cdnow_customers_summary_with_transactions.csv").open() as lines:
        rows = [
            [float(row[name]) for name in ("x", "t_x", "T", "zbar")]
            for row in csv.DictReader(lines)
        ]
    return list(zip(*rows, strict=True))


@tagged("post_install", "-at_install", "crm_plus_profile")
@unittest.skipUnless(buying.is_available(), "scipy is not installed")
class TestBuyingTools(BaseCase):
    """The models of buying against what their authors publish."""

    @unittest.skipUnless(DATA.is_dir(), f"public data not here: {DATA}")
    def test_cdnow_gives_the_published_model(self):
        x, t_x, t, _mean = read_cdnow()

        model = BuyingModel.fit(x, t_x, t)

        for name, published in (("r", 0.243), ("a", 0.793), ("b", 2.426)):
            with self.subTest(name):
                self.assertAlmostEqual(getattr(model, name), published, delta=0.001)
        self.assertAlmostEqual(model.alpha, 4.414, delta=0.001)
        self.assertAlmostEqual(model.log_likelihood(x, t_x, t), -9582.4, delta=0.05)

    @unittest.skipUnless(DATA.is_dir(), f"public data not here: {DATA}")
    def test_cdnow_gives_the_published_values(self):
        x, _t_x, _t, mean = read_cdnow()

        model = ValueModel.fit(x, mean)

        # the likelihood is flat: the optimum is 6.250, 3.744, 15.447
        self.assertEqual(sum(count > 0 for count in x), 946)
        for name, published in (("p", 6.25), ("q", 3.74), ("v", 15.44)):
            with self.subTest(name):
                self.assertAlmostEqual(getattr(model, name), published, delta=0.01)

    @unittest.skipUnless(DATA.is_dir(), f"public data not here: {DATA}")
    def test_time_may_be_in_days(self):
        x, t_x, t, _mean = read_cdnow()

        model = BuyingModel.fit(x, [7 * one for one in t_x], [7 * one for one in t])

        self.assertAlmostEqual(model.alpha, 7 * 4.414, delta=0.01)
        self.assertAlmostEqual(model.a, 0.793, delta=0.001)

    def test_expected_purchases(self):
        """The authors' customer: 2 repeats, the last in week 30.43 of 38.86."""
        cases = [
            # x, t_x, t, ahead, expected purchases
            (2, 30.43, 38.86, 39, 1.226),
            (0, 0, 38.86, 39, 0.195),
        ]
        for x, t_x, t, ahead, expected in cases:
            with self.subTest(x=x):
                [found] = PUBLISHED.expected([x], [t_x], [t], ahead)
                self.assertAlmostEqual(found, expected, delta=0.01)

    def test_expected_grows_with_time_and_a_is_one(self):
        model = BuyingModel(r=0.5, alpha=5, a=1.0, b=2)
        near, far = (model.expected([3], [20], [30], ahead)[0] for ahead in (10, 20))
        self.assertGreater(near, 0)
        self.assertGreater(far, near)
        self.assertEqual(model.expected([3], [20], [30], 0)[0], 0)

    def test_alive(self):
        recent, silent, once = PUBLISHED.alive([5, 5, 0], [37, 5, 0], [38, 38, 38])
        self.assertGreater(recent, 0.85)
        self.assertLess(silent, 0.05)
        self.assertEqual(once, 1)

    def test_long_silence_of_a_frequent_buyer_is_no_overflow(self):
        [alive] = PUBLISHED.alive([5000], [1], [5000])
        self.assertEqual(alive, 0)

    def test_expected_of_very_many_purchases_is_unknown(self):
        """The product has no finite value there: nothing is said, and no warning."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            unknown, known = PUBLISHED.expected([900, 5], [300, 300], [365, 365], 3650)
        self.assertNotEqual(unknown, unknown)
        self.assertGreater(known, 0)

    def test_value_is_drawn_to_the_mean_of_all(self):
        model = ValueModel(p=6.25, q=3.74, v=15.44)
        mean_of_all = 6.25 * 15.44 / 2.74
        never, once, often = model.expected([0, 1, 50], [0, 100, 100])
        self.assertAlmostEqual(never, mean_of_all, places=6)
        self.assertGreater(once, mean_of_all)
        self.assertGreater(often, once)
        self.assertLess(often, 100)

    def test_value_is_unknown_without_a_mean(self):
        [value] = ValueModel(p=2, q=0.8, v=10).expected([0], [0])
        self.assertNotEqual(value, value)

    def test_nothing_to_fit(self):
        self.assertIsNone(BuyingModel.fit([], [], []))
        self.assertIsNone(BuyingModel.fit([0, 0], [0, 0], [10, 20]))
        self.assertIsNone(ValueModel.fit([0, 2], [10, -5]))
