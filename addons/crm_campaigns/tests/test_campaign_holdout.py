from datetime import timedelta

import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged, users
from odoo.tools import SQL, format_amount, mute_logger

from ..tools import lift as lift_tools
from .common import CampaignCommon, CampaignMoneyCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignHoldout(CampaignCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.people = cls._create_leads(60)
        for number, lead in enumerate(cls.people):
            lead.email_from = f"person{number}@holdout.example"

    def _held_out(self, campaign):
        return campaign.participant_ids.filtered(lambda p: p.state == "held_out")

    # ------------------------------------------------------------
    # Who
    # ------------------------------------------------------------

    def test_held_out_get_nothing(self):
        campaign = self._create_journey(self.people, holdout_percent=30)

        campaign.action_start()
        self._run()

        held = self._held_out(campaign)
        others = campaign.participant_ids - held
        self.assertTrue(held)
        self.assertTrue(others)
        self.assertFalse(held.task_ids)
        self.assertEqual(len(self._mails), len(others))
        self.assertFalse(set(held.mapped("email")) & set(self._recipients()))
        self.assertEqual(campaign.held_out_count, len(held))
        self.assertEqual(campaign.running_count, len(others))

    def test_nobody_is_without_a_percentage(self):
        campaign = self._create_journey(self.people)

        campaign.action_start()

        self.assertFalse(self._held_out(campaign))

    def test_the_share_is_kept(self):
        """Of 20,000 made-up people; four standard errors at most beside it."""
        for percent in (0.5, 10, 50):
            campaign = self._create_campaign(self.people, holdout_percent=percent)
            [(share,)] = self.env.execute_query(
                SQL(
                    "SELECT avg((%s)::int)::float8"
                    " FROM generate_series(1, 20000) AS n(number)",
                    campaign._get_held_out_condition(
                        SQL("('p' || n.number || '@example.com')")
                    ),
                )
            )
            with self.subTest(percent=percent):
                error = (percent / 100 * (1 - percent / 100) / 20000) ** 0.5
                self.assertAlmostEqual(share, percent / 100, delta=4 * error)

    def test_the_same_people_each_time(self):
        campaign = self._create_journey(
            self.people, holdout_percent=50, reentry="after_days", reentry_days=1
        )
        campaign.action_start()
        first = set(self._held_out(campaign).mapped("email"))
        for participant in campaign.participant_ids:
            participant.write(
                {
                    "state": participant.state
                    if participant.state == "held_out"
                    else "done",
                    "date_entered": self._now() - timedelta(days=5),
                    "date_left": self._now() - timedelta(days=4),
                }
            )
        self.env.flush_all()

        campaign.sudo()._enrol_by_hand(self.people.ids)

        again = campaign.participant_ids.filtered(lambda p: p.number == 2)
        self.assertEqual(len(again), len(self.people))
        self.assertEqual(
            set(again.filtered(lambda p: p.state == "held_out").mapped("email")),
            first,
        )

    def test_other_people_in_another_campaign(self):
        held = []
        for _number in range(2):
            campaign = self._create_journey(self.people, holdout_percent=50)
            campaign.action_start()
            held.append(set(self._held_out(campaign).mapped("email")))

        self.assertNotEqual(*held)

    def test_steps_added_later_reach_no_one_held_out(self):
        campaign = self._create_journey(self.people, holdout_percent=50)
        campaign.action_start()
        campaign.action_stop()
        self._add_step(campaign, "activity", name="New")

        campaign.action_start()

        self.assertFalse(self._held_out(campaign).task_ids)

    def test_drawn_once(self):
        campaign = self._create_journey(self.people, holdout_percent=10)
        campaign.holdout_percent = 20
        campaign.action_start()

        with self.assertRaisesRegex(UserError, "was drawn"):
            campaign.holdout_percent = 30
        campaign.holdout_percent = 20

        self.assertEqual(campaign.copy().holdout_percent, 20)

    def test_not_everybody(self):
        for percent in (-1, 100):
            with (
                self.subTest(percent=percent),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.env.cr.savepoint(),
            ):
                self._create_campaign(self.people, holdout_percent=percent)
                self.env.flush_all()

    def test_told_in_the_story(self):
        campaign = self._create_journey(self.people, holdout_percent=50)
        campaign.action_start()

        self.assertIn("Held out", self._held_out(campaign)[0].journey)

    # ------------------------------------------------------------
    # What came of it
    # ------------------------------------------------------------

    def test_too_few_people_say_nothing(self):
        campaign = self._create_journey(self.people, holdout_percent=50)
        campaign.action_start()

        self.assertIn("Not enough people", campaign.goal_lift)
        self.assertFalse(self._create_journey(self.people).goal_lift)

    @users("campaign_user")
    def test_margin_is_not_for_everybody(self):
        campaign = self._create_journey(self.people, holdout_percent=50)
        campaign.action_start()
        mine = campaign.with_user(self.env.user)

        self.assertTrue(mine.read(["goal_lift"])[0]["goal_lift"])
        with self.assertRaises(AccessError):
            mine.read(["margin_lift"])
        Result = self.env["crm.campaign.result.report"]
        self.assertTrue(Result.search([("campaign_id", "=", campaign.id)]))
        with self.assertRaises(AccessError):
            Result.search([("campaign_id", "=", campaign.id)]).read(["margin"])


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignLift(CampaignMoneyCommon):
    """Success and margin of those in the campaign against those held out."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.buyers = cls._create_buyers(12)
        cls.campaign = cls._create_campaign(
            cls.buyers, holdout_percent=50, company_id=cls.company.id
        )
        cls._add_step(cls.campaign, "wait", name="Wait")
        cls.campaign.action_start()
        people = cls.campaign.participant_ids
        # drawn by their addresses; the test says who is who
        held = people.sorted("id")[:5]
        held.write({"state": "held_out"})
        (people - held).write({"state": "running"})
        people.write({"date_entered": cls._now() - timedelta(days=20)})
        cls.held, cls.treated = held, people - held
        cls.kind = cls.env["crm.touchpoint.kind"].search(
            [("code", "=", "order_confirmed")]
        )

    def _succeed(self, participant, days_ago=5, **values):
        partner = participant.partner_id
        self.env["crm.touchpoint"].sudo().create(
            {
                "kind_id": self.kind.id,
                "date": self._now() - timedelta(days=days_ago),
                "partner_id": partner.id,
                "commercial_partner_id": partner.commercial_partner_id.id,
                "company_id": self.company.id,
                "res_model": "res.partner",
                "res_id": partner.id,
                "occurrence": f"{participant.id} {days_ago}",
                **values,
            }
        )

    def _lift(self):
        self._commit()
        self.env.invalidate_all()
        self.patch(lift_tools, "MIN_PEOPLE", 1)
        return self.campaign.sudo()._get_lifts()[self.campaign]

    def _rows(self):
        self._commit()
        self.env.invalidate_all()
        rows = (
            self.env["crm.campaign.result.report"]
            .sudo()
            .search([("campaign_id", "=", self.campaign.id)])
        )
        return {row.participant_id: row for row in rows}

    def test_success_is_counted_on_both_sides(self):
        for participant in self.treated[:3] + self.held[:1]:
            self._succeed(participant)
        # twice is once
        self._succeed(self.treated[0], days_ago=4)
        # before, too late, a machine's
        self._succeed(self.treated[4], days_ago=25)
        self.campaign.result_days = 18
        self._succeed(self.treated[5], days_ago=1)
        self._succeed(self.treated[6], is_machine=True)

        goal, _margin = self._lift()

        self.assertEqual((goal.treated.n, goal.treated.successes), (7, 3))
        self.assertEqual((goal.held.n, goal.held.successes), (5, 1))

    def test_margin_is_net_of_credit_notes(self):
        """Ten pieces that cost 6: an invoice of 100 leaves 40."""
        treated, held = self.treated[0].partner_id, self.held[0].partner_id
        self._invoice(5, 100, partner=treated)
        invoice = self._invoice(5, 200, partner=self.treated[1].partner_id)
        # dated after what counts: it takes back from its invoice
        reversal = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"date": self.today, "journal_id": invoice.journal_id.id})
            .refund_moves()
        )
        self.env["account.move"].browse(reversal["res_id"]).action_post()
        self._invoice(5, 160, partner=held)
        # before, and after what counts
        self._invoice(30, 500, partner=treated)
        self.campaign.result_days = 19
        self._invoice(0, 500, partner=treated)

        _goal, margin = self._lift()

        self.assertAlmostEqual(margin.treated.mean * 7, 40)
        self.assertAlmostEqual(margin.held.mean * 5, 100)
        # 40 once and 0 six times
        self.assertAlmostEqual(margin.treated.variance, 40**2 / 7)
        rows = self._rows()
        self.assertAlmostEqual(rows[self.treated[0]].revenue, 100)
        self.assertAlmostEqual(rows[self.treated[1]].revenue, 0)
        self.assertAlmostEqual(rows[self.treated[0]].paid, 0)

    def test_paid_is_what_was_paid(self):
        invoice = self._invoice(5, 100, partner=self.treated[0].partner_id)
        self._pay(invoice, 1)

        self.assertAlmostEqual(self._rows()[self.treated[0]].paid, 100)

    def test_people_of_one_customer_share_an_invoice(self):
        partners = (self.treated[0] + self.treated[1]).partner_id
        partners.parent_id = self.customer
        self._invoice(5, 100, partner=self.customer)

        rows = self._rows()

        self.assertEqual(
            [rows[participant].revenue for participant in self.treated[:3]],
            [50, 50, 0],
        )

    def test_invoices_of_another_company_do_not_count(self):
        other = self._create_company(name="Other")
        self.env.user.company_ids |= other
        self._invoice(5, 100, partner=self.treated[0].partner_id)
        self.env.flush_all()
        # cannot be changed once people are in it
        self.env.cr.execute(
            "UPDATE crm_campaign SET company_id = %s WHERE id = %s",
            (other.id, self.campaign.id),
        )

        self.assertEqual(self._rows()[self.treated[0]].revenue, 0)

    def test_who_entered_twice_counts_once(self):
        self._succeed(self.treated[0])
        second = self.treated[0].copy(
            {"number": 2, "state": "done", "date_entered": self._now()}
        )
        self.assertTrue(second)

        goal, _margin = self._lift()

        self.assertEqual((goal.treated.n, goal.treated.successes), (7, 1))

    def test_told_in_words(self):
        self.patch(lift_tools, "MIN_PEOPLE", 1)
        self._succeed(self.treated[0])
        self._invoice(5, 100, partner=self.treated[0].partner_id)
        self._commit()
        self.env.invalidate_all()

        self.assertIn("1 of 7 people", self.campaign.goal_lift)
        self.assertIn("may be chance", self.campaign.goal_lift)
        self.assertRegex(
            self.campaign.goal_lift,
            r"\+14\.29 percentage points, with 95 % confidence between -.+ and \+",
        )
        self.assertIn("7 people", self.campaign.sudo().margin_lift)
        row = self.env["crm.campaign.report"].search(
            [("campaign_id", "=", self.campaign.id)]
        )
        # a seventh of the margin of the only one who bought, against nothing
        goal, margin = self._lift()
        self.assertRegex(row.lift, r"^\+.+ \(.+ to .+\)$")
        self.assertIn(
            format_amount(self.env, margin.difference, self.company.currency_id),
            row.margin_lift,
        )
        self.assertGreater(margin.difference, 0)
        self.assertFalse(goal.is_significant)

    def test_one_query_for_any_number(self):
        campaigns = self.campaign
        self.env.flush_all()
        self.campaign.sudo()._get_lifts()
        with self.assertQueryCount(1):
            self.campaign.sudo()._get_lifts()
        for _number in range(3):
            campaigns |= self.campaign.copy()
        campaigns.mapped("holdout_percent")
        self.env.flush_all()

        with self.assertQueryCount(1):
            lifts = campaigns.sudo()._get_lifts()

        self.assertEqual(len(lifts), 4)
