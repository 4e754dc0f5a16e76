from collections import Counter
from datetime import date, datetime, timedelta

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import BaseCase, tagged
from odoo.tools import mute_logger

from odoo.addons.crm_campaigns.tools.split import choose_way
from odoo.addons.crm_campaigns.tools.wait_until import get_zone, next_moment

from ..models.campaign.steps.step_wait_until import WaitUntilKind
from .test_campaign_steps import StepCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestTools(BaseCase):
    def test_next_moment(self):
        monday = datetime(2026, 3, 2, 7, 30, 20)
        cases = [
            ("later today", monday, "UTC", 9, (), datetime(2026, 3, 2, 9)),
            ("this minute", monday, "UTC", 7.5, (), datetime(2026, 3, 2, 7, 30)),
            ("tomorrow", monday, "UTC", 7, (), datetime(2026, 3, 3, 7)),
            ("where they live", monday, "Asia/Tokyo", 9, (), datetime(2026, 3, 3, 0)),
            ("on Friday", monday, "UTC", 9, (4,), datetime(2026, 3, 6, 9)),
            ("next Monday", monday, "UTC", 7, (0,), datetime(2026, 3, 9, 7)),
            (
                "after the weekend",
                datetime(2026, 3, 6, 12),
                "UTC",
                9,
                (0, 1, 2, 3, 4),
                datetime(2026, 3, 9, 9),
            ),
            (
                "summer time begins: 02:30 is left out",
                datetime(2026, 3, 28, 12),
                "Europe/Berlin",
                2.5,
                (),
                datetime(2026, 3, 29, 1, 30),
            ),
            (
                "summer time ends: 02:30 comes twice",
                datetime(2026, 10, 24, 12),
                "Europe/Berlin",
                2.5,
                (),
                datetime(2026, 10, 25, 0, 30),
            ),
        ]
        for name, now, zone, hour, weekdays, expected in cases:
            with self.subTest(name):
                self.assertEqual(
                    next_moment(now, get_zone(zone), hour, weekdays), expected
                )

    def test_zones(self):
        self.assertEqual(get_zone(None, "Asia/Tokyo").key, "Asia/Tokyo")
        self.assertEqual(get_zone("Nowhere/Town", False).key, "UTC")

    def test_choice_is_sticky_and_fair(self):
        counts = Counter(choose_way(f"7:{i}@x.example", [1, 3]) for i in range(4000))

        self.assertEqual(set(counts), {0, 1})
        self.assertAlmostEqual(counts[1] / 4000, 0.75, delta=0.03)
        self.assertEqual(choose_way("a", [1, 1, 1]), choose_way("a", [1, 1, 1]))
        self.assertEqual(choose_way("a", [5]), 0)


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignWays(StepCommon):
    def _add_ways(self, kind, ways, **values):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(
            campaign, kind, way_ids=[Command.create(way) for way in ways], **values
        )
        return campaign, step

    # ------------------------------------------------------------
    # Ways
    # ------------------------------------------------------------

    def test_split_by_value(self):
        third = self._create_leads(email_from="third@many.example", priority="0")
        self.leads += third
        self.lead.priority = "3"
        self.lead_2.priority = "2"
        campaign, step = self._add_ways(
            "split_value",
            [{"name": "Hot", "value": "3"}, {"name": "Warm", "value": "high"}],
            split_field_id=self._get_field("priority").id,
        )
        hot, warm = step.way_ids
        self._add_step(campaign, "activity", step, "way", way_id=hot.id, name="Call")
        self._add_step(campaign, "wait", step, "way", way_id=warm.id, name="Rest")
        self._add_step(campaign, "wait", step, "no", name="Forget")
        self.assertEqual(
            [s.outline.strip() for s in campaign.step_ids],
            ["split_value", "↳ Hot: Call", "↳ Warm: Rest", "↳ If not: Forget"],
        )
        campaign.action_start()

        self._run()

        following = {
            task.participant_id.lead_id: task.step_id.name
            for task in self._tasks(campaign)
            if task.step_id != step
        }
        self.assertEqual(
            following, {self.lead: "Call", self.lead_2: "Rest", third: "Forget"}
        )
        ida = campaign.participant_ids.filtered(lambda p: p.lead_id == self.lead)
        self.assertIn("split_value · Hot", ida.journey)

    def test_split_by_chance_is_sticky(self):
        leads = self._create_leads(30)
        for i, lead in enumerate(leads):
            lead.email_from = f"s{i}@many.example"
        self.leads = leads
        campaign, step = self._add_ways(
            "split_random", [{"name": "A"}, {"name": "B", "weight": 2}]
        )
        campaign.action_start()
        self._run()
        tasks = self._tasks(campaign, step)
        before = {task.participant_id.res_id: task.way_id for task in tasks}
        self.assertEqual(set(before.values()), set(step.way_ids))

        tasks._set(state="reserved", outcome=None, way_id=None)
        campaign.participant_ids.write({"state": "running"})
        step._get_kind().run(tasks)

        self.assertEqual(
            {task.participant_id.res_id: task.way_id for task in tasks}, before
        )

    def test_copy_has_ways_of_its_own(self):
        campaign, step = self._add_ways("split_random", [{"name": "A"}, {"name": "B"}])
        self._add_step(campaign, "wait", step, "way", way_id=step.way_ids[1].id)

        copied = campaign.copy().step_ids

        self.assertEqual(copied[0].way_ids.mapped("name"), ["A", "B"])
        self.assertEqual(copied[1].way_id, copied[0].way_ids[1])
        self.assertFalse(copied.way_ids & step.way_ids)

    def test_new_step_goes_the_way_that_leads_nowhere(self):
        campaign, step = self._add_ways("split_random", [{"name": "A"}, {"name": "B"}])
        self._add_step(campaign, "wait", step, "way", way_id=step.way_ids[0].id)

        context = step.action_add_next()["context"]

        self.assertEqual(context["default_branch"], "way")
        self.assertEqual(context["default_way_id"], step.way_ids[1].id)

    def test_one_way_is_no_split(self):
        campaign, _step = self._add_ways("split_random", [{"name": "A"}])
        with self.assertRaisesRegex(UserError, "at least two"):
            campaign.action_start()

    # ------------------------------------------------------------
    # Ends
    # ------------------------------------------------------------

    def test_exit_ends_all_ways(self):
        campaign = self._create_campaign(self.lead)
        self._add_step(campaign, "wait", name="Rest")
        self._add_step(campaign, "exit", name="Over")
        campaign.action_start()

        self._run()

        self.assertEqual(
            sorted(self._states(campaign)), [("Over", "done"), ("Rest", "skipped")]
        )
        self.assertEqual(campaign.participant_ids.exit_reason, "step")

    def test_nothing_comes_after_the_end(self):
        campaign = self._create_campaign(self.lead)
        step = self._add_step(campaign, "exit")
        self._add_step(campaign, "wait", step)

        with self.assertRaisesRegex(UserError, "nothing can come after it"):
            campaign.action_start()

    def test_move_to_another_campaign(self):
        other = self._create_campaign(self._create_leads(), name="Other")
        self._add_step(other, "wait")
        campaign = self._create_campaign(self.leads)
        self._add_step(campaign, "move", move_campaign_id=other.id)
        campaign.action_start()
        self._run()
        self.assertEqual(
            set(self._tasks(campaign).mapped("reason")), {"“Other” does not run."}
        )

        again = campaign.copy()
        other.action_start()
        again.action_start()
        self._run()

        self.assertLessEqual(self.leads, other.participant_ids.lead_id)
        self.assertEqual(set(again.participant_ids.mapped("exit_reason")), {"moved"})

    def test_something_that_ends_it(self):
        kind = self.env["crm.touchpoint.kind"].search([], limit=1)
        campaign = self._create_campaign(
            self.leads, exit_kind_ids=[Command.set(kind.ids)]
        )
        self._add_step(campaign, "wait")
        campaign.action_start()

        self._happens(kind, self.lead)

        self.assertEqual(
            campaign.participant_ids.sorted("res_id").mapped("exit_reason"),
            ["event", False],
        )

    def _happens(self, kind, lead, **values):
        touchpoint = self.env["crm.touchpoint"].create(
            {
                "kind_id": kind.id,
                "date": self._now(),
                "lead_id": lead.id,
                "res_model": "crm.lead",
                "res_id": lead.id,
                "occurrence": "test",
                **values,
            }
        )
        self.env["crm.touchpoint"]._on_harvested(touchpoint.ids)
        self.env.invalidate_all()

    # ------------------------------------------------------------
    # Waiting
    # ------------------------------------------------------------

    def test_wait_for_something_to_happen(self):
        kind, other = self.env["crm.touchpoint.kind"].search([], limit=2)
        campaign = self._create_campaign(self.leads)
        step = self._add_step(
            campaign,
            "wait_event",
            event_kind_ids=[Command.set(kind.ids)],
            delay_count=2,
        )
        self._add_step(campaign, "activity", step, "yes", name="Thank")
        self._add_step(campaign, "wait", step, "no", name="Ask")
        campaign.action_start()
        self._happens(other, self.lead_2)
        self._happens(kind, self.lead_2, is_machine=True, occurrence="machine")
        self._happens(kind, self.lead)
        self._run()

        self.assertEqual(
            [(t.state, t.outcome) for t in self._tasks(campaign, step)],
            [("done", "yes"), ("planned", False)],
        )
        self.assertEqual(self._tasks(campaign, step)[0].reason, kind.display_name)
        self._pass(days=2)
        self._run()
        self.assertEqual(self._tasks(campaign, step)[1].outcome, "no")
        self.assertEqual(
            self._states(campaign)[2:], [("Thank", "done"), ("Ask", "planned")]
        )

    def _start_choosy(self, **values):
        """Waits two days for a touchpoint of at least 100."""
        kind = self.env["crm.touchpoint.kind"].search([], limit=1)
        campaign = self._create_campaign(self.leads)
        step = self._add_step(
            campaign,
            "wait_event",
            event_kind_ids=[Command.set(kind.ids)],
            event_domain="[('amount', '>=', 100)]",
            delay_count=2,
            **values,
        )
        self._add_step(campaign, "activity", step, "yes", name="Thank")
        self._add_step(campaign, "wait", step, "no", name="Ask")
        campaign.action_start()
        self._run()
        return campaign, step, kind

    def test_wait_for_some_events_only(self):
        campaign, step, kind = self._start_choosy()
        ida, ola = self._tasks(campaign, step)

        self._happens(kind, self.lead, amount=99, occurrence="less")
        self._happens(kind, self.lead_2, amount=99, occurrence="less")
        self._run()
        self.assertEqual((ida.state, ola.state), ("planned", "planned"))
        self.assertGreater(ida.date_planned, self._now(), "not even woken")

        self._happens(kind, self.lead, amount=100, occurrence="enough")
        self._run()
        self.assertEqual((ida.state, ida.outcome), ("done", "yes"))
        self._pass(days=2)
        self._run()
        self.assertEqual((ola.state, ola.outcome), ("done", "no"))
        self.assertEqual(
            sorted(self._states(campaign)[2:]), [("Ask", "planned"), ("Thank", "done")]
        )

    def test_steps_that_wait_for_any_are_not_kept_from_it(self):
        """Another step asks for a condition on the same kind."""
        _campaign, _step, kind = self._start_choosy()
        campaign = self._create_campaign(self.leads, name="Other")
        step = self._add_step(
            campaign, "wait_event", event_kind_ids=[Command.set(kind.ids)]
        )
        campaign.action_start()
        self._run()

        self._happens(kind, self.lead, amount=1)
        self._run()

        self.assertEqual(
            self._tasks(campaign, step).mapped("state"), ["done", "planned"]
        )

    def test_condition_that_changes_while_stopped_holds_at_once(self):
        campaign, step, kind = self._start_choosy()
        campaign.action_stop()
        step.event_domain = "[('amount', '>=', 10)]"
        # while it does not run
        self._happens(kind, self.lead, amount=10)
        campaign.action_start()
        self._run()

        self.assertEqual(
            self._tasks(campaign, step).mapped("state"), ["done", "planned"]
        )

    def test_broken_condition_does_not_undo_what_happens(self):
        campaign, step, kind = self._start_choosy()
        self.env.cr.execute(
            "UPDATE crm_campaign_step SET event_domain = %s WHERE id = %s",
            ["[('gone', '=', 1)]", step.id],
        )
        self.env.invalidate_all()

        self._happens(kind, self.lead, amount=500)
        self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("state"), ["planned"] * 2)
        self.assertIn("gone", step._get_kind().get_text())
        # the others learn of it when the time is up: nothing is taken for granted
        self._pass(days=2)
        self._run()
        tasks = self._tasks(campaign, step)
        self.assertFalse(tasks.filtered("outcome"))
        self.assertTrue(all(tasks.mapped("attempts")))

    def test_condition_on_what_happens_is_told(self):
        campaign, step, kind = self._start_choosy()

        for text in (
            campaign.get_canvas()["steps"][0]["text"],
            campaign.get_dry_run()["steps"][0]["text"],
        ):
            self.assertIn(kind.name, text)
            self.assertIn("100", text)
            self.assertIn("within 2 days", text)

        draft = campaign.browse(campaign.action_edit_version()["res_id"])
        self.assertEqual(draft.step_ids[0].event_domain, step.event_domain)
        draft.step_ids[0].event_domain = "[('amount', '>=', 200)]"
        self.assertIn("Only Those", str(draft._get_version_changes()))

    def test_condition_on_what_happens_reads_no_more_than_its_author_may(self):
        campaign = self._create_campaign(self.leads)
        for domain in ("[('gone', '=', 1)]", "[('amount_ledger', '>', 1)]"):
            with self.assertRaisesRegex(ValidationError, "does not work for"):
                self._add_step(campaign, "wait_event", event_domain=domain)

    def test_queries_of_waiting_for_some_events_only(self):
        """None more where nobody asks for it; the same for any number of events."""
        kind = self.env["crm.touchpoint.kind"].search([], limit=1)
        touchpoints = self.env["crm.touchpoint"].create(
            [
                {
                    "kind_id": kind.id,
                    "date": self._now(),
                    "lead_id": self.lead.id,
                    "amount": number,
                    "res_model": "crm.lead",
                    "res_id": self.lead.id,
                    "occurrence": f"test {number}",
                }
                for number in range(50)
            ]
        )
        Task = self.env["crm.campaign.task"].sudo()

        def count(ids):
            self.env.flush_all()
            Task._wake_happened(ids)  # what is cached for ever
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            Task._wake_happened(ids)
            return self.cr.sql_log_count - before

        self.assertEqual(count(touchpoints.ids), 1)
        self._start_choosy()
        one = count(touchpoints.ids[:1])
        self.assertLessEqual(one, 10)
        self.assertEqual(count(touchpoints.ids), one)

    def test_wait_until_an_hour_where_they_live(self):
        tokyo = self.env["res.partner"].create(
            {"name": "T", "tz": "Asia/Tokyo", "email": "ida@brandt.example"}
        )
        self.lead.partner_id = tokyo
        self.lead_2.partner_id = False
        campaign, step = self._start("wait_until", until_hour=9.0)
        self._run()

        there, here = self._tasks(campaign, step)
        now = self._now()
        own = self.company.resource_calendar_id.tz
        self.assertEqual(
            there.date_planned, next_moment(now, get_zone("Asia/Tokyo"), 9)
        )
        self.assertEqual(here.date_planned, next_moment(now, get_zone(own), 9))
        self.assertEqual((there.state, there.attempts), ("planned", 0))

        self._pass(days=1)
        self._run()
        self.assertEqual((there.state, here.state), ("done", "done"))
        self.assertEqual(campaign.participant_ids.mapped("state"), ["done"] * 2)

    def test_wait_until_a_date(self):
        day = date.today() + timedelta(days=10)
        self.lead.date_deadline = day
        self.lead_2.date_deadline = False
        campaign, step = self._start(
            "wait_until",
            until="date",
            until_field_id=self._get_field("date_deadline").id,
            until_days=-2,
            until_hour=0,
            until_tz="company",
        )
        self._run()

        later, none = self._tasks(campaign, step)
        zone = get_zone(self.company.resource_calendar_id.tz)
        expected = datetime.combine(
            day - timedelta(days=2), datetime.min.time(), tzinfo=zone
        )
        self.assertEqual(
            later.date_planned, expected.astimezone(get_zone()).replace(tzinfo=None)
        )
        self.assertEqual(none.state, "done", "what has no date does not wait")

    def test_days_after_a_date_are_days_where_they_live(self):
        """Over the night in which summer time begins it is the same hour."""
        self.customer_contact.tz = "Europe/Berlin"
        self.lead.write(
            {
                "partner_id": self.customer_contact.id,
                "date_deadline": date(2027, 3, 25),
                "date_open": datetime(2027, 3, 25, 8, 0),
            }
        )
        campaign = self._create_campaign(self.leads)
        for name, days, expected in (
            ("date_deadline", 7, datetime(2027, 4, 1, 7, 0)),
            ("date_deadline", 3, datetime(2027, 3, 28, 7, 0)),
            ("date_deadline", 0, datetime(2027, 3, 25, 8, 0)),
            ("date_open", 7, datetime(2027, 4, 1, 7, 0)),
            ("date_open", -7, datetime(2027, 3, 18, 8, 0)),
        ):
            with self.subTest(name, days=days):
                step = self._add_step(
                    campaign,
                    "wait_until",
                    until="date",
                    until_field_id=self._get_field(name).id,
                    until_days=days,
                    until_hour=9,
                )
                dates = WaitUntilKind(step)._get_dates({1: self.lead.id}, {})
                self.assertEqual(dates, {1: expected})

    def test_wait_until_somebody_works(self):
        calendar = self.env["resource.calendar"].create(
            {
                "name": "Never today",
                "tz": "UTC",
                "attendance_ids": [
                    Command.clear(),
                    Command.create(
                        {
                            "name": "One day",
                            "dayofweek": str((self._now().weekday() + 2) % 7),
                            "hour_from": 10,
                            "hour_to": 12,
                        }
                    ),
                ],
            }
        )
        campaign, step = self._start(
            "wait_until", until="work", until_calendar_id=calendar.id
        )
        self._run()

        day = self._now().date() + timedelta(days=2)
        self.assertEqual(
            set(self._tasks(campaign, step).mapped("date_planned")),
            {datetime.combine(day, datetime.min.time()) + timedelta(hours=10)},
        )

    def test_what_comes_too_late_is_skipped(self):
        campaign, step = self._start("activity", expire_hours=24, on_failure="continue")
        late, in_time = self._tasks(campaign, step)
        late.date_planned -= timedelta(hours=25)

        self._run()

        self.assertEqual((late.state, in_time.state), ("skipped", "done"))
        self.assertIn("Too late", late.reason)

    @mute_logger("odoo.addons.crm_campaigns.models.campaign.crm_campaign_task_run")
    def test_what_a_person_tries_again_is_not_too_late(self):
        action = self._create_action("1 / 0")
        campaign, step = self._start(
            "server_action",
            self.lead,
            expire_hours=24,
            on_failure="stop",
            server_action_id=action.id,
        )
        task = self._tasks(campaign, step)
        for _attempt in range(4):
            with mute_logger("odoo.sql_db"):
                self._run(1)
            self._pass(days=1)
        self.assertEqual(task.state, "failed")
        for name in ("date_due", "date_planned", "date_reserved"):
            task[name] -= timedelta(days=2)
        action.code = "records.write({'referred': 'done'})"

        task.action_retry()
        self._run()

        self.assertEqual(task.state, "done", task.reason)
        self.assertEqual(self.lead.referred, "done")

    # ------------------------------------------------------------
    # Merged
    # ------------------------------------------------------------

    def test_journey_follows_merged_leads(self):
        head = self._create_leads(email_from="ida@brandt.example")
        campaign, _step = self._start("wait", self.lead)

        merged = (head + self.lead).merge_opportunity()
        gone = (head + self.lead) - merged
        self.env.invalidate_all()
        self._pass(days=2)
        self._run()

        self.assertFalse(gone.exists())
        self.assertRecordValues(
            campaign.participant_ids,
            [{"state": "done", "lead_id": merged.id, "res_id": merged.id}],
        )

    def test_merged_leads_that_were_both_inside_go_on_once(self):
        campaign, _step = self._start("wait")

        merged = self.leads.merge_opportunity()
        self.env.invalidate_all()

        self.assertEqual(set(campaign.participant_ids.mapped("res_id")), {merged.id})
        self.assertEqual(
            sorted(campaign.participant_ids.mapped("state")), ["exited", "running"]
        )
        self.assertEqual(sorted(campaign.participant_ids.mapped("number")), [1, 2])
        self.assertIn("merged", campaign.participant_ids.mapped("exit_reason"))

    def test_journey_follows_merged_contacts(self):
        self.customer.email = "one@brandt.example"
        self.customer_2.email = "one@brandt.example"
        campaign, _step = self._start("wait", self.customer)

        self.env["base.partner.merge.automatic.wizard"]._merge(
            (self.customer + self.customer_2).ids, self.customer_2
        )
        self.env.invalidate_all()

        self.assertRecordValues(
            campaign.participant_ids,
            [
                {
                    "state": "running",
                    "partner_id": self.customer_2.id,
                    "res_id": self.customer_2.id,
                }
            ],
        )
