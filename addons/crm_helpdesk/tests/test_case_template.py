from datetime import date

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import BaseCase, Form, freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.crm_helpdesk.tools.recurrence import last_until, next_after

from .common import CaseCommon

SCHEDULE = "odoo.addons.crm_helpdesk.models.structure.crm_case_schedule"


class TestRecurrence(BaseCase):
    def test_next_and_last(self):
        first = date(2026, 1, 31)
        for unit, number, day, last, following in (
            ("month", 1, date(2026, 1, 30), None, first),
            ("month", 1, first, first, date(2026, 2, 28)),
            # the 31st again, after a short month
            ("month", 1, date(2026, 3, 1), date(2026, 2, 28), date(2026, 3, 31)),
            ("month", 3, date(2026, 12, 1), date(2026, 10, 31), date(2027, 1, 31)),
            ("year", 2, date(2029, 6, 1), date(2028, 1, 31), date(2030, 1, 31)),
            ("week", 2, date(2026, 2, 13), first, date(2026, 2, 14)),
            ("week", 2, date(2026, 2, 14), date(2026, 2, 14), date(2026, 2, 28)),
            ("day", 10, date(2036, 1, 31), date(2036, 1, 29), date(2036, 2, 8)),
        ):
            with self.subTest(unit=unit, number=number, day=day):
                self.assertEqual(last_until(first, unit, number, day), last)
                self.assertEqual(next_after(first, unit, number, day), following)


