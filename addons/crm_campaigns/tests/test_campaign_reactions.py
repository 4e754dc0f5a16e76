from datetime import datetime, timedelta
from unittest.mock import patch

from dateutil.relativedelta import relativedelta

from odoo.tests import Form, freeze_time, tagged

from ..tools.dry_run import Crowd
from .test_campaign_goal import GoalCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestWaitMail(GoalCommon):
    """Mail ─ Wait for a reaction ─┬─ if so:  So
    └─ if not: Not so
    """

    def _start_waiting(self, reaction="opened", **values):
        campaign = self._create_campaign(self.leads)
        mail = self._add_step(campaign, "mail", name="Mail")
        wait = self._add_step(
            campaign,
            "wait_mail",
            mail,
            name="Wait",
            reaction=reaction,
            delay_count=3,
            **values,
        )
        self._add_step(campaign, "wait", wait, "yes", name="So")
        self._add_step(campaign, "wait", wait, "no", name="Not so")
        campaign.action_start()
        self._run()
        self.assertEqual(self._tasks(campaign, wait).mapped("state"), ["planned"] * 2)
        return campaign, self._tasks(campaign, mail).trace_ids

    def _went(self, campaign, lead):
        return [
            name
            for name, _state, _outcome in self._steps_of(campaign, lead)
            if name in ("So", "Not so")
        ]

    def _check_reaction(self, reaction, react):
        campaign, traces = self._start_waiting(reaction)

        react(traces[0])
        self._run()
        self.assertEqual(self._went(campaign, self.lead), ["So"])
        self.assertEqual(self._went(campaign, self.lead_2), [], "still waits")

        self._pass(days=3)
        self._run()
        self.assertEqual(self._went(campaign, self.lead), ["So"])
        self.assertEqual(self._went(campaign, self.lead_2), ["Not so"])
        return campaign

    def test_opened(self):
        campaign = self._check_reaction("opened", lambda trace: trace.set_opened())
        ida = self._of(campaign, self.lead)
        self.assertIn("Wait · opened", ida.journey)
        ola = self._of(campaign, self.lead_2)
        self.assertIn("Wait · not opened in time", ola.journey)

    def test_clicked(self):
        self._check_reaction("clicked", self._click_trace)

    def _click_trace(self, trace):
        self._click(trace.crm_campaign_task_id)

    def test_replied(self):
        self._check_reaction("replied", lambda trace: trace.set_replied())

    def test_bounced(self):
        self._check_reaction("bounced", lambda trace: trace.set_bounced())

    def test_opened_by_a_machine_is_not_opened(self):
        """Trap D1: scanners open everything, at once."""
        campaign, traces = self._start_waiting()
        self.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 3600)

        traces.set_opened()
        self._run()

        self.assertEqual(traces.mapped("trace_status"), ["open"] * 2, "raw: kept")
        self.assertEqual(self._went(campaign, self.lead), [])

    def test_clicked_by_a_machine_is_not_clicked(self):
        """Trap D1: scanners follow all links."""
        campaign, traces = self._start_waiting("clicked")
        self.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 3600)

        self._click_trace(traces[0])
        self._run()

        self.assertTrue(traces[0].links_click_datetime, "raw: kept")
        self.assertEqual(self._went(campaign, self.lead), [])

    def test_automatic_answer_is_no_reply(self):
        """Trap D4."""
        campaign, traces = self._start_waiting("replied")

        traces[0].with_context(crm_campaigns_machine_mail=True).set_replied()
        self._run()

        self.assertEqual(self._went(campaign, self.lead), [])

    def test_reaction_before_the_wait_counts(self):
        campaign = self._create_campaign(self.leads)
        mail = self._add_step(campaign, "mail", name="Mail")
        rest = self._add_step(campaign, "wait", mail)
        wait = self._add_step(campaign, "wait_mail", rest, reaction="opened")
        self._add_step(campaign, "wait", wait, "yes", name="So")
        campaign.action_start()
        self._run()
        self._tasks(campaign, mail).trace_ids[0].set_opened()

        self._pass(days=2)
        self._run()

        self.assertEqual(self._went(campaign, self.lead), ["So"])

    def test_block_for_a_bounce_ends_no_journey_that_waits_for_it(self):
        campaign, traces = self._start_waiting("bounced")
        other = self._create_campaign(self.leads, name="Other")
        self._add_step(other, "wait")
        other.action_start()

        traces[0].set_bounced()
        self.env["mail.blacklist"].with_context(crm_campaigns_bounce=True)._add(
            "ida@brandt.example"
        )
        # who asks for it leaves all the same
        self.env["mail.blacklist"]._add("ola@nowak.example")
        self._run()

        self.assertEqual(self._went(campaign, self.lead), ["So"])
        self.assertEqual(self._of(campaign, self.lead).state, "running")
        self.assertEqual(self._of(campaign, self.lead_2).exit_reason, "opt_out")
        self.assertEqual(other.participant_ids.mapped("exit_reason"), ["opt_out"] * 2)

    def test_chosen_mail_not_the_nearest(self):
        campaign = self._create_campaign(self.lead)
        first = self._add_step(campaign, "mail", name="First")
        rest = self._add_step(campaign, "wait", first)
        second = self._add_step(campaign, "mail", rest, name="Second")
        wait = self._add_step(campaign, "wait_mail", second, reaction="clicked")
        self.assertEqual(wait._get_step_meant(), second)
        self.assertEqual(
            wait._get_kind().get_text(), "a link of “Second” is clicked, within 1 day"
        )

        wait.of_step_id = first
        self.assertEqual(wait._get_step_meant(), first)
        copied = campaign.copy().step_ids.filtered(lambda s: s.kind == "wait_mail")
        self.assertEqual(copied.of_step_id.name, "First")
        self.assertEqual(copied.of_step_id.campaign_id, copied.campaign_id)

        rest.parent_id = False
        first.parent_id = wait
        self.assertIn("no mail before it", wait._get_problems()[0])

    def test_form_asks_what_it_waits_for(self):
        campaign = self._create_campaign(self.lead)
        mail = self._add_step(campaign, "mail")
        Step = self.env["crm.campaign.step"].with_context(
            default_campaign_id=campaign.id, default_parent_id=mail.id
        )
        with Form(Step) as form:
            form.kind = "wait_mail"
            form.name = "Bounced?"
            form.reaction = "bounced"
            form.delay_count = 2
            form.delay_unit = "weeks"
        step = form.record
        self.assertEqual(step.delay_minutes, 2 * 7 * 24 * 60)
        self.assertEqual(step._get_kind().get_text(), "“mail” bounces, within 2 weeks")

    def test_what_is_known_of_text_messages(self):
        campaign = self._create_campaign(self.lead)
        text = self._add_step(campaign, "sms", sms_body="Hello")
        wait = self._add_step(campaign, "wait_mail", text, reaction="opened")
        self.assertIn("of text messages only", wait._get_problems()[0])
        for reaction in ("clicked", "bounced", "delivered"):
            wait.reaction = reaction
            self.assertFalse(wait._get_problems())


