from datetime import date, datetime
from unittest.mock import patch

import psycopg2

from odoo.exceptions import LockError, UserError
from odoo.tests import Form, freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.base.tests.test_ir_cron import CronMixinCase

from .test_case_template import SCHEDULE, TemplateCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestScheduleDay(TemplateCommon):
    """A day begins where the company is, not in Greenwich."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Schedule = cls.env["crm.case.schedule"]
        cls.Schedule.search([]).active = False
        cls.team.resource_calendar_id = False
        cls.company.resource_calendar_id = False  # at work round the clock
        cls.schedule = cls.Schedule.create(
            {
                "template_id": cls.template.id,
                "company_id": cls.company.id,
                "partner_id": cls.ida.id,
                "date_first": "2026-12-01",
                "interval_unit": "month",
            }
        )

    def _open_at(self, moment):
        with freeze_time(moment):
            schedules = self.Schedule.search(self.Schedule._get_due_domain())
            return schedules._create_cases()

    def test_evening_in_the_west_is_the_day_before(self):
        self.company.partner_id.tz = "America/Los_Angeles"

        self.assertFalse(self._open_at("2026-12-01 00:30:00"), "30 November, 16:30")
        case = self._open_at("2026-12-01 16:30:00")

        self.assertEqual(case.schedule_date, date(2026, 12, 1))

    def test_morning_in_the_east_is_the_day(self):
        self.company.partner_id.tz = "Pacific/Auckland"

        self.assertFalse(self._open_at("2026-11-30 10:30:00"), "30 November, 23:30")
        case = self._open_at("2026-11-30 21:30:00")

        self.assertEqual(case.schedule_date, date(2026, 12, 1), "1 December, 10:30")

    def test_what_was_missed_counts_days_of_the_company(self):
        self.company.partner_id.tz = "America/Los_Angeles"

        case = self._open_at("2027-02-01 00:30:00")

        self.assertEqual(case.schedule_date, date(2027, 1, 1), "still January there")

    def test_each_company_has_its_own_day(self):
        self.company.partner_id.tz = "America/Los_Angeles"
        self.company_2.partner_id.tz = "Pacific/Auckland"
        self.company_2.resource_calendar_id = False
        template = self.template.copy({"company_id": False, "team_id": False})
        template.product_id = False
        other = self.Schedule.create(
            {
                "template_id": template.id,
                "company_id": self.company_2.id,
                "team_id": self.team_2.id,
                "date_first": "2026-12-01",
            }
        )

        with freeze_time("2026-11-30 21:30:00"):
            due = self.Schedule.search(self.Schedule._get_due_domain())

        self.assertEqual(due, other)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestScheduleStops(CronMixinCase, TemplateCommon):
    """What is broken stops and says so; what only collides comes again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Schedule = cls.env["crm.case.schedule"]
        cls.Schedule.search([]).active = False
        cls.company.partner_id.tz = "UTC"
        cls.schedule = cls.Schedule.with_user(cls.agent).create(
            {
                "template_id": cls.template.id,
                "company_id": cls.company.id,
                "partner_id": cls.ida.id,
                "date_first": "2026-03-02",
            }
        )
        cls.schedule = cls.schedule.with_env(cls.env)

    def _run(self):
        with self.enter_registry_test_mode():
            self.env.ref("crm_helpdesk.ir_cron_recurring_cases").method_direct_trigger()
        self.env.invalidate_all()

    def _break(self, error, times=1):
        create = self.registry["crm.case.schedule"]._create_cases
        left = [times]

        def create_cases(schedules):
            if left[0]:
                left[0] -= 1
                raise error
            return create(schedules)

        return patch.object(
            self.registry["crm.case.schedule"], "_create_cases", create_cases
        )

    @freeze_time("2026-03-02 10:00:00")
    def test_a_collision_stops_nothing(self):
        with self._break(psycopg2.errors.SerializationFailure("could not serialize")):
            self._run()

        self.assertFalse(self.schedule.error)
        self.assertEqual(self.schedule.case_count, 1, "tried again at once")

    @freeze_time("2026-03-02 10:00:00")
    def test_a_collision_that_lasts_is_tried_in_a_minute(self):
        trigger = "crm_helpdesk.ir_cron_recurring_cases"
        with (
            self._break(psycopg2.errors.LockNotAvailable("locked"), times=99),
            self.capture_triggers(trigger) as captured,
        ):
            self._run()

        self.assertFalse(self.schedule.error)
        self.assertFalse(self.schedule.case_count)
        self.assertEqual(
            captured.records.mapped("call_at"), [datetime(2026, 3, 2, 10, 1)]
        )
        self._run()
        self.assertEqual(self.schedule.case_count, 1)

    @freeze_time("2026-03-02 10:00:00")
    def test_who_made_it_is_asked_to_put_it_right(self):
        self.agent.lang = "en_US"
        with (
            self._break(UserError("The machine is gone"), times=2),
            self.assertLogs(SCHEDULE, "WARNING"),
        ):
            self._run()

        self.assertIn("machine is gone", self.schedule.error)
        activity = self.schedule.activity_ids
        self.assertEqual(activity.user_id, self.agent)
        self.assertEqual(activity.date_deadline, date(2026, 3, 2))
        self.assertIn("stopped", activity.summary)
        for words in ("machine is gone", "Try Again", self.template.name):
            self.assertIn(words, activity.note)

        self.schedule.with_user(self.agent_2).action_retry()
        self.assertFalse(self.schedule.activity_ids, "nobody is asked any more")
        self._run()
        self.assertEqual(self.schedule.case_count, 1)

    def test_who_is_asked_when_its_maker_has_left(self):
        self.assertEqual(self.schedule._get_responsible(), self.agent)
        self.agent.active = False
        self.assertEqual(self.schedule._get_responsible(), self.agent_2, "a member")
        self.team.user_id = self.manager
        self.assertEqual(self.schedule._get_responsible(), self.manager, "the leader")
        self.team.user_id = False
        self.team.member_ids = False
        self.assertFalse(self.schedule._get_responsible())
        # nobody is there: it says so in the list all the same
        with freeze_time("2026-03-02 10:00:00"):
            self.schedule._stop("Gone")
        self.assertEqual(self.schedule.error, "Gone")
        self.assertFalse(self.schedule.activity_ids)

    def test_the_list_shows_it(self):
        view = self.Schedule.get_view(view_type="list")["arch"]
        for name in ("error", "activity_ids"):
            self.assertRegex(view, rf'name="{name}"[^>]*optional="show"')

    def test_now_and_the_scheduler_at_once(self):
        """Whoever comes second is told to look, instead of stopping the schedule."""
        with (
            patch.object(
                self.registry["crm.case.schedule"],
                "lock_for_update",
                side_effect=LockError("taken"),
            ),
            self.assertRaisesRegex(UserError, "just being opened"),
        ):
            self.schedule.with_user(self.agent).action_open_now()

    def test_intervals_have_an_end(self):
        for unit, number in (
            ("year", 9000),
            ("year", 101),
            ("month", 1201),
            ("week", 5201),
            ("day", 36501),
            ("day", 0),
        ):
            with (
                self.subTest(unit, number=number),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.cr.savepoint(),
            ):
                self.schedule.write({"interval_unit": unit, "interval_number": number})
                self.env.flush_all()
        self.env.invalidate_all()
        self.schedule.write({"interval_unit": "year", "interval_number": 100})
        self.schedule.date_first = "9990-01-01"
        self.schedule.with_user(self.agent).action_open_now()
        self.assertFalse(self.schedule.date_next, "the calendar ends there")

    def test_typing_an_interval_that_is_too_long(self):
        self.schedule.date_last = "2026-03-02"
        with Form(self.schedule) as form:
            form.interval_unit = "year"
            form.interval_number = 9000
            self.assertFalse(form.date_next)
            form.interval_number = 2
        self.assertEqual(self.schedule.date_next, date(2028, 3, 2))


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestTemplateBegins(TemplateCommon):
    """Cases begin with their template however it was named, and with people who are
    there."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.template.user_id = cls.agent

    def test_quick_creation_in_the_cases_of_a_template(self):
        context = self.template.action_view_cases()["context"]
        Case = self.env["crm.case"].with_user(self.agent_2).with_context(**context)

        case = Case.browse(Case.name_create("The pump leaks")[0])

        self.assertRecordValues(
            case,
            [
                {
                    "name": "The pump leaks",
                    "template_id": self.template.id,
                    "priority": "2",
                    "product_id": self.product.id,
                    "user_id": self.agent.id,
                }
            ],
        )
        self.assertEqual(case.check_ids.mapped("name"), ["Gaskets"])

    def test_quick_form(self):
        context = self.template.action_view_cases()["context"]
        with Form(
            self.env["crm.case"].with_user(self.agent_2).with_context(**context),
            view="crm_helpdesk.crm_case_view_form_quick_create",
        ) as form:
            self.assertEqual(form.name, "Service of the machine")
            self.assertEqual(form.user_id, self.agent)
            form.partner_id = self.ida
        self.assertEqual(form.record.priority, "2")
        self.assertEqual(form.record.check_ids.mapped("name"), ["Gaskets"])

    def test_what_is_said_goes_before_the_context(self):
        Case = self.env["crm.case"].with_context(default_template_id=self.template.id)
        plain, other = Case.create(
            [
                {"name": "a", "template_id": False, "team_id": self.team.id},
                {"name": "b", "priority": "3"},
            ]
        )

        self.assertFalse(plain.template_id)
        self.assertFalse(plain.check_ids)
        self.assertEqual(plain.priority, "1")
        self.assertEqual(other.priority, "3")

    def test_cases_without_a_template_ask_nothing(self):
        with patch.object(
            self.registry["crm.case.template"], "_prepare_case_values"
        ) as prepare:
            self._create_cases(3)
        prepare.assert_not_called()

    def test_who_has_left_gets_no_cases(self):
        self.agent.active = False
        case = self.env["crm.case"].create({"template_id": self.template.id})

        self.assertFalse(case.user_id, "in the queue, where it is seen")
        self.assertEqual(case.priority, "2", "the rest holds")

        with Form(
            self.env["crm.case"]
            .with_user(self.agent_2)
            .with_context(default_template_id=self.template.id)
        ) as form:
            self.assertFalse(form.user_id)

    def test_recurring_cases_of_who_has_left(self):
        schedule = self.env["crm.case.schedule"].create(
            {"template_id": self.template.id, "date_first": "2026-03-02"}
        )
        self.assertEqual(
            schedule._prepare_case(date(2026, 3, 2))["user_id"], self.agent.id
        )
        self.agent.active = False
        self.assertNotIn("user_id", schedule._prepare_case(date(2026, 3, 2)))

    def test_whoever_works_for_another_company(self):
        """A template of all companies names somebody of one of them."""
        template = self.env["crm.case.template"].create(
            {"name": "Shared", "company_id": False, "user_id": self.agent.id}
        )
        mine, theirs = self.env["crm.case"].create(
            [
                {"name": "a", "template_id": template.id, "team_id": team.id}
                for team in (self.team, self.team_2)
            ]
        )

        self.assertEqual(mine.user_id, self.agent)
        self.assertFalse(theirs.user_id)

    def test_whoever_does_not_work_for_the_company_any_more(self):
        self.agent.write(
            {"company_ids": [(6, 0, self.company_2.ids)], "company_id": self.company_2}
        )
        case = self.env["crm.case"].create({"template_id": self.template.id})

        self.assertFalse(case.user_id)
