"""Figures that others have published, and what follows from them."""

from math import inf

from odoo.tests import BaseCase, tagged

from odoo.addons.crm_campaigns.tools.ab_test import (
    Way,
    compare,
    incomplete_beta,
    newcombe_interval,
    p_of_t,
    p_of_z,
    t_quantile,
    welch,
    wilson_interval,
    z_of_proportions,
)
from odoo.addons.crm_campaigns.tools.mail_links import (
    find_links,
    find_text_links,
    link_pattern,
)

# "Student", The probable error of a mean (Biometrika 6, 1908): hours of sleep gained.
SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def way_of(key, values):
    return Way(key, len(values), sum(values), sum(value**2 for value in values))


@tagged("post_install", "-at_install", "crm_campaigns")
class TestAbTest(BaseCase):
    def test_proportions(self):
        cases = [
            # Penn State, STAT 415, lesson 9.4: a tax on cigarettes
            ("poll", 351, 605, 41, 195, 8.99),
            # Agresti, Categorical Data Analysis: aspirin and heart attacks
            ("aspirin", 189, 11034, 104, 11037, 5.00),
            ("the same", 10, 100, 10, 100, 0.0),
            ("nobody at all", 0, 100, 0, 100, 0.0),
            ("no people", 0, 0, 5, 100, 0.0),
        ]
        for name, hits_a, count_a, hits_b, count_b, expected in cases:
            with self.subTest(name):
                z = z_of_proportions(hits_a, count_a, hits_b, count_b)
                self.assertAlmostEqual(z, expected, places=2)

    def test_p(self):
        # tables of the normal distribution
        for z, expected in ((0, 1.0), (1.96, 0.05), (-2.5758, 0.01), (3.2905, 0.001)):
            with self.subTest(z):
                self.assertAlmostEqual(p_of_z(z), expected, places=4)

    def test_intervals(self):
        # Newcombe, Two-sided confidence intervals for the single proportion (Statistics
        # in Medicine 17, 1998), table I, method 3
        for hits, count, low, high in (
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ):
            with self.subTest(hits=hits, count=count):
                found = wilson_interval(hits, count)
                self.assertAlmostEqual(found[0], low, places=4)
                self.assertAlmostEqual(found[1], high, places=4)
        # Newcombe, Interval estimation for the difference between independent
        # proportions (the same volume), table II, method 10
        for figures, low, high in (
            ((56, 70, 48, 80), 0.0524, 0.3339),
            ((9, 10, 3, 10), 0.1705, 0.8090),
            ((6, 7, 2, 7), 0.0582, 0.8062),
            ((5, 56, 0, 29), -0.0381, 0.1926),
            ((0, 10, 0, 20), -0.1611, 0.2775),
        ):
            with self.subTest(figures):
                found = newcombe_interval(*figures)
                self.assertAlmostEqual(found[0], low, places=4)
                self.assertAlmostEqual(found[1], high, places=4)

    def test_means(self):
        # the example of R's t.test, on the same data
        t, freedom = welch(way_of(1, SLEEP_1), way_of(2, SLEEP_2))

        self.assertAlmostEqual(t, -1.8608, places=4)
        self.assertAlmostEqual(freedom, 17.776, places=3)
        self.assertAlmostEqual(p_of_t(t, freedom), 0.07939, places=5)
        verdict = compare([way_of(1, SLEEP_1), way_of(2, SLEEP_2)], least=2)
        low, high = verdict.comparisons[0].interval
        self.assertAlmostEqual(-high, -3.3654832, places=6)
        self.assertAlmostEqual(-low, 0.2054832, places=6)

    def test_t_quantiles(self):
        # tables of Student's distribution
        for freedom, expected in ((1, 12.706), (5, 2.571), (10, 2.228), (120, 1.980)):
            with self.subTest(freedom):
                self.assertAlmostEqual(t_quantile(0.975, freedom), expected, places=3)

    def test_incomplete_beta(self):
        # I_x(1, b) = 1 - (1 - x)^b; I_x(a, 1) = x^a; halves by symmetry
        for a, b, x, expected in (
            (1, 5, 0.2, 1 - 0.8**5),
            (4, 1, 0.7, 0.7**4),
            (3, 3, 0.5, 0.5),
            (2, 3, 0, 0.0),
            (2, 3, 1, 1.0),
        ):
            with self.subTest(a=a, b=b, x=x):
                self.assertAlmostEqual(incomplete_beta(a, b, x), expected, places=10)

    def test_verdicts(self):
        cases = [
            # z = 1.95 and 1.97
            ("just not", [(100, 40), (100, 27)], 1, False, True),
            ("just so", [(1000, 240), (1000, 203)], 1, True, True),
            ("the second one", [(1000, 100), (1000, 160)], 2, True, True),
            ("too few", [(99, 60), (99, 10)], 1, False, False),
            ("nobody", [(0, 0), (0, 0)], None, False, False),
            ("nobody on one", [(0, 0), (500, 20)], 2, False, False),
            # of two ways for sure (p = 0.046), of three not
            ("three ways", [(1000, 240), (1000, 203), (1000, 203)], 1, False, True),
            ("one way", [(500, 20)], 1, False, False),
        ]
        for name, figures, best, is_significant, is_enough in cases:
            with self.subTest(name):
                verdict = compare(
                    [Way(i, *figure) for i, figure in enumerate(figures, 1)]
                )
                self.assertEqual(
                    (verdict.best, verdict.is_significant, verdict.is_enough),
                    (best, is_significant, is_enough),
                )

    def test_later_looks_ask_for_more(self):
        ways = [Way(1, 1000, 240), Way(2, 1000, 203)]

        self.assertTrue(compare(ways).is_significant)
        self.assertFalse(compare(ways, alpha=0.025).is_significant)

    def test_lift(self):
        [comparison] = compare([Way(1, 200, 30), Way(2, 200, 20)]).comparisons
        self.assertAlmostEqual(comparison.lift, 50)
        [comparison] = compare([Way(1, 200, 30), Way(2, 200, 0)]).comparisons
        self.assertIsNone(comparison.lift, f"not {inf}")