@tagged("post_install", "-at_install", "crm_campaigns")
class TestWaitActivity(GoalCommon):
    def _start_waiting(self):
        campaign = self._create_campaign(self.leads)
        call = self._add_step(campaign, "activity", name="Call")
        wait = self._add_step(
            campaign, "wait_activity", call, name="Called?", delay_count=5
        )
        self._add_step(campaign, "wait", wait, "yes", name="So")
        self._add_step(campaign, "wait", wait, "no", name="Not so")
        campaign.action_start()
        self._run()
        return campaign

    def test_done_and_not_done(self):
        campaign = self._start_waiting()
        activity = self.lead.activity_ids
        self.assertEqual(
            activity.crm_campaign_task_id.participant_id, self._of(campaign, self.lead)
        )

        # a seller, who sees no journeys
        self.lead.user_id = self.seller
        activity.user_id = self.seller
        activity.with_user(self.seller).action_feedback("They are glad")
        self._run()
        self.assertIn(("So", "planned", None), self._ways(campaign, self.lead))
        self.assertNotIn("Not so", str(self._ways(campaign, self.lead)))
        self.assertIn("Called? · done", self._of(campaign, self.lead).journey)

        self._pass(days=5)
        self._run()
        self.assertIn("Not so", str(self._ways(campaign, self.lead_2)))
        self.assertNotIn("So", [way[0] for way in self._ways(campaign, self.lead_2)])

    def _ways(self, campaign, lead):
        return [
            (name, state, outcome or None)
            for name, state, outcome in self._steps_of(campaign, lead)
        ]

    def test_deleted_is_not_done(self):
        campaign = self._start_waiting()
        self.lead.activity_ids.unlink()
        self._run()
        self.assertNotIn("So", [way[0] for way in self._ways(campaign, self.lead)])

        self._pass(days=5)
        self._run()
        self.assertIn("Not so", str(self._ways(campaign, self.lead)))

    def test_another_activity_of_the_record_does_not_count(self):
        campaign = self._start_waiting()
        other = self.lead.activity_schedule(
            "mail.mail_activity_data_call", summary="Another"
        )
        other.action_feedback()
        self._run()

        self.assertNotIn("So", [way[0] for way in self._ways(campaign, self.lead)])

    def test_no_activity_before_it(self):
        campaign = self._create_campaign(self.leads)
        wait = self._add_step(campaign, "wait_activity")
        self.assertIn("no step before it plans", wait._get_problems()[0])

    def test_done_activities_ask_nobody_where_nothing_waits(self):
        """What every seller does all day costs no statement."""
        activity = self.lead.activity_schedule("mail.mail_activity_data_call")
        with patch.object(
            type(self.env["crm.campaign"]),
            "_get_watching_ids",
            side_effect=AssertionError,
        ):
            activity.action_feedback()


