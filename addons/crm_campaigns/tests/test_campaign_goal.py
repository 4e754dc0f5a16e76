from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_campaign_steps import StepCommon

LOOK_LOG = "odoo.addons.crm_campaigns.models.campaign.crm_campaign_look"


class GoalCommon(StepCommon):
    def _no_commit(self):
        return patch.object(
            self.env.registry["ir.cron"], "_commit_progress", lambda *args, **kwargs: 9
        )

    def _kind(self, code):
        return self.env["crm.touchpoint.kind"].search([("code", "=", code)])

    def _happens(self, code, lead, **values):
        touchpoint = self.env["crm.touchpoint"].create(
            {
                "kind_id": self._kind(code).id,
                "date": self._now(),
                "lead_id": lead.id,
                "res_model": "crm.lead",
                "res_id": lead.id,
                "occurrence": code,
                **values,
            }
        )
        self.env["crm.touchpoint"]._on_harvested(touchpoint.ids)
        self.env.invalidate_all()
        return touchpoint

    def _of(self, campaign, lead):
        return campaign.participant_ids.filtered(lambda p: p.lead_id == lead)

    def _look(self):
        """Only what the scheduler does when it looks."""
        with self._no_commit():
            self.env["crm.campaign.look"].sudo()._look()
        self.env.invalidate_all()

    def _steps_of(self, campaign, lead):
        return [
            (task.step_id.name, task.state, task.outcome)
            for task in self._tasks(campaign)
            if task.participant_id.lead_id == lead
        ]


@tagged("post_install", "-at_install", "crm_campaigns")
class TestWaitCondition(GoalCommon):
    def _start_waiting(self, **values):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(
            campaign,
            "wait_condition",
            **{"condition": "[('priority', '=', '3')]", "delay_count": 5, **values},
        )
        self._add_step(campaign, "wait", step, "yes", name="So")
        self._add_step(campaign, "wait", step, "no", name="Not")
        campaign.action_start()
        self._run()
        return campaign, step

    def test_both_ways(self):
        """Trap D17: it waits until the condition holds."""
        campaign, step = self._start_waiting()
        ida, ola = self._tasks(campaign, step)
        self.assertEqual((ida.state, ola.state), ("planned", "planned"))

        self.lead.priority = "3"
        self._run()
        self.assertEqual((ida.state, ida.outcome), ("done", "yes"))
        self.assertEqual((ola.state, ola.outcome), ("planned", False))
        self._pass(days=5)
        self._run()

        self.assertEqual((ola.state, ola.outcome), ("done", "no"))
        self.assertEqual(
            [name for name, _state in self._states(campaign)[2:]], ["So", "Not"]
        )
        self.assertIn("it holds", self._of(campaign, self.lead).journey)

    def test_true_already(self):
        self.lead.priority = "3"
        campaign, step = self._start_waiting()

        self.assertEqual(self._tasks(campaign, step).mapped("outcome"), ["yes", False])

    def test_no_longer_true_waits_on(self):
        """Woken, but by then the condition does not hold: the time limit stays."""
        campaign, step = self._start_waiting()
        ida = self._tasks(campaign, step)[0]
        limit = ida.date_planned
        self.lead.priority = "3"
        self._look()
        self.assertLessEqual(ida.date_planned, self._now())
        self.lead.priority = "0"
        self._run()

        self.assertEqual((ida.state, ida.date_planned), ("planned", limit))
        self.assertEqual(ida.attempts, 0)

    def test_of_the_contact(self):
        self.lead.partner_id = self.customer
        campaign, step = self._start_waiting(
            condition="[('ref', '=', 'VIP')]", condition_on="customer"
        )
        self.customer.ref = "VIP"
        self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("outcome"), ["yes", False])

    def test_what_no_event_tells_is_found_by_the_clock(self):
        campaign, step = self._start_waiting()
        ida = self._tasks(campaign, step)[0]
        self.env.cr.execute(
            "UPDATE crm_lead SET priority = '3' WHERE id = %s", [self.lead.id]
        )
        self.env.invalidate_all()
        self._run()
        self.assertEqual(ida.state, "planned", "looked at a moment ago")

        campaign.date_watched -= timedelta(minutes=16)
        self._run()
        self.assertEqual(ida.outcome, "yes")

    def test_waiting_costs_nothing(self):
        """The same statements for few and for many, none of them for each."""
        campaign, step = self._start_waiting()
        counts = []
        # the first round fills caches that every change of a segment empties; of two
        # equal ones, a cache that had no room may ask again in one
        for number in (2, 2, 2, 12, 12):
            self.leads += self._create_leads(number, email_from=False)
            campaign.segment_id.domain = repr([("id", "in", self.leads.ids)])
            campaign.segment_id._refresh()
            self.env.flush_all()
            campaign.date_watched = self._now() - timedelta(hours=1)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._look()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(len(self._tasks(campaign, step)), 32)
        self.assertEqual(min(counts[1:3]), min(counts[3:]))

    def test_who_watches_nothing_is_not_looked_at(self):
        campaign = self._create_campaign(self.leads)
        self._add_step(campaign, "wait")
        campaign.action_start()

        self.lead.priority = "3"

        self.assertFalse(self.env["crm.campaign"]._get_watching_ids())
        self.assertFalse(self.env["crm.campaign.look"].search([]))
        with self.assertQueryCount(0):
            self.env["crm.campaign.look"]._ask(lead_ids=self.leads.ids)

    def test_what_does_not_work_any_more_stands_still(self):
        campaign, step = self._start_waiting()
        self.env.cr.execute(
            "UPDATE crm_campaign_step SET condition = %s WHERE id = %s",
            ["[('gone', '=', 1)]", step.id],
        )
        self.env.invalidate_all()
        campaign.date_watched = False
        with mute_logger(LOOK_LOG):
            self._look()

        self.assertTrue(step.date_halted)
        self.assertIn("gone", step.halt_reason)
        self.assertEqual(set(self._tasks(campaign, step).mapped("state")), {"planned"})

    def test_problems(self):
        campaign = self._create_campaign(self.leads)
        self._add_step(campaign, "wait_condition", delay_count=0)
        with self.assertRaisesRegex(UserError, "how long(.|\n)*what it waits for"):
            campaign.action_start()

    def test_is_no_way_to_read_what_one_may_not(self):
        campaign = self._create_campaign(self.leads)
        self.patch(
            self.env.registry["res.partner"]._fields["ref"],
            "groups",
            "base.group_system",
        )
        with self.assertRaises(ValidationError):
            self._add_step_as(
                self.campaign_manager,
                campaign,
                kind="wait_condition",
                condition="[('ref', '=', 'x')]",
                condition_on="customer",
            )


