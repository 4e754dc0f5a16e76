from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_campaign_exit_rules import WATCH_LOG
from .test_campaign_goal import GoalCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestWinner(GoalCommon):
    """A split of two ways, a mail on each, gone long ago by so many people each."""

    next_id = 900_000_000

    def _start_split(self, count=120, **values):
        campaign = self._create_campaign(self.leads)
        self.split = self._add_step(
            campaign,
            "split_random",
            way_ids=[Command.create({"name": name}) for name in "AB"],
            **{"winner_by": "goal", "winner_people": 100, **values},
        )
        self.goal = self._add_step(
            campaign,
            "goal",
            self.split,
            "way",
            way_id=self.split.way_ids[0].id,
            event_kind_ids=[Command.set(self._kind("order_confirmed").ids)],
        )
        self.mails = [
            self._add_step(
                campaign, "mail", self.split, "way", way_id=way.id, name=way.name
            )
            for way in self.split.way_ids
        ]
        campaign.action_start()
        # not those of the audience
        self._tasks(campaign).unlink()
        campaign.participant_ids.unlink()
        self.gone = {
            way: self._go_way(campaign, way, count) for way in self.split.way_ids
        }
        return campaign

    def _go_way(self, campaign, way, count, days=7):
        date = self._now() - timedelta(days=days)
        first = self.next_id
        type(self).next_id += count
        participants = self.env["crm.campaign.participant"].create(
            [
                {
                    "campaign_id": campaign.id,
                    "res_model": "crm.lead",
                    # deleted since: their figures stay
                    "res_id": first + i,
                    "date_entered": date,
                    "date_left": date,
                    "state": "done",
                }
                for i in range(count)
            ]
        )
        self.env["crm.campaign.task"].create(
            [
                {
                    "participant_id": participant.id,
                    "campaign_id": campaign.id,
                    "step_id": self.split.id,
                    "state": "done",
                    "outcome": "way",
                    "way_id": way.id,
                    "date_planned": date,
                    "date_done": date,
                }
                for participant in participants
            ]
        )
        return participants

    def _reach(self, *counts):
        for way, count in zip(self.split.way_ids, counts, strict=True):
            self.gone[way][:count].write(
                {"goal_step_id": self.goal.id, "goal_date": self._now()}
            )

    def _decide(self):
        self.split._decide()
        self.env.invalidate_all()

    # ------------------------------------------------------------
    # Found
    # ------------------------------------------------------------

    def test_for_sure(self):
        campaign = self._start_split()
        self._reach(10, 40)

        campaign.date_watched = False
        self._look()

        way_a, way_b = self.split.way_ids
        self.assertEqual(self.split.winner_way_id, way_b)
        self.assertEqual(self.split.winner_how, "sure")
        self.assertTrue(way_b.is_winner)
        self.assertIn("better for sure", self.split.winner_table)
        evidence = self.split.winner_evidence
        self.assertEqual([way["total"] for way in evidence["ways"]], [10, 40])
        self.assertTrue(evidence["is_significant"])
        self.assertIn("everybody new goes", campaign.message_ids[0].body)
        # everybody new goes there; who went another way stays there
        campaign._enrol_by_hand(self.leads.ids)
        self._run()
        new = self._tasks(campaign, self.split).filtered(
            lambda task: task.participant_id.lead_id in self.leads
        )
        self.assertEqual(new.way_id, way_b)
        self.assertEqual(len(new), 2)
        stayed = self._tasks(campaign, self.split).filtered(
            lambda task: task.way_id == way_a
        )
        self.assertEqual(len(stayed), 120)

    def test_split_that_cannot_decide_stops_no_other(self):
        campaign = self._start_split()
        self._reach(10, 40)
        other = self._create_campaign(self.leads, name="Other")
        split = self._add_step(
            other,
            "split_random",
            way_ids=[Command.create({"name": name}) for name in "AB"],
            winner_by="goal",
        )
        self._add_step(
            other,
            "goal",
            split,
            "way",
            way_id=split.way_ids[0].id,
            event_kind_ids=[Command.set(self._kind("order_confirmed").ids)],
        )
        other.action_start()
        self.assertLess(campaign.id, other.id)
        Step = self.env.registry["crm.campaign.step"]
        decide = Step._decide
        order = []

        def _decide(step):
            order.append(step)
            if step == self.split:
                step.env.cr.execute("SELECT 1 / 0")
            decide(step)

        (campaign + other).date_watched = False
        with (
            patch.object(Step, "_decide", _decide),
            mute_logger("odoo.sql_db", WATCH_LOG),
        ):
            self._look()

        self.assertEqual(order, [self.split, split], "the other one too")
        self.assertIn("division by zero", campaign.watch_error)
        self.assertIn(self.split.name, campaign.watch_error)
        self.assertFalse(other.watch_error)

        campaign.date_watched = False
        self._look()
        self.assertTrue(self.split.winner_way_id)
        self.assertFalse(campaign.watch_error)

    def test_evidence_is_kept(self):
        self._start_split()
        self._reach(10, 40)
        self._decide()
        table = self.split.winner_table
        self._reach(100, 40)

        self.assertEqual(self.split.winner_table, table)

    def test_not_for_sure_goes_on(self):
        campaign = self._start_split()
        self._reach(20, 25)
        self._decide()

        self.assertFalse(self.split.winner_way_id)
        self.assertIn("may be chance", self.split.winner_table)
        self.assertEqual(self.split.winner_looks, 1)
        # looked again when twice as many have gone
        self._reach(20, 60)
        self._decide()
        self.assertEqual(self.split.winner_looks, 1)
        for way in self.split.way_ids:
            self._go_way(campaign, way, 80)
        self._decide()
        self.assertEqual(self.split.winner_way_id.name, "B")
        self.assertEqual(self.split.winner_evidence["limit"], 0.025)

    def test_not_for_sure_takes_the_best(self):
        self._start_split(winner_unsure="best")
        self._reach(20, 25)
        self._decide()

        self.assertEqual(self.split.winner_way_id.name, "B")
        self.assertEqual(self.split.winner_how, "best")
        self.assertIn("may be chance", self.split.winner_table)

    def test_nobody_did_anything(self):
        self._start_split(winner_unsure="best")
        self._decide()
        self.assertFalse(self.split.winner_way_id)

    def test_too_few(self):
        self._start_split(count=20, winner_people=10)
        self._reach(0, 20)
        self._decide()

        self.assertFalse(self.split.winner_way_id)
        self.assertIn("Too few people", self.split.winner_table)

    def test_time_to_answer(self):
        """Who went a way a moment ago does not count yet."""
        self._start_split(winner_hours=24 * 8)
        self._reach(10, 60)
        self._decide()

        self.assertFalse(self.split.winner_looks)
        self.assertIn("Nobody has gone", self.split.winner_table)

    def test_after_some_days(self):
        self._start_split(winner_after="days", winner_days=8)
        self._reach(10, 40)
        self._decide()
        self.assertFalse(self.split.winner_way_id)

        self.split.winner_days = 7
        self._decide()
        self.assertEqual(self.split.winner_way_id.name, "B")

    # ------------------------------------------------------------
    # By what
    # ------------------------------------------------------------

    def _send(self, way, answered, clicked=0, machines=0):
        """They got the mail of their way; some answered, clicked, or their scanner."""
        mail = self.mails[list(self.split.way_ids).index(way)]
        now = self._now()
        gone = self.gone[way]
        tasks = self.env["crm.campaign.task"].create(
            [
                {
                    "participant_id": participant.id,
                    "campaign_id": mail.campaign_id.id,
                    "step_id": mail.id,
                    "state": "done",
                    "date_planned": now,
                    "date_done": now,
                }
                for participant in gone
            ]
        )
        traces = self.env["mailing.trace"].create(
            [
                {
                    "mass_mailing_id": mail.mailing_id.id,
                    "crm_campaign_task_id": task.id,
                    "model": "crm.lead",
                    "res_id": task.participant_id.res_id,
                    "email": f"p{task.id}@x.example",
                    "trace_status": "reply" if i < answered else "sent",
                    "reply_datetime": now if i < answered else False,
                }
                for i, task in enumerate(tasks)
            ]
        )
        # the last one came back
        traces[-1].trace_status = "bounce"
        link = self._create_link(mail.mailing_id, f"https://x.example/{way.name}")
        self.env["link.tracker.click"].create(
            [
                {
                    "link_id": link.id,
                    "mailing_trace_id": trace.id,
                    "machine_reason": "agent" if i >= clicked else False,
                }
                for i, trace in enumerate(traces[: clicked + machines])
            ]
        )

    def test_by_answers(self):
        self._start_split(winner_by="replies")
        way_a, way_b = self.split.way_ids
        self._send(way_a, answered=30)
        self._send(way_b, answered=5)

        ways = self.split._get_way_figures()

        self.assertEqual([(w.count, w.total) for w in ways], [(119, 30), (119, 5)])

    def test_by_clicks_of_people(self):
        self._start_split(winner_by="clicks")
        way_a, way_b = self.split.way_ids
        self._send(way_a, 0, clicked=10, machines=60)
        self._send(way_b, 0, clicked=40)

        ways = self.split._get_way_figures()

        self.assertEqual([(w.count, w.total) for w in ways], [(119, 10), (119, 40)])

    def test_by_what_they_were_invoiced(self):
        self._start_split(count=3, winner_by="revenue")
        way_a, way_b = self.split.way_ids
        for way, sign in ((way_a, 1), (way_b, -1)):
            leads = self._create_leads(2, email_from=False)
            for participant, lead in zip(self.gone[way][:2], leads, strict=True):
                participant.lead_id = lead
            self._invoice_lead(leads[0], 100)
            self._invoice_lead(leads[1], 40 * sign)

        ways = self.split._get_way_figures()

        self.assertEqual([w.count for w in ways], [3, 3])
        self.assertEqual([w.total for w in ways], [140, 60])
        self.assertEqual([w.squares for w in ways], [11600, 11600])
        # money is for those who may see it
        self.assertIn("140", self.split.with_user(self.env.user).winner_table)
        table = self.split.with_user(self.campaign_manager).winner_table
        self.assertNotIn("140", table)
        with self.assertRaises(AccessError):
            self.split.with_user(self.campaign_manager).read(["winner_evidence"])

    def _invoice_lead(self, lead, amount):
        """An invoice, or a credit note, of a lead as the timeline tells it."""
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice" if amount > 0 else "out_refund",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Coffee",
                            "quantity": 1,
                            "price_unit": abs(amount),
                            "tax_ids": False,
                        }
                    )
                ],
            }
        )
        move.action_post()
        self._harvest_queued()
        self.env.cr.execute(
            "UPDATE crm_touchpoint SET lead_id = %s, commercial_partner_id = NULL"
            " WHERE res_model = 'account.move' AND res_id = %s",
            [lead.id, move.id],
        )

    # ------------------------------------------------------------
    # By hand
    # ------------------------------------------------------------

    def test_by_hand(self):
        campaign = self._start_split(winner_after="hand")
        self._reach(10, 40)
        campaign.date_watched = False
        self._look()
        self.assertFalse(self.split.winner_way_id, "nobody has said so")
        way_a = self.split.way_ids[0].with_user(self.campaign_manager)

        way_a.action_win()

        self.assertEqual(self.split.winner_way_id, way_a)
        self.assertEqual(self.split.winner_user_id, self.campaign_manager)
        self.assertIn("“A” has won", self.split._get_kind().get_text())
        self.assertIn("“B” is better for sure", self.split.winner_table)
        self.split.with_user(self.campaign_manager).action_split_again()
        self.assertFalse(self.split.winner_way_id)

    def test_users_decide_nothing(self):
        self._start_split()
        way = self.split.way_ids[0].with_user(self.campaign_user)
        with self.assertRaises(AccessError):
            way.action_win()
        with self.assertRaises(AccessError):
            self.split.with_user(self.campaign_user).action_split_again()
        self.assertTrue(self.split.with_user(self.campaign_user).winner_table)

    def test_copies_start_anew(self):
        campaign = self._start_split()
        self.split.way_ids[0].action_win()
        copied = campaign.copy().step_ids.filtered(lambda s: s.kind == "split_random")

        self.assertEqual(copied.winner_by, "goal")
        self.assertFalse(copied.winner_way_id)

    def test_a_goal_is_needed(self):
        campaign = self._create_campaign(self.leads)
        self._add_step(
            campaign,
            "split_random",
            winner_by="goal",
            way_ids=[Command.create({"name": name}) for name in "AB"],
        )
        with self.assertRaisesRegex(UserError, "no goal that could decide"):
            campaign.action_start()

    def test_figures_are_one_statement(self):
        self._start_split(count=10)
        for by in ("clicks", "replies", "goal", "revenue"):
            self.split.winner_by = by
            self.env.flush_all()
            # read before
            self.split.mapped("way_ids")
            self.split.mapped("company_id")
            with self.subTest(by), self.assertQueryCount(1):
                self.split._get_way_figures()