@tagged("post_install", "-at_install", "crm_campaigns")
class TestLongDelays(GoalCommon):
    def test_weeks_and_months(self):
        campaign = self._create_campaign(self.leads)
        weeks = self._add_step(campaign, "wait", delay_count=2, delay_unit="weeks")
        months = self._add_step(campaign, "wait", delay_count=1, delay_unit="months")
        self.assertEqual(weeks._get_kind().get_text(), "2 weeks")
        self.assertEqual(months._get_kind().get_text(), "1 month")
        self.assertFalse(months._get_problems())
        campaign.action_start()

        for step, delay in (
            (weeks, timedelta(weeks=2)),
            (months, relativedelta(months=1)),
        ):
            for task in self._tasks(campaign, step):
                entered = task.participant_id.date_entered
                self.assertEqual(task.date_planned, entered + delay)

        months.campaign_id.action_stop()
        months.delay_count = 13
        self.assertIn("more than a year", months._get_warnings()[0])

    @freeze_time("2027-01-31 10:00:00")
    def test_a_month_after_the_last_day_is_the_last_day(self):
        """The database counts as the dry run does."""
        campaign = self._create_campaign(self.lead)
        step = self._add_step(campaign, "wait", delay_count=1, delay_unit="months")
        crowd = Crowd(None, step, {1: datetime(2027, 1, 31, 10)})
        [later] = crowd.later(step.delay_minutes, step.delay_months).values()
        self.assertEqual(later, datetime(2027, 2, 28, 10))

        campaign.action_start()

        task = self._tasks(campaign, step)
        task.participant_id.date_entered = datetime(2027, 1, 31, 10)
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT %s + 1 * interval '1 month'", [task.participant_id.date_entered]
        )
        self.assertEqual(self.env.cr.fetchone()[0], later)

    def test_no_delay_is_said(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "wait", delay_count=0, delay_unit="months")
        self.assertIn("say how long", step._get_problems()[0])
