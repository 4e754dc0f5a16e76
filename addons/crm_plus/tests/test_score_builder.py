import json
import re
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.sql_db import Cursor
from odoo.tests import Form, TransactionCase, tagged, users
from odoo.tools import SQL

from ..tools import score_file, score_insight
from ..tools.score_file import ScoreFileError
from ..tools.score_preview import Score, ScoreMoves, is_better
from .test_scoring import ScoringCommon


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreInsightTables(TransactionCase):
    """Arithmetic of the figures, on counts alone."""

    def test_verdict(self):
        cases = [
            # name, points, won, closed, all won, all closed, expected
            ("fewer than five closed", 10, 4, 4, 50, 100, "few"),
            ("fewer than five others", 10, 50, 97, 50, 100, "few"),
            ("won more often", 10, 40, 50, 50, 100, "good"),
            ("won less often", 10, 10, 50, 50, 100, "bad"),
            ("takes points, won less often", -10, 10, 50, 50, 100, "good"),
            ("takes points, won more often", -10, 40, 50, 50, 100, "bad"),
            ("chance would do", 10, 26, 50, 50, 100, "unclear"),
            ("little n, big difference", 10, 3, 5, 5, 10, "unclear"),
            ("all won", 10, 50, 50, 100, 100, "unclear"),
            ("no points", 0, 10, 50, 50, 100, "unclear"),
        ]
        for name, *args, expected in cases:
            with self.subTest(name):
                self.assertEqual(score_insight.verdict(*args), expected)

    def test_figures_of_patterns(self):
        totals, (first, second, third) = score_insight.figures(
            [([], 10, 1, 4), ([0], 6, 2, 3), ([0, 1], 2, 1, 1)], [10, 10, 10]
        )
        self.assertEqual(totals["records"], 18)
        self.assertEqual(totals["won_share"], 4 / 8)
        self.assertEqual((first["count"], first["closed"], first["won"]), (8, 4, 3))
        self.assertEqual(first["won_share"], 3 / 4)
        self.assertEqual(first["lift"], 1.5)
        self.assertEqual(first["overlaps"], [{"rule": 1, "count": 2, "share": 2 / 8}])
        self.assertEqual(second["overlaps"][0]["share"], 1)
        self.assertEqual((third["count"], third["overlaps"]), (0, []))
        self.assertIsNone(third["won_share"], "blank, not 0")

    def test_nothing_closed_is_blank(self):
        totals, [line] = score_insight.figures([([0], 3, 0, 0)], [10])
        self.assertIsNone(totals["won_share"])
        self.assertIsNone(line["lift"])
        self.assertEqual(line["verdict"], "few")

    def test_better_grades(self):
        for grade, than, expected in [
            ("A1", "B1", True),
            ("A2", "A1", False),
            ("B1", "A2", False),
            ("A2", "B1", False),
            ("D4", None, True),
            (None, "D4", False),
        ]:
            with self.subTest(grade=grade, than=than):
                self.assertEqual(is_better(grade, than), expected)

    def test_moves(self):
        before = {
            1: Score(7, "C3", 10, False),
            2: Score(7, "C3", 10, False),
            3: Score(7, "B2", 40, True),
            4: Score(7, "B2", 40, False),
        }
        after = {
            1: Score(7, "B2", 40, False),
            2: Score(7, "A1", 90, False),
            3: Score(7, "B2", 45, True),
            4: Score(7, "D4", 0, False),
        }
        moves = ScoreMoves(before, after, lambda _model, _grade, total: total >= 40)
        self.assertEqual(moves.counts[("C3", "A1")], 1)
        self.assertEqual(moves.moved_count, 3)
        self.assertEqual(moves.rising_ids(), [2, 1], "most points first")
        self.assertEqual(moves.falling_ids(), [4])
        self.assertEqual(moves.newly_qualified_ids(), [2, 1])
        self.assertEqual(moves.no_longer_qualified_ids(), [4])


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreRuleFigures(ScoringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team = cls.env["crm.team"].create({"name": "Figures"})
        cls.model.team_ids = cls.team
        cls.good, cls.bad, cls.open = (
            cls._create_leads(6, name=name, team_id=cls.team.id)
            for name in ("good", "bad", "open")
        )
        cls.good.action_set_won()
        cls.bad.action_set_lost()
        cls.env.flush_all()
        cls.env.cr.precommit.clear()

    def _figures(self, *rules, env=None, **values):
        values = {"team_ids": self.team.ids, **values}
        return (env or self.env)["crm.score.model"].get_rule_figures(
            {"target": "lead", **values},
            [{"dimension": "fit", "points": 10, **rule} for rule in rules],
        )

    def test_won_share_counts_lost_ones(self):
        result = self._figures(
            {"domain": "[('name', '=', 'good')]"},
            {"domain": "[('name', '=', 'bad')]"},
            {"domain": "[('name', 'in', ['bad', 'open'])]"},
            {"domain": "[('name', '=', 'nobody')]"},
        )
        self.assertEqual(
            (result["records"], result["closed"], result["won"]), (18, 12, 6)
        )
        good, bad, both, nobody = result["rules"]
        self.assertEqual((good["count"], good["won_share"], good["lift"]), (6, 1, 2))
        self.assertEqual(good["verdict"], "good")
        self.assertEqual((bad["count"], bad["won_share"], bad["lift"]), (6, 0, 0))
        self.assertEqual(bad["verdict"], "bad")
        self.assertEqual((both["count"], both["closed"]), (12, 6))
        self.assertEqual(both["overlaps"], [{"rule": 1, "count": 6, "share": 0.5}])
        self.assertEqual(nobody["count"], 0)
        self.assertIsNone(nobody["won_share"])

    def test_only_records_of_the_model(self):
        result = self._figures({"domain": "[('name', 'like', 'Lead')]"})
        self.assertEqual(result["rules"][0]["count"], 0)
        result = self._figures(
            {"domain": "[('id', '=', %s)]" % self.lead.id}, team_ids=[]
        )
        self.assertEqual(result["rules"][0]["count"], 1)

    def test_engagement_is_having_a_counting_touchpoint(self):
        kind = self.env.ref("crm_plus.crm_touchpoint_kind_email_in").id
        campaign = self.env["utm.campaign"].create({"name": "Fair"})
        self._touch(self.good[0], number=3)
        self._touch(self.good[1], campaign_id=campaign.id)
        self._touch(self.good[2], is_machine=True)
        self._touch(self.good[3], kind="call_done")
        self._touch(
            self.good[4], days=-365 * 30
        )  # yet to come, whenever this test is run
        contact = self.customer_contact
        self.open[0].partner_id = contact
        self._touch(partner_id=contact.id)
        rule = {"dimension": "engagement", "kind_id": kind, "name": "Mails"}
        of_campaign = {
            **rule,
            "touchpoint_domain": f"[('campaign_id', '=', {campaign.id})]",
        }
        result = self._figures(
            rule,
            of_campaign,
            {"dimension": "engagement", "kind_id": False},
            {"domain": "[('name', '=', 'open')]"},
        )
        self.assertEqual([line["count"] for line in result["rules"]], [3, 1, 0, 6])
        self.assertEqual(result["rules"][0]["overlaps"][0]["rule"], 1)
        self.assertEqual(result["rules"][1]["overlaps"][0]["share"], 1)

        action = self.env["crm.score.model"].action_view_rule_records(
            {"target": "lead", "team_ids": self.team.ids}, rule
        )
        self.assertEqual(
            self.env["crm.lead"]
            .with_context(**action["context"])
            .search(action["domain"]),
            self.good[0] + self.good[1] + self.open[0],
        )

    def test_lost_ones_are_opened_too(self):
        rule = {"dimension": "fit", "domain": "[('name', '=', 'bad')]"}
        action = self.env["crm.score.model"].action_view_rule_records(
            {"target": "lead", "team_ids": self.team.ids}, rule
        )
        leads = self.env["crm.lead"].with_context(**action["context"])
        self.assertEqual(leads.search(action["domain"]), self.bad)

    def test_broken_rule_is_named_and_the_others_are_measured(self):
        result = self._figures(
            {"domain": "[('gone', '=', 1)]"},
            {"domain": "[('name', '=', 'good')]"},
            {"domain": "not a domain"},
            # accepted by the ORM, refused by the database
            {"domain": "[('create_date', '=', 'no date')]"},
        )
        lines = result["rules"]
        self.assertIn("gone", lines[0]["error"])
        self.assertEqual(lines[1]["count"], 6)
        self.assertTrue(lines[2]["error"])
        self.assertTrue(lines[3]["error"])

    def test_condition_of_the_model(self):
        result = self._figures({"domain": "[]"}, domain="[('name', '=', 'good')]")
        self.assertEqual((result["records"], result["rules"][0]["count"]), (6, 6))
        result = self._figures({"domain": "[]"}, domain="[('gone', '=', 1)]")
        self.assertIn("gone", result["error"])

    def test_touchpoints_of_contacts_and_leads(self):
        """A company has its contacts' where the model says so, and those in leads."""
        self._touch(
            self.lead,
            partner_id=self.customer_contact.id,
            commercial_partner_id=self.customer.id,
        )
        rule = {
            "dimension": "engagement",
            "kind_id": self.env.ref("crm_plus.crm_touchpoint_kind_email_in").id,
        }
        both = self.customer + self.customer_contact
        cases = [
            ({}, 2),
            ({"is_rolled_up": False}, 1),
            ({"is_lead_counted": False}, 0),
        ]
        for values, expected in cases:
            with self.subTest(values):
                result = self.env["crm.score.model"].get_rule_figures(
                    {
                        "target": "customer",
                        "domain": f"[('id', 'in', {both.ids})]",
                        **values,
                    },
                    [rule],
                )
                self.assertEqual(result["rules"][0]["count"], expected)

    def test_seller_sees_the_own_scope(self):
        self.good[:2].write({"user_id": self.seller_2.id, "team_id": self.team.id})
        self.env.flush_all()
        result = self._figures({"domain": "[]"}, env=self.env(user=self.seller))
        self.assertEqual(result["records"], 16)
        result = self._figures({"domain": "[]"}, env=self.env(user=self.seller_2))
        self.assertEqual(result["records"], 2)

    @users("plus_account")
    def test_no_figures_without_rights(self):
        with self.assertRaises(AccessError):
            self._figures({"domain": "[]"}, env=self.env)

    def test_customers_have_no_won_share(self):
        result = self.env["crm.score.model"].get_rule_figures(
            {"target": "customer"},
            [
                {
                    "dimension": "fit",
                    "domain": f"[('id', '=', {self.customer.id})]",
                    "points": 1,
                }
            ],
        )
        self.assertIsNone(result["closed"])
        self.assertEqual(result["rules"][0]["count"], 1)
        self.assertNotIn("won_share", result["rules"][0])

    def test_one_query_for_all_rules(self):
        kind = self.env.ref("crm_plus.crm_touchpoint_kind_email_in").id
        rules = [
            *({"domain": f"[('name', '=', '{i}')]"} for i in range(10)),
            *({"dimension": "engagement", "kind_id": kind} for _i in range(10)),
        ]
        self._figures(*rules)
        # savepoint and its release, and the statement
        with self.assertQueryCount(3):
            self._figures(*rules)

    def test_sample_is_said(self):
        self.patch(score_insight, "SAMPLE_SIZE", 5)
        result = self._figures({"domain": "[]"})
        self.assertTrue(result["is_sample"])
        self.assertEqual(result["rules"][0]["count"], 5)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreDraft(ScoringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rule = cls._rule(10, domain="[('name', '=', 'Lead 0')]")
        cls.dropped = cls._rule(1, domain="[]")
        cls.mails = cls._rule(20, kind="email_in")
        cls.leads = cls.lead + cls._create_leads(2, name="Other")
        cls.env.flush_all()
        cls.env.cr.precommit.clear()

    def _draft(self):
        action = self.model.with_user(self.manager).action_try_changes()
        return self.env["crm.score.model"].browse(action["res_id"])

    def _scores(self):
        self.env.flush_all()
        self.env.invalidate_all()
        return self.leads.read(
            ["score_grade", "score_total", "score_date", "date_mql", "write_date"]
        )

    def _compare(self, model):
        self.env.flush_all()
        action = model.with_user(self.manager).action_compare()
        return self.env["crm.score.compare"].browse(action["res_id"]).sudo()

    def test_draft_is_a_copy_that_scores_nothing(self):
        draft = self._draft()
        self.assertEqual((draft.active, draft.is_draft), (False, True))
        self.assertEqual(len(draft.rule_ids), 3)
        self.assertEqual(draft.rule_ids.mapped("points"), [10, 1, 20])
        self.assertEqual(draft.rule_ids.model_id, draft)
        self.assertEqual(self._draft(), draft, "one draft, opened again")
        draft.rule_ids[0].points = 99
        self.leads._score_recompute()
        self.assertEqual(self.lead.score_total, 11)
        self.assertEqual(self.lead.score_model_id, self.model)

    def test_draft_starts_no_run(self):
        runs = self.env["crm.score.run"]
        runs.search([("date_end", "=", False)]).unlink()
        draft = self._draft()
        draft.rule_ids[0].points = 99
        draft.rule_ids[1].unlink()
        draft.fit_a = 77
        draft.with_user(self.manager).action_discard_draft()
        self.assertFalse(runs.search([("date_end", "=", False)]))
        self.rule.points = 11
        self.assertTrue(runs.search([("date_end", "=", False)]))

    def test_compare_shows_moves_and_changes_nothing(self):
        self._touch(self.leads[1], days=1)
        self.leads._score_recompute()
        before = self._scores()
        self.assertEqual(self.lead.score_grade, "C4")
        draft = self._draft()
        draft.rule_ids[0].points = 45
        draft.mql_min_engagement = "4"

        compare = self._compare(draft)

        self.assertEqual(compare.qualified_count, 1)
        self.assertGreaterEqual(compare.record_count, 3)
        self.assertEqual(compare.up_count, 1)
        self.assertEqual(compare.down_count, 0)
        line = compare.line_ids.filtered(lambda line: line.move == "up")
        self.assertRecordValues(
            line,
            [
                {
                    "res_id": self.lead.id,
                    "name": "Lead 0",
                    "grade_before": "C4",
                    "grade_after": "A4",
                    "total_before": 11,
                    "total_after": 46,
                }
            ],
        )
        self.assertIn("table-success", compare.matrix)
        self.assertEqual(self._scores(), before)
        self.assertFalse(self.lead.is_mql)
        self.assertEqual(self.rule.points, 10)
        action = compare.with_context(crm_plus_move="up").action_view_move()
        self.assertEqual(action["domain"], [("id", "in", self.lead.ids)])
        self.assertEqual(self._scores(), before)

    def test_compare_only_reads(self):
        """Two statements score all of them, before and after; none is written."""
        draft = self._draft()
        draft.rule_ids[0].points = 45
        execute = Cursor.execute
        scored, written = [], []

        def watch(cr, query, *args, **kwargs):
            text = query.code if isinstance(query, SQL) else query
            if "WITH scored AS" in text:
                scored.append(text)
            if re.search(
                r"(INSERT INTO|UPDATE|DELETE FROM) \"?crm_score(_change)?\b", text
            ):
                written.append(text)
            return execute(cr, query, *args, **kwargs)

        self._create_leads(30)
        self.env.flush_all()
        self.env.cr.precommit.clear()
        with patch.object(Cursor, "execute", watch):
            compare = self._compare(draft)

        self.assertGreaterEqual(compare.record_count, 30)
        self.assertEqual((len(scored), written), (2, []))

    def test_nothing_moves_without_a_change(self):
        compare = self._compare(self._draft())
        self.assertEqual(compare.moved_count, 0)
        self.assertFalse(compare.line_ids)

    def test_what_was_not_scored_yet_is_no_move(self):
        """Both sides are computed: a stored score that is old says nothing."""
        self._touch(self.lead, days=1)
        self.assertFalse(self.lead.score_grade)
        self.assertEqual(self._compare(self._draft()).moved_count, 0)

    def test_model_not_in_use_yet_is_compared(self):
        draft = self.env["crm.score.model"].create(
            {"name": "New", "is_draft": True, "active": False, "sequence": 1}
        )
        self._rule(45, model=draft)
        compare = self._compare(draft)
        self.assertEqual(compare.down_count, 0)
        self.assertGreaterEqual(compare.up_count, 3)
        draft.with_user(self.manager).action_apply_draft()
        self.assertEqual((draft.active, draft.is_draft), (True, False))
        self.leads._score_recompute()
        self.assertEqual(self.leads.score_model_id, draft)

    def test_apply_keeps_the_records_of_the_model(self):
        draft = self._draft()
        first, second, _mails = draft.rule_ids
        first.points = 45
        second.unlink()
        self._rule(7, domain="[('name', '=', 'Other')]", model=draft)
        draft.fit_a = 44
        draft.name = "Better"
        mails_date = self.mails.write_date

        action = draft.with_user(self.manager).action_apply_draft()

        self.assertEqual(action["res_id"], self.model.id)
        self.assertFalse(draft.exists())
        self.assertEqual(self.model.name, "Better")
        self.assertEqual(self.model.fit_a, 44)
        self.assertTrue(self.model.active)
        self.assertEqual(self.rule.points, 45)
        self.assertFalse(self.dropped.exists())
        self.assertEqual(sorted(self.model.rule_ids.mapped("points")), [7, 20, 45])
        self.assertEqual(self.mails.write_date, mails_date)
        self.assertTrue(self.env["crm.score.run"].search([("date_end", "=", False)]))

    def test_groups_go_with_their_rules(self):
        group, gone = self.env["crm.score.group"].create(
            [
                {"name": name, "model_id": self.model.id, "max_points": 5}
                for name in ("Kept", "Gone")
            ]
        )
        self.rule.group_id = group
        self.dropped.group_id = gone
        draft = self._draft()
        kept, dropped = draft.group_ids
        self.assertEqual(draft.rule_ids.group_id, kept + dropped)
        self.assertEqual(draft.group_ids.model_id, draft)
        kept.max_points = 7
        draft.rule_ids.filtered(lambda r: r.group_id == dropped).group_id = False
        dropped.unlink()
        new = self.env["crm.score.group"].create(
            {"name": "New", "model_id": draft.id, "dimension": "engagement"}
        )
        draft.rule_ids.filtered(lambda r: r.dimension == "engagement").group_id = new

        draft.with_user(self.manager).action_apply_draft()

        self.assertEqual(group.max_points, 7)
        self.assertEqual(self.rule.group_id, group)
        self.assertFalse(gone.exists())
        self.assertFalse(self.dropped.group_id)
        self.assertEqual(self.mails.group_id.name, "New")
        self.assertEqual(self.mails.group_id.model_id, self.model)

    def test_thresholds_go_with_the_model(self):
        threshold = self.env["crm.score.threshold"].create(
            {"name": "Ripe", "model_id": self.model.id}
        )
        draft = self._draft()
        self.assertEqual(draft.threshold_ids.name, "Ripe")
        draft.threshold_ids.name = "Riper"
        content = draft._get_file_content()
        self.assertEqual(content["thresholds"][0]["name"], "Riper")
        draft.with_user(self.manager).action_apply_draft()
        self.assertEqual(threshold.name, "Riper")
        self.assertEqual(self.model.threshold_ids, threshold)

    def test_additional_model_is_compared_by_its_own_score(self):
        extra = self.model.copy({"name": "Extra", "is_additional": True})
        self.leads._score_recompute()
        draft = self.env["crm.score.model"].browse(
            extra.with_user(self.manager).action_try_changes()["res_id"]
        )
        draft.rule_ids[0].points = 45
        compare = self._compare(draft)
        self.assertEqual(compare.up_count, 1)
        line = compare.line_ids.filtered(lambda line: line.move == "up")
        self.assertEqual((line.grade_before, line.grade_after), ("C4", "A4"))
        self.assertEqual(compare.qualified_count, 0, "the main score qualifies")

    def test_discard(self):
        draft = self._draft()
        draft.rule_ids[0].points = 45
        draft.with_user(self.manager).action_discard_draft()
        self.assertFalse(draft.exists())
        self.assertEqual(self.rule.points, 10)
        with self.assertRaises(UserError):
            self.model.action_discard_draft()
        with self.assertRaises(UserError):
            self.model.action_apply_draft()

    def test_draft_of_a_model_is_not_made_active_beside_it(self):
        draft = self._draft()
        with self.assertRaises(UserError):
            draft.action_unarchive()

    def test_change_of_the_model_meanwhile_is_said(self):
        draft = self._draft()
        self.assertFalse(draft.is_outdated)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_score_model SET create_date = create_date - interval '1 hour'"
            " WHERE id = %s",
            [draft.id],
        )
        self.env.invalidate_all()
        self.assertTrue(draft.is_outdated)

    def test_broken_rule_is_named(self):
        draft = self._draft()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_score_rule SET domain = %s WHERE id = %s",
            ["[('gone', '=', 1)]", draft.rule_ids[0].id],
        )
        self.env.invalidate_all()
        self.assertIn("gone", self._compare(draft).error)

    @users("plus_seller")
    def test_sellers_may_not(self):
        draft = self._draft()
        model = self.model.with_env(self.env)
        for call in (
            model.action_try_changes,
            model.action_compare,
            draft.with_env(self.env).action_apply_draft,
            draft.with_env(self.env).action_discard_draft,
            lambda: self.env["crm.score.compare"].create({"model_id": draft.id}),
        ):
            with self.assertRaises(AccessError):
                call()

    def test_manager_of_another_company_sees_the_own_records(self):
        self.leads.company_id = self.company
        self.env.flush_all()
        draft = self._draft()
        draft.rule_ids[0].points = 45
        self.env.flush_all()
        action = draft.with_user(self.user_other_company).action_compare()
        compare = self.env["crm.score.compare"].browse(action["res_id"])
        self.assertEqual(compare.up_count, 0)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreFileTables(TransactionCase):
    def test_numbers_in_conditions(self):
        text = "['|', ('team_id', '=', 5), ('tag_ids', 'in', [7, 8]), ('x', '>', 2.5)]"
        self.assertEqual(
            score_file.domain_numbers(text), {"team_id": [5], "tag_ids": [7, 8]}
        )
        self.assertEqual(
            score_file.replace_numbers(text, {"team_id": {5: 50}, "tag_ids": {8: 80}}),
            "['|', ('team_id', '=', 50), ('tag_ids', 'in', [7, 80]), ('x', '>', 2.5)]",
        )
        dynamic = "[('date', '>', context_today()), ('active', '=', True)]"
        self.assertEqual(score_file.domain_numbers(dynamic), {})
        self.assertIs(score_file.replace_numbers(dynamic, {"active": {1: 2}}), dynamic)

    def test_what_is_wrong_is_said(self):
        rule = {"name": "R", "dimension": "fit", "points": 1}
        good = {
            "format": "crm_plus.scoring_model",
            "version": 1,
            "name": "M",
            "target": "lead",
            "rules": [rule],
        }
        cases = [
            ("no text", b"\xff\xfe\x00", "UTF-8"),
            ("no JSON", '{\n "a": 1,\n oops\n}', "line 3, column 2"),
            ("a list", "[]", "not a scoring model"),
            ("another format", {**good, "format": "x"}, "not a scoring model"),
            ("no version", {**good, "version": None}, "version"),
            ("newer", {**good, "version": 99}, "99 is newer"),
            ("no name", {**good, "name": " "}, "name"),
            ("no target", {**good, "target": "moon"}, "target"),
            ("rules not a list", {**good, "rules": {}}, "rules"),
            ("rule not an object", {**good, "rules": [1]}, "rules"),
            (
                "rule without points",
                {**good, "rules": [rule, {**rule, "points": "many"}]},
                "rule 2 “R”: “points”",
            ),
            (
                "no kind",
                {**good, "rules": [{**rule, "dimension": "engagement"}]},
                "rule 1 “R”: “kind”",
            ),
            (
                "condition not closed",
                {**good, "rules": [{**rule, "domain": "[('a', "}]},
                "rule 1 “R”: “domain” cannot be read",
            ),
        ]
        for name, content, expected in cases:
            with self.subTest(name):
                text = json.dumps(content) if isinstance(content, dict) else content
                with self.assertRaises(ScoreFileError) as caught:
                    score_file.load(text, self.env)
                self.assertIn(expected, str(caught.exception))
        self.assertEqual(score_file.load(json.dumps(good), self.env)["name"], "M")


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreFile(ScoringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team = cls.env["crm.team"].create({"name": "Wholesale Nowhere"})
        cls.tag = cls.env["crm.tag"].create({"name": "Roastery"})
        cls.model.write(
            {
                "fit_a": 50,
                "mql_rule": "total",
                "mql_min_total": 0,
                "team_ids": [Command.set(cls.team.ids)],
                "company_id": cls.company.id,
            }
        )
        cls._rule(12.5, domain=f"[('tag_ids', 'in', [{cls.tag.id}])]")
        cls._rule(-4, domain="[('country_id', '=', %d)]" % cls.env.ref("base.de").id)
        cls._rule(
            7,
            kind="email_in",
            half_life_days=12,
            max_times=3,
            max_points=20,
            touchpoint_domain="[('campaign_id', '!=', False)]",
        )
        cls._rule(3, domain="[]", active=False)
        group = cls.env["crm.score.group"].create(
            {"name": "Traits", "model_id": cls.model.id, "max_points": 30}
        )
        cls._rule(8, domain="[('phone', '!=', False)]", group_id=group.id)

    def _content(self, **values):
        return {
            "format": "crm_plus.scoring_model",
            "version": 1,
            "name": "M",
            "target": "lead",
            **values,
        }

    def _import(self, content, **options):
        text = content if isinstance(content, str) else json.dumps(content)
        return (
            self.env["crm.score.model"]
            .with_user(self.manager)
            ._import_file(text, **options)
            .sudo()
        )

    def test_round_trip(self):
        text = score_file.dump(self.model._get_file_content())
        model = self._import(text)
        self.assertEqual((model.active, model.is_draft), (False, True))
        self.assertEqual(score_file.dump(model._get_file_content()), text)
        content = json.loads(text)
        self.assertEqual(content["version"], score_file.VERSION)
        kinds = [rule["kind"] for rule in content["rules"] if "kind" in rule]
        self.assertEqual(kinds, ["email_in"])
        self.assertEqual(content["groups"][0]["name"], "Traits")
        self.assertEqual(model.rule_ids.group_id, model.group_ids)
        self.assertEqual(content["teams"], [{"name": "Wholesale Nowhere"}])
        self.assertEqual(
            content["rules"][1]["records"]["country_id"],
            {
                str(self.env.ref("base.de").id): {
                    "model": "res.country",
                    "name": "Germany",
                    "xml_id": "base.de",
                }
            },
        )

    def test_numbers_become_those_of_this_database(self):
        content = self.model._get_file_content()
        [rule] = [r for r in content["rules"] if r["name"].startswith("[('tag_ids'")]
        # as if the tag had another number where the file is from
        other = str(self.tag.id + 1000)
        rule["domain"] = f"[('tag_ids', 'in', [{other}])]"
        rule["records"]["tag_ids"] = {other: {"model": "crm.tag", "name": "Roastery"}}
        model = self._import(self._content(rules=[rule]))
        self.assertEqual(model.rule_ids.domain, f"[('tag_ids', 'in', [{self.tag.id}])]")

    def test_refused_files_change_nothing(self):
        rule = {"name": "R", "dimension": "fit", "points": 1}
        engagement = {**rule, "dimension": "engagement", "kind": "gone"}
        reference = {"5": {"model": "crm.tag", "name": "Nobody"}}
        cases = [
            ("no JSON", "{", "line 1"),
            ("unknown value", self._content(values={"moon": 1}), "“moon”"),
            ("bad value", self._content(values={"fit_a": "many"}), "“fit_a”"),
            ("bad choice", self._content(values={"mql_rule": "maybe"}), "“mql_rule”"),
            ("no such team", self._content(teams=["Moon"]), "Moon"),
            ("unknown kind", self._content(rules=[rule, engagement]), "rule 2 “R”"),
            (
                "unknown key of a rule",
                self._content(rules=[{**rule, "oops": 1}]),
                "rule 1 “R”: “oops”",
            ),
            (
                "no such record",
                self._content(rules=[{**rule, "records": {"tag_ids": reference}}]),
                "Nobody",
            ),
            ("no group", self._content(rules=[{**rule, "group": "X"}]), "“X”"),
            (
                "condition that does not work",
                self._content(rules=[{**rule, "domain": "[('gone', '=', 1)]"}]),
                "“R”",
            ),
            (
                "thresholds that do not fall",
                self._content(values={"fit_a": 1, "fit_b": 2, "fit_c": 3}),
                "A needs more",
            ),
        ]
        Model = self.env["crm.score.model"].with_context(active_test=False)
        before = Model.search_count([])
        for name, content, expected in cases:
            with self.subTest(name):
                with self.assertRaises(UserError) as caught:
                    self._import(content)
                self.assertIn(expected, str(caught.exception))
                self.assertIn("nothing was changed", str(caught.exception))
                self.assertEqual(Model.search_count([]), before)

    def test_rules_of_unknown_kinds_are_left_out_and_named(self):
        content = self._content(
            rules=[
                {"name": "Fit", "dimension": "fit", "points": 1},
                {"name": "Eng", "dimension": "engagement", "points": 1, "kind": "gone"},
            ]
        )
        _values, problems, unknown = self.env["crm.score.model"]._read_file(
            json.dumps(content)
        )
        self.assertFalse(problems)
        self.assertIn("rule 2 “Eng”", unknown[0])
        self.assertIn("“gone”", unknown[0])
        model = self._import(content, leave_out_unknown=True)
        self.assertEqual(model.rule_ids.name, "Fit")

    def test_templates_need_crm_plus_only(self):
        templates = self.env["crm.score.model"]._get_templates()
        self.assertEqual(set(templates), {"b2b", "b2c", "retail"})
        codes = set(
            self.env["ir.model.data"]
            .search(
                [
                    ("module", "=", "crm_plus"),
                    ("model", "=", "crm.touchpoint.kind"),
                ]
            )
            .mapped(lambda data: self.env[data.model].browse(data.res_id).code)
        )
        for key, text in templates.items():
            with self.subTest(key):
                content = score_file.load(text, self.env)
                kinds = {rule.get("kind") for rule in content["rules"]} - {None}
                self.assertLessEqual(kinds, codes)
                model = self._import(text)
                self.assertEqual(len(model.rule_ids), len(content["rules"]))
                figures = self.env["crm.score.model"].get_rule_figures(
                    {"target": model.target},
                    [
                        {
                            "dimension": rule.dimension,
                            "domain": rule.domain,
                            "kind_id": rule.kind_id.id,
                            "points": rule.points,
                        }
                        for rule in model.rule_ids
                    ],
                )
                self.assertFalse([line for line in figures["rules"] if "error" in line])

    def test_wizard(self):
        wizard = Form(self.env["crm.score.model.import"].with_user(self.manager))
        self.assertTrue(wizard.is_readable)
        self.assertIn("Business e-mail address (+10)", wizard.preview)
        wizard.template = "retail"
        self.assertIn("Sends goods back (-8)", wizard.preview)
        action = wizard.save().action_import()
        model = self.env["crm.score.model"].browse(action["res_id"])
        self.assertEqual(model.target, "customer")

    def test_wizard_names_what_is_wrong_before(self):
        wizard = Form(self.env["crm.score.model.import"].with_user(self.manager))
        wizard.source = "file"
        self.assertFalse(wizard.is_readable)
        wizard.file = "e30="  # {}
        self.assertFalse(wizard.is_readable)
        self.assertIn("not a scoring model", wizard.preview)

    def test_download(self):
        model = self.model.with_user(self.seller)
        action = model.action_export_file()
        self.assertIn(f"/{self.model.id}/export_file", action["url"])
        self.assertEqual(model.export_filename, "Test.json")
        self.assertTrue(model.export_file)

    @users("plus_seller")
    def test_sellers_may_not_import(self):
        with self.assertRaises(AccessError):
            self.env["crm.score.model.import"].create({})
        with self.assertRaises(AccessError):
            self.env["crm.score.model"]._import_file("{}")
