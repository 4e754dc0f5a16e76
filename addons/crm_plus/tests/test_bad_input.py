import base64
import json

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from ..tools.score_number import MAX_RULE_POINTS
from .test_scoring import ScoringCommon

NAN, INFINITE = float("nan"), float("inf")


@tagged("post_install", "-at_install", "crm_plus_bad_input")
class TestBadInput(ScoringCommon):
    """Whatever a file or a client sends is taken, or refused in words: nothing of it
    stops what others do later.
    """

    # ------------------------------------------------------------
    # Points that cannot be added up
    # ------------------------------------------------------------

    def _content(self, points=5, **values):
        rule = {"name": "R", "dimension": "fit", "points": points, "domain": "[]"}
        return {
            "format": "crm_plus.scoring_model",
            "version": 1,
            "name": "From a file",
            "target": "lead",
            "rules": [{**rule, **values.pop("rule", {})}],
            **values,
        }

    def _import(self, content):
        # as Python writes and reads it: NaN, Infinity, 1e+300
        Model = self.env["crm.score.model"].with_user(self.manager)
        return Model._import_file(json.dumps(content))

    def test_files_with_points_that_are_none(self):
        for points in (NAN, INFINITE, -INFINITE, 1e300, 10_000.1, -10_001):
            with (
                self.subTest(points=points),
                self.assertRaisesRegex(UserError, "rule 1 “R”: “points”"),
            ):
                self._import(self._content(points))
        wizard = self.env["crm.score.model.import"].create(
            {
                "source": "file",
                "file": base64.b64encode(json.dumps(self._content(NAN)).encode()),
            }
        )
        self.assertFalse(wizard.is_readable)
        self.assertIn("-10000", wizard.preview)
        self.assertEqual(self._import(self._content(10_000)).rule_ids.points, 10_000)

    def test_files_with_other_numbers_that_are_none(self):
        cases = [
            ({"rule": {"max_points": INFINITE}}, "max_points"),
            ({"rule": {"max_times": 1e300}}, "max_times"),
            ({"rule": {"half_life_days": NAN}}, "half_life_days"),
            ({"values": {"fit_a": 1e300}}, "fit_a"),
            ({"values": {"max_total": NAN}}, "max_total"),
            ({"groups": [{"name": "G", "max_points": NAN}]}, "max_points"),
            ({"thresholds": [{"name": "T", "min_points": 1e300}]}, "min_points"),
        ]
        for values, name in cases:
            with self.subTest(name), self.assertRaisesRegex(UserError, f"“{name}”"):
                self._import(self._content(**values))

    def test_clients_that_send_them(self):
        rule = self._rule(5)
        group = self.env["crm.score.group"].create(
            {"model_id": self.model.id, "name": "G"}
        )
        for record, name in (
            (rule, "points"),
            (rule, "max_points"),
            (rule, "half_life_days"),
            (group, "max_points"),
            (self.model, "fit_a"),
            (self.model, "mql_min_total"),
        ):
            for value in (NAN, INFINITE, 1e300):
                with (
                    self.subTest(record=record, name=name, value=value),
                    self.assertRaisesRegex(ValidationError, "must be a number from"),
                ):
                    record.with_user(self.manager).write({name: value})
        with self.assertRaises(ValidationError):
            self._rule(NAN)
        rule.write({"points": -10_000, "half_life_days": 36_500})

    def test_points_from_before_there_was_a_limit(self):
        """They count as the most that may be given, and stop no score."""
        rule = self._rule(5)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_score_rule SET points = 1e300 WHERE id = %s", [rule.id]
        )
        self.env.invalidate_all()
        self.model.has_max_total = False
        self._score()
        self.assertEqual(self.lead.score_fit, 10_000)

    def test_touchpoints_that_faded_long_ago(self):
        """Nothing is left of them; to PostgreSQL, so little is an error."""
        self._rule(10, kind="email_in", half_life_days=0.1)
        self._touch(self.lead, days=1000)
        self._score()
        self.assertEqual(self.lead.score_engagement, 0)
        self.assertTrue(self.lead.score_grade)

    def test_limits_take_nothing_from_who_did_nothing(self):
        self._rule(10, kind="email_in", max_points=5)
        self._rule(3, kind="call_done")
        other = self._create_leads()
        self._touch(other, kind="call_done")
        self._score(self.lead + other)
        self.assertEqual((self.lead + other).mapped("score_engagement"), [0, 3])

    def test_points_of_many_touchpoints(self):
        self._rule(10_000, kind="email_in")
        self.model.has_max_total = False
        self.env.cr.execute(
            """
            INSERT INTO crm_touchpoint (kind_id, channel, date, lead_id, res_model,
                                        res_id, occurrence, is_machine)
            SELECT %s, 'email', %s, %s, 'mail.message', n, 'many', FALSE
              FROM generate_series(1, 25000) n
            """,
            [
                self.env.ref("crm_plus.crm_touchpoint_kind_email_in").id,
                self._now(),
                self.lead.id,
            ],
        )
        self._score()
        self.assertEqual(self.lead.score_engagement, MAX_RULE_POINTS)

    def _now(self):
        self.env.cr.execute("SELECT '2026-03-01 12:00:00'::timestamp")
        return self.env.cr.fetchone()[0]

    # ------------------------------------------------------------
    # Files
    # ------------------------------------------------------------

    def test_a_consent_with_a_nul_comes_back(self):
        """The line, not the file."""
        text = (
            "email;purpose;channel;date;source;proof\n"
            "ida@brandt.example;newsletter;;2024-05-03;Fair;\n"
            "b@else.example;newsletter;;2024-05-03;Fa\0ir;\n"
            "c\0@else.example;newsletter;;2024-05-03;Fair;\n"
            "d@else.example;newsletter;;2024-05-03;Fair;\0\n"
        )
        wizard = self.env["crm.consent.import"].create(
            {
                "file": base64.b64encode(text.encode()),
                "filename": "old.csv",
                "proof": "Export of the old system",
                "company_id": self.company.id,
            }
        )
        self.assertEqual((wizard.line_count, wizard.good_count), (4, 1))
        self.assertIn("Line 3: there is an unreadable", wizard.problems)
        wizard.action_import()
        self.assertEqual(wizard.taken_count, 1)
        rest = base64.b64decode(wizard.rest).decode("utf-8-sig").splitlines()
        self.assertEqual(len(rest), 4)
        self.assertIn("(NUL) in source", rest[1])
        self.assertIn("(NUL) in email", rest[2])

    # ------------------------------------------------------------
    # Clients
    # ------------------------------------------------------------

    def test_periods_that_are_none(self):
        bad = (False, None, "", "today", "2026-13-01", 5, ["2026-01-01"], "0001-01-01")
        for model, call in (
            ("crm.lifecycle.report", "get_funnel"),
            ("crm.stage.leakage.report", "get_leakage"),
            ("crm.response.report", "get_overview"),
            ("crm.activity.volume", "get_overview"),
        ):
            ask = getattr(self.env[model].with_user(self.manager), call)
            for day in bad:
                for period in ((day, day), ("2026-01-01", day), (day, "2026-01-01")):
                    with (
                        self.subTest(model=model, period=period),
                        self.assertRaisesRegex(UserError, "first and the last day"),
                    ):
                        ask(*period)
            self.assertTrue(ask("2026-01-01", "2026-01-31"))

    def test_filters_that_are_none(self):
        Report = self.env["crm.lifecycle.report"].with_user(self.manager)
        for filters in ([1], "x", {"team_id": "x"}, {"team_id": [1]}):
            with self.subTest(filters=filters), self.assertRaises(UserError):
                Report.get_funnel("2026-01-01", "2026-01-31", filters=filters)

    def test_places_in_the_timeline_that_are_none(self):
        customer = self.customer.with_user(self.manager)
        for before in (
            ["x", 1],
            ["2026-01-01 10:00:00", "x"],
            ["2026-01-01 10:00:00"],
            [False, 1],
            [1, 1],
            "x",
            5,
            {"date": 1},
        ):
            with (
                self.subTest(before=before),
                self.assertRaisesRegex(UserError, "does not go on from there"),
            ):
                customer.get_customer_timeline(before=before)
        for channel in ("x", "\0", ["email"], 5):
            with self.subTest(channel=channel), self.assertRaises(UserError):
                customer.get_customer_timeline(channel=channel)
        page = customer.get_customer_timeline(
            channel="email", before=["2026-01-01 10:00:00", 1]
        )
        self.assertEqual(page["items"], [])
