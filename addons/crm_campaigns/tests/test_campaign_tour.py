from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install", "crm_campaigns_tour")
class TestMarketerTour(HttpCase):
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
