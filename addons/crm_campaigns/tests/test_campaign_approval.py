from lxml import etree

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from .common import CampaignCommon


@tagged("post_install", "-at_install", "crm_campaigns_trust")
class TestCampaignApproval(CampaignCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leads = cls.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {number}",
                    "email_from": f"l{number}@brandt.example",
                    "city": "Approval",
                }
                for number in range(5)
            ]
        )
        cls.second = new_test_user(
            cls.env,
            login="campaign_second",
            groups="crm_campaigns.crm_campaigns_group_manager",
            company_id=cls.company.id,
            email="second@test.example.com",
        )
        cls.company.crm_campaigns_approval_limit = 5
        segment = cls._create_segment(cls.leads, domain="[('city', '=', 'Approval')]")
        cls.campaign = cls._create_journey(segment=segment)
        cls.mine = cls.campaign.with_user(cls.campaign_manager)
        cls.theirs = cls.campaign.with_user(cls.second)

    def _activities(self, user):
        return self.env["mail.activity"].search(
            [
                ("res_model", "=", "crm.campaign"),
                ("res_id", "=", self.campaign.id),
                ("user_id", "=", user.id),
            ]
        )

    def _ask(self):
        wizard = Form(
            self.env["crm.campaign.start"]
            .with_user(self.campaign_manager)
            .with_context(default_campaign_id=self.campaign.id)
        )
        wizard.note = "Spring sale"
        start = wizard.save()
        self.assertTrue(start.needs_approval)
        start.action_ask()

    def _decide(self, state, reason="", user=None):
        wizard = (
            self.env["crm.campaign.approve"]
            .with_user(user or self.second)
            .create({"campaign_id": self.campaign.id, "reason": reason})
        )
        getattr(wizard, f"action_{state}")()

    def test_a_small_campaign_needs_none(self):
        self.company.crm_campaigns_approval_limit = 6
        self.mine.action_start()
        self.assertEqual(self.campaign.state, "running")

    def test_without_a_limit_nobody_is_asked(self):
        self.company.crm_campaigns_approval_limit = 0
        self.mine.action_start()
        self.assertEqual(self.campaign.state, "running")

    def test_a_large_one_does_not_start_without(self):
        with self.assertRaisesRegex(UserError, "5 people would enter"):
            self.mine.action_start()

    def test_somebody_else_approves_and_it_starts(self):
        self._ask()
        self.assertEqual(self.campaign.approval_state, "asked")
        [activity] = self._activities(self.second)
        self.assertIn("5 people", activity.summary)
        self.assertFalse(self._activities(self.campaign_manager))
        self.assertTrue(self.theirs.can_approve)
        self.assertFalse(self.mine.can_approve)
        with self.assertRaises(UserError):
            self.mine.action_start()

        self._decide("approve", "Fine")

        self.assertEqual(self.campaign.approval_state, "approved")
        self.assertFalse(self._activities(self.second))
        self.mine.action_start()
        self.assertEqual(self.campaign.state, "running")
        self.assertRecordValues(
            self.campaign.approval_ids,
            [
                {
                    "state": "approved",
                    "user_id": self.campaign_manager.id,
                    "decided_by_id": self.second.id,
                    "people_count": 5,
                    "note": "Spring sale",
                    "reason": "Fine",
                    "is_current": True,
                }
            ],
        )

    def test_nobody_approves_their_own(self):
        self._ask()
        with self.assertRaises(AccessError):
            self._decide("approve", user=self.campaign_manager)

    def test_unless_the_company_says_so(self):
        self.company.crm_campaigns_approval_self = True
        self._ask()
        self._decide("approve", user=self.campaign_manager)
        self.mine.action_start()
        self.assertEqual(self.campaign.state, "running")

    def test_a_refusal_has_a_reason_and_is_kept(self):
        self._ask()
        with self.assertRaisesRegex(UserError, "Say why"):
            self._decide("refuse")
        self._decide("refuse", "Too many mails this month")
        self.assertEqual(self.campaign.approval_state, "refused")
        with self.assertRaises(UserError):
            self.mine.action_start()
        self.assertIn(
            "Too many mails", self.campaign.message_ids.mapped("body").__str__()
        )

        self._ask()
        self.assertEqual(
            self.campaign.approval_ids.sorted("id").mapped("state"),
            ["refused", "asked"],
        )

    def test_changed_steps_need_a_new_one(self):
        self._ask()
        self._decide("approve")
        for change in (
            lambda: self.mail.write({"subject": "Something else"}),
            lambda: self.wait.write({"delay_count": 9}),
            self.mail_2.unlink,
            lambda: self.campaign.write({"reentry": "after_exit"}),
            lambda: self.campaign.segment_id.write({"domain": "[('id', '>', 0)]"}),
        ):
            with self.env.cr.savepoint() as savepoint:
                change()
                self.env.invalidate_all()
                self.assertEqual(self.campaign.approval_state, "changed")
                with self.assertRaises(UserError):
                    self.mine.action_start()
                savepoint.rollback()
            self.env.invalidate_all()
            self.assertEqual(self.campaign.approval_state, "approved")

    def test_what_changed_while_it_was_asked_is_not_approved(self):
        self._ask()
        self.mail.subject = "Something else"
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "have changed"):
            self._decide("approve")

    def test_a_running_campaign_lets_no_others_enter(self):
        """Started for one, it would let all enter without anybody's approval."""
        self.company.crm_campaigns_approval_limit = 5
        self.campaign_manager.group_ids += self.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )
        one = repr([("id", "=", self.leads[0].id)])
        everybody = "[('city', '=', 'Approval')]"
        campaign = self.env["crm.campaign"].create(
            {
                "name": "Small",
                "entry": "domain",
                "entry_domain": one,
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "user_id": self.campaign_manager.id,
                "company_id": self.company.id,
            }
        )
        self._add_step(campaign, "wait")
        mine = campaign.with_user(self.campaign_manager)
        mine.action_start()
        self.assertEqual(len(campaign.participant_ids), 1)

        kind = self.env["crm.touchpoint.kind"].search([], limit=1)
        for values in (
            {"entry_domain": everybody},
            {"entry_kind_ids": [Command.link(kind.id)]},
            {"entry_days": 4},
            {"entry_direction": "fall"},
            {"dedupe": "record"},
            {"reentry": "after_days"},
        ):
            with self.subTest(values):
                with self.assertRaises(UserError) as error:
                    mine.write(values)
                self.assertIn("stop it before you change", str(error.exception))
        # what is as it was is no change, and the rest can change
        mine.write({"entry_domain": one, "entry_kind_ids": [], "name": "Little"})
        self.assertEqual(campaign.entry_domain, one)

        mine.action_stop()
        mine.entry_domain = everybody
        with self.assertRaisesRegex(UserError, "people would enter"):
            mine.action_start()
        self.assertEqual(len(campaign.participant_ids), 1)

    def test_what_the_form_locks_is_what_cannot_change(self):
        """And the other way round."""
        names = {
            name
            for name in self.env["crm.campaign"]._get_entering_fields()
            if name in self.env["crm.campaign"]._fields
        }
        arch = etree.fromstring(
            self.env["crm.campaign"]
            .with_user(self.campaign_manager)
            .get_view(view_type="form")["arch"]
        )
        for name in sorted(names):
            for node in arch.xpath(f"//field[@name='{name}'][not(ancestor::field)]"):
                with self.subTest(name):
                    self.assertIn(
                        node.get("readonly"), ("state == 'running'", "state != 'draft'")
                    )

    def test_many_more_people_need_a_new_one(self):
        self._ask()
        self._decide("approve")
        self.leads[0].copy({"email_from": "more@brandt.example"})
        self.campaign.segment_id._refresh()
        with self.assertRaisesRegex(UserError, "6 people"):
            self.mine.action_start()

    def test_nobody_is_there_to_approve(self):
        self.env.ref(
            "crm_campaigns.crm_campaigns_group_manager"
        ).user_ids = self.campaign_manager
        with self.assertRaisesRegex(UserError, "nobody else"):
            self.mine._ask_approval()

    def test_approvals_are_written_by_the_system_only(self):
        self._ask()
        approval = self.campaign.approval_ids
        with self.assertRaises(AccessError):
            approval.with_user(self.second).state = "approved"
        with self.assertRaises(AccessError):
            self.env["crm.campaign.approval"].with_user(self.campaign_manager).create(
                {
                    "campaign_id": self.campaign.id,
                    "state": "approved",
                    "user_id": self.second.id,
                    "date_asked": self._now(),
                }
            )

    def test_approvals_of_another_company_are_not_seen(self):
        self._ask()
        self.campaign.company_id = self.env["res.company"].create({"name": "Other"})
        self.assertFalse(
            self.env["crm.campaign.approval"]
            .with_user(self.second)
            .search([("campaign_id", "=", self.campaign.id)])
        )

    def test_dialogs_tell_nothing_of_campaigns_of_another_company(self):
        self._ask()
        self.campaign.company_id = self.env["res.company"].create({"name": "Other"})
        self.env.flush_all()
        for model, names in (
            ("crm.campaign.approve", ["note", "user_id", "people_count"]),
            ("crm.campaign.start", ["approval_state"]),
            ("crm.campaign.publish", ["approval_state", "origin_id"]),
        ):
            Dialog = self.env[model].with_user(self.second)
            dialog = Dialog.create({"campaign_id": self.campaign.id})
            for name in names:
                self.env.invalidate_all()
                with self.subTest(model, name=name), self.assertRaises(AccessError):
                    dialog.read([name])
