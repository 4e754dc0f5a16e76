from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_campaign_steps import RUN_LOG, StepCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignLeads(StepCommon):
    """Steps that create opportunities, and give records to salespeople."""

    def _get_created(self, campaign):
        return self.env["crm.lead"].search(
            [("campaign_id", "=", campaign.utm_campaign_id.id)], order="id"
        )

    def _create_many(self, number, **values):
        leads = self._create_leads(number, **values)
        for i, lead in enumerate(leads):
            lead.email_from = f"c{number}.{i}@many.example"
        return leads

    # ------------------------------------------------------------
    # Create
    # ------------------------------------------------------------

    def test_opportunity_for_each_person(self):
        team = self.env["crm.team"].create({"name": "Upsell", "company_id": False})
        tag = self.env["crm.tag"].create({"name": "Roast"})
        self.lead.contact_name = "Ida Brandt"
        self.lead_2.partner_id = self.customer_2
        self.lead_2.user_id = self.seller_2

        campaign, step = self._start(
            "create_lead",
            lead_name="{campaign} for {who}",
            lead_team_id=team.id,
            lead_tag_ids=[Command.set(tag.ids)],
            lead_note="<p>Call them</p>",
        )
        self._run()

        first, second = self._get_created(campaign)
        self.assertRecordValues(
            first + second,
            [
                {
                    "name": "Autumn for Ida Brandt",
                    "type": "opportunity",
                    "team_id": team.id,
                    "user_id": self.seller.id,
                    "tag_ids": tag.ids,
                    "email_normalized": "ida@brandt.example",
                    "contact_name": "Ida Brandt",
                    "company_id": self.company.id,
                },
                {
                    "name": f"Autumn for {self.customer_2.name}",
                    "type": "opportunity",
                    "team_id": team.id,
                    "user_id": self.seller_2.id,
                    "tag_ids": tag.ids,
                    "email_normalized": "biuro@nowak.example",
                    "contact_name": False,
                    "company_id": self.company.id,
                },
            ],
        )
        self.assertEqual(second.partner_id, self.customer_2)
        self.assertIn("Call them", first.description)
        self.assertIn("Campaign Autumn", first.description)
        self.assertIn(
            f"create_lead · done: for {self.seller.name}",
            campaign.participant_ids.filtered(lambda p: p.lead_id == self.lead).journey,
        )
        self.assertEqual(step._get_kind().get_text(), "Opportunity for Upsell")

    def test_lead_that_rules_will_assign(self):
        campaign, _step = self._start(
            "create_lead", lead_type="lead", lead_owner="rules"
        )

        self._run()

        created = self._get_created(campaign)
        self.assertEqual(created.mapped("type"), ["lead"] * 2)
        self.assertFalse(created.user_id)

    def test_for_somebody(self):
        campaign, _step = self._start(
            "create_lead", lead_owner="user", lead_user_id=self.seller_2.id
        )

        self._run()

        self.assertEqual(self._get_created(campaign).user_id, self.seller_2)

    def test_whoever_has_one_is_skipped(self):
        """By contact or address; what is lost, or of another team, does not count."""
        team, other = self.env["crm.team"].create(
            [{"name": "Mine", "company_id": False}, {"name": "Other"}]
        )
        leads = self.leads + self._create_many(2)
        third, fourth = leads[2:]
        values = {"team_id": team.id}
        self._create_leads(email_from="IDA@brandt.example", **values)
        self.lead_2.partner_id = self.customer_2
        self._create_leads(partner_id=self.customer_2.id, **values)
        self._create_leads(email_from=third.email_from, team_id=other.id)
        lost = self._create_leads(email_from=fourth.email_from, **values)
        lost.action_set_lost()

        campaign, step = self._start(
            "create_lead", leads, lead_team_id=team.id, on_failure="continue"
        )
        self._run()

        self.assertEqual(
            self._tasks(campaign, step).mapped("state"),
            ["skipped", "skipped", "done", "done"],
        )
        self.assertEqual(len(self._get_created(campaign)), 2)
        self.assertIn("already", self._tasks(campaign, step)[0].reason)

    def test_everybody_gets_one_where_that_is_said(self):
        self._create_leads(email_from="ida@brandt.example")

        campaign, _step = self._start("create_lead", lead_skip_open=False)
        self._run()

        self.assertEqual(len(self._get_created(campaign)), 2)

    def test_one_call_for_the_batch(self):
        leads = self._create_many(30)
        campaign, _step = self._start("create_lead", leads)
        Lead = self.env.registry["crm.lead"]
        create = Lead.create
        calls = []

        def count(records, vals_list):
            calls.append(len(vals_list))
            return create(records, vals_list)

        with patch.object(Lead, "create", count):
            self._run(1)

        self.assertEqual(calls, [30])
        self.assertEqual(len(self._get_created(campaign)), 30)

    def test_queries_before_the_call_do_not_grow(self):
        counts = []
        Lead = self.env.registry["crm.lead"]
        for number in (2, 3, 20):
            leads = self._create_many(number)
            campaign, step = self._start("create_lead", leads)
            tasks = self._tasks(campaign, step)
            tasks._set(state="reserved")
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            with patch.object(Lead, "create", lambda records, vals_list: records):
                tasks._run()
            counts.append(self.env.cr.sql_log_count - before)

        # fewer, where a cache is warm by then
        self.assertLessEqual(counts[2], counts[1])

    @mute_logger(RUN_LOG, "odoo.sql_db")
    def test_one_that_cannot_be_created_fails_alone(self):
        leads = self._create_many(8)
        leads[5].contact_name = "Bad"
        campaign, step = self._start("create_lead", leads)
        Lead = self.env.registry["crm.lead"]
        create = Lead.create

        def refuse(records, vals_list):
            if any("Bad" in vals.get("name", "") for vals in vals_list):
                raise ValueError("Not this one")
            return create(records, vals_list)

        with patch.object(Lead, "create", refuse):
            self._run(1)

        tasks = self._tasks(campaign, step)
        bad = tasks.filtered(lambda task: task.participant_id.lead_id == leads[5])
        self.assertEqual((bad.state, bad.reason), ("planned", "Not this one"))
        self.assertEqual(set((tasks - bad).mapped("state")), {"done"})
        self.assertEqual(len(self._get_created(campaign)), 7)

    def test_what_is_missing_is_said(self):
        foreign = self.env["crm.team"].create(
            {"name": "Theirs", "company_id": self.company_2.id}
        )
        for values, problem in (
            ({"lead_name": " "}, "what they are called"),
            ({"lead_owner": "user"}, "whose they are"),
            ({"lead_team_id": foreign.id}, "another company"),
        ):
            with self.subTest(problem), self.assertRaisesRegex(UserError, problem):
                self._start("create_lead", **values)

    def test_no_way_to_create_what_one_may_not(self):
        marketer = self.campaign_manager
        marketer.group_ids -= self.env.ref("sales_team.group_sale_salesman_all_leads")
        marketer.group_ids -= self.env.ref("sales_team.group_sale_salesman")
        campaign = self._create_campaign(self.leads)

        for kind in ("create_lead", "assign"):
            with self.subTest(kind), self.assertRaises(AccessError):
                self._add_step_as(marketer, campaign, kind=kind)

    # ------------------------------------------------------------
    # Assign
    # ------------------------------------------------------------

    def test_given_to_people_in_turn(self):
        leads = self._create_many(6, user_id=False)
        sellers = self.seller + self.seller_2

        campaign, step = self._start(
            "assign",
            leads,
            assign_by="people",
            assign_user_ids=[Command.set(sellers.ids)],
        )
        self._run()

        counts = leads.grouped("user_id")
        self.assertEqual(
            {user: len(some) for user, some in counts.items()},
            {self.seller: 3, self.seller_2: 3},
        )
        self.assertEqual(
            self._tasks(campaign, step).mapped("reason"),
            [lead.user_id.name for lead in leads],
        )

    def test_what_somebody_has_stays_theirs(self):
        self.lead.user_id = False
        values = {
            "assign_by": "people",
            "assign_user_ids": [Command.set(self.seller_2.ids)],
        }

        campaign, _step = self._start("assign", **values)
        self._run()
        self.assertEqual(self.lead.user_id, self.seller_2)
        self.assertEqual(self.lead_2.user_id, self.seller)
        self.assertIn(
            f"{self.seller.name} has it already",
            campaign.participant_ids.filtered(
                lambda p: p.lead_id == self.lead_2
            ).journey,
        )

        self._start("assign", assign_taken=True, **values)
        self._run()
        self.assertEqual(self.leads.user_id, self.seller_2)

    def test_given_by_the_rules(self):
        team = self.env["crm.team"].create(
            {
                "name": "Ruled",
                "company_id": False,
                "assignment_engine": "plus",
                "crm_team_member_ids": [Command.create({"user_id": self.seller_2.id})],
            }
        )
        self.env["crm.assignment.rule"].create(
            {"name": "All", "res_model": "crm.lead", "team_id": team.id}
        )
        leads = self._create_many(2, user_id=False, team_id=team.id)

        campaign, step = self._start("assign", leads)
        self._run()

        self.assertEqual(leads.user_id, self.seller_2)
        self.assertTrue(leads[0].assignment_log_ids)
        self.assertEqual(
            set(self._tasks(campaign, step).mapped("reason")), {self.seller_2.name}
        )

    def test_whom_no_rule_takes_waits_and_it_is_said(self):
        self.env["crm.assignment.rule"].search([]).active = False
        leads = self._create_many(1, user_id=False)

        campaign, step = self._start("assign", leads)
        self._run()

        self.assertFalse(leads.user_id)
        self.assertIn("nobody yet", self._tasks(campaign, step).reason)

    def test_one_write_for_each_person(self):
        leads = self._create_many(20, user_id=False)
        self._start(
            "assign",
            leads,
            assign_by="people",
            assign_user_ids=[Command.set((self.seller + self.seller_2).ids)],
        )
        Lead = self.env.registry["crm.lead"]
        write = Lead.write
        sizes = []

        def count(records, vals):
            if "user_id" in vals:
                sizes.append(len(records))
            return write(records, vals)

        with patch.object(Lead, "write", count):
            self._run(1)

        self.assertEqual(sizes, [10, 10])

    def test_people_are_said(self):
        with self.assertRaisesRegex(UserError, "choose the people"):
            self._start("assign", assign_by="people")
        partner = self.customer_contact
        campaign = self._create_campaign(partner)
        self._add_step(campaign, "assign")
        with self.assertRaisesRegex(UserError, "no rules for these records"):
            campaign.action_start()
