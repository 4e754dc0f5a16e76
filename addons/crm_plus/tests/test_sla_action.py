from unittest.mock import patch

from psycopg2.errors import DeadlockDetected

from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import freeze_time, new_test_user, tagged
from odoo.tools import mute_logger

from .test_sla import SlaCommon, at


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaAction(SlaCommon):
    """First response 4 h, warning after 3, from 9 o'clock: due at 13:00."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.policy.target_ids.write({"action_warning": "none", "action_breach": "none"})
        cls.team = cls.env["crm.team"].create(
            {"name": "Team", "user_id": cls.leader.id, "company_id": cls.company.id}
        )
        cls.lead = cls._create_leads(start=at(9), team_id=cls.team.id)

    def _add(self, task, **values):
        self.policy.action_ids = [Command.create({"task": task, **values})]
        return self.policy.action_ids.sorted("id")[-1]

    def _run_at(self, *moments):
        for moment in moments:
            with freeze_time(moment):
                self._run_cron()

    def _runs(self):
        return self.env["crm.sla.action.run"].search(
            [("clock_id.res_id", "=", self.lead.id)], order="id"
        )

    def test_chain_is_told_by_activity_once(self):
        self._add(
            "activity",
            is_for_leader=True,
            user_ids=[Command.set((self.manager | self.leader).ids)],
            note="Call before noon.",
        )
        self._run_at(at(12, 59))
        self.assertFalse(self.lead.activity_ids)
        self._run_at(at(13, 1), at(13, 2), at(15))

        activities = self.lead.activity_ids
        self.assertEqual(
            sorted(activities.mapped("user_id.login")),
            ["sla_leader", "sla_manager", "sla_seller"],
        )
        self.assertIn("Call before noon.", activities[0].note)
        self.assertEqual(activities.sla_clock_id, self.lead.sla_clock_ids)
        self.assertRecordValues(self._runs(), [{"state": "done", "event": "breach"}])
        self.assertIn(self.leader.name, self._runs().result)

    def test_warning_and_breach_each_have_their_own(self):
        self._add("activity", event="warning", note="warn")
        self._add("activity", event="breach", note="broke")
        self._run_at(at(12, 1))
        self.assertEqual(len(self.lead.activity_ids), 1)
        self._run_at(at(13, 1))

        self.assertEqual(self._runs().mapped("event"), ["warning", "breach"])
        self.assertEqual(len(self.lead.activity_ids), 2)

    def test_action_of_another_kind_stays_out(self):
        self._add("activity", kind="handover")
        self._run_at(at(13, 1))

        self.assertFalse(self._runs())

    def test_message_reaches_the_inbox_and_answers_nobody(self):
        self.seller.notification_type = "inbox"
        self._add("message")
        self._run_at(at(13, 1), at(13, 2))

        notification = self.env["mail.notification"].search(
            [("res_partner_id", "=", self.seller.partner_id.id)]
        )
        message = notification.mail_message_id
        self.assertEqual(len(message), 1)
        self.assertEqual((message.model, message.res_id), ("crm.lead", self.lead.id))
        self.assertIn("First Response is late", message.subject)
        self.assertTrue(self.lead.sla_clock_ids.is_open)

    def test_reassign_goes_by_the_rules_where_there_are_some(self):
        if not hasattr(type(self.lead), "_assignment_run"):
            self.skipTest("assignment is not there")
        self._add("reassign")
        with patch.object(
            type(self.lead), "_assignment_run", autospec=True
        ) as assignment_run:
            self._run_at(at(13, 1))

        assignment_run.assert_called_once_with(self.lead, "silence")
        self.assertFalse(self.lead.user_id)

    def test_reassign_without_rules_takes_it_from_the_silent_one(self):
        if hasattr(type(self.lead), "_assignment_run"):
            self.skipTest("assignment is there")
        self._add("reassign")
        self._run_at(at(13, 1))

        self.assertFalse(self.lead.user_id)
        self.assertIn(self.seller.name, self._runs().result)
        bodies = "".join(self.lead.message_ids.mapped("body"))
        self.assertIn("back in the queue", bodies)

    def test_priority_is_raised_and_plans_anew(self):
        self._add("priority")
        self.lead.priority = "2"
        self._run_at(at(13, 1))

        self.assertEqual(self.lead.priority, "3")
        # very high: 1 h, which is over as well: not raised again for that
        self.assertEqual(self.lead.sla_clock_ids.date_due, at(10))
        self._run_at(at(13, 5))
        self.assertEqual(len(self._runs()), 1)
        self.assertEqual(self._runs().result, "High → Very High")

    def test_server_action_of_an_administrator(self):
        action = self.env["ir.actions.server"].create(
            {
                "name": "Mark",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "state": "code",
                "code": "records.write({'referred': 'late'})",
            }
        )
        self._add("server", server_action_id=action.id)
        self._run_at(at(13, 1))

        self.assertEqual(self.lead.referred, "late")
        with self.assertRaises(AccessError):
            self.env["crm.sla.action"].with_user(self.manager).create(
                {
                    "policy_id": self.policy.id,
                    "task": "server",
                    "server_action_id": action.id,
                }
            )
        with self.assertRaises(ValidationError):
            self._add("server")
        action_partner = action.copy(
            {"model_id": self.env["ir.model"]._get_id("res.partner")}
        )
        with self.assertRaises(ValidationError):
            self._add("server", server_action_id=action_partner.id)

    def test_one_failing_action_stands_alone_with_its_error(self):
        other = self._create_leads(start=at(9))
        bad = self._add("priority")
        self._add("activity", sequence=20)
        Action = type(bad)
        task = Action._task_priority

        def fail(action, clocks, records):
            if self.lead in records:
                raise ValueError("Boom")
            return task(action, clocks, records)

        with (
            patch.object(Action, "_task_priority", fail),
            mute_logger("odoo.addons.crm_plus.models.sla.crm_sla_action_run"),
        ):
            self._run_at(at(13, 1))
            self.assertEqual(
                self._runs().mapped(lambda run: (run.state, run.failures)),
                [("waiting", 1), ("done", 0)],
            )
            self.assertEqual(other.priority, "1")
            self._run_at(at(13, 5))
            self.assertEqual(self._runs()[0].failures, 1)
            self._run_at(at(13, 30), at(14))

        failed = self._runs()[0]
        self.assertEqual((failed.state, failed.error), ("failed", "Boom"))
        with self.assertRaises(AccessError):
            failed.with_user(self.seller).action_retry()
        failed.with_user(self.manager).action_retry()
        self._run_at(at(14, 30))
        self.assertEqual(failed.state, "done")
        self.assertEqual(self.lead.priority, "1")

    def test_collision_is_no_failure_of_the_action(self):
        """Somebody writes on the lead meanwhile: it comes again, and is not parked."""
        bad = self._add("priority")
        Action = type(bad)
        task = Action._task_priority
        left = 3

        def collide(action, clocks, records):
            nonlocal left
            done = task(action, clocks, records)
            if left:
                left -= 1
                raise DeadlockDetected("deadlock detected")
            return done

        with patch.object(Action, "_task_priority", collide):
            self._run_at(at(13, 1))

        self.assertRecordValues(
            self._runs(), [{"state": "done", "failures": 0, "error": False}]
        )
        self.assertEqual(self.lead.priority, "1")

    def test_answered_meanwhile_is_not_needed(self):
        self._add("activity")
        with freeze_time(at(13, 1)):
            self.lead.sla_clock_ids._apply_alerts()
            self.lead._sla_on_human_answer(at(13, 1))
        self._run_at(at(13, 2))

        self.assertEqual(self._runs().state, "skipped")
        self.assertFalse(self.lead.activity_ids)

    def test_a_promise_given_anew_is_another_one(self):
        self._add("activity")
        self._run_at(at(13, 1))
        self.policy.target_ids.filtered(
            lambda t: t.kind == "first_response" and not t.priority
        ).hours = 6
        with freeze_time(at(13, 2)):
            self.lead._sla_replan()
        self._run_at(at(13, 3))
        self.assertEqual(len(self._runs()), 1)
        self._run_at(at(15, 1))
        self.assertEqual(len(self._runs()), 2)

    def test_somebody_must_be_told(self):
        with self.assertRaises(ValidationError):
            self._add("message", is_for_owner=False)

    def test_queries_do_not_grow_with_the_clocks(self):
        self._add("priority")
        few = self._create_leads(3, start=at(9))
        many = self._create_leads(43, start=at(9))
        counts = []
        for leads in (few, many):
            clocks = self.env["crm.sla.clock"].browse(leads.sla_clock_ids.ids)
            with freeze_time(at(13, 1)):
                counts.append(self._queries(clocks._apply_alerts))
        self.assertEqual(*counts)

    def test_log_is_seen_with_the_clock(self):
        self._add("activity")
        self._run_at(at(13, 1))
        run = self._runs()
        stranger = new_test_user(
            self.env,
            login="sla_boss_2",
            groups="sales_team.group_sale_manager",
            company_id=self.company_2.id,
        )

        for user, count in (
            (self.seller, 1),
            (self.colleague, 0),
            (self.leader, 1),
            (self.manager, 1),
            (stranger, 0),
        ):
            found = run.with_user(user).search([("id", "=", run.id)])
            self.assertEqual(len(found), count, user.login)
        with self.assertRaises(AccessError):
            run.with_user(self.manager).write({"state": "failed"})
        with self.assertRaises(AccessError):
            self.env["crm.sla.action"].with_user(self.leader).create(
                {"policy_id": self.policy.id, "task": "priority"}
            )
