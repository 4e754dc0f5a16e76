import csv
import math
import random
from pathlib import Path
from unittest import skipUnless

from odoo.tests import BaseCase, tagged

from odoo.addons.crm_plus.tools.prediction import (
    CATEGORY,
    NUMBER,
    TAGS,
    Candidate,
    Rows,
    Scorecard,
    is_available,
    single_auc,
    train,
)
from odoo.addons.crm_plus.tools.prediction_bayes import OdooNaiveBayes
from odoo.addons.crm_plus.tools.prediction_leaks import (
    filled_later,
    is_constant,
    tags_set_later,
    too_good,
)
from odoo.addons.crm_plus.tools.prediction_metrics import (
    Quality,
    auc,
    brier,
    calibration,
    lift,
    psi,
    quantile_bounds,
    shares,
)

DATA = Path(__file__).resolve().parents[3].parent / "shared/data/01_lead_scoring"
BANK = DATA / "uci_bank_marketing/bank-additional-full.csv"
MAVEN = DATA / "maven_crm_opportunities"
BANK_NUMBERS = {
    "age",
    "duration",
    "campaign",
    "pdays",
    "previous",
    "emp.var.rate",
    "cons.price.idx",
    "cons.conf.idx",
    "euribor3m",
    "nr.employed",
}


@tagged("post_install", "-at_install", "crm_plus_prediction")
class TestPredictionMetrics(BaseCase):
    def test_auc(self):
        cases = [
            # labels, scores, AUC
            ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
            ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0),
            ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
            ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
            ([0, 1, 1], [1, 1, 2], 0.75),
        ]
        for labels, scores, expected in cases:
            with self.subTest(labels=labels, scores=scores):
                self.assertAlmostEqual(auc(labels, scores)[0], expected)
        self.assertEqual(auc([1, 1], [0.1, 0.2]), (None, None, None))

    def test_auc_interval_covers_the_truth(self):
        """Normal scores one apart have an AUC of 0.7602 = Phi(1 / sqrt 2): 95 of 100
        intervals hold it.
        """
        rnd = random.Random(7)
        held = 0
        for _trial in range(300):
            labels = [rnd.random() < 0.3 for _row in range(200)]
            scores = [rnd.gauss(1 if label else 0, 1) for label in labels]
            _value, low, high = auc(labels, scores)
            held += low <= 0.7602 <= high
        self.assertGreater(held / 300, 0.91)
        self.assertLess(held / 300, 0.99)

    def test_no_skill_is_rarely_taken_for_skill(self):
        rnd = random.Random(11)
        found = sum(
            Quality.measure(
                [rnd.random() < 0.3 for _row in range(200)],
                [rnd.random() for _row in range(200)],
            ).has_skill
            for _trial in range(300)
        )
        self.assertLess(found / 300, 0.06)

    def test_brier(self):
        for labels, probabilities, expected in [
            ([1, 0], [1.0, 0.0], 0),
            ([1, 0], [0.0, 1.0], 1),
            ([1, 0], [0.5, 0.5], 0.25),
            ([True, False, False], [0.8, 0.2, 0.1], (0.04 + 0.04 + 0.01) / 3),
        ]:
            with self.subTest(labels=labels):
                self.assertAlmostEqual(brier(labels, probabilities), expected)
        self.assertIsNone(brier([], []))

    def test_calibration_bins(self):
        labels = [0] * 10 + [1] * 10
        found = calibration(labels, [i / 20 for i in range(20)], bins=2)
        self.assertEqual([b["n"] for b in found], [10, 10])
        self.assertEqual([b["won"] for b in found], [0, 1])
        self.assertAlmostEqual(found[0]["predicted"], 0.225)
        # equal probabilities stay together
        self.assertEqual([b["n"] for b in calibration(labels, [0.3] * 20)], [20])

    def test_lift(self):
        for labels, scores, expected in [
            ([1] + [0] * 9, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 10),
            ([0] * 9 + [1], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], 0),
            # nothing is told apart: the best tenth is as good as all
            ([1, 0] * 10, [0.5] * 20, 1),
            ([0] * 10, range(10), None),
        ]:
            with self.subTest(labels=labels):
                self.assertEqual(lift(labels, list(scores)), expected)

    def test_psi(self):
        bounds = quantile_bounds(list(range(1000)))
        self.assertEqual(len(bounds), 9)
        same = shares(list(range(1000)), bounds)
        self.assertAlmostEqual(psi(same, same), 0)
        self.assertLess(psi(same, shares(list(range(0, 1000, 3)), bounds)), 0.01)
        self.assertGreater(psi(same, shares(list(range(500, 1500)), bounds)), 0.25)
        # an empty bin is no infinite shift
        self.assertTrue(math.isfinite(psi(same, shares([5000], bounds))))


