from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged, users

from .common import CampaignCommon


@tagged("post_install", "-at_install", "crm_campaigns_trust")
class TestCampaignWalk(CampaignCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls.env["crm.lead"].create(
            {
                "name": "Ida",
                "email_from": "ida@brandt.example",
                "city": "Lyon",
                "user_id": cls.seller.id,
            }
        )
        cls.company.crm_plus_contact_policy = False
        cls.campaign = cls._create_journey(cls.lead)
        cls.campaign_manager.group_ids += cls.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )

    def _walk(self, **choices):
        """``[(step, result or options)]`` for the lead."""
        walk = self.campaign.get_walk(
            self.lead.id,
            {str(getattr(self, name).id): way for name, way in choices.items()},
        )
        return [
            (step["name"], step["result"] or [o["key"] for o in step["options"]])
            for step in walk["steps"]
        ]

    @freeze_time("2026-03-02 10:00:00")
    @users("campaign_manager")
    def test_the_walk_stops_where_somebody_has_to_choose(self):
        campaign = self.campaign.with_user(self.env.user)
        walk = campaign.get_walk(self.lead.id)

        self.assertEqual([step["name"] for step in walk["steps"]], ["Mail 1", "Click?"])
        mail, click = walk["steps"]
        lines = {line["label"]: line for line in mail["preview"]}
        self.assertEqual(lines["To"]["value"], "ida@brandt.example")
        self.assertEqual(lines["Subject"]["value"], "Autumn roast")
        self.assertIn("Hello Ida", lines["Mail"]["html"])
        self.assertEqual([o["key"] for o in click["options"]], ["yes", "no"])
        self.assertEqual(walk["enters"], "")

    @freeze_time("2026-03-02 10:00:00")
    def test_what_the_person_does_leads_on(self):
        clicked = self._walk(wait="yes")
        self.assertEqual([name for name, _r in clicked], ["Mail 1", "Click?", "Call"])
        ignored = self._walk(wait="no")
        self.assertEqual([name for name, _r in ignored], ["Mail 1", "Click?", "Mail 2"])
        # the clock has moved: nobody clicks for three days
        self.assertIn("no click in time", ignored[1][1])
        self.assertRegex(ignored[1][1], r"0?3/0?5/2026|Mar 5")

    def test_nothing_is_done_and_nothing_leaves(self):
        """Trap D13: tests left traces, and blocked the run."""
        self._add_step(
            self.campaign,
            "update",
            self.call,
            name="Update",
            value_ids=[
                Command.create(
                    {
                        "field_id": self.env["ir.model.fields"]
                        ._get("crm.lead", "city")
                        .id,
                        "value": "Porto",
                    }
                )
            ],
        )
        activities = self.env["mail.activity"].search_count([])
        mails = self.env["mail.mail"].search_count([])

        walk = self.campaign.get_walk(self.lead.id, {str(self.wait.id): "yes"})

        call, update = walk["steps"][2:]
        self.assertIn("Call them", str(call["preview"]))
        self.assertIn(self.seller.name, str(call["preview"]))
        self.assertIn("Lyon →", update["preview"][0]["value"])
        self.assertEqual(self.lead.city, "Lyon")
        self.assertEqual(self.env["mail.activity"].search_count([]), activities)
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)
        self.assertFalse(self.campaign.participant_ids)

    def test_it_says_why(self):
        condition = self._add_step(
            self.campaign,
            "condition",
            self.call,
            name="Lyon?",
            condition="[('city', '=', 'Porto')]",
        )
        self._add_step(self.campaign, "wait", condition, "no", name="Rest")
        walk = self.campaign.get_walk(self.lead.id, {str(self.wait.id): "yes"})
        self.assertIn("does not hold", walk["steps"][3]["why"])
        self.assertEqual(walk["steps"][4]["name"], "Rest")

    def test_who_has_no_address_is_skipped(self):
        self.lead.email_from = False
        [(_name, result)] = self._walk()
        self.assertIn("No e-mail address", result)

    def test_it_says_who_would_not_enter(self):
        self.lead.action_set_lost()
        self.assertTrue(self.campaign.get_walk(self.lead.id)["enters"])

    def test_it_says_who_is_not_in_the_audience(self):
        other = self.lead.copy({"email_from": "other@brandt.example"})
        self.assertIn("not among", self.campaign.get_walk(other.id)["enters"])

    def test_who_would_be_held_out_is_told(self):
        # nearly everybody
        self.campaign.holdout_percent = 99.99

        walk = self.campaign.get_walk(self.lead.id)

        self.assertIn("Held out", walk["enters"])
        # and what would happen if not
        self.assertTrue(walk["steps"])

    def test_a_mail_that_cannot_be_written_says_so(self):
        self.mail.mailing_id.body_html = (
            '<p><t t-out="object.name.nothing()"/>'
            '<a href="/unsubscribe_from_list">No</a></p>'
        )
        [line] = self.campaign.get_walk(self.lead.id)["steps"][0]["preview"]
        self.assertTrue(line["is_error"])

    @users("campaign_manager")
    def test_the_mails_come_to_me(self):
        campaign = self.campaign.with_user(self.env.user)
        with self.mock_mail_gateway():
            sent = campaign.send_walk_mails(self.lead.id)
        self.assertEqual(sent["count"], 2)
        self.assertEqual(
            [(mail["email_to"][0], mail["subject"]) for mail in self._mails],
            [
                (self.env.user.email_formatted, "[Test 1/2] Autumn roast"),
                (self.env.user.email_formatted, "[Test 2/2] Still there?"),
            ],
        )
        self.assertIn("Hello Ida", self._mails[0]["body"])
        self.assertFalse(self.campaign.participant_ids)
        self.assertFalse(
            self.env["mailing.trace"].search([("res_id", "=", self.lead.id)])
        )

    @users("campaign_user")
    def test_who_reads_sends_nothing(self):
        with self.assertRaises(AccessError):
            self.campaign.with_user(self.env.user).send_walk_mails(self.lead.id)

    @users("campaign_user")
    def test_only_records_that_one_may_see(self):
        with self.assertRaises(AccessError):
            self.campaign.with_user(self.env.user).get_walk(self.lead.id)

    def test_a_deleted_record(self):
        lead_id = self.lead.id
        self.lead.unlink()
        with self.assertRaises(UserError):
            self.campaign.get_walk(lead_id)
