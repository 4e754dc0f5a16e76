from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install", "crm_campaigns_tour")
class TestMarketerTour(HttpCase):
    def test_marketer_builds_and_starts_a_campaign(self):
        marketer = new_test_user(
            self.env,
            login="marketer",
            groups="crm_campaigns.crm_campaigns_group_manager,"
            "sales_team.group_sale_salesman_all_leads",
            email="marketer@test.example.com",
        )
        lead = self.env["crm.lead"].create(
            {"name": "Ida Brandt", "email_from": "ida@brandt.example"}
        )
        segment = self.env["crm.segment"].create(
            {
                "name": "Tour segment",
                "domain": repr([("id", "=", lead.id)]),
                "user_id": self.env.ref("base.user_root").id,
                "company_id": False,
            }
        )
        segment._refresh()

        self.start_tour("/odoo", "crm_campaigns_marketer", login="marketer")

        campaign = self.env["crm.campaign"].search([("name", "=", "Tour campaign")])
        self.assertEqual(campaign.state, "running")
        self.assertEqual(campaign.user_id, marketer)
        self.assertEqual(
            campaign.step_ids.mapped("name"),
            ["Welcome mail", "Reads it?", "Call them", "Reminder"],
        )
        self.assertEqual(
            campaign.step_ids.mapped("branch"), ["next", "next", "yes", "no"]
        )
        self.assertIn("Good to see you", campaign.step_ids[0].mailing_id.body_html)
        self.assertEqual(campaign.participant_ids.lead_id, lead)
