import csv
import unittest
from collections import defaultdict
from pathlib import Path

from odoo.tests import BaseCase, tagged

from ..tools.attribution import MODELS, get_shares

DATA = Path(__file__).resolve().parents[3].parent / (
    "shared/data/09_marketing/attribution_paths"
)


@tagged("post_install", "-at_install", "crm_plus_attribution")
class TestAttributionTools(BaseCase):
    # (model, days before the sale, shares); half-life 14 days
    CASES = [
        ("first", [9], [1]),
        ("first", [9, 5, 1], [1, 0, 0]),
        ("last", [9], [1]),
        ("last", [9, 5, 1], [0, 0, 1]),
        ("linear", [9, 5, 5, 1], [0.25] * 4),
        ("u_shape", [9], [1]),
        ("u_shape", [9, 1], [0.5, 0.5]),
        ("u_shape", [9, 5, 1], [0.4, 0.2, 0.4]),
        ("u_shape", [9, 5, 4, 1], [0.4, 0.1, 0.1, 0.4]),
        ("decay", [3], [1]),
        ("decay", [14, 0], [1 / 3, 2 / 3]),
        ("decay", [28, 14, 0], [1 / 7, 2 / 7, 4 / 7]),
        # how long ago all of it was changes nothing
        ("decay", [128, 114, 100], [1 / 7, 2 / 7, 4 / 7]),
        ("decay", [1e9, 0], [0, 1]),
        *((model, [], []) for model, _name in MODELS),
    ]

    def test_cases(self):
        for model, ages, expected in self.CASES:
            with self.subTest(model, ages=ages):
                shares = get_shares(model, ages)
                self.assertEqual(len(shares), len(expected))
                for share, right in zip(shares, expected, strict=True):
                    self.assertAlmostEqual(share, right)

    def test_half_life(self):
        self.assertAlmostEqual(get_shares("decay", [7, 0], half_life=7)[0], 1 / 3)

    def test_shares_add_to_one(self):
        for model, _name in MODELS:
            for count in range(1, 30):
                ages = [day**1.5 for day in range(count, 0, -1)]
                with self.subTest(model, count=count):
                    self.assertAlmostEqual(sum(get_shares(model, ages)), 1)

    @unittest.skipUnless(DATA.is_dir(), f"public data not here: {DATA}")
    def test_reference(self):
        """First, last and linear on 10,000 paths, beside what a package published."""
        models = ("first", "last", "linear")
        found = {model: defaultdict(float) for model in models}
        values = {model: defaultdict(float) for model in models}
        with (DATA / "paths.csv").open() as lines:
            for row in csv.DictReader(lines):
                path = row["path"].split(" > ")
                ages = list(range(len(path), 0, -1))
                for model in models:
                    shares = get_shares(model, ages)
                    for channel, share in zip(path, shares, strict=True):
                        found[model][channel] += share * float(row["total_conversions"])
                        values[model][channel] += share * float(
                            row["total_conversion_value"]
                        )
        with (DATA / "reference_heuristics.csv").open() as lines:
            reference = list(csv.DictReader(lines))
        self.assertGreater(len(reference), 10)
        for row in reference:
            for model in models:
                channel = row["channel_name"]
                with self.subTest(model, channel=channel):
                    self.assertAlmostEqual(
                        found[model][channel],
                        float(row[f"{model}_touch_conversions"]),
                        places=6,
                    )
                    self.assertAlmostEqual(
                        values[model][channel],
                        float(row[f"{model}_touch_value"]),
                        places=6,
                    )
