from datetime import date

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from .test_sla import SlaCommon, at


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaNextStep(SlaCommon):
    """On the common policy: a next step within 8 h of the last one, warning after 6."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.policy.target_ids = [Command.create({"kind": "next_step", "hours": 8})]
        cls.call = cls.env.ref("mail.mail_activity_data_call")
        cls.todo = cls.env.ref("mail.mail_activity_data_todo")
        cls.lead = cls._create_leads(start=at(9))

    def _steps(self, lead=None):
        return (lead or self.lead).sla_clock_ids.filtered(
            lambda clock: clock.kind == "next_step"
        )

    def _schedule(self, day, activity_type=None, lead=None):
        return self.env["mail.activity"].create(
            {
                "activity_type_id": (activity_type or self.todo).id,
                "date_deadline": day,
                "res_id": (lead or self.lead).id,
                "res_model_id": self.env["ir.model"]._get_id("crm.lead"),
                "user_id": self.seller.id,
            }
        )

    def test_runs_from_the_first_response_on(self):
        self.assertFalse(self._steps())
        self.lead._sla_on_human_answer(at(11))

        self.assertRecordValues(
            self._steps(),
            [{"date_start": at(11), "date_due": at(11, day=1), "date_planned": False}],
        )
        self.assertEqual(self.lead.sla_due, at(11, day=1))
        self.assertEqual(self.lead.sla_kind, "next_step")
        self.assertFalse(self.lead.sla_response_due)

    def test_each_step_starts_the_next(self):
        for hour in (10, 12):
            self.lead._sla_on_human_answer(at(hour))
        self.lead._sla_on_human_answer(at(13, day=3))

        self.assertEqual(
            self._steps().sorted("occurrence").mapped("outcome"),
            ["met", "breached", False],
        )

    def test_the_day_of_the_next_activity_counts(self):
        self.lead._sla_on_human_answer(at(11))
        with freeze_time(at(12)):
            late = self._schedule(date(2026, 1, 20))
            self._schedule(date(2026, 1, 15))

        # to the end of that working day; warned as long before as otherwise
        step = self._steps()
        self.assertRecordValues(
            step,
            [
                {
                    "date_start": at(11),
                    "date_planned": date(2026, 1, 15),
                    "date_due": at(17, day=10),
                    "date_warning": at(15, day=10),
                }
            ],
        )
        self.assertEqual(len(step.plan_history), 2)

        with freeze_time(at(13)):
            (self.lead.activity_ids - late).unlink()
        self.assertEqual(self._steps().date_due, at(17, day=15))
        with freeze_time(at(14)):
            late.date_deadline = date(2026, 1, 10)
        # a Saturday: to its midnight
        self.assertEqual(self._steps().date_due, at(0, day=6))
        with freeze_time(at(15)):
            late.unlink()
        self.assertEqual(self._steps().date_due, at(11, day=1))

    def test_end_of_the_day_is_that_of_the_calendar(self):
        """In summer a day in Lisbon ends an hour earlier on our clock."""
        lisbon = self._create_calendar("Lisbon", range(5), 9, 17, tz="Europe/Lisbon")
        team = self.env["crm.team"].create(
            {"name": "Lisbon", "resource_calendar_id": lisbon.id}
        )
        self.lead.team_id = team
        with freeze_time(at(12)):
            activity = self._schedule(date(2026, 3, 27))
        self.assertEqual(str(self._steps().date_due), "2026-03-27 17:00:00")
        activity.date_deadline = date(2026, 3, 30)
        self.assertEqual(str(self._steps().date_due), "2026-03-30 16:00:00")

    def test_an_activity_done_is_judged_by_the_day_it_was_planned_for(self):
        for day, outcome in ((at(15, day=1), "met"), (at(10, day=2), "breached")):
            with freeze_time(at(10)):
                lead = self._create_leads(start=at(9))
                lead._sla_on_human_answer(at(10))
                activity = self._schedule(date(2026, 1, 6), lead=lead)
            with freeze_time(day):
                activity.with_user(self.seller).action_feedback()
            steps = self._steps(lead).sorted("occurrence")
            self.assertEqual(steps.mapped("outcome"), [outcome, False])
            self.assertEqual(steps[-1].date_start, day)

    def test_a_call_that_is_done_is_one_step(self):
        with freeze_time(at(10)):
            call = self._schedule(date(2026, 1, 5), self.call)
            self._schedule(date(2026, 1, 8))
        with freeze_time(at(11)):
            call.with_user(self.seller).action_feedback()

        self.assertRecordValues(
            self._steps().sorted("occurrence"),
            [
                {"outcome": "met", "date_due": at(17)},
                {"outcome": False, "date_due": at(17, day=3)},
            ],
        )

    def test_a_meeting_that_began_is_one_step(self):
        self.lead._sla_on_human_answer(at(10))
        self.env["calendar.event"].create(
            {
                "name": "Demo",
                "start": at(12),
                "stop": at(13),
                "opportunity_id": self.lead.id,
            }
        )
        for _run in range(2):
            with freeze_time(at(14)):
                self._run_cron()

        self.assertEqual(self._steps().mapped("date_start"), [at(12), at(10)][::-1])

    def test_alerts_are_no_planned_step(self):
        self.lead._sla_on_human_answer(at(10))
        self._steps().target_id.action_breach = "activity"
        with freeze_time(at(11, day=1)):
            self._run_cron()

        self.assertEqual(self.lead.activity_ids.sla_clock_id, self._steps())
        self.assertFalse(self._steps().date_planned)
        self.assertEqual(len(self._steps()), 1)

    def test_alert_and_step_done_together(self):
        """The step ends the alert, which is no error for who ticks off both."""
        self.lead._sla_on_human_answer(at(10))
        self._steps().target_id.action_breach = "activity"
        with freeze_time(at(11, day=1)):
            self._run_cron()
            step = self._schedule(date(2026, 1, 8))
            alert = self.lead.activity_ids - step

            (alert + step)._action_done()

        self.assertFalse(step.active)
        self.assertFalse(alert.exists())

    def test_policy_says_what_a_next_step_changes(self):
        policy = self.policy.copy()
        self.assertTrue(policy.has_next_step)
        policy.target_ids.filtered(lambda t: t.kind == "next_step").unlink()
        self.assertFalse(policy.has_next_step)

    def test_closed_leads_wait_for_nothing(self):
        self.lead._sla_on_human_answer(at(10))
        self.lead.action_set_lost()
        with freeze_time(at(11)):
            self._schedule(date(2026, 1, 8))
        self.assertEqual(self._steps().outcome, "cancelled")

        with freeze_time(at(12)):
            self.lead.action_restore()
        self.assertEqual(self._steps().filtered("is_open").date_due, at(17, day=3))

    def test_without_a_promise_nothing_runs(self):
        self.policy.target_ids.filtered(lambda t: t.kind == "next_step").unlink()
        self.lead._sla_on_human_answer(at(10))
        self._schedule(date(2026, 1, 8))

        self.assertFalse(self._steps())

    def test_open_leads_get_a_next_step_when_the_policy_is_applied(self):
        target = self.policy.target_ids.filtered(lambda t: t.kind == "next_step")
        target.unlink()
        other = self._create_leads(company_id=self.company_2.id, user_id=False)
        other._sla_stop("first_response")
        waiting = self._create_leads()
        self.lead._sla_on_human_answer(at(10))
        self.assertFalse(self._steps())

        self.policy.target_ids = [Command.create({"kind": "next_step", "hours": 8})]
        with freeze_time(at(11)):
            self.policy.with_user(self.manager).action_replan()
        self.assertEqual(self._steps().date_due, at(11, day=1))
        # not of another company, nor before the first response
        self.assertFalse(self._steps(other | waiting))
        with self.assertRaises(AccessError):
            self.policy.with_user(self.leader).action_replan()

    def test_queries_do_not_grow_with_the_leads(self):
        few, many = self._create_leads(2), self._create_leads(40)
        (few | many)._sla_stop("first_response")
        queries = [
            self._queries(lambda leads=leads: leads._sla_take_step(at(10)))
            for leads in (few, many)
        ]
        self.assertLessEqual(queries[1], queries[0])
        self.env["mail.activity"].with_context(crm_plus_skip_sla=True).create(
            [
                {
                    "activity_type_id": self.todo.id,
                    "date_deadline": date(2026, 1, 15),
                    "res_id": lead.id,
                    "res_model_id": self.env["ir.model"]._get_id("crm.lead"),
                    "user_id": self.env.uid,
                }
                for lead in few | many
            ]
        )
        queries = [
            self._queries(lambda leads=leads: leads._sla_plan_step())
            for leads in (few, many)
        ]
        self.assertLessEqual(queries[1], queries[0])
        self.assertEqual(set((few | many).mapped("sla_due")), {at(17, day=10)})


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaWaiting(SlaCommon):
    def test_who_waits_is_found_by_what_is_due_first(self):
        with freeze_time(at(10)):
            answered, late, soon, lost = self._create_leads(4)
        answered._sla_on_human_answer(at(11))
        lost.action_set_lost()
        late._sla_cancel()
        late._sla_start("first_response", at(9))
        unpromised = self._create_leads()
        unpromised._sla_cancel()
        self.policy.active = False
        unpromised._sla_start("first_response", at(8))
        leads = answered | late | soon | lost | unpromised

        found = self.env["crm.lead"].search(
            [("id", "in", leads.ids), ("is_waiting_response", "=", True)],
            order="sla_response_due, id",
        )
        self.assertEqual(found, late | soon | unpromised)
        self.assertEqual(
            leads.filtered("is_waiting_response"), late | soon | unpromised
        )
        with freeze_time(at(13, 30)):
            late.invalidate_recordset()
            self.assertTrue(late.sla_response_is_overdue)
            self.assertFalse(soon.sla_response_is_overdue)
            self.assertEqual(
                self.env["crm.lead"].search(
                    [("id", "in", leads.ids), ("sla_response_is_overdue", "=", True)]
                ),
                late,
            )
            self.assertNotIn(
                late,
                self.env["crm.lead"].search([("sla_response_is_overdue", "=", False)]),
            )

    def test_a_seller_sees_the_own_ones(self):
        mine = self._create_leads(start=at(10))
        other = self._create_leads(start=at(10), user_id=self.colleague.id)

        found = (
            self.env["crm.lead"]
            .with_user(self.seller)
            .search([("is_waiting_response", "=", True)])
        )
        self.assertIn(mine, found)
        self.assertNotIn(other, found)

    def test_paused_promise_is_not_due(self):
        lead = self._create_leads(start=at(10))
        self.assertEqual(lead.sla_response_due, at(14))
        lead._sla_pause("Waiting for the customer", date=at(11))
        self.assertFalse(lead.sla_response_due)
        self.assertTrue(lead.is_waiting_response)

    def test_first_response_is_told_from_what_is_due_earlier(self):
        lead = self._create_leads(start=at(10))
        self.policy.target_ids = [Command.create({"kind": "handover", "hours": 1})]
        lead._sla_start("handover", at(10))

        self.assertEqual((lead.sla_due, lead.sla_kind), (at(11), "handover"))
        self.assertEqual(lead.sla_response_due, at(14))

    def test_hours_of_the_team(self):
        night = self._create_calendar("Night", range(5), 18, 23)
        team = self.env["crm.team"].create({"name": "Night"})
        lead = self._create_leads(start=at(10), team_id=team.id)
        self.assertEqual(lead.sla_response_due, at(14))

        team.resource_calendar_id = night
        self._run_cron()
        lead.invalidate_recordset()
        self.assertEqual(lead.sla_response_due, at(22))
        self.assertIn("Night", lead.sla_reason)
