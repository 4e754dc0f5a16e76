from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..controllers import rating as rating_controller
from .common import CaseCommon

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


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
        # by its signature an answer finds the case
        self.assertRegex(mails.reply_to, rf"help\+c\d+-\w+@{self.alias_domain}")
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
        self.opener.headers["User-Agent"] = BROWSER
        self._be_patient()

    def _be_patient(self, seconds=0):
        """After how many seconds on the page a post counts."""
        patcher = patch.object(rating_controller, "MIN_SECONDS", seconds)
        patcher.start()
        self.addCleanup(patcher.stop)

    def _read_form(self, page):
        def value(name):
            return page.split(f'name="{name}" value="')[1].split('"')[0]

        return {"csrf_token": value("csrf_token"), "opened": value("opened")}

    def _post(self, rate, page=None, headers=None, **data):
        page = page or self.url_open(f"/rate/{self.token}/5").text
        return self.url_open(
            f"/rate/{self.token}/submit_feedback",
            data={"rate": rate, "feedback": "", **self._read_form(page), **data},
            headers=headers,
        )

    @property
    def rating(self):
        self.env.invalidate_all()
        return self.case.rating_ids

    def test_opening_the_links_changes_nothing(self):
        for rate in range(1, 6):
            response = self.url_open(f"/rate/{self.token}/{rate}")
            self.assertEqual(response.status_code, 200)
            self.assertIn("noindex", response.headers["X-Robots-Tag"])
        self.url_open(f"/rate/{self.token}/submit_feedback")
        self.url_open(f"/rate/{self.token}/5", method="HEAD")

        self.assertFalse(self.rating.consumed)
        for rate in (0, 6, 99):
            self.assertEqual(
                self.url_open(f"/rate/{self.token}/{rate}").status_code, 404
            )

    def test_customer_rates_and_a_scanner_after_him(self):
        page = self.url_open(f"/rate/{self.token}/5").text
        self._post(4, page, feedback="<b>Fine</b>")
        response = self._post(1, page, feedback="robot")

        self.assertRecordValues(
            self.rating, [{"rating": 4, "consumed": True, "feedback": "<b>Fine</b>"}]
        )
        self.assertIn("Thank you", response.text)
        self.assertNotIn("access_token", response.text, "no key to the case")
        self.assertIn("already", self.url_open(f"/rate/{self.token}/1").text)

    def test_machines_that_post_before_the_customer(self):
        for agent in (
            "Googlebot/2.1",
            "Mozilla/5.0 (X11) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36",
            "Barracuda Sentinel (EE)",
            "python-requests/2.31",
            "",
        ):
            with self.subTest(agent):
                self._post(1, headers={"User-Agent": agent})
                self.assertFalse(self.rating.consumed)
        page = self._post(1, url="http://spam.example").text
        self.assertFalse(self.rating.consumed, "fills what nobody sees")

        self._post(5, page)
        self.assertEqual(self.rating.rating, 5)

    def test_a_post_in_the_moment_of_opening_is_asked_back(self):
        self._be_patient(60)
        response = self._post(1, feedback="my words")
        self.assertFalse(self.rating.consumed)
        self.assertIn("once more", response.text)
        self.assertIn("my words", response.text)

        self._be_patient(0)  # some time later, on the page that was shown again
        self._post(2, response.text)
        self.assertEqual(self.rating.rating, 2)

    def test_stamps_of_others(self):
        other = self._create_cases()._rating_get_access_token()
        stamp = self._read_form(self.url_open(f"/rate/{other}/5").text)["opened"]
        for wrong in (stamp, "", "0-0", "1-h\u00f6", "99999999999999999999-x"):
            with self.subTest(wrong):
                self._post(1, opened=wrong)
                self.assertFalse(self.rating.consumed)

    def test_nothing_chosen_and_too_much_said(self):
        for rate in ("", "0", "6", "x", "5.0", "\u0665"):
            with self.subTest(rate):
                self.assertEqual(self._post(rate).status_code, 200)
                self.assertFalse(self.rating.consumed)
        self.assertEqual(self._post(5, feedback="x" * 20_000).status_code, 400)
        self._post(5, feedback="a\0b")
        self.assertEqual(self.rating.feedback, "ab")

    def test_without_csrf_nothing_counts(self):
        page = self.url_open(f"/rate/{self.token}/5").text
        response = self._post(5, page, csrf_token="wrong")
        self.assertEqual(response.status_code, 400)
        self.assertFalse(self.rating.consumed)

    def test_somebody_else_who_is_logged_in(self):
        page = self.url_open(f"/rate/{self.token}/5").text
        self.authenticate("case_eva", "case_eva")
        self.opener.headers["User-Agent"] = BROWSER
        shown = self.url_open(f"/rate/{self.token}/5").text
        self.assertIn("cannot rate", shown)
        token = self._create_cases(partner_id=self.eva.id)._rating_get_access_token()
        own = self.url_open(f"/rate/{token}/5").text
        self._post(1, page, csrf_token=self._read_form(own)["csrf_token"])
        self.assertFalse(self.rating.consumed)

    def test_recommendation_only_where_it_is_asked(self):
        page = self.url_open(f"/rate/{self.token}/5").text
        self.assertNotIn("nps_score", page)
        self.team.is_nps_asked = True
        page = self.url_open(f"/rate/{self.token}/5").text
        self.assertIn('name="nps_score"', page)

        self._post(5, page, nps_score="0")
        self.assertRecordValues(self.rating, [{"rating": 5, "nps_score": "0"}])

    def test_recommendation_that_nobody_asked_for(self):
        self._post(5, nps_score="10")
        self.assertRecordValues(self.rating, [{"rating": 5, "nps_score": False}])

    def test_recommendation_out_of_range(self):
        self.team.is_nps_asked = True
        self._post(5, nps_score="11")
        self.assertRecordValues(self.rating, [{"rating": 5, "nps_score": False}])

    def test_wrong_token(self):
        for token in ("wrong", "%00", "h%C3%B6chst", f"{self.token}%00"):
            with self.subTest(token), self.assertNoLogs("odoo.http", "ERROR"):
                response = self.url_open(f"/rate/{token}/5")
                self.assertEqual(response.status_code, 404)