class TemplateCommon(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tag = cls.env["crm.case.tag"].create({"name": "Service"})
        cls.checklist = cls.env["crm.case.checklist"].create(
            {
                "name": "Service",
                "line_ids": [Command.create({"name": "Gaskets"})],
            }
        )
        cls.template = cls.env["crm.case.template"].create(
            {
                "name": "Yearly service",
                "company_id": cls.company.id,
                "subject": "Service of the machine",
                "description": "<p>Change the gaskets</p>",
                "team_id": cls.team.id,
                "priority": "2",
                "product_id": cls.product.id,
                "tag_ids": [Command.link(cls.tag.id)],
                "checklist_ids": [Command.link(cls.checklist.id)],
            }
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseTemplate(TemplateCommon):
    """What cases of a kind begin with."""

    def test_form_is_filled_in(self):
        action = self.template.with_user(self.agent).action_new_case()

        with Form(
            self.env["crm.case"].with_user(self.agent).with_context(**action["context"])
        ) as form:
            self.assertEqual(form.name, "Service of the machine")
            self.assertIn("gaskets", form.description)
            form.partner_id = self.ida
        case = form.record

        self.assertRecordValues(
            case,
            [
                {
                    "team_id": self.team.id,
                    "priority": "2",
                    "product_id": self.product.id,
                    "tag_ids": self.tag.ids,
                    "template_id": self.template.id,
                }
            ],
        )
        self.assertEqual(case.check_ids.mapped("name"), ["Gaskets"])
        self.assertEqual(self.template.case_count, 1)

    def test_words_that_were_typed_stay(self):
        with Form(self.env["crm.case"].with_user(self.agent)) as form:
            form.name = "Mine"
            form.template_id = self.template
            self.assertEqual(form.name, "Mine")
            self.assertIn("gaskets", form.description)
            form.priority = "0"
        self.assertEqual(form.record.priority, "0")

    def test_by_the_api(self):
        case = self.env["crm.case"].create(
            {"template_id": self.template.id, "priority": "3"}
        )

        self.assertEqual(case.name, "Service of the machine")
        self.assertEqual(case.team_id, self.team)
        self.assertEqual(case.priority, "3", "what is said goes before the template")
        self.assertEqual(case.check_ids.mapped("name"), ["Gaskets"])

    def test_open_cases_are_left_alone(self):
        case = self._create_cases()

        with Form(case) as form:
            self.assertEqual(form.name, "Grinder 0")
        case.template_id = self.template
        self.assertEqual(case.name, "Grinder 0")

    def test_rights(self):
        self.assertTrue(self.template.with_user(self.agent).has_access("read"))
        self.assertFalse(self.template.with_user(self.agent).has_access("write"))
        self.assertTrue(self.template.with_user(self.manager).has_access("write"))
        for user in (self.agent_c2, self.portal_ida):
            self.assertFalse(self.template.with_user(user).has_access("read"))
        with self.assertRaises(AccessError):
            self.env["crm.case"].with_user(self.agent_c2).create(
                {"template_id": self.template.id, "team_id": self.team_2.id}
            )
        with self.assertRaises(UserError):
            # company of the template and of the case
            self._create_cases(template_id=self.template.id, team_id=self.team_2.id)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseSchedule(TemplateCommon):
    """Cases that come back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case.schedule"].search([]).active = False
        cls.schedule = cls._schedule()

    @classmethod
    def _schedule(cls, **values):
        return cls.env["crm.case.schedule"].create(
            {
                "template_id": cls.template.id,
                "company_id": cls.company.id,
                "partner_id": cls.ida.id,
                "date_first": "2026-03-02",  # a Monday
                "interval_number": 1,
                "interval_unit": "month",
                **values,
            }
        )

    def _run(self):
        before = self.env["crm.case"].search([])
        with self.enter_registry_test_mode():
            self.env.ref("crm_helpdesk.ir_cron_recurring_cases").method_direct_trigger()
        return self.env["crm.case"].search([]) - before

    def test_opened_on_its_day_once(self):
        self.assertEqual(self.schedule.name, "Service of the machine")
        self.assertEqual(self.schedule.team_id, self.team)
        with freeze_time("2026-03-01 10:00:00"):
            self.assertFalse(self._run())

        with freeze_time("2026-03-02 10:00:00"):
            case = self._run()
            self.assertFalse(self._run(), "once")

        self.assertRecordValues(
            case,
            [
                {
                    "name": "Service of the machine",
                    "partner_id": self.ida.id,
                    "team_id": self.team.id,
                    "priority": "2",
                    "channel": "manual",
                    "schedule_date": date(2026, 3, 2),
                    "user_id": False,
                    "is_ack_due": False,
                }
            ],
        )
        self.assertEqual(case.check_ids.mapped("name"), ["Gaskets"])
        self.assertTrue(case.sla_clock_ids, "promises begin with it")
        self.assertEqual(self.schedule.date_next, date(2026, 4, 2))
        self.assertEqual(self.schedule.case_count, 1)

    def test_in_the_hours_of_the_team(self):
        """A promise that begins at night or on Sunday is nobody's."""
        with freeze_time("2026-03-02 03:00:00"):
            self.assertFalse(self._run())
        self.schedule.date_first = "2026-03-01"
        with freeze_time("2026-03-01 10:00:00"):
            self.assertFalse(self._run(), "Sunday")
        with freeze_time("2026-03-02 08:30:00"):
            case = self._run()
        self.assertEqual(case.schedule_date, date(2026, 3, 1))

    def test_missed_days_make_one_case(self):
        with freeze_time("2026-06-15 10:00:00"):
            case = self._run()
            self.assertEqual(len(case), 1)
            self.assertFalse(self._run())

        self.assertEqual(case.schedule_date, date(2026, 6, 2))
        self.assertEqual(self.schedule.date_next, date(2026, 7, 2))

    def test_end(self):
        self.schedule.date_end = "2026-04-01"
        with freeze_time("2026-03-02 10:00:00"):
            self.assertTrue(self._run())

        self.assertFalse(self.schedule.date_next)
        with freeze_time("2026-06-15 10:00:00"):
            self.assertFalse(self._run())
        with self.assertRaisesRegex(UserError, "over"):
            self.schedule.action_open_now()

    def test_customer_is_told_where_it_is_wanted(self):
        self.schedule.is_announced = True
        with freeze_time("2026-03-02 10:00:00"):
            case = self._run()

        self.assertTrue(case.is_ack_due)

    def test_one_that_fails_stops_alone_and_says_why(self):
        """D32: what fails comes back with each run, or holds up the others."""
        bad = self._schedule(name="Bad")
        prepare = type(bad)._prepare_case

        def prepare_case(schedule, day):
            if schedule == bad:
                raise UserError(schedule.env._("The machine is gone"))
            return prepare(schedule, day)

        self.patch(type(bad), "_prepare_case", prepare_case)
        with freeze_time("2026-03-02 10:00:00"):
            with self.assertLogs(SCHEDULE, "WARNING"):
                cases = self._run()
            self.assertEqual(cases.schedule_id, self.schedule)
            self.assertIn("machine is gone", bad.error)
            self.assertFalse(self._run())

        self.patch(type(bad), "_prepare_case", prepare)
        bad.action_retry()
        with freeze_time("2026-03-02 11:00:00"):
            self.assertEqual(self._run().schedule_id, bad)

    def test_no_second_case_for_a_day(self):
        with freeze_time("2026-03-02 10:00:00"):
            self._run()
        self.schedule.date_last = False
        with (
            freeze_time("2026-03-02 10:00:00"),
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.UniqueViolation),
            self.cr.savepoint(),
        ):
            self.schedule._create_cases()

    def test_now(self):
        day = self.schedule.date_next
        action = self.schedule.with_user(self.agent).action_open_now()

        case = self.env["crm.case"].browse(action["res_id"])
        self.assertEqual(case.schedule_date, day)
        self.assertGreater(self.schedule.date_next, day)

    def test_rights(self):
        self.assertTrue(self.schedule.with_user(self.agent).has_access("write"))
        for user in (self.agent_c2, self.portal_ida):
            self.assertFalse(self.schedule.with_user(user).has_access("read"))
        self.team.visibility = "members"
        self.assertFalse(self.schedule.with_user(self.outsider).has_access("read"))
        self.assertTrue(self.schedule.with_user(self.manager).has_access("read"))

    def test_many_at_once(self):
        self._schedule()
        for _i in range(30):
            self._schedule()
        with freeze_time("2026-03-02 10:00:00"):
            self.assertEqual(len(self._run()), 32)
        self.assertEqual(fields.Date.to_string(self.schedule.date_last), "2026-03-02")
