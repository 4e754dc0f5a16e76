from datetime import timedelta
from unittest import SkipTest
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.crm_campaigns.models.campaign.steps.step_coupon import CouponKind

from .test_campaign_steps import RUN_LOG, StepCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignCoupon(StepCommon):
    def test_missing_app_is_said(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "coupon")
        if step.has_coupons:
            self.assertEqual(step._get_problems(), ["choose the coupon program."])
        else:
            self.assertIn("Coupons & Loyalty", step._get_problems()[0])
        with self.assertRaises(UserError):
            campaign.action_start()

    def test_program_that_has_gone_skips(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "coupon", on_failure="continue")
        with patch.object(CouponKind, "get_problems", lambda kind: []):
            campaign.action_start()

        self._run()

        tasks = self._tasks(campaign, step)
        self.assertEqual(tasks.mapped("state"), ["skipped"] * 2)
        self.assertIn("not there any more", tasks[0].reason)

    def test_code_of_the_last_coupon(self):
        """What mails can tell: of the record, and of its campaign."""
        campaign, step = self._start("wait")
        other, other_step = self._start("wait", self.lead)
        tasks = self._tasks(campaign, step)
        tasks._set_coupons({tasks[0].id: "A-1", tasks[1].id: "A-2"})
        task = self._tasks(other, other_step)
        tasks._set(date_done=fields.Datetime.now() - timedelta(days=1))
        task._set_coupons({task.id: "B-1"})
        task._set(date_done=fields.Datetime.now())
        self.leads.invalidate_recordset()

        self.assertEqual(self.leads.mapped("campaign_coupon_code"), ["B-1", "A-2"])
        with self.assertRaises(AccessError):
            self.lead.with_user(self.seller).read(["campaign_coupon_code"])


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignCouponPrograms(StepCommon):
    """With the app that has the programs, where it is installed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "loyalty.program" not in cls.env:
            raise SkipTest("the app with coupon programs is not installed")
        cls.program = cls.env["loyalty.program"].create(
            {
                "name": "Ten per cent",
                "program_type": "coupons",
                "company_id": cls.company.id,
                "reward_ids": [(0, 0, {"discount": 10})],
            }
        )

    def _get_cards(self):
        return self.env["loyalty.card"].search(
            [("program_id", "=", self.program.id)], order="id"
        )

    def test_each_person_gets_a_coupon_and_mails_tell_it(self):
        self.lead_2.partner_id = self.customer_2
        campaign = self._create_campaign(self.leads)
        step = self._add_step(
            campaign, "coupon", coupon_program=str(self.program.id), coupon_days=14
        )
        self._add_step(
            campaign,
            "mail",
            step,
            body='<p>Code <t t-out="object.campaign_coupon_code"/>'
            '<a href="/unsubscribe_from_list">Unsubscribe</a></p>',
        )
        campaign.action_start()

        self._run()

        cards = self._get_cards()
        self.assertEqual(len(cards), 2)
        tasks = self._tasks(campaign, step)
        self.assertEqual(set(tasks.mapped("coupon_code")), set(cards.mapped("code")))
        card = cards.filtered("partner_id")
        self.assertEqual(card.partner_id, self.customer_2)
        today = fields.Date.context_today(step)
        self.assertEqual(set(cards.mapped("points")), {1.0})
        self.assertEqual(card.expiration_date, today + timedelta(days=14))
        self.assertEqual(len(cards.history_ids), 2)
        bodies = {mail["email_to"][0]: mail["body"] for mail in self._mails}
        for task in tasks:
            [body] = [
                body
                for email, body in bodies.items()
                if task.participant_id.email in email
            ]
            self.assertIn(task.coupon_code, body)
        self.assertIn(
            f"code {tasks[0].coupon_code}",
            campaign.participant_ids[0].journey + campaign.participant_ids[1].journey,
        )

    def test_one_call_for_the_batch(self):
        leads = self._create_leads(20)
        for i, lead in enumerate(leads):
            lead.email_from = f"k{i}@many.example"
        self._start("coupon", leads, coupon_program=str(self.program.id))
        Card = self.env.registry["loyalty.card"]
        create = Card.create
        calls = []

        def count(records, vals_list):
            calls.append(len(vals_list))
            return create(records, vals_list)

        with patch.object(Card, "create", count):
            self._run(1)

        self.assertEqual(calls, [20])

    @mute_logger(RUN_LOG, "odoo.sql_db")
    def test_failure_gives_no_coupon(self):
        campaign, step = self._start("coupon", coupon_program=str(self.program.id))
        Task = self.env.registry["crm.campaign.task"]
        set_coupons = Task._set_coupons

        def refuse(tasks, codes):
            set_coupons(tasks, codes)
            if any(task.participant_id.lead_id == self.lead for task in tasks):
                raise ValueError("Not this one")

        with patch.object(Task, "_set_coupons", refuse):
            self._run(1)

        self.assertEqual(
            self._tasks(campaign, step).mapped("state"), ["planned", "done"]
        )
        self.assertEqual(len(self._get_cards()), 1)

    def test_what_is_missing_is_said(self):
        foreign = self.program.copy({"company_id": self.company_2.id})
        archived = self.program.copy({"active": False})
        ended = self.program.copy({"date_to": "2020-01-01"})
        for program, problem in (
            (foreign, "another company"),
            (archived, "is archived"),
            (ended, "has ended"),
        ):
            with self.subTest(problem), self.assertRaisesRegex(UserError, problem):
                self._start("coupon", coupon_program=str(program.id))

    def test_copy_gives_the_same(self):
        campaign = self._create_campaign(self.leads)
        self._add_step(campaign, "coupon", coupon_program=str(self.program.id))

        self.assertEqual(campaign.copy().step_ids.coupon_program, str(self.program.id))

    def test_no_way_to_give_what_one_may_not(self):
        campaign = self._create_campaign(self.leads)

        with self.assertRaises(AccessError):
            self._add_step_as(
                self.campaign_manager,
                campaign,
                kind="coupon",
                coupon_program=str(self.program.id),
            )