@tagged("post_install", "-at_install", "crm_plus_prediction")
class TestScorecard(BaseCase):
    """What a table of points says of known, unknown and missing values."""

    def test_points(self):
        card = Scorecard(
            {
                "base": -1.0,
                "inputs": {
                    "source": {
                        "kind": "category",
                        "points": {"web": 0.5},
                        "other": -0.2,
                        "missing": 0.1,
                    },
                    "amount": {
                        "kind": "steps",
                        "bounds": [10, 20],
                        "points": [-1, 0, 1],
                        "missing": 0.3,
                    },
                    "age": {
                        "kind": "line",
                        "slope": 2,
                        "center": 1,
                        "low": 0,
                        "high": 3,
                        "log": False,
                        "missing": 0.7,
                    },
                    "tags": {"kind": "tags", "points": {"7": 1.5}, "base": -0.4},
                },
            }
        )
        for key, value, expected in [
            ("source", "web", 0.5),
            ("source", "never seen", -0.2),
            ("source", None, 0.1),
            ("amount", 9.99, -1),
            ("amount", 10, 0),
            ("amount", 20, 1),
            ("amount", None, 0.3),
            ("age", 2, 2),
            ("age", 100, 4),
            ("age", -100, -2),
            ("age", None, 0.7),
            ("tags", None, -0.4),
            ("tags", ["7", "8"], 1.1),
        ]:
            with self.subTest(key=key, value=value):
                self.assertAlmostEqual(card.points(key, value), expected)
        row = {"source": "web", "amount": 10, "age": 2, "tags": ["7"]}
        self.assertAlmostEqual(card.log_odds(row), -1 + 0.5 + 0 + 2 + 1.1)


@tagged("post_install", "-at_install", "crm_plus_prediction")
class TestLeaks(BaseCase):
    def test_filled_later(self):
        for name, decided, still_open, expected in [
            ("set at closing", ["x"] * 90 + [None] * 10, [None] * 100, True),
            ("as often on both", ["x"] * 50 + [None] * 50, ["x", None] * 50, False),
            ("rarer on decided", [None] * 100, ["x"] * 100, False),
            ("too few to say", ["x"] * 100, [None] * 10, False),
            ("a little more", ["x"] * 55 + [None] * 45, ["x", None] * 50, False),
            ("no is not set", ["true"] * 80 + ["false"] * 20, ["false"] * 100, True),
            ("zero is not set", [5.0] * 100, [0.0] * 100, True),
        ]:
            with self.subTest(name):
                self.assertEqual(bool(filled_later(decided, still_open)), expected)

    def test_tags_set_later(self):
        decided = [["1", "2"]] * 50 + [["1"]] * 50
        still_open = [["1"]] * 100
        self.assertEqual(tags_set_later(decided, still_open), ["2"])

    def test_constant(self):
        for values, kind, expected in [
            (["a"] * 5, CATEGORY, True),
            ([None] * 5, CATEGORY, True),
            (["a", None], CATEGORY, False),
            (["a", "b"], CATEGORY, False),
            ([0.0, 0.0], NUMBER, True),
            ([0.0, 1.0], NUMBER, False),
            ([[], None], TAGS, True),
            ([["1"], []], TAGS, False),
        ]:
            with self.subTest(values=values):
                self.assertEqual(is_constant(values, kind), expected)

    def test_too_good(self):
        rnd = random.Random(3)
        labels = [rnd.random() < 0.3 for _row in range(1000)]
        rows = Rows(
            {"reason": CATEGORY, "honest": NUMBER, "noise": CATEGORY, "gone": NUMBER},
            {
                # missing tells as well
                "reason": [None if label else "price" for label in labels],
                "honest": [rnd.gauss(0.7 if label else 0, 1) for label in labels],
                "noise": [rnd.choice("abc") for _label in labels],
                "gone": [1e6 if label else None for label in labels],
            },
            labels,
        )
        self.assertGreater(too_good(rows, "reason", 0.85), 0.99)
        self.assertGreater(too_good(rows, "gone", 0.85), 0.99)
        self.assertIsNone(too_good(rows, "honest", 0.85))
        self.assertIsNone(too_good(rows, "noise", 0.85))


