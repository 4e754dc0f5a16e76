from contextlib import contextmanager
from datetime import datetime

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.sql_db import db_connect
from odoo.tests import TransactionCase, freeze_time, get_db_name, tagged
from odoo.tools import mute_logger

from .common import CaseCommon

MONDAY_9 = datetime(2026, 3, 2, 9, 0)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseAssignment(CaseCommon):
    """Who gets a case, and why. The team has two members, who work as the company
    does: Monday to Friday, 8 to 16 UTC.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.resource_calendar_id = cls.calendar
        (cls.agent + cls.agent_2).tz = "UTC"
        # whatever the database had is not tried first
        cls.env["crm.assignment.rule"].search([("res_model", "=", "crm.case")]).unlink()
        cls.agent_3 = cls._new_user(
            "case_agent_3", "crm_helpdesk.crm_helpdesk_group_user", cls.company
        )

    def _assign(self, count=1, **values):
        cases = self._create_cases(count, **values)
        cases._assignment_run("queue")
        return cases

    def _member(self, user):
        return self.team.membership_ids.filtered(lambda m: m.user_id == user)

    def _rule(self, **values):
        return self.env["crm.assignment.rule"].create(
            {
                "name": "Rule",
                "res_model": "crm.case",
                "case_team_id": self.team.id,
                "hours": "any",
                **values,
            }
        )

    # ------------------------------------------------------------
    # The team's own setting
    # ------------------------------------------------------------

    def test_by_hand_gives_to_nobody(self):
        case = self._assign()

        self.assertFalse(case.user_id)
        self.assertFalse(self.team.assignment_rule_count)

    def test_setting_of_the_team_is_a_rule(self):
        self.team.assignment = "least_loaded"

        rule = self.team.assignment_rule_ids
        self.assertRecordValues(
            rule,
            [
                {
                    "res_model": "crm.case",
                    "strategy": "least_loaded",
                    "company_id": self.company.id,
                    "is_case_default": True,
                }
            ],
        )
        rule.strategy = "round_robin"
        self.assertEqual(self.team.assignment, "round_robin")
        self.team.assignment = "none"
        self.assertFalse(rule.active)
        self.team.assignment = "round_robin"
        self.assertTrue(rule.active, "the same rule again, with what was set there")

    @freeze_time(MONDAY_9)
    def test_in_turn_within_a_batch_and_over_time(self):
        """Also D21: who is senior does not always go first."""
        self.team.assignment = "round_robin"

        cases = self._assign(3)
        self.assertEqual(
            cases.sorted("id").mapped("user_id.login"), ["case_agent", "case_agent_2"]
        )
        self.assertEqual(cases[2].user_id, self.agent)
        self.assertEqual(self._assign().user_id, self.agent_2)
        self.assertEqual(self._assign().user_id, self.agent)
        self.agent.active = False
        self.assertEqual(self._assign(2).user_id, self.agent_2)

    @freeze_time(MONDAY_9)
    def test_new_cases_wait_for_the_scheduler_and_are_given_within_seconds(self):
        self.team.assignment = "round_robin"
        case = self._create_cases()

        self.assertFalse(case.user_id, "who opens it does not wait")
        self.assertEqual(case.assignment_why, "Waits for the scheduler")
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_assign").method_direct_trigger()
        self.assertTrue(case.user_id)
        self.assertIn("longest without one of this rule", case.assignment_reason)

    def test_team_without_members_says_so(self):
        self.team.assignment = "round_robin"
        self.team.member_ids = False

        case = self._assign()

        self.assertFalse(case.user_id)
        self.assertEqual(case.assignment_block, "no_member")

    @freeze_time(MONDAY_9)
    def test_least_loaded(self):
        self.team.assignment = "least_loaded"
        self._create_cases(3, user_id=self.agent.id)
        self._create_cases(1, user_id=self.agent_2.id)
        # what waits is no load
        self._create_cases(
            4, user_id=self.agent_2.id, stage_id=self.stages["waiting_customer"].id
        )

        cases = self._assign(2)

        self.assertEqual(cases.user_id, self.agent_2)
        self.assertIn("least loaded", cases[0].assignment_reason)

    # ------------------------------------------------------------
    # Who can
    # ------------------------------------------------------------

    @freeze_time(MONDAY_9)
    def test_capacity_is_never_exceeded(self):
        self._rule(strategy="round_robin")
        self._member(self.agent).max_open = 1
        self._member(self.agent_2).max_open = 2

        cases = self._assign(5)

        self.assertEqual(len(cases.filtered(lambda c: c.user_id == self.agent)), 1)
        self.assertEqual(len(cases.filtered(lambda c: c.user_id == self.agent_2)), 2)
        left = cases.filtered(lambda case: not case.user_id)
        self.assertEqual(set(left.mapped("assignment_block")), {"full"})
        # room again: asked by the scheduler
        self._member(self.agent).max_open = 0
        self.assertTrue(all(case.assignment_next_try for case in left))
        left._assignment_run("queue")
        self.assertEqual(left.user_id, self.agent)

    @freeze_time(MONDAY_9)
    def test_skills(self):
        skill = self.env["crm.assignment.skill"].create({"name": "Czech, on the phone"})
        self._rule(
            skill_ids=[Command.set(skill.ids)],
            domain="[('name', 'ilike', 'cz')]",
            sequence=1,
        )
        self._rule(sequence=2)
        self._member(self.agent_2).skill_ids = skill

        cases = self._assign(3, name="cz 1")
        self.assertEqual(cases.user_id, self.agent_2)
        self._member(self.agent_2).skill_ids = False
        nobody = self._assign(name="cz 2")
        self.assertFalse(
            nobody.user_id, "no later rule takes what an earlier one holds"
        )
        self.assertEqual(nobody.assignment_block, "skill")
        self.assertIn("has not all skills", nobody.assignment_why)

    @freeze_time(MONDAY_9)
    def test_time_off_and_pause(self):
        self._rule()
        self._take_time_off(self.agent)
        self.assertEqual(self._assign(2).user_id, self.agent_2)

        self._member(self.agent_2).is_paused = True
        self.assertEqual(self._member(self.agent_2).presence, "paused")
        self.assertEqual(self._member(self.agent).presence, "away")
        self.assertFalse(self._assign().user_id)

    def test_nobody_at_work_waits_until_somebody_is(self):
        self._rule(hours="working")
        with freeze_time(MONDAY_9.replace(hour=20)):
            case = self._assign()
            self.assertEqual(case.assignment_block, "off_work")
            self.assertEqual(case.assignment_next_try, datetime(2026, 3, 3, 8, 0))
        with freeze_time(datetime(2026, 3, 3, 8, 1)):
            with self.enter_registry_test_mode():
                self.env.ref("crm_plus.ir_cron_assign").method_direct_trigger()
        self.assertTrue(case.user_id)

    @freeze_time(MONDAY_9)
    def test_who_has_the_customer_goes_first(self):
        self._rule(is_sticky=True)
        old = self._create_cases(user_id=self.agent_2.id, partner_id=self.jan.id)

        # of the same company: another contact of it
        case = self._assign()
        self.assertEqual(case.user_id, self.agent_2)
        self.assertIn("open case of the same customer", case.assignment_reason)
        (old + case).action_close()
        again = self._assign()
        self.assertEqual(again.user_id, self.agent_2)
        self.assertIn("had the last case", again.assignment_reason)
        self._member(self.agent_2).is_paused = True
        self.assertEqual(self._assign().user_id, self.agent)

    @freeze_time(MONDAY_9)
    def test_urgent_ones_take_what_capacity_there_is(self):
        self._rule()
        (self._member(self.agent) + self._member(self.agent_2)).write({"max_open": 1})

        low, urgent, high = (
            self._create_cases(priority=priority) for priority in ("0", "3", "2")
        )
        (low + urgent + high)._assignment_run("queue")

        self.assertTrue(urgent.user_id and high.user_id)
        self.assertFalse(low.user_id)

    # ------------------------------------------------------------
    # Silence
    # ------------------------------------------------------------

    def _process_silence(self):
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_assign").method_direct_trigger()

    def test_silence_gives_it_to_the_next_one_then_to_the_leader(self):
        self.team.user_id = self.manager
        self._rule(silence_minutes=60, max_rounds=2)
        with freeze_time(MONDAY_9):
            case = self._assign()
            self.assertEqual(case.user_id, self.agent)
        with freeze_time(MONDAY_9.replace(minute=59)):
            self._process_silence()
            self.assertEqual(case.user_id, self.agent)
        with freeze_time(MONDAY_9.replace(hour=10, minute=1)):
            self._process_silence()
            self.assertEqual(case.user_id, self.agent_2)
            self.assertIn("did not act", "".join(case.message_ids.mapped("body")))
        with freeze_time(MONDAY_9.replace(hour=11, minute=2)):
            self._process_silence()
        self.assertEqual(case.user_id, self.manager)

    def test_silence_is_counted_in_working_time(self):
        self._rule(silence_minutes=60)
        with freeze_time(MONDAY_9.replace(hour=15, minute=30)):
            case = self._assign()
            user = case.user_id
        with freeze_time(datetime(2026, 3, 3, 8, 20)):
            self._process_silence()
            self.assertEqual(case.user_id, user)
        with freeze_time(datetime(2026, 3, 3, 8, 31)):
            self._process_silence()
            self.assertNotEqual(case.user_id, user)

    def test_who_works_on_it_keeps_it(self):
        """An answer, and moving the case, too."""
        self._rule(silence_minutes=60)
        with freeze_time(MONDAY_9):
            cases = self._assign(2)
            answered, moved = cases
            self.flush_tracking()
        users = cases.mapped("user_id")
        with freeze_time(MONDAY_9.replace(minute=30)):
            self._answer(answered, answered.user_id)
            self.flush_tracking()
            moved.with_user(moved.user_id).stage_id = self.stages["in_progress"]
            self.flush_tracking()
        with freeze_time(MONDAY_9.replace(hour=10, minute=1)):
            self._process_silence()
        self.assertEqual(cases.mapped("user_id"), users)
        self.assertFalse(
            self.env["crm.assignment.log"].search(
                [("res_id", "in", cases.ids), ("end_reason", "=", "silence")]
            )
        )

    # ------------------------------------------------------------
    # Who may
    # ------------------------------------------------------------

    def test_rights(self):
        rule = self._rule()
        with self.assertRaises(AccessError):
            rule.with_user(self.agent).name = "Mine"
        rule.with_user(self.manager).name = "Ours"
        of_leads = self.env["crm.assignment.rule"].create(
            {"name": "Leads", "team_id": self.env["crm.team"].create({"name": "T"}).id}
        )
        with self.assertRaises(AccessError):
            of_leads.with_user(self.manager).name = "Not mine"
        with self.assertRaises(ValidationError):
            self._rule(case_team_id=False)
        with self.assertRaises(ValidationError):
            self._rule(strategy="best_closer")

    def test_queries_do_not_grow_with_the_cases(self):
        self._rule()
        self._assign(2)
        counts = []
        for count in (10, 40):
            cases = self._create_cases(count)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            # as an import: nobody is told case by case
            self.env["crm.assignment.rule"].search([]).notify = "none"
            cases.with_context(tracking_disable=True)._assignment_run("queue")
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLess(counts[1] - counts[0], 15, counts)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestTakeNext(CaseCommon):
    """The most urgent unassigned case that one may take."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case"].search([]).active = False
        cls.env["crm.sla.policy"].search(
            [("res_model", "=", "crm.case")]
        ).active = False

    def _take(self, user=None):
        return self.env["crm.case"].with_user(user or self.agent)._take_next()

    def test_what_is_due_first(self):
        self.env["crm.sla.policy"].create(
            {
                "name": "By priority",
                "res_model": "crm.case",
                "is_round_the_clock": True,
                "target_ids": [
                    Command.create({"kind": "first_response", "hours": 8}),
                    Command.create(
                        {"kind": "first_response", "hours": 1, "priority": "3"}
                    ),
                ],
            }
        )
        with freeze_time(MONDAY_9):
            early, normal, urgent = (
                self._create_cases(),
                self._create_cases(),
                self._create_cases(priority="3"),
            )
        self.assertEqual([self._take() for _i in range(3)], [urgent, early, normal])
        self.assertFalse(self._take())
        self.assertEqual((early + normal + urgent).user_id, self.agent)

    def test_without_promises_by_priority_then_by_age(self):
        old, urgent = self._create_cases(), self._create_cases(priority="3")

        self.assertEqual([self._take(), self._take()], [urgent, old])

    def test_what_is_not_for_taking(self):
        self._create_cases(stage_id=self.stages["waiting_customer"].id)
        self._create_cases(stage_id=self.stages["solved"].id)
        self._create_cases(user_id=self.agent_2.id)
        self._create_cases(team_id=self.team_2.id)
        other = self.env["crm.case.team"].create(
            {"name": "Other", "company_id": self.company.id}
        )
        of_other = self._create_cases(team_id=other.id)

        self.assertFalse(self._take(), "the queue of the own teams")
        # who is in no team helps out wherever he sees something
        self.assertEqual(self._take(self.outsider), of_other)
        of_other.user_id = False
        other.visibility = "members"
        self.assertFalse(self._take(self.outsider))

    def test_button_opens_it_or_says_that_nothing_waits(self):
        case = self._create_cases()
        action = self.env["crm.case"].with_user(self.agent).action_take_next()
        self.assertEqual((action["res_model"], action["res_id"]), ("crm.case", case.id))
        action = self.env["crm.case"].with_user(self.agent).action_take_next()
        self.assertEqual(action["tag"], "display_notification")

    def test_customers_take_nothing(self):
        self._create_cases()
        with self.assertRaises(AccessError):
            self._take(self.portal_ida)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestTakeNextConcurrent(TransactionCase):
    """Two agents at once never get the same case. Real transactions: what is committed
    here is removed after the test.
    """

    def setUp(self):
        super().setUp()
        self.addCleanup(self._remove_committed)
        with self._env() as env:
            team = env["crm.case.team"].create(
                {"name": "Concurrent", "member_ids": [Command.set([SUPERUSER_ID])]}
            )
            cases = env["crm.case"].create(
                [{"name": f"Concurrent {i}", "team_id": team.id} for i in range(2)]
            )
            env.cr.commit()
            self.ids, self.team_id = cases.ids, team.id

    @contextmanager
    def _env(self):
        with db_connect(get_db_name()).cursor() as cr:
            cr.transaction = None
            Registry(get_db_name())
            yield api.Environment(cr, SUPERUSER_ID, {})

    def _remove_committed(self):
        with self._env() as env:
            env["crm.case"].browse(self.ids).unlink()
            env["crm.case.team"].browse(self.team_id).unlink()
            env.cr.commit()

    def _take(self, env):
        return env["crm.case"]._take_next([("team_id", "=", self.team_id)])

    def test_the_second_gets_another_one(self):
        with self._env() as first, self._env() as second:
            one = self._take(first)
            first.flush_all()
            # the first has not committed yet
            two = self._take(second)
            second.flush_all()
            self.assertEqual({one.id, two.id}, set(self.ids))
            first.cr.commit()
            second.cr.commit()

    def test_what_was_taken_meanwhile_is_asked_for_again(self):
        with self._env() as first, self._env() as second:
            second.cr.execute("SELECT 1")  # what it sees is fixed from here
            second["crm.case"].search_count([("id", "in", self.ids)])
            self._take(first)
            self._take(first)
            first.cr.commit()
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.SerializationFailure),
            ):
                self._take(second)
            second.cr.rollback()
            self.assertFalse(self._take(second), "the repeated request")
