from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, freeze_time, tagged, users
from odoo.tools import mute_logger

from odoo.addons.base.tests.test_ir_cron import CronMixinCase

from .common import CaseCommon

MONDAY_9 = datetime(2026, 3, 2, 9, 0)
LOGGER = "odoo.addons.crm_helpdesk.models.structure.crm_case_silence"


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestSnooze(CronMixinCase, CaseCommon):
    def _run_cron(self):
        with self.enter_registry_test_mode():
            self.env.ref("crm_helpdesk.ir_cron_wake_cases").method_direct_trigger()

    @users("case_agent")
    @freeze_time(MONDAY_9)
    def test_hidden_until_then_and_the_scheduler_comes_at_the_minute(self):
        case = self._create_cases(user_id=self.agent.id).with_env(self.env)
        due = case.sla_due
        action = case.action_snooze()
        wizard = self.env["crm.case.snooze"].with_context(**action["context"])
        with Form(wizard) as form:
            self.assertEqual(form.until, datetime(2026, 3, 3, 8, 0), "opens again")
            form.until = MONDAY_9 + timedelta(hours=2, minutes=7)
            form.reason = "The parts arrive"
        cron = self.env.ref("crm_helpdesk.ir_cron_wake_cases").sudo()
        with self.capture_triggers(cron.id) as captured:
            form.save().action_snooze()

        self.assertEqual(captured.records.call_at, MONDAY_9.replace(hour=11, minute=7))
        Case = self.env["crm.case"]
        domain = [("id", "=", case.id), ("is_snoozed", "=", True)]
        self.assertTrue(case.is_snoozed)
        self.assertTrue(Case.search(domain))
        self.assertEqual(case.sla_due, due, "what was promised runs on")
        for xmlid in ("crm_case_action", "crm_case_action_my"):
            self.assertIn(
                "search_default_awake",
                self.env.ref(f"crm_helpdesk.{xmlid}").sudo().context,
            )
        # without any write it is back when the time has come
        with freeze_time(MONDAY_9.replace(hour=11, minute=8)):
            case.invalidate_recordset()
            self.assertFalse(case.is_snoozed)
            self.assertFalse(Case.search(domain))

    def test_wakes_with_a_note_on_the_desk_of_who_has_it(self):
        with freeze_time(MONDAY_9):
            mine, nobodys, later = self._create_cases(3)
            mine.user_id = self.agent
            (mine + nobodys)._snooze(MONDAY_9 + timedelta(hours=1), "Parts arrive")
            later._snooze(MONDAY_9 + timedelta(days=1))
        with freeze_time(MONDAY_9 + timedelta(hours=1, minutes=1)):
            self._run_cron()
            self._run_cron()

            self.assertFalse((mine + nobodys).filtered("snooze_until"))
            self.assertTrue(later.is_snoozed)
            self.assertEqual(len(mine.activity_ids), 1, "once")
            self.assertIn("Parts arrive", mine.activity_ids.summary)
            self.assertEqual(mine.activity_ids.user_id, self.agent)
            self.assertFalse(nobodys.activity_ids)
            self.assertIn("is over", "".join(nobodys.message_ids.mapped("body")))

    def test_the_customer_wakes_it(self):
        case = self._receive()
        case._snooze(datetime(2100, 1, 1))
        message_id = case.message_ids[-1].message_id

        self._receive(
            "Out of office",
            extra=f"In-Reply-To: {message_id}\nAuto-Submitted: auto-replied\n",
        )
        self.assertTrue(case.is_snoozed, "machines do not")
        case.with_user(self.agent).message_post(body="a note")
        self.assertTrue(case.is_snoozed, "notes do not")
        self._receive("Re: x", extra=f"In-Reply-To: {message_id}\n")
        self.assertFalse(case.is_snoozed)

    @users("case_agent")
    def test_what_sleeps_is_nobodys_next(self):
        self.env["crm.case"].sudo().search([]).user_id = self.agent_2
        asleep, awake = self._create_cases(2).with_env(self.env)
        asleep._snooze(datetime(2100, 1, 1))

        Case = self.env["crm.case"]
        self.assertEqual(Case._take_next(), awake)
        self.assertFalse(Case._take_next())

    def test_over_is_awake(self):
        case = self._create_cases()
        case._snooze(datetime(2100, 1, 1))

        case.action_close()

        self.assertFalse(case.snooze_until)

    @users("case_agent")
    def test_what_makes_no_sense(self):
        case = self._create_cases().with_env(self.env)
        Wizard = self.env["crm.case.snooze"]
        with self.assertRaises(UserError):
            Wizard.create(
                {"case_ids": case.ids, "until": "2020-01-01 00:00:00"}
            ).action_snooze()
        case.action_close()
        with self.assertRaises(UserError):
            Wizard.create(
                {"case_ids": case.ids, "until": "2100-01-01 00:00:00"}
            ).action_snooze()

    def test_customers_know_nothing_of_it(self):
        case = self._create_cases()
        for fname in ("snooze_until", "snooze_reason", "merged_into_id", "problem_id"):
            with self.subTest(field=fname), self.assertRaises(AccessError):
                case.with_user(self.portal_ida).read([fname])


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestSilence(CaseCommon):
    """The team works Monday to Friday, 8 to 16 UTC; reminds after 3 working days,
    closes after 2 more."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case.team"].search([]).silence_warn_days = 0
        cls.team.write({"silence_warn_days": 3, "silence_close_days": 2})
        with freeze_time("2026-03-05 10:00:00"):  # a Thursday
            cls.case = cls._create_cases()
            cls.case.stage_id = cls.stages["waiting_customer"]

    def _run_cron(self, moment):
        with (
            freeze_time(moment),
            self.mock_mail_gateway(),
            self.enter_registry_test_mode(),
        ):
            self.env.ref("crm_helpdesk.ir_cron_silent_cases").method_direct_trigger()
        return self._new_mails

    def test_reminds_first_then_closes_in_working_days(self):
        """D36: Thursday, Friday, Monday, Tuesday: the weekend does not count."""
        self.assertEqual(self.case.date_waiting, datetime(2026, 3, 5, 10, 0))

        self.assertFalse(self._run_cron("2026-03-09 10:30:00"), "Monday: two days")
        self.assertFalse(self._run_cron("2026-03-10 09:30:00"), "not quite three")
        mails = self._run_cron("2026-03-10 10:30:00")
        self.assertEqual(mails.recipient_ids, self.ida)
        self.assertIn(self.case.number, mails.subject)
        self.assertIn("auto-replied", mails.headers)
        self.assertFalse(self._run_cron("2026-03-11 10:30:00"), "once")
        self.assertEqual(self.case.stage_category, "waiting_customer")
        self.assertFalse(self.case.date_first_response, "a machine answers nobody")

        self._run_cron("2026-03-12 10:00:00")
        self.assertEqual(self.case.stage_category, "waiting_customer")
        self._run_cron("2026-03-12 11:00:00")
        self.assertEqual(self.case.stage_category, "closed")
        self.assertEqual(
            self.case.resolution_id,
            self.env.ref("crm_helpdesk.crm_case_resolution_no_answer"),
        )

    def test_nothing_at_night_or_at_the_weekend(self):
        for moment in ("2026-03-10 20:00:00", "2026-03-14 11:00:00"):
            self.assertFalse(self._run_cron(moment), moment)
        self.assertFalse(self.case.date_silence_warned)

    def test_an_answer_ends_it_and_ours_begins_it_anew(self):
        self._run_cron("2026-03-10 10:30:00")
        self.assertTrue(self.case.date_silence_warned)
        with freeze_time("2026-03-11 09:00:00"):
            self._answer(self.case)
        self.assertFalse(self.case.date_silence_warned)
        self.assertFalse(self._run_cron("2026-03-13 15:00:00"))
        self.assertEqual(len(self._run_cron("2026-03-16 10:00:00")), 1)

        with freeze_time("2026-03-16 11:00:00"):
            self.case.with_user(self.portal_ida).message_post(
                body="Here I am",
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
        self.assertEqual(self.case.stage_category, "open")
        self.assertFalse(self.case.date_waiting or self.case.date_silence_warned)
        self._run_cron("2026-05-04 10:00:00")
        self.assertEqual(self.case.stage_category, "open", "it is our turn")

    def test_who_is_left_alone(self):
        with freeze_time("2026-03-05 10:00:00"):
            third, machine, snoozed, unreachable, other = self._create_cases(5)
            machine.is_machine = True
            unreachable.write({"partner_id": False, "partner_email": False})
            other.team_id = self.team.copy(
                {"name": "Other", "alias_name": False, "silence_warn_days": 0}
            )
            third.stage_id = self.stages["waiting_third"]
            (machine + snoozed + unreachable + other).stage_id = self.stages[
                "waiting_customer"
            ]
            snoozed._snooze(datetime(2026, 12, 1))

        mails = self._run_cron("2026-03-10 11:00:00")
        self._run_cron("2026-03-20 11:00:00")

        self.assertEqual(len(mails), 1, "the case of setUpClass")
        self.assertFalse(
            (third + machine + snoozed + unreachable + other).filtered("is_closed")
        )

    def test_a_mail_that_cannot_be_made_closes_nothing(self):
        with (
            mute_logger(LOGGER),
            patch.object(
                self.env.registry["mail.template"],
                "send_mail_batch",
                side_effect=ValueError,
            ),
        ):
            self._run_cron("2026-03-10 11:00:00")
            self._run_cron("2026-03-13 12:00:00")

        self.assertFalse(self.case.date_silence_warned)
        self.assertFalse(self.case.is_closed)

    def test_a_team_without_working_days_stops_nobody(self):
        self.team_2.write(
            {
                "silence_warn_days": 1,
                "resource_calendar_id": self.env["resource.calendar"]
                .create(
                    {
                        "name": "Never",
                        "company_id": self.company_2.id,
                        "attendance_ids": [Command.clear()],
                    }
                )
                .id,
            }
        )
        with mute_logger(LOGGER):
            self.assertEqual(len(self._run_cron("2026-03-10 10:30:00")), 1)

    def test_in_batches(self):
        with freeze_time("2026-03-05 10:00:00"):
            more = self._create_cases(4)
            more.stage_id = self.stages["waiting_customer"]
        cron = self.env.ref("crm_helpdesk.ir_cron_silent_cases")
        cron.code = "model._cron_silence(batch_size=2)"

        self._run_cron("2026-03-10 10:30:00")

        self.assertTrue(all((more + self.case).mapped("date_silence_warned")))

    def test_set_up_by_administrators_only(self):
        with self.assertRaises(AccessError):
            self.team.with_user(self.agent).silence_warn_days = 1
        self.team.with_user(self.manager).silence_warn_days = 4
