from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import CaseCommon


class RatingCommon(CaseCommon):
    def _run_cron(self):
        """Only the batch: the scheduler around it is Odoo's."""
        with (
            self.enter_registry_test_mode(),
            self.mock_mail_gateway(),
        ):
            self.env.ref("crm_helpdesk.ir_cron_request_ratings").method_direct_trigger()
        return self._new_mails

    def _requests(self, case):
        return case.message_ids.filtered(
            lambda message: "/rate/" in (message.body or "")
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseRating(RatingCommon):
    def test_asked_once_through_the_queue(self):
        case = self._create_cases(user_id=self.agent.id)

        with self.mock_mail_gateway():
            case.action_close()
        self.assertFalse(self._new_mails, "nothing is sent while the agent closes")
        mails = self._run_cron()

        self.assertEqual(mails.mapped("state"), ["outgoing"])
        self.assertEqual(mails.recipient_ids, self.ida)
        self.assertIn("auto-replied", mails.headers)
        self.assertIn(f"help@{self.alias_domain}", mails.reply_to)
        self.assertTrue(self._requests(case).subtype_id.internal)
        case.action_reopen()
        case.action_close()
        self.assertFalse(self._run_cron(), "once in the life of a case")

    def test_who_is_not_asked(self):
        machine, nobody, reopened, other_team = self._create_cases(4)
        machine.is_machine = True
        nobody.partner_id = False
        (machine + nobody + reopened).action_close()
        reopened.action_reopen()
        self.team.is_rated = False
        other_team.action_close()

        self.assertFalse(self._run_cron())

    def test_one_bad_template_does_not_stop_the_others(self):
        bad_team = self.team.copy({"name": "Bad", "alias_name": False})
        bad_team.rating_template_id = self.team.rating_template_id.copy(
            {"subject": "{{ object.nonsense }}"}
        )
        bad = self._create_cases(team_id=bad_team.id)
        good = self._create_cases()
        (bad + good).action_close()

        with mute_logger(
            "odoo.addons.crm_helpdesk.models.case.crm_case_rating",
            "odoo.addons.mail.models.mail_render_mixin",
        ):
            self._run_cron()

        self.assertFalse(self._requests(bad))
        self.assertEqual(len(self._requests(good)), 1)
        self.assertFalse((bad + good).filtered("is_rating_due"), "not again and again")

    def test_first_answer_counts(self):
        case = self._create_cases(user_id=self.agent.id)
        token = case._rating_get_access_token()

        case.rating_apply(5, token=token, feedback="Great")
        case.rating_apply(1, token=token, feedback="robot")

        self.assertRecordValues(
            case.rating_ids, [{"rating": 5, "feedback": "Great", "consumed": True}]
        )
        self.assertEqual(case.rating_ids.rated_partner_id, self.agent.partner_id)
        self.assertEqual(case.rating_ids.parent_res_id, self.team.id)
        self.assertEqual(case.rating_last_value, 5)
        self.assertFalse(case.date_first_response)

    def test_rating_does_not_reopen(self):
        case = self._create_cases()
        case.action_close()

        case.rating_apply(1, token=case._rating_get_access_token(), feedback="No!")

        self.assertTrue(case.is_closed)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseRatingHttp(HttpCase, RatingCommon):
    def setUp(self):
        super().setUp()
        self.case = self._create_cases()
        self.token = self.case._rating_get_access_token()

    def _post(self, rate, **headers):
        page = self.url_open(f"/rate/{self.token}/{rate}").text
        csrf = page.split('name="csrf_token" value="')[1].split('"')[0]
        return self.url_open(
            f"/rate/{self.token}/submit_feedback",
            data={"rate": rate, "feedback": "", "csrf_token": csrf},
            headers=headers or None,
        )

    def test_opening_the_links_changes_nothing(self):
        for rate in (5, 3, 1):
            self.assertEqual(
                self.url_open(f"/rate/{self.token}/{rate}").status_code, 200
            )
        self.url_open(f"/rate/{self.token}/submit_feedback")

        self.assertFalse(self.case.rating_ids.consumed)

    def test_customer_rates_and_a_scanner_after_him(self):
        self._post(5)
        self._post(1)

        self.assertRecordValues(self.case.rating_ids, [{"rating": 5, "consumed": True}])

    def test_robot_that_posts_before_the_customer(self):
        self._post(1, **{"User-Agent": "Googlebot/2.1"})
        self.assertFalse(self.case.rating_ids.consumed)

        self._post(5)
        self.assertEqual(self.case.rating_ids.rating, 5)

    def test_wrong_token(self):
        for token in ("wrong", "%00", "h%C3%B6chst", f"{self.token}%00"):
            with self.subTest(token), self.assertNoLogs("odoo.http", "ERROR"):
                response = self.url_open(f"/rate/{token}/5")
                self.assertEqual(response.status_code, 404)