@tagged("post_install", "-at_install", "crm_plus_prediction")
@skipUnless(is_available(), "scikit-learn is not installed")
class TestTraining(BaseCase):
    def _rows(self, n=1500, shuffled=False):
        rnd = random.Random(5)
        columns = {"source": [], "amount": [], "tags": [], "noise": []}
        labels = []
        for _row in range(n):
            source = rnd.choice(["web", "fair", None])
            amount = None if rnd.random() < 0.1 else rnd.gauss(0, 1)
            tags = [tag for tag in ("a", "b") if rnd.random() < 0.4]
            odds = (
                -1.2
                + {"web": 1, "fair": -1, None: 0}[source]
                + (amount or 0)
                + ("a" in tags)
            )
            columns["source"].append(source)
            columns["amount"].append(amount)
            columns["tags"].append(tags)
            columns["noise"].append(rnd.choice("xyz"))
            labels.append(rnd.random() < 1 / (1 + math.exp(-odds)))
        if shuffled:
            rnd.shuffle(labels)
        return Rows(
            {"source": CATEGORY, "amount": NUMBER, "tags": TAGS, "noise": CATEGORY},
            columns,
            labels,
        )

    def test_learns_what_is_there(self):
        rows = self._rows()
        training = train(rows.part(0, 1200))
        quality = Quality.measure(
            rows.labels[1200:], training.scorecard.score(rows.part(1200, 1500))
        )
        self.assertTrue(quality.has_skill)
        self.assertGreater(quality.auc, 0.75)
        card = training.scorecard
        self.assertGreater(card.points("source", "web"), card.points("source", "fair"))
        self.assertGreater(card.points("amount", 1.5), card.points("amount", -1.5))
        self.assertGreater(card.points("tags", ["a"]), card.points("tags", []))
        self.assertGreater(card.weight(rows, "source"), 3 * card.weight(rows, "noise"))

    def test_table_is_the_regression(self):
        """The points add up to what scikit-learn says, whatever the candidate: an
        explanation is no likeness of the model, it is the model.
        """
        from sklearn.linear_model import LogisticRegression

        rows = self._rows(600)
        for name in ("lines", "steps"):
            seen = {}
            fit = LogisticRegression.fit

            def spy(model, X, y):
                seen.update(model=fit(model, X, y), X=X)  # noqa: B023
                return model

            self.patch(LogisticRegression, "fit", spy)
            card = Candidate(name, 0.3).fit(rows)
            expected = seen["model"].decision_function(seen["X"])
            for i in range(0, 600, 7):
                row = {key: values[i] for key, values in rows.columns.items()}
                self.assertAlmostEqual(card.log_odds(row), expected[i], places=3)
            # points are counted from the average lead
            for key in rows.kinds:
                mean = sum(card.points(key, v) for v in rows.columns[key]) / len(rows)
                self.assertAlmostEqual(mean, 0, places=3)
            self.patch(LogisticRegression, "fit", fit)

    def test_unknown_values(self):
        card = train(self._rows()).scorecard
        row = {"source": "new", "amount": None, "tags": ["new"], "noise": "new"}
        self.assertTrue(math.isfinite(card.log_odds(row)))
        self.assertTrue(math.isfinite(card.log_odds({})))

    def test_time_is_not_shuffled(self):
        """What was true first and is reversed later is not learned from the later."""
        rnd = random.Random(9)
        labels = [rnd.random() < 0.5 for _row in range(2000)]
        signal = [
            ("a" if label else "b") if i < 1600 else ("b" if label else "a")
            for i, label in enumerate(labels)
        ]
        rows = Rows({"signal": CATEGORY}, {"signal": signal}, labels)
        scores = train(rows.part(0, 1600)).scorecard.score(rows.part(1600, 2000))
        self.assertLess(auc(labels[1600:], scores)[0], 0.1)
        self.assertLess(single_auc(rows, "signal", split=1600), 0.1)

    def test_no_skill_on_shuffled_labels(self):
        rows = self._rows(2000, shuffled=True)
        scores = train(rows.part(0, 1600)).scorecard.score(rows.part(1600, 2000))
        self.assertFalse(Quality.measure(rows.labels[1600:], scores).has_skill)