@tagged("post_install", "-at_install", "crm_campaigns")
class TestGoal(GoalCommon):
    """Rest ─ Goal ─┬─ reached: Thank · not: Insist, and beside it: Nag ─ Nag more."""

    def _start_goal(self, start=True, **values):
        campaign = self._create_campaign(self.leads)
        self.rest = self._add_step(campaign, "wait", name="Rest", delay_count=9)
        self.nag = self._add_step(campaign, "wait", self.rest, name="Nag")
        self.goal = self._add_step(
            campaign,
            "goal",
            self.rest,
            name="Ordered",
            **{
                "goal_by": "event",
                "event_kind_ids": [Command.set(self._kind("order_confirmed").ids)],
                "delay_count": 3,
                **values,
            },
        )
        self.thank = self._add_step(campaign, "wait", self.goal, "yes", name="Thank")
        self.insist = self._add_step(campaign, "wait", self.goal, "no", name="Insist")
        if start:
            campaign.action_start()
            self._run()
        return campaign

    def test_jump(self):
        campaign = self._start_goal()

        self._happens("order_confirmed", self.lead)

        self.assertEqual(
            self._steps_of(campaign, self.lead),
            [
                ("Rest", "skipped", False),
                ("Ordered", "done", "yes"),
                ("Thank", "planned", False),
            ],
        )
        self.assertEqual(
            self._steps_of(campaign, self.lead_2), [("Rest", "planned", False)]
        )
        ida = self._of(campaign, self.lead)
        self.assertEqual((ida.goal_step_id, ida.state), (self.goal, "running"))
        self.assertTrue(ida.goal_date)
        self.assertIn("The goal “Ordered” was reached.", ida.journey)
        self.assertEqual(campaign.goal_reached_count, 1)
        self.assertEqual(self.goal.goal_count, 1)

    def test_what_lies_before_does_not_come_back(self):
        """A step that was being done at that moment leads no further."""
        campaign = self._start_goal()
        rest = self._tasks(campaign, self.rest)[0]
        rest._set(state="sending")
        self._happens("order_confirmed", self.lead)
        self.assertEqual(rest.state, "sending", "what is being done is not touched")
        rest._set(state="reserved")
        rest._done()

        self.assertFalse(
            [s for s in self._steps_of(campaign, self.lead) if s[0] == "Nag"]
        )

    def test_what_was_planned_meanwhile_is_skipped_when_it_falls_due(self):
        campaign = self._start_goal()
        self._happens("order_confirmed", self.lead)
        nag = self.env["crm.campaign.task"].create(
            {
                "participant_id": self._of(campaign, self.lead).id,
                "campaign_id": campaign.id,
                "step_id": self.nag.id,
                "date_planned": self._now(),
            }
        )
        self._run()

        self.assertEqual(nag.state, "skipped")
        self.assertEqual(nag.reason, "The goal “Ordered” was reached.")
        self.assertEqual(self._of(campaign, self.lead).state, "running")

    def test_who_goes_through_another_tree_does_not_jump(self):
        """Trap D18: steps that were drawn for others are none of theirs."""
        campaign = self._start_goal()
        self._tasks(campaign, self.rest)[0].unlink()
        for lead in self.leads:
            self._happens("order_confirmed", lead)

        self.assertEqual(
            campaign.participant_ids.filtered("goal_step_id").lead_id, self.lead_2
        )

    def test_only_those_events(self):
        campaign = self._start_goal(event_domain="[('amount', '>', 100)]")
        self._happens("order_confirmed", self.lead, amount=50)
        self._happens("order_confirmed", self.lead_2, amount=500)

        self.assertEqual(
            campaign.participant_ids.filtered("goal_step_id").lead_id, self.lead_2
        )

    def test_before_they_entered_does_not_count(self):
        campaign = self._start_goal(start=False)
        self._happens(
            "order_confirmed", self.lead, date=self._now() - timedelta(days=1)
        )
        campaign.action_start()
        self._run()

        self.assertFalse(campaign.participant_ids.goal_step_id)

    def test_condition(self):
        campaign = self._start_goal(
            goal_by="condition", condition="[('priority', '=', '3')]"
        )
        self.lead.priority = "3"
        self._run()

        self.assertEqual(
            campaign.participant_ids.filtered("goal_step_id").lead_id, self.lead
        )

    def test_score(self):
        model = self.env["crm.score.model"].search(
            [("target_model", "=", "crm.lead")], limit=1
        )
        threshold = self.env["crm.score.threshold"].create(
            {
                "model_id": model.id,
                "name": "Warm",
                "measure": "total",
                "min_points": 90,
            }
        )
        campaign = self._start_goal(goal_by="score", goal_threshold_id=threshold.id)
        self.env.cr.execute(
            "DELETE FROM crm_score WHERE lead_id = ANY(%s)", [self.leads.ids]
        )
        self.env["crm.score"].create(
            [
                {
                    "lead_id": lead.id,
                    "model_id": model.id,
                    "is_main": True,
                    "fit": points,
                    "total": points,
                    "grade": "A1",
                }
                for lead, points in ((self.lead, 90), (self.lead_2, 89))
            ]
        )
        self.env["crm.score.model"]._on_scores_changed("crm.lead", self.leads.ids, [])
        self._run()

        self.assertEqual(
            campaign.participant_ids.filtered("goal_step_id").lead_id, self.lead
        )

    def test_who_gets_there_waits_for_it(self):
        campaign = self._start_goal()
        self._pass(days=9)
        self._run()
        ida, ola = self._tasks(campaign, self.goal)
        self.assertEqual((ida.state, ola.state), ("planned", "planned"))

        self._happens("order_confirmed", self.lead)
        self._pass(days=3)
        self._run()

        self.assertEqual((ida.outcome, ola.outcome), ("yes", "no"))
        self.assertTrue(self._tasks(campaign, self.insist))

    def test_reached_after_the_time_counts_and_moves_nobody(self):
        campaign = self._start_goal()
        self._pass(days=9)
        self._run()
        self._pass(days=3)
        self._run()
        before = self._steps_of(campaign, self.lead)

        self._happens("order_confirmed", self.lead)

        self.assertEqual(self._of(campaign, self.lead).goal_step_id, self.goal)
        self.assertEqual(self._steps_of(campaign, self.lead), before)
        self.assertIn("Goal “Ordered” · reached", self._of(campaign, self.lead).journey)

    def test_goals_do_not_lead_back(self):
        campaign = self._start_goal(
            start=False, goal_by="condition", condition="[('priority', '=', '3')]"
        )
        later = self._add_step(
            campaign,
            "goal",
            self.thank,
            name="Paid",
            goal_by="event",
            event_kind_ids=[Command.set(self._kind("invoice_paid").ids)],
            goal_counts=False,
        )
        self._add_step(campaign, "wait", later, "yes", name="Afterwards")
        campaign.action_start()
        self._run()
        self._happens("invoice_paid", self.lead)
        self.lead.priority = "3"
        self._run()

        ida = self._of(campaign, self.lead)
        self.assertEqual(ida.jump_step_id, later)
        self.assertEqual(ida.goal_step_id, self.goal, "the one that counts")
        self.assertNotIn(
            "Ordered", [name for name, *_how in self._steps_of(campaign, self.lead)]
        )

    def test_comes_before_what_ends_it(self):
        campaign = self._start_goal(start=False)
        campaign.exit_on_bought = True
        campaign.action_start()
        self._run()
        self._happens("order_confirmed", self.lead)

        ida = self._of(campaign, self.lead)
        self.assertEqual(ida.goal_step_id, self.goal)
        self.assertEqual(ida.exit_reason, "bought")

    def test_shown_before_the_start(self):
        """Trap D18: what a goal will stop is said."""
        self.lead.priority = "3"
        campaign = self._start_goal(
            start=False, goal_by="condition", condition="[('priority', '=', '3')]"
        )
        self.assertEqual(self.goal.goal_meeting_count, 1)
        self.assertEqual(
            campaign.goal_note,
            "One person already meets the goal “Ordered” and would jump there at once.",
        )
        self.assertEqual(self.goal.goal_stops, "Rest, Nag")

        campaign.action_start()
        self._run()
        self.assertFalse(campaign.goal_note)
        self.assertEqual(
            self._steps_of(campaign, self.lead)[-1], ("Thank", "planned", False)
        )

    def test_statements_do_not_grow_with_the_people(self):
        counts = []
        # the first one warms up what is cached
        for number in (2, 3, 30):
            leads = self._create_leads(number, email_from=False)
            self.leads = leads
            campaign = self._start_goal()
            touchpoints = self.env["crm.touchpoint"].create(
                [
                    {
                        "kind_id": self._kind("order_confirmed").id,
                        "date": self._now(),
                        "lead_id": lead.id,
                        "res_model": "crm.lead",
                        "res_id": lead.id,
                        "occurrence": "many",
                    }
                    for lead in leads
                ]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["crm.touchpoint"]._on_harvested(touchpoints.ids)
            counts.append(self.env.cr.sql_log_count - before)
            self.env.invalidate_all()
            self.assertEqual(campaign.goal_reached_count, number)
            campaign.action_stop()
        self.assertLess(counts[2] - counts[1], 3, "ten times as many people")

    def test_problems(self):
        for values, message in (
            ({"event_kind_ids": []}, "choose what has to happen"),
            ({"goal_by": "condition"}, "say what the goal is"),
            ({"goal_by": "score"}, "choose the score"),
        ):
            with self.subTest(message), self.assertRaisesRegex(UserError, message):
                self._start_goal(**values)

    def test_users_only_look(self):
        campaign = self._start_goal()
        goal = self.goal.with_user(self.campaign_user)
        self.assertEqual(goal.goal_stops, "Rest, Nag")
        self.assertTrue(campaign.with_user(self.campaign_user).has_goal)
        with self.assertRaises(AccessError):
            goal.name = "Mine"
        with self.assertRaises(AccessError):
            self._of(campaign, self.lead).with_user(self.campaign_manager).write(
                {"goal_step_id": self.goal.id}
            )

    def test_copies(self):
        copied = self._start_goal().copy()
        goal = copied.step_ids.filtered(lambda s: s.kind == "goal")
        self.assertEqual(goal.event_kind_ids, self.goal.event_kind_ids)
        self.assertEqual(goal.goal_stops, "Rest, Nag")
