from datetime import timedelta

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.base.tests.test_ir_cron import CronMixinCase

from .test_case_rating import RatingCommon

NOW = "2026-03-02 10:00:00"  # a Monday


class TermsCommon(RatingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team.rating_cap = 0

    def _rate(self, rate, case=None, user=None, **values):
        case = case or self._create_cases(user_id=(user or self.agent).id, **values)
        case.date_rating_requested = case.date_rating_requested or fields.Datetime.now()
        case.rating_apply(rate, token=case._rating_get_access_token(), feedback="Hm")
        return case


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestRatingTerms(CronMixinCase, TermsCommon):
    """Who is asked, and when."""

    @freeze_time(NOW)
    def test_delay(self):
        self.team.rating_delay = 24
        case = self._create_cases()
        due = fields.Datetime.from_string(NOW) + timedelta(hours=24)

        with self.capture_triggers("crm_helpdesk.ir_cron_request_ratings") as captured:
            case.action_close()

        self.assertEqual(case.date_rating_due, due)
        self.assertEqual(captured.records.mapped("call_at"), [due])
        self.assertFalse(self._run_cron())
        with freeze_time(due - timedelta(minutes=1)):
            self.assertFalse(self._run_cron())
        with freeze_time(due):
            self.assertEqual(len(self._run_cron()), 1)

    @freeze_time(NOW)
    def test_closed_again_the_delay_begins_anew(self):
        self.team.rating_delay = 24
        case = self._create_cases()
        case.action_close()
        case.action_reopen()
        with freeze_time("2026-03-03 09:00:00"):
            case.action_close()

        with freeze_time("2026-03-03 11:00:00"):
            self.assertFalse(self._run_cron())
        with freeze_time("2026-03-04 09:00:00"):
            self.assertEqual(len(self._run_cron()), 1)

    def test_sample(self):
        cases = self._create_cases(200)
        self.team.rating_sample = 0
        cases.action_close()
        self.assertFalse(any(cases.mapped("is_rating_due")))
        self.assertEqual(set(cases.mapped("rating_skipped")), {"sample"})

        self.team.rating_sample = 30
        chosen = cases.filtered(lambda case: case._is_in_rating_sample())
        self.assertTrue(30 <= len(chosen) <= 90, len(chosen))
        cases.action_reopen()
        cases.action_close()
        due = cases.filtered("is_rating_due")
        self.assertEqual(due, chosen, "the same cases, whenever they are closed")

        self.team.rating_sample = 100
        self.assertTrue(all(case._is_in_rating_sample() for case in cases))

    def test_cap_by_customer(self):
        self.team.write({"rating_cap": 1, "rating_cap_days": 7})
        first, second = self._create_cases(2)
        other = self._create_cases(partner_id=self.eva.id)
        (first + second + other).action_close()

        mails = self._run_cron()

        self.assertEqual(len(mails), 2, "one to each customer")
        self.assertTrue(other.date_rating_requested)
        asked = (first + second).filtered("date_rating_requested")
        self.assertEqual(len(asked), 1)
        self.assertEqual((first + second - asked).rating_skipped, "cap")

    def test_cap_holds_over_days_and_teams(self):
        self.team.write({"rating_cap": 1, "rating_cap_days": 7})
        other_team = self.team.copy({"name": "Other", "alias_name": False})
        with freeze_time("2026-03-02 10:00:00"):
            self._create_cases().action_close()
            self.assertEqual(len(self._run_cron()), 1)
        with freeze_time("2026-03-08 10:00:00"):
            self._create_cases(team_id=other_team.id).action_close()
            self.assertFalse(self._run_cron(), "six days later, by another team")
        with freeze_time("2026-03-09 10:01:00"):
            self._create_cases(team_id=other_team.id).action_close()
            self.assertEqual(len(self._run_cron()), 1)

    def test_terms_that_make_no_sense(self):
        for values in (
            {"rating_sample": 101},
            {"rating_delay": -1},
            {"rating_cap": -1},
            {"rating_low": 5},
        ):
            with (
                self.subTest(values),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.cr.savepoint(),
            ):
                self.team.write(values)
                self.env.flush_all()


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestRatingFollowUp(TermsCommon):
    """What a low rating does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kind = cls.env.ref("crm_helpdesk.mail_activity_type_low_rating")

    def _follow_ups(self, case):
        return case.activity_ids.filtered(lambda a: a.activity_type_id == self.kind)

    def _holds(self):
        self._harvest_queued()  # what commits do
        self.env.invalidate_all()
        return self.env["crm.contact.hold"].search(
            [
                ("partner_id", "=", self.customer.id),
                ("provider", "=", "case_rating"),
                ("is_open", "=", True),
            ]
        )

    def test_low_rating_is_an_activity_of_the_leader(self):
        self.team.rating_follow_user_id = self.manager
        case = self._rate(2)

        activity = self._follow_ups(case)
        self.assertEqual(activity.user_id, self.manager)
        self.assertIn("2", activity.summary)
        self.assertFalse(self._follow_ups(self._rate(3)))

    def test_comment_is_text(self):
        case = self._create_cases(user_id=self.agent.id)
        case.rating_apply(
            1,
            token=case._rating_get_access_token(),
            feedback="<img src=x onerror=alert(1)>",
        )
        self.assertIn("&lt;img", self._follow_ups(case).note)

    def test_who_follows_up_without_a_leader(self):
        case = self._rate(1)
        self.assertEqual(self._follow_ups(case).user_id, self.agent)
        self.agent_2.active = False
        case = self._create_cases()
        case.user_id = False
        self._rate(1, case)
        self.assertEqual(self._follow_ups(case).user_id, self.agent, "first member")

    def test_low_is_what_the_team_says(self):
        self.team.rating_low = 1
        self.assertFalse(self._follow_ups(self._rate(2)))
        self.team.is_rating_followed = False
        self.assertFalse(self._follow_ups(self._rate(1)))

    def test_hold_until_it_is_done(self):
        self.assertFalse(self._holds())
        case = self._rate(1)
        hold = self._holds()
        self.assertRecordValues(
            hold,
            [
                {
                    "company_id": self.company.id,
                    "res_model": "crm.case",
                    "res_id": case.id,
                    "scope": "marketing",
                }
            ],
        )
        self.assertIn("low", hold.reason)

        self._follow_ups(case).with_user(self.agent).action_feedback("Called them")

        self.assertFalse(self._holds())
        self.assertTrue(hold.date_released)

    def test_two_low_ratings_hold_until_both_are_done(self):
        cases = self._rate(1) + self._rate(2)
        self.assertEqual(len(self._holds()), 1)
        self._follow_ups(cases[0]).action_feedback()
        self.assertTrue(self._holds())
        self._follow_ups(cases[1]).unlink()
        self.assertFalse(self._holds())

    def test_campaigns_are_told(self):
        self._rate(1)
        self._holds()
        decisions = self.env["crm.contact.hold"].search(
            [("partner_id", "=", self.customer.id), ("is_open", "=", True)]
        )
        self.assertTrue(decisions)
        with self.assertRaises(UserError):
            decisions.with_user(self.manager).sudo(False).action_release()

    def test_company_may_do_without(self):
        rule = self.env.ref("crm_helpdesk.crm_contact_hold_rule_case_rating")
        rule.is_on = False
        self._rate(1)
        self.assertFalse(self._holds())


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestSatisfaction(TermsCommon):
    """Figures of K67 to K69."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Report = cls.env["crm.case.rating.report"]

    def _figures(self, domain=(), group=()):
        return self.Report._read_group(
            [("team_id", "in", (self.team + self.team_2).ids), *domain],
            list(group),
            ["responses:sum", "csat:avg", "response_rate:avg", "nps:avg", "rating:avg"],
        )

    def test_share_of_4_and_5(self):
        for rate in (5, 4, 3, 1):
            self._rate(rate)
        self._create_cases().date_rating_requested = fields.Datetime.now()

        [figures] = self._figures()
        self.assertEqual(figures[:3], (4, 50, 80))
        self.assertIs(figures[3], False, "nobody was asked")
        self.assertAlmostEqual(figures[4], 3.25)

    def test_nothing_is_blank_not_zero(self):
        self._create_cases().date_rating_requested = fields.Datetime.now()
        [figures] = self._figures()
        self.assertEqual(figures, (0, False, 0, False, False))

    def test_recommendation(self):
        for score in ("10", "9", "8", "7", "6", "0"):
            case = self._rate(5)
            case.rating_ids.nps_score = score
        [figures] = self._figures()
        self.assertAlmostEqual(figures[3], 0, msg="two of six less two of six")
        self._rate(5).rating_ids.nps_score = "10"
        self.assertAlmostEqual(self._figures()[0][3], 100 / 7)

    def test_a_case_counts_once_by_its_first_answer(self):
        case = self._rate(1)
        case.rating_ids.rated_on = fields.Datetime.now() - timedelta(days=1)
        second = case._rating_get_access_token()
        case.rating_apply(5, token=second)
        self.assertEqual(len(case.rating_ids), 2)

        [figures] = self._figures()
        self.assertEqual(figures[:2], (1, 0))

    def test_by_agent_channel_and_product(self):
        self._rate(5, channel="phone", product_id=self.product.id)
        case = self._rate(1, user=self.agent_2)
        case.user_id = self.agent  # whoever has it later
        by_agent = {row[0]: row[2] for row in self._figures(group=["user_id"])}
        self.assertEqual(by_agent, {self.agent: 100, self.agent_2: 0})
        by_channel = {row[0]: row[2] for row in self._figures(group=["channel"])}
        self.assertEqual(by_channel, {"phone": 100, "manual": 0})
        by_product = {row[0]: row[1] for row in self._figures(group=["product_id"])}
        self.assertEqual(by_product[self.product], 1)

    def _overview(self, user=None, **context):
        self.env.invalidate_all()  # each reader has lines of his own
        Overview = self.env["crm.case.satisfaction"].with_context(**context)
        rows = Overview.with_user(user or self.manager).search([])
        return {(row.by, row.name): row for row in rows}

    def test_overview_says_what_it_rests_on(self):
        team = self.team.copy({"name": "Few", "alias_name": False, "rating_cap": 0})
        for _i in range(3):
            self._rate(5, team_id=team.id)
        for _i in range(10):
            self._rate(4)
        rows = self._overview()

        few, many = rows["team_id", "Few"], rows["team_id", "Help"]
        self.assertEqual((few.csat, few.note), ("100 %", "not enough data (n = 3)"))
        self.assertEqual((many.csat, many.note, many.nps), ("100 %", "", ""))
        self.assertEqual(rows["user_id", self.agent.name].responses, 13)
        self.assertIn(("0", "All"), rows)

        self._create_cases(team_id=team.copy({"name": "None"}).id).write(
            {"date_rating_requested": fields.Datetime.now()}
        )
        none = self._overview()["team_id", "None"]
        self.assertEqual((none.csat, none.note), ("", "not enough data (n = 0)"))
        self.assertEqual(none.response_rate, "0 %")

    def test_overview_of_a_period(self):
        case = self._rate(5)
        case.rating_ids.rated_on = fields.Datetime.now() - timedelta(days=60)
        self.assertIn(("team_id", "Help"), self._overview(crm_helpdesk_days=90))
        self.assertNotIn(("team_id", "Help"), self._overview(crm_helpdesk_days=30))
        self.assertIn(("team_id", "Help"), self._overview(crm_helpdesk_days="1'"))

    def test_figures_of_other_companies_and_closed_teams(self):
        self._rate(5)
        other = self.env["crm.case"].create(
            {"name": "x", "team_id": self.team_2.id, "partner_id": self.eva.id}
        )
        self._rate(5, other)
        self.env.flush_all()
        Report = self.Report.with_user(self.agent_c2)
        self.assertEqual(Report.search([]).team_id, self.team_2)
        self.assertNotIn(("team_id", "Help"), self._overview(self.agent_c2))

        self.assertIn(("team_id", "Help"), self._overview(self.outsider))
        self.team.visibility = "members"
        self.assertNotIn(("team_id", "Help"), self._overview(self.outsider))
        self.assertIn(("team_id", "Help"), self._overview(self.agent))
        for user in (self.portal_ida, self.env.ref("base.public_user")):
            with self.assertRaises(AccessError):
                self.Report.with_user(user).search([])
            with self.assertRaises(AccessError):
                self.env["crm.case.satisfaction"].with_user(user).search([])
