import json
import random
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import BaseCase, tagged
from odoo.tools import mute_logger

from odoo.addons.base.tests.test_ir_cron import CronMixinCase

from ..tools import personas as tool
from .common import CrmPlusCommon

LOGS = {"often": True, "much": True, "late": False}


def rows(*groups, count=40, seed=1, spread=0.2):
    """Rows around centres: ``(often, much, late)``, all above zero."""
    dice = random.Random(seed)
    return [
        {
            key: value * (1 + dice.uniform(-spread, spread))
            for key, value in zip(LOGS, group, strict=True)
        }
        for group in groups
        for _i in range(count)
    ]


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestPersonaTool(BaseCase):
    WEEKLY = (50, 5000, 2)
    YEARLY = (1, 90000, 2)
    LATE = (10, 300, 60)

    def test_groups_are_found_where_they_are(self):
        for name, groups in (
            ("two", (self.WEEKLY, self.LATE)),
            ("three", (self.WEEKLY, self.YEARLY, self.LATE)),
            ("four", (self.WEEKLY, self.YEARLY, self.LATE, (1, 20, 60))),
        ):
            with self.subTest(name):
                found = tool.find_groups(rows(*groups), LOGS)
                self.assertEqual(len(found.centers), len(groups))
                self.assertGreater(found.silhouette, 0.6)
                for start in range(0, len(found.labels), 40):
                    self.assertEqual(len(set(found.labels[start : start + 40])), 1)

    def test_the_same_rows_give_the_same_groups(self):
        data = rows(self.WEEKLY, self.YEARLY, self.LATE)
        first, second = (tool.find_groups(data, LOGS) for _i in range(2))
        self.assertEqual(first, second)

    def test_too_little(self):
        cloud = rows((10, 100, 10), count=300, spread=0.9)
        for row in cloud:
            # one dimension, evenly filled
            row["much"] = row["late"] = None
        for name, data, reason in (
            ("nobody", [], "rows"),
            ("few", rows(self.WEEKLY, self.LATE, count=20), "rows"),
            ("one fact only", cloud, "facts"),
            ("all alike", [{"often": 1, "much": 2, "late": 3}] * 80, "facts"),
        ):
            with self.subTest(name):
                with self.assertRaises(tool.TooLittle) as error:
                    tool.find_groups(data, LOGS)
                self.assertEqual(error.exception.reason, reason)
                self.assertEqual(error.exception.count, len(data))

    def test_no_group_of_a_few(self):
        data = rows(self.WEEKLY, self.LATE) + rows((9000, 9000000, 900), count=3)
        found = tool.find_groups(data, LOGS)
        self.assertGreaterEqual(
            min(found.labels.count(i) for i in set(found.labels)), tool.MIN_ROWS_A_GROUP
        )

    def test_a_cloud_is_no_group(self):
        dice = random.Random(3)
        keys = [f"fact {i}" for i in range(12)]
        data = [{key: dice.gauss(0, 1) for key in keys} for _i in range(300)]
        with self.assertRaises(tool.TooLittle) as error:
            tool.find_groups(data, dict.fromkeys(keys, False))
        self.assertEqual(error.exception.reason, "one_cloud")

    def test_what_is_not_known_pulls_nowhere(self):
        data = rows(self.WEEKLY, self.LATE)
        for row in data[::3]:
            row["much"] = None
        scale = tool.Scale.of(data, LOGS)
        self.assertEqual(
            scale.point({"often": None, "much": None, "late": None}), [0] * 3
        )
        for row in data[1::3]:
            row["much"] = None
        self.assertEqual(tool.Scale.of(data, LOGS).keys, ["often", "late"])

    def test_one_giant_makes_no_group(self):
        scale = tool.Scale.of(rows(self.WEEKLY, self.LATE), LOGS)
        point = scale.point({"often": 1e9, "much": 1e12, "late": -1e9})
        self.assertEqual(point, [3, 3, -3])

    def test_scale_travels_as_json(self):
        scale = tool.Scale.of(rows(self.WEEKLY, self.LATE), LOGS)
        again = tool.Scale.from_json(json.loads(json.dumps(scale.to_json())))
        self.assertEqual(again.facts, scale.facts)
        self.assertEqual(again.keys, scale.keys)
        self.assertEqual(tool.Scale.from_json(None).keys, [])

    def test_words(self):
        keys = ["a", "b", "c", "d", "e"]
        for center, expected in (
            ([0.1, -2, 1, 0.39, 0.4], [("b", -2), ("c", 1), ("e", 0.4)]),
            ([1, -1, 1, -1, 1], [("a", 1), ("b", -1), ("c", 1), ("d", -1)]),
            ([0] * 5, []),
        ):
            with self.subTest(center=center):
                self.assertEqual(tool.deviations(center, keys, count=4), expected)

    def test_match(self):
        far = [9, 9]
        for name, old, new, expected in (
            ("nothing before", [], [[0, 0]], {}),
            ("nothing now", [[0, 0]], [], {}),
            ("in another order", [[0, 0], [5, 5]], [[5, 5.1], [0.1, 0]], {0: 1, 1: 0}),
            ("a new one", [[0, 0]], [[0, 0.1], far], {0: 0}),
            ("one is gone", [[0, 0], far], [[0, 0.1]], {0: 0}),
            ("too far", [[0, 0]], [far], {}),
            # the nearest pair first would leave the other alone
            (
                "the least in sum",
                [[0, 0], [0.9, 0]],
                [[0.5, 0], [1.8, 0]],
                {0: 0, 1: 1},
            ),
        ):
            with self.subTest(name):
                self.assertEqual(tool.match(old, new), expected)

    def test_groups_keep_their_name_on_other_rows(self):
        """A month later: other customers, more of them, sums grown by a fifth, and a
        fourth group."""
        groups = (self.WEEKLY, self.YEARLY, self.LATE)
        before = tool.find_groups(rows(*groups), LOGS)
        data = rows(
            self.LATE,
            (60, 6000, 2),
            (1, 108000, 2),
            count=70,
            seed=9,
        ) + rows((1, 20, 60), count=30)
        after = tool.find_groups(data, LOGS)
        self.assertEqual(len(after.centers), 4)
        matches = tool.match(
            [after.scale.project(center, before.scale) for center in before.centers],
            after.centers,
        )
        names = {
            before.labels[start]: name
            for start, name in ((0, "weekly"), (40, "yearly"), (80, "late"))
        }
        found = {
            after.labels[start]: names.get(matches.get(after.labels[start]))
            for start in (0, 70, 140, 210)
        }
        self.assertEqual(list(found.values()), ["late", "weekly", "yearly", None])


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestPersona(CronMixinCase, CrmPlusCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.study_company = cls.env["res.company"].create({"name": "Personas"})
        cls.manager.company_ids |= cls.study_company
        cls.env["crm.customer.yardstick"].search([]).mapped("company_id")
        cls.weekly = cls._make_customers("Weekly", 30, 50, 5000, 7)
        cls.yearly = cls._make_customers("Yearly", 30, 1, 90000, 300)
        cls.study = (
            cls.env["crm.persona.study"]
            .with_user(cls.manager)
            .with_context(allowed_company_ids=(cls.study_company + cls.company).ids)
            .create({"company_id": cls.study_company.id, "least_count": 2})
        )

    @classmethod
    def _make_customers(cls, name, count, invoices, revenue, days):
        partners = cls.env["res.partner"].create(
            [{"name": f"{name} {i}", "is_company": True} for i in range(count)]
        )
        today = fields.Date.today()
        return (
            cls.env["crm.customer.profile"]
            .sudo()
            .create(
                [
                    {
                        "partner_id": partner.id,
                        "company_id": cls.study_company.id,
                        "date_first": today - timedelta(days=days + 400 + i),
                        "date_last": today - timedelta(days=days + i % 3),
                        "invoice_count": invoices + i % 2,
                        "invoice_count_12": invoices + i % 2,
                        "interval_median": days + i % 3,
                        "revenue_12": revenue + 10 * i,
                        "revenue_total": revenue + 10 * i,
                    }
                    for i, partner in enumerate(partners)
                ]
            )
        )

    def _run_cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_personas").method_direct_trigger()
        self.env.invalidate_all()

    def _find(self):
        self.study.action_find()
        self._run_cron()

    def _personas(self):
        """Personas of the weekly and of the yearly ones."""
        self.env.invalidate_all()
        return [profiles.persona_id for profiles in (self.weekly, self.yearly)]

    def test_found_named_and_segments(self):
        self._find()

        weekly, yearly = self._personas()
        self.assertEqual((len(weekly), len(yearly)), (1, 1))
        self.assertNotEqual(weekly, yearly)
        self.assertRecordValues(weekly, [{"size": 30, "share": 0.5, "active": True}])
        self.assertIn("buy often", weekly.details)
        self.assertIn("bought long ago", yearly.details)
        self.assertIn("standard deviations", yearly.details)
        self.assertEqual(
            self.env["crm.segment.member"]
            .search([("segment_id", "=", weekly.segment_id.id)])
            .partner_id,
            self.weekly.partner_id,
        )
        self.assertEqual(weekly.segment_id.user_id, self.manager)
        why = weekly.segment_id._explain(self.weekly[0].partner_id)
        self.assertIn(weekly.name, why["lines"][0]["text"])
        self.assertFalse(self.study.message)
        self.assertEqual(self.study.row_count, 60)

    def test_what_people_say_outlives_the_next_search(self):
        self._find()
        weekly, yearly = self._personas()
        weekly.with_user(self.manager).write(
            {"name": "Ida", "note": "Orders on Mondays"}
        )
        self.assertEqual(weekly.segment_id.name, "Ida")
        ids = (weekly + yearly).ids
        # the yearly ones are more now, and buy for more
        self.yearly += self._make_customers("More", 45, 1, 110000, 310)

        self._find()

        weekly, yearly = self._personas()
        self.assertEqual((weekly + yearly).ids, ids)
        self.assertEqual(weekly.name, "Ida")
        self.assertIn("Mondays", weekly.note)
        self.assertEqual(yearly.size, 75)

    def test_a_group_that_is_gone_is_archived_and_comes_back(self):
        self._find()
        weekly, yearly = self._personas()
        gone = self.yearly.partner_id
        # they became weekly ones, others something new
        values = self.weekly[0].copy_data()[0]
        self.yearly.sudo().write(
            {
                name: values[name]
                for name in (
                    "invoice_count",
                    "invoice_count_12",
                    "revenue_12",
                    "revenue_total",
                    "interval_median",
                    "date_last",
                )
            }
        )
        late = self._make_customers("Late", 40, 12, 30, 30)
        late.sudo().payment_delay = 90
        self._find()
        self.env.invalidate_all()
        self.assertTrue(gone)
        self.assertFalse(yearly.active)
        self.assertFalse(yearly.segment_id.active)
        self.assertTrue(weekly.active)

    def test_customers_are_told_apart_without_scikit_learn(self):
        self._find()
        weekly, yearly = self._personas()
        new = self._make_customers("New", 1, 48, 5100, 8)
        with patch.object(tool.importlib.util, "find_spec", return_value=None):
            self._find()
            self.assertIn("scikit-learn", self.study.message)
            self._run_cron()
        self.assertEqual(new.persona_id, weekly)
        self.assertEqual(weekly.size, 31)
        self.assertTrue(yearly.active)

    def test_too_few(self):
        self.yearly.sudo().unlink()
        self._find()
        self.assertIn("n = 30", self.study.message)
        self.assertFalse(self.study.persona_ids)

    def test_found_again_once_a_month(self):
        self._find()
        before = self.study.date_found
        self._run_cron()
        self.assertEqual(self.study.date_found, before)
        self.study.sudo().date_found = before - timedelta(days=31)
        self._run_cron()
        self.assertGreaterEqual(self.study.date_found, before)

    def test_rights(self):
        self._find()
        weekly, _yearly = self._personas()
        self.seller.company_ids |= self.study_company
        seller = {
            "user": self.seller,
            "context": {"allowed_company_ids": self.study_company.ids},
        }
        persona = weekly.with_env(self.env(**seller))
        self.assertIn("buy often", persona.details)
        with self.assertRaises(AccessError):
            # means of what customers spend
            persona.study_id.read(["scale"])
        for call in (
            lambda: persona.write({"name": "Mine"}),
            persona.study_id.action_find,
            persona.unlink,
            lambda: persona.study_id.write({"most_count": 5}),
        ):
            with self.assertRaises(AccessError):
                call()
        # of another company
        self.assertFalse(
            self.env["crm.persona"].with_user(self.user_other_company).search([])
        )
        with self.assertRaises(AccessError):
            # what is found is not written by hand
            weekly.with_user(self.manager).create(
                {"study_id": self.study.id, "name": "X"}
            )

    def test_only_the_scheduler_commits(self):
        """Demo data is made in the transaction of the installation."""
        self.study.sudo()._find(self.manager)
        self.assertEqual(len(self.study.persona_ids), 2)

    def test_segment_of_a_persona_is_not_deleted(self):
        self._find()
        weekly, _yearly = self._personas()
        with self.assertRaisesRegex(UserError, "persona"):
            weekly.segment_id.unlink()

    def test_the_scheduler_looks_and_the_form_says_so(self):
        """Clustering is no work for a request."""
        cron = self.env.ref("crm_plus.ir_cron_personas")
        with self.capture_triggers("crm_plus.ir_cron_personas") as triggers:
            self.study.action_find()
        self.assertEqual(triggers.records.cron_id, cron)
        self.assertFalse(self.study.persona_ids)
        self.assertRecordValues(
            self.study, [{"search_state": "waiting", "asked_user_id": self.manager.id}]
        )
        seen = []
        find_groups = tool.find_groups

        def look(*args):
            self.study.invalidate_recordset()
            seen.append(self.study.search_state)
            return find_groups(*args)

        with patch.object(tool, "find_groups", look):
            self._run_cron()

        self.assertEqual(seen, ["running"])
        self.assertRecordValues(
            self.study, [{"search_state": False, "date_asked": False}]
        )
        self.assertEqual(len(self.study.persona_ids), 2)

    @mute_logger("odoo.addons.crm_plus.models.persona.crm_persona_study")
    def test_a_search_that_fails_says_so(self):
        def fail(*args):
            raise ValueError("no numbers")

        with patch.object(tool, "find_groups", fail):
            self._find()
        self.assertIn("no numbers", self.study.message)
        self.assertFalse(self.study.search_state)
        self._find()
        self.assertFalse(self.study.message)
