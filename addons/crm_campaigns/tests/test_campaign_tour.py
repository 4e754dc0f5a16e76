from odoo.tests import HttpCase, new_test_user, tagged

from .common import CampaignCommon


@tagged("post_install", "-at_install", "crm_campaigns_tour")
class TestMarketerTour(CampaignCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.marketer = new_test_user(
            cls.env,
            login="marketer",
            groups="crm_campaigns.crm_campaigns_group_manager,"
            "sales_team.group_sale_salesman_all_leads",
            email="marketer@test.example.com",
        )
        cls.lead = cls.env["crm.lead"].create(
            {"name": "Ida Brandt", "email_from": "ida@brandt.example"}
        )
        segment = cls.env["crm.segment"].create(
            {
                "name": "Tour segment",
                "domain": repr([("id", "=", cls.lead.id)]),
                "user_id": cls.env.ref("base.user_root").id,
                "company_id": False,
            }
        )
        segment._refresh()

    def test_marketer_builds_and_starts_a_campaign(self):
        self.start_tour("/odoo", "crm_campaigns_marketer", login="marketer")

        campaign = self.env["crm.campaign"].search([("name", "=", "Tour campaign")])
        self.assertEqual(campaign.state, "running")
        self.assertEqual(campaign.user_id, self.marketer)
        self.assertEqual(
            campaign.step_ids.mapped("name"),
            ["Welcome mail", "Reads it?", "Call them", "Reminder"],
        )
        self.assertEqual(
            campaign.step_ids.mapped("branch"), ["next", "next", "yes", "no"]
        )
        self.assertIn("Good to see you", campaign.step_ids[0].mailing_id.body_html)
        self.assertEqual(campaign.participant_ids.lead_id, self.lead)

    def test_marketer_draws_a_journey(self):
        self.start_tour("/odoo", "crm_campaigns_canvas", login="marketer")

        campaign = self.env["crm.campaign"].search([("name", "=", "Drawn campaign")])
        self.assertEqual(campaign.state, "running")
        self.assertEqual(
            [(s.name, s.parent_id.name, s.branch) for s in campaign.step_ids],
            [
                ("Welcome mail", False, "next"),
                ("Reads it?", "Welcome mail", "next"),
                ("Call them", "Reads it?", "yes"),
                ("Reminder", "Call them", "next"),
            ],
        )
        self.assertEqual(campaign.step_ids[2].activity_summary, "Ask what they drink")

    def test_marketer_from_the_first_step_to_the_stop(self):
        """Draws, mends, looks before the start, starts, watches, changes and stops."""
        self.start_tour("/odoo", "crm_campaigns_story", login="marketer", timeout=240)

        campaign = self.env["crm.campaign"].search([("name", "=", "Told campaign")])
        self.assertEqual(campaign.state, "running")
        self.assertEqual(campaign.user_id, self.marketer)
        self.assertEqual(
            [(s.name, s.parent_id.name, s.branch) for s in campaign.step_ids],
            [
                ("Welcome mail", False, "next"),
                ("Reads it?", "Welcome mail", "next"),
                ("Call them", "Reads it?", "yes"),
                ("Reminder", "Reads it?", "no"),
            ],
        )
        self.assertIn("still warm", campaign.step_ids[3].mailing_id.body_html)
        self.assertEqual(campaign.participant_ids.lead_id, self.lead)
        # neither the dry run nor the test has done anything
        self.assertFalse(campaign.step_ids.mailing_id.mailing_trace_ids)

        self._run()
        self.assertEqual(self._recipients(), ["ida@brandt.example"])
        self.start_tour(
            f"/odoo/campaigns/{campaign.id}",
            "crm_campaigns_story_goes_on",
            login="marketer",
            timeout=240,
        )

        self.assertEqual(campaign.state, "stopped")
        self.assertEqual(campaign.step_ids[2].activity_summary, "Ask what they drink")
        self._run()
        # started again it went on, and sent nothing twice
        self.assertEqual(
            self._states(campaign), [("Welcome mail", "done"), ("Reads it?", "planned")]
        )
        self.assertEqual(campaign.participant_count, 1)
