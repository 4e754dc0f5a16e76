from datetime import datetime

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.modules.module import load_script
from odoo.tests import freeze_time, tagged
from odoo.tools.misc import file_path

from .common import CaseCommon
from .test_case_rating import RatingCommon

MONDAY_9 = datetime(2026, 3, 2, 9, 0)


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestCaseHand(CaseCommon):
    """Whose case it is after an answer: ours, or a late one of the customer."""

    def _reply(self, case):
        mail = case.message_ids.filtered(lambda m: m.message_type == "email")[-1]
        self._receive("Re: still", extra=f"In-Reply-To: {mail.message_id}\n")

    def test_answers_leave_it_as_it_is(self):
        case = self._receive()
        self._answer(case)
        self.assertFalse(case.user_id)

    def test_who_answers_a_case_of_nobody_gets_it(self):
        self.team.answer_owner = "unassigned"
        case = self._receive()

        case.with_user(self.agent).message_post(body="Who knows this?")
        self.assertFalse(case.user_id, "a note is no answer")
        self._answer(case)
        self.assertEqual(case.user_id, self.agent)
        self._answer(case, user=self.agent_2)
        self.assertEqual(case.user_id, self.agent)

    def test_who_answers_gets_it(self):
        self.team.answer_owner = "always"
        case = self._receive()

        self._answer(case)
        self._answer(case, user=self.agent_2)
        self.assertEqual(case.user_id, self.agent_2)
        self._answer(case, user=self.outsider)
        self.assertEqual(case.user_id, self.agent_2, "who helps out takes nothing over")
        self._reply(case)
        self.assertEqual(case.user_id, self.agent_2, "nor does the customer")

    def test_answered_by_mail(self):
        self.team.answer_owner = "unassigned"
        case = self._receive()
        mail = case.message_ids.filtered(lambda m: m.message_type == "email")

        self._receive(
            "Re: grinder",
            email_from=self.agent_2.email,
            extra=f"In-Reply-To: {mail.message_id}\n",
        )

        self.assertEqual(case.user_id, self.agent_2)

    def test_opened_again_it_stays_or_goes_back(self):
        for rule, expected in (("keep", self.agent), ("queue", self.env["res.users"])):
            with self.subTest(rule):
                self.team.reopen_owner = rule
                case = self._receive(f"Case {rule}")
                case.user_id = self.agent
                case.action_close()
                self._reply(case)
                self.assertEqual(case.stage_category, "open")
                self.assertEqual(case.user_id, expected)

    def test_one_of_ours_opens_it_again_and_keeps_it(self):
        self.team.reopen_owner = "queue"
        case = self._create_cases(user_id=self.agent.id)
        case.with_user(self.agent).action_close()
        case.with_user(self.agent).action_reopen()
        self.assertEqual(case.user_id, self.agent)

    def test_who_has_left_gets_none(self):
        case = self._receive()
        case.user_id = self.agent
        case.action_close()
        self.agent.active = False

        self._reply(case)

        self.assertFalse(case.user_id)

    @freeze_time(MONDAY_9)
    def test_back_to_the_queue_while_they_are_off(self):
        # the transaction's clock is not the frozen one
        self.team.write({"reopen_owner": "away", "reopen_days": 3_650})
        self.company.resource_calendar_id = self.calendar
        cases = self._receive("one") + self._receive("two", email_from="eva@x.example")
        cases[0].user_id = self.agent
        cases[1].user_id = self.agent_2
        cases.action_close()
        self._take_time_off(self.agent)

        for case in cases:
            self._reply(case)

        self.assertFalse(cases[0].user_id)
        self.assertEqual(cases[1].user_id, self.agent_2)

    # ------------------------------------------------------------
    # Shifts
    # ------------------------------------------------------------

    @freeze_time(MONDAY_9)
    def test_shift(self):
        """Late shift: gets nothing of this team in the morning."""
        self.company.resource_calendar_id = self.calendar
        (self.agent + self.agent_2).tz = "UTC"
        self.env["crm.assignment.rule"].search(
            [("res_model", "=", "crm.case")]
        ).unlink()
        self.env["crm.assignment.rule"].create(
            {
                "name": "Rule",
                "res_model": "crm.case",
                "case_team_id": self.team.id,
                "hours": "working",
            }
        )
        late = self.env["resource.calendar"].create(
            {
                "name": "Late shift",
                "tz": "UTC",
                "company_id": self.company.id,
                "attendance_ids": [
                    Command.clear(),
                    *(
                        Command.create(
                            {
                                "name": "late",
                                "dayofweek": str(day),
                                "hour_from": 14,
                                "hour_to": 22,
                                "day_period": "afternoon",
                            }
                        )
                        for day in range(7)
                    ),
                ],
            }
        )
        member = self.team.membership_ids.filtered(lambda m: m.user_id == self.agent)
        member.resource_calendar_id = late
        self.assertEqual(member.presence, "off")

        cases = self._create_cases(2)
        cases._assignment_run("queue")
        self.assertEqual(cases.user_id, self.agent_2)
        with freeze_time(datetime(2026, 3, 2, 21, 0)):
            cases = self._create_cases(2)
            cases._assignment_run("queue")
            self.assertEqual(cases.user_id, self.agent)
            member.invalidate_recordset()
            self.assertEqual(member.presence, "working")
        with freeze_time(datetime(2026, 3, 8, 15, 0)):
            case = self._create_cases()
            case._assignment_run("queue")
            self.assertEqual(case.user_id, self.agent, "Sunday, on call")

    @freeze_time(MONDAY_9)
    def test_shift_less_time_off(self):
        member = self.team.membership_ids.filtered(lambda m: m.user_id == self.agent)
        member.resource_calendar_id = self.calendar
        self.assertEqual(member.presence, "working")
        self._take_time_off(self.agent)
        member.invalidate_recordset()
        self.assertEqual(member.presence, "away")


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestRatingReminder(RatingCommon):
    """Who did not rate is reminded once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team.write({"rating_cap": 0, "rating_remind_days": 3})

    def _asked(self, **values):
        with freeze_time("2026-03-02 10:00:00"):
            case = self._create_cases(user_id=self.agent.id, **values)
            case.action_close()
            self._run_cron()
        self.assertTrue(case.date_rating_requested)
        return case

    def _mails_at(self, moment):
        with freeze_time(moment):
            return self._run_cron()

    def test_once(self):
        case = self._asked()

        self.assertFalse(self._mails_at("2026-03-05 09:00:00"))
        mail = self._mails_at("2026-03-05 11:00:00")

        self.assertEqual(mail.recipient_ids, self.ida)
        self.assertIn("have not heard", mail.subject)
        self.assertIn("auto-replied", mail.headers)
        self.assertIn(case._rating_get_access_token(), mail.body_html)
        self.assertFalse(self._mails_at("2026-03-20 11:00:00"))

    def test_who_is_not_reminded(self):
        rated, reopened, old = self._asked(), self._asked(), self._asked()
        rated.rating_apply(5, token=rated._rating_get_access_token())
        with freeze_time("2026-03-03 10:00:00"):
            reopened.action_reopen()
        old.date_rating_requested = "2026-01-01 10:00:00"

        self.assertFalse(self._mails_at("2026-03-06 10:00:00"))

    def test_not_where_the_team_does_not_want_it(self):
        self.team.rating_remind_days = 0
        self._asked()
        self.assertFalse(self._mails_at("2026-03-10 10:00:00"))

    def test_a_mail_that_cannot_be_made_is_not_tried_for_ever(self):
        case = self._asked()
        self.patch(
            type(case), "rating_send_request", lambda self, template, **kw: 1 / 0
        )
        with self.assertLogs(
            "odoo.addons.crm_helpdesk.models.case.crm_case_rating_reminder", "ERROR"
        ):
            self.assertFalse(self._mails_at("2026-03-06 10:00:00"))
        self.assertTrue(case.date_rating_reminded)
        self.assertFalse(self._mails_at("2026-03-07 10:00:00"))

    def test_teams_from_before_the_reminder(self):
        """Updated, they had no mail: days alone reminded nobody, and said nothing."""
        script = load_script(
            file_path("crm_helpdesk/migrations/19.0.1.2.0/post-mail-templates.py"),
            "crm_helpdesk_mail_templates",
        )
        ours = self.env.ref("crm_helpdesk.mail_template_case_rating_reminder")
        mine = ours.copy()
        chosen = self.team.copy({"alias_name": False})
        fnames = (
            "rating_reminder_template_id",
            "refusal_template_id",
            "silence_template_id",
        )
        self.team.write(dict.fromkeys(fnames, False))
        chosen.rating_reminder_template_id = mine
        self.env.flush_all()

        script.migrate(self.env.cr, None)
        self.env.invalidate_all()
        self.assertFalse(self.team.rating_reminder_template_id, "a new database")
        script.migrate(self.env.cr, "19.0.1.1.0")
        self.env.invalidate_all()

        self.assertEqual(self.team.rating_reminder_template_id, ours)
        self.assertTrue(self.team.refusal_template_id)
        self.assertTrue(self.team.silence_template_id)
        self.assertEqual(chosen.rating_reminder_template_id, mine)

    def test_a_team_without_a_mail_of_its_own_sends_ours(self):
        self.team.rating_reminder_template_id = False
        self._asked()

        mail = self._mails_at("2026-03-05 11:00:00")

        self.assertEqual(mail.recipient_ids, self.ida)
        self.assertIn("have not heard", mail.subject)

    def test_days_without_any_mail_are_refused(self):
        self.team.rating_remind_days = 0
        self.env.ref("crm_helpdesk.mail_template_case_rating_reminder").unlink()
        self.assertFalse(self.team.rating_reminder_template_id)

        with self.assertRaisesRegex(ValidationError, "choose the mail"):
            self.team.rating_remind_days = 3

    def test_those_of_the_next_batch_are_not_forgotten(self):
        cases = self._asked() + self._asked(partner_id=self.portal_ida.partner_id.id)
        cron = self.env.ref("crm_helpdesk.ir_cron_request_ratings")
        Trigger = self.env["ir.cron.trigger"]

        # the batch, not the scheduler around it, which commits
        self.patch(type(cron), "_commit_progress", lambda *args, **kw: 0)
        with self.mock_mail_gateway():
            with freeze_time("2026-03-06 10:00:00"):
                for reminded, expected in ((1, 1), (2, 0)):
                    Trigger.search([]).unlink()
                    self.env["crm.case"]._cron_request_ratings(batch_size=1)
                    self.assertEqual(
                        len(cases.filtered("date_rating_reminded")), reminded
                    )
                    self.assertEqual(
                        Trigger.search_count([("cron_id", "=", cron.id)]), expected
                    )
