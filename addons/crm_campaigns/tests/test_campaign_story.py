from datetime import timedelta

from odoo.tests import tagged
from odoo.tools import html2plaintext

from .common import CampaignCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignStory(CampaignCommon):
    """The journey of one person, told with reasons."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls._create_leads(1)
        cls.lead.email_from = "Ida <ida@brandt.example>"

    def _story(self, campaign):
        self.env.flush_all()
        self.env.invalidate_all()
        participant = campaign.participant_ids.with_user(self.campaign_user)
        return html2plaintext(participant.journey)

    def test_why_they_are_in_it(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()

        self.assertIn("Joins a segment “Audience”", self._story(campaign))

    def test_put_in_by_hand(self):
        campaign = self._create_journey(
            self.lead, entry="manual", model_id=self.env["ir.model"]._get_id("crm.lead")
        )
        campaign.action_start()
        campaign.sudo()._enrol_by_hand(self.lead.ids)

        self.assertIn("put in by hand", self._story(campaign))

    def test_by_what_happened(self):
        kind = self.env["crm.touchpoint.kind"].search([("code", "=", "call_done")])
        campaign = self._create_journey(
            self.lead,
            entry="touchpoint",
            model_id=self.env["ir.model"]._get_id("crm.lead"),
            entry_kind_ids=kind.ids,
        )
        campaign.action_start()
        touchpoint = (
            self.env["crm.touchpoint"]
            .sudo()
            .create(
                {
                    "kind_id": kind.id,
                    "name": "About the grind",
                    "date": self._now(),
                    "lead_id": self.lead.id,
                    "res_model": "crm.lead",
                    "res_id": self.lead.id,
                    "occurrence": "story",
                }
            )
        )
        self.env["crm.touchpoint"].sudo()._on_harvested(touchpoint.ids)

        self.assertIn("About the grind", self._story(campaign))

    def test_what_comes_next_and_what_may_follow(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        self._run()

        story = self._story(campaign)

        self.assertIn("Next: Click? · A link of “Mail 1”, within 3 days", story)
        self.assertIn("then clicked: Call; no click in time: Mail 2", story)
        self.assertIn("Mail 1 · sent", story)

    def test_why_that_way(self):
        self.campaign_manager.group_ids += self.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )
        campaign = self._create_campaign(self.lead)
        fork = self._add_step(
            campaign,
            "condition",
            name="Known?",
            condition="[('contact_name', '!=', False)]",
        )
        self._add_step(campaign, "wait", fork, "no", name="Rest")
        campaign.action_start()
        self._run()

        story = self._story(campaign)

        self.assertIn("Known? · If not: Contact Name", story)
        self.assertIn("Next: Rest · 2 days", story)

    def test_why_put_off(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        task = campaign.participant_ids.task_ids
        task._defer(self._now() + timedelta(hours=9), "Outside the hours to send")
        self.env["crm.contact.decision"].sudo().create(
            {
                "res_model": "crm.lead",
                "res_id": self.lead.id,
                "lead_id": self.lead.id,
                "company_id": self.company.id,
                "channel": "email",
                "origin_model": "crm.campaign.step",
                "origin_id": self.mail.id,
                "outcome": "defer",
                "reason": "window",
                "date": self._now(),
                "date_first": self._now(),
                "deferral_count": 3,
            }
        )

        story = self._story(campaign)

        self.assertIn(
            "Next: Mail 1 · put off until then: Outside the hours to send", story
        )
        self.assertIn("Mail 1 · put off 3 times", story)

    def test_a_stopped_campaign_is_told(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        campaign.action_stop()

        self.assertIn("the campaign is stopped", self._story(campaign))

    def test_machines_are_named(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        self._run()
        self._click(self._tasks(campaign, self.mail), machine_reason="agent")

        self.assertIn("(by a machine)", self._story(campaign))

    def test_success_and_what_ended_it(self):
        won = self.env["crm.touchpoint.kind"].search([("code", "=", "call_done")])
        campaign = self._create_journey(
            self.lead, exit_kind_ids=won.ids, result_kind_ids=won.ids
        )
        campaign.action_start()
        campaign.participant_ids.date_entered -= timedelta(days=1)
        touchpoint = (
            self.env["crm.touchpoint"]
            .sudo()
            .create(
                {
                    "kind_id": won.id,
                    "name": "They want the box",
                    "date": self._now(),
                    "lead_id": self.lead.id,
                    "res_model": "crm.lead",
                    "res_id": self.lead.id,
                    "occurrence": "story",
                }
            )
        )
        self.env["crm.touchpoint"].sudo()._on_harvested(touchpoint.ids)

        story = self._story(campaign)

        self.assertRegex(story, "Success: .*They want the box")
        self.assertRegex(story, "Left the campaign: .*They want the box")

    def test_skipped_tells_why(self):
        self.env["mail.blacklist"].sudo()._add("ida@brandt.example")
        campaign = self._create_journey(self.lead, exit_on_opt_out=False)
        campaign.action_start()
        self._run()

        self.assertIn("Mail 1 · skipped: ", self._story(campaign))