def read_bank(keys=None):
    with BANK.open() as file:
        table = list(csv.DictReader(file, delimiter=";"))
    keys = keys or [key for key in table[0] if key not in ("y", "duration")]
    return Rows(
        {key: NUMBER if key in BANK_NUMBERS else CATEGORY for key in keys},
        {
            key: [float(row[key]) if key in BANK_NUMBERS else row[key] for row in table]
            for key in keys
        },
        [row["y"] == "yes" for row in table],
    )


def bayes_rows(rows):
    return [
        (0, [(key, rows.columns[key][i]) for key in rows.kinds])
        for i in range(len(rows))
    ]


def compare_with_odoo(rows, cut):
    """Return the qualities on the rows after ``cut``: ours, and Odoo's formula."""
    earlier, later = rows.part(0, cut), rows.part(cut, len(rows))
    ours = Quality.measure(later.labels, train(earlier).scorecard.score(later))
    bayes = OdooNaiveBayes().fit(bayes_rows(earlier), earlier.labels)
    odoo = Quality.measure(
        later.labels, [bayes.probability(*row) for row in bayes_rows(later)]
    )
    return ours, odoo


@tagged("post_install", "-at_install", "crm_plus_prediction")
@skipUnless(is_available(), "scikit-learn is not installed")
@skipUnless(BANK.exists(), f"no public data sets in {DATA}")
class TestPublicData(BaseCase):
    """The figures of the README, on data that nobody here made."""

    def test_bank(self):
        """41,188 calls in the order of time, the last fifth held out."""
        rows = read_bank()
        self.assertEqual(len(rows), 41_188)
        self.assertEqual(sum(rows.labels), 4_640)
        ours, odoo = compare_with_odoo(rows, round(0.8 * len(rows)))
        self.assertTrue(ours.has_skill)
        self.assertGreater(ours.auc, 0.72)
        self.assertGreater(ours.auc_low, odoo.auc_high)
        self.assertLess(ours.brier, odoo.brier)
        self.assertGreater(ours.lift, odoo.lift)

    def test_bank_leak_is_found(self):
        """The duration is known after the call only: UCI says to drop it."""
        rows = read_bank(["duration", "euribor3m", "poutcome", "month", "age"])
        earlier = rows.part(0, round(0.8 * len(rows)))
        self.assertEqual(
            [key for key in rows.kinds if too_good(earlier, key, 0.85)], ["duration"]
        )

    def test_bank_shuffled_has_no_skill(self):
        rows = read_bank().part(0, 12_000)
        random.Random(1).shuffle(rows.labels)
        ours, _odoo = compare_with_odoo(rows, 9_600)
        self.assertFalse(ours.has_skill)

    def test_maven(self):
        """6,711 decided opportunities of an invented company: who won was drawn by lot.
        What was written at closing is found; without it nothing is left to find.
        """
        rows = read_maven()
        self.assertEqual(sum(rows.labels), 4_238)
        self.assertEqual(
            {key for key in rows.kinds if too_good(rows, key, 0.85)}, {"close_value"}
        )
        keys = [key for key in rows.kinds if key != "close_value"]
        cut = round(0.8 * len(rows))
        ours, _odoo = compare_with_odoo(rows.part(0, len(rows), keys), cut)
        self.assertFalse(ours.has_skill)


def read_maven():
    """Decided opportunities by the date they were engaged."""

    def read(name, key):
        with (MAVEN / name).open() as file:
            return {row[key]: row for row in csv.DictReader(file)}

    accounts = read("accounts.csv", "account")
    teams = read("sales_teams.csv", "sales_agent")
    deals = [
        deal
        for deal in read("sales_pipeline.csv", "opportunity_id").values()
        if deal["deal_stage"] in ("Won", "Lost")
    ]
    deals.sort(key=lambda deal: (deal["engage_date"], deal["opportunity_id"]))
    account = [accounts.get(deal["account"], {}) for deal in deals]
    return Rows(
        {
            "agent": CATEGORY,
            "office": CATEGORY,
            "product": CATEGORY,
            "sector": CATEGORY,
            "country": CATEGORY,
            "employees": NUMBER,
            "close_value": NUMBER,
        },
        {
            "agent": [deal["sales_agent"] for deal in deals],
            "office": [teams[deal["sales_agent"]]["regional_office"] for deal in deals],
            "product": [deal["product"] for deal in deals],
            "sector": [a.get("sector") for a in account],
            "country": [a.get("office_location") for a in account],
            "employees": [float(a["employees"]) if a else None for a in account],
            "close_value": [float(deal["close_value"] or 0) for deal in deals],
        },
        [deal["deal_stage"] == "Won" for deal in deals],
    )
