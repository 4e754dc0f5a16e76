from statistics import mean, variance

from odoo.tests import BaseCase, tagged

from ..tools.ab_test import newcombe_interval, t_quantile, wilson_interval
from ..tools.lift import Group, MeanLift, RateLift

# samples that the encyclopaedia's page on Welch's test works through
WELCH = [
    (
        "27.5 21.0 19.0 23.6 17.0 17.9 16.9 20.1 21.9 22.6 23.1 19.6 19.0 21.7 21.4",
        "27.1 22.0 20.8 23.4 23.4 23.5 25.8 22.0 24.8 20.2 21.9 22.1 22.9 20.5 24.4",
        (-2.46, 25.0, 0.021),
    ),
    (
        "17.2 20.9 22.6 18.1 21.7 21.4 23.5 24.2 14.7 21.8",
        (
            "21.5 22.8 21.0 23.0 21.6 23.6 22.5 20.7 23.4 21.8 "
            "20.7 21.7 21.5 22.5 23.6 21.5 22.5 23.5 21.5 21.8"
        ),
        (-1.57, 9.9, 0.149),
    ),
    (
        "19.8 20.4 19.6 17.8 18.5 18.9 18.3 18.9 19.5 22.0",
        (
            "28.2 26.6 20.1 23.3 25.2 22.1 17.7 27.6 20.6 13.7 "
            "23.2 17.5 20.6 18.0 23.9 21.6 24.3 20.4 24.0 13.2"
        ),
        (-2.22, 24.5, 0.036),
    ),
]


@tagged("crm_campaigns")
class TestLiftTools(BaseCase):
    def assertPair(self, pair, expected, places=4):
        for value, published in zip(pair, expected, strict=True):
            self.assertAlmostEqual(value, published, places)

    def test_interval_of_a_rate(self):
        """Newcombe 1998a, table I, method 3."""
        for case, expected in (
            ((81, 263), (0.2553, 0.3662)),
            ((15, 148), (0.0624, 0.1605)),
            ((0, 20), (0.0, 0.1611)),
            ((1, 29), (0.0061, 0.1718)),
        ):
            with self.subTest(case=case):
                self.assertPair(wilson_interval(*case), expected)

    def test_interval_of_a_difference(self):
        """Newcombe 1998b, table II, method 10."""
        for case, expected in (
            ((56, 70, 48, 80), (0.0524, 0.3339)),
            ((9, 10, 3, 10), (0.1705, 0.8090)),
            ((6, 7, 2, 7), (0.0582, 0.8062)),
            ((5, 56, 0, 29), (-0.0381, 0.1926)),
            ((0, 10, 0, 20), (-0.1611, 0.2775)),
            ((0, 10, 0, 10), (-0.2775, 0.2775)),
            ((10, 10, 0, 20), (0.6791, 1.0)),
            ((10, 10, 0, 10), (0.6075, 1.0)),
        ):
            with self.subTest(case=case):
                self.assertPair(newcombe_interval(*case), expected)

    def test_quantiles_of_student(self):
        """As in any table, 97.5 %."""
        for df, expected in (
            (1, 12.706),
            (2, 4.303),
            (10, 2.228),
            (30, 2.042),
            (100, 1.984),
            (100_000, 1.960),
        ):
            with self.subTest(df=df):
                self.assertAlmostEqual(t_quantile(0.975, df), expected, 3)

    def test_means_by_welch(self):
        for treated, held, (t, degrees, p) in WELCH:
            treated, held = (
                [float(number) for number in text.split()] for text in (treated, held)
            )
            lift = MeanLift(
                *(
                    Group(len(sample), 0, mean(sample), variance(sample))
                    for sample in (treated, held)
                ),
                min_people=10,
            )
            with self.subTest(t=t):
                self.assertAlmostEqual(lift.t, t, 2)
                self.assertAlmostEqual(lift.degrees, degrees, 1)
                self.assertAlmostEqual(lift.p, p, 3)
                # the interval leaves out 0 where the test says so
                low, high = lift.interval
                self.assertEqual(lift.is_significant, p < 0.05)
                self.assertEqual(low < 0 < high, not lift.is_significant)
                self.assertAlmostEqual((low + high) / 2, lift.difference)

    def test_lift_of_a_rate(self):
        """KPI 44, by hand: 60 of 400 against 20 of 200; pooled 80 / 600."""
        lift = RateLift(Group(400, 60), Group(200, 20))

        self.assertTrue(lift.is_enough)
        self.assertAlmostEqual(lift.difference, 0.05)
        self.assertAlmostEqual(lift.relative, 0.5)
        self.assertAlmostEqual(lift.z, 1.6984, 4)
        self.assertFalse(lift.is_significant)
        self.assertTrue(RateLift(Group(4000, 600), Group(2000, 200)).is_significant)

    def test_too_few_say_nothing(self):
        self.assertFalse(RateLift(Group(5000, 60), Group(99, 2)).is_enough)
        self.assertFalse(RateLift(Group(99, 60), Group(5000, 2)).is_enough)
        self.assertTrue(RateLift(Group(100, 60), Group(100, 2)).is_enough)
        self.assertFalse(MeanLift(Group(1), Group(1), min_people=1).is_enough)

    def test_nothing_varies(self):
        rates = RateLift(Group(100, 0), Group(100, 0))
        self.assertIsNone(rates.relative)
        self.assertFalse(rates.is_significant)

        means = MeanLift(Group(100, 0, 5.0, 0.0), Group(100, 0, 5.0, 0.0))
        self.assertEqual(means.interval, (0.0, 0.0))
        self.assertFalse(means.is_significant)