@tagged("post_install", "-at_install", "crm_campaigns")
class TestMailLinks(BaseCase):
    def test_links(self):
        body = """
            <p><a href="https://a.example/x?b=1&amp;c=2"> See <b>it</b> </a></p>
            <a href="https://a.example/x?b=1&amp;c=2">again</a>
            <a href="a.example">plain</a><a href="/shop">here</a>
            <a t-attf-href="https://a.example/{{ object.id }}/go">yours</a>
            <a href="mailto:a@b.example">write</a><a href="#top">up</a>
            <a href="/unsubscribe_from_list">no more</a><a href="/view">view</a><a>x</a>
        """

        self.assertEqual(
            find_links(body),
            [
                ("https://a.example/x?b=1&c=2", "See it"),
                ("http://a.example", "plain"),
                ("/shop", "here"),
                ("https://a.example/{{ object.id }}/go", "yours"),
            ],
        )
        self.assertEqual(find_links(False), [])

    def test_links_of_a_text_message(self):
        text = (
            "Tea: https://a.example/tea?x=1 and http://b.example/{{ object.id }}/go\n"
            "again https://a.example/tea?x=1 or www.none.example, {{ object.name }}"
        )

        self.assertEqual(
            find_text_links(text),
            [
                ("https://a.example/tea?x=1", ""),
                ("http://b.example/{{ object.id }}/go", ""),
            ],
        )
        self.assertEqual(find_text_links(False), [])

    def test_patterns(self):
        for url, expected in (
            (False, None),
            ("https://a.example/50%_off", r"https://a.example/50\%\_off"),
            ("https://a.example/{{ object.id }}/go", "https://a.example/%/go"),
            ("/shop", "%/shop"),
        ):
            with self.subTest(url):
                self.assertEqual(link_pattern(url), expected)
