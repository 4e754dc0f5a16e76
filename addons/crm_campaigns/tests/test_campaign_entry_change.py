from datetime import timedelta

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .test_campaign_entry import EntryCommon


class ChangeCommon(EntryCommon):
    def _start_entry(self, entry, **values):
        campaign = self._create_entry(entry, exit_on_won=False, **values)
        campaign.action_start()
        # a test is one transaction, with one date
        campaign.date_started = self._now() - timedelta(hours=1)
        return campaign


@tagged("post_install", "-at_install", "crm_campaigns")
class TestStageEntry(ChangeCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.first, cls.reached, cls.other = cls.env["crm.stage"].create(
            [
                {"name": name, "sequence": sequence}
                for sequence, name in enumerate(("First", "Reached", "Other"))
            ]
        )
        cls.leads.stage_id = cls.first
        cls.env.flush_all()
        cls.env.cr.precommit.run()

    def _start_stage(self, **values):
        return self._start_entry(
            "stage", entry_stage_ids=[Command.set(self.reached.ids)], **values
        )

    def test_who_comes_to_it_enters_at_once(self):
        there = self._create_leads(email_from="there@many.example")
        there.stage_id = self.reached
        self._harvest_queued()
        campaign = self._start_stage(entry_domain=repr([("id", "in", self.leads.ids)]))
        self.assertFalse(campaign.participant_ids)

        self.lead.with_user(self.manager).stage_id = self.reached
        self.lead_2.stage_id = self.other
        self._harvest_queued()

        self.assertEqual(self._who(campaign), self.lead.ids)
        self.assertIn(
            "Reaches a stage: Reached", campaign.participant_ids.journey, "it says why"
        )

    def test_who_is_there_at_the_start_does_not(self):
        self.lead.stage_id = self.reached
        self._harvest_queued()
        campaign = self._create_entry(
            "stage", entry_stage_ids=[Command.set(self.reached.ids)]
        )
        campaign.action_start()
        self.env.cr.execute(
            "UPDATE crm_stage_history SET date_start = %s WHERE stage_id = %s",
            [campaign.date_started - timedelta(minutes=1), self.reached.id],
        )

        self._look(campaign)

        self.assertFalse(campaign.participant_ids)

    def test_each_visit_is_an_event(self):
        campaign = self._start_stage(reentry="each_event")
        for stage in (self.reached, self.first, self.reached):
            self.lead.stage_id = stage
            self._harvest_queued()
        self._look(campaign)

        self.assertEqual(campaign.participant_ids.mapped("res_id"), self.lead.ids * 2)

    @mute_logger("odoo.sql_db")
    def test_a_broken_condition_stops_nobody(self):
        """Trap D11."""
        campaign = self._start_stage(entry_domain="[('priority', '=', '0')]")
        self._set_condition(campaign, "[('gone', '=', 1)]")

        self.lead.stage_id = self.reached
        self._harvest_queued()
        self.assertEqual(self.lead.stage_id, self.reached)
        self.assertFalse(campaign.participant_ids)

        # the field is there again
        self._set_condition(campaign, "[('type', '!=', False)]")
        self._look(campaign)
        self.assertEqual(self._who(campaign), self.lead.ids, "nobody is lost")

    def test_dry_run_takes_those_of_last_month(self):
        self.lead.stage_id = self.reached
        self._harvest_queued()
        campaign = self._create_entry(
            "stage",
            entry_stage_ids=[Command.set(self.reached.ids)],
            user_id=self.env.ref("base.user_root").id,
            entry_domain=repr([("id", "in", self.leads.ids)]),
        )

        entrants, _excluded, words = campaign._get_forecast()

        self.assertEqual(list(entrants), self.lead.ids)
        self.assertIn("in the last 30 days", words)

    def test_form(self):
        with Form(self.env["crm.campaign"]) as form:
            form.name = "Proposals"
            form.entry = "stage"
        campaign = form.record
        self.assertEqual(campaign.model_name, "crm.lead")
        self.assertIn("Choose the stage", campaign._get_start_problems()[0])
        with Form(campaign) as form:
            form.entry_stage_ids.add(self.reached)
        self.assertEqual(campaign._get_canvas_start()["name"], "Reached")


@tagged("post_install", "-at_install", "crm_campaigns")
class TestScoreEntry(ChangeCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.score.model"].search([]).active = False
        model = cls.env["crm.score.model"].create(
            {"name": "Test", "target": "lead", "mql_notify": "none"}
        )
        cls.env["crm.score.rule"].create(
            {
                "model_id": model.id,
                "name": "Hot",
                "points": 30,
                "domain": "[('priority', '=', '3')]",
            }
        )
        cls.threshold = cls.env["crm.score.threshold"].create(
            {
                "model_id": model.id,
                "name": "Warm",
                "measure": "total",
                "min_points": 20,
                "direction": "both",
            }
        )
        cls._rescore(cls)

    def _rescore(self):
        self.env.flush_all()
        self.env.cr.precommit.clear()
        self.leads._score_recompute()
        self.env.invalidate_all()

    def test_rise_and_fall(self):
        rise, fall = (
            self._start_entry(
                "score",
                entry_threshold_id=self.threshold.id,
                entry_direction=direction,
                name=direction,
            )
            for direction in ("rise", "fall")
        )

        self.lead.priority = "3"
        self._rescore()
        self.assertEqual(self._who(rise), self.lead.ids)
        self.assertFalse(fall.participant_ids)
        self.assertIn("Rises above “Warm”", rise.participant_ids.journey)

        self.lead.priority = "0"
        self._rescore()
        self.assertEqual(self._who(fall), self.lead.ids)
        self.assertEqual(len(rise.participant_ids), 1)

    def test_the_score_says_of_which_records_it_is(self):
        campaign = self._create_entry("score", "res.partner")
        self.assertIn("Choose the score", campaign._get_start_problems()[0])

        campaign.entry_threshold_id = self.threshold
        self.assertEqual(campaign._get_model(), "crm.lead")

        campaign.action_start()
        with self.assertRaisesRegex(UserError, "Duplicate the campaign"):
            campaign.entry_threshold_id = self.threshold.copy()

    def test_who_rose_before_the_start_does_not_enter(self):
        self.lead.priority = "3"
        self._rescore()
        campaign = self._create_entry("score", entry_threshold_id=self.threshold.id)
        campaign.action_start()
        self.env.cr.execute(
            "UPDATE crm_score_change SET date = %s",
            [campaign.date_started - timedelta(minutes=1)],
        )

        self._look(campaign)

        self.assertFalse(campaign.participant_ids)


@tagged("post_install", "-at_install", "crm_campaigns")
class TestEventCondition(ChangeCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kind = cls.env["crm.touchpoint.kind"].search(
            [("code", "=", "order_confirmed")]
        )
        cls.small, cls.large = cls.env["res.partner"].create(
            [
                {"name": name, "email": f"{name}@orders.example"}
                for name in ("small", "large")
            ]
        )

    def _order(self, partner, amount):
        return self.env["crm.touchpoint"].create(
            {
                "kind_id": self.kind.id,
                "date": self._now(),
                "name": "Order",
                "partner_id": partner.id,
                "company_id": self.company.id,
                "amount": amount,
                "res_model": "res.partner",
                "res_id": partner.id,
                "occurrence": f"order {amount}",
            }
        )

    def _create_orders_campaign(self, **values):
        return self._create_entry(
            "touchpoint",
            "res.partner",
            entry_kind_ids=[Command.set(self.kind.ids)],
            entry_event_domain="[('amount', '>', 1000)]",
            **values,
        )

    def test_only_orders_above_an_amount(self):
        campaign = self._create_orders_campaign()
        campaign.action_start()
        orders = self._order(self.small, 1000) + self._order(self.large, 1001)

        self.env["crm.touchpoint"]._on_harvested(orders.ids)

        self.assertEqual(self._who(campaign), self.large.ids)

    def test_dry_run_takes_it_into_account(self):
        campaign = self._create_orders_campaign(
            entry_domain=repr([("id", "in", (self.small + self.large).ids)])
        )
        self._order(self.small, 1000)
        self._order(self.large, 1001)

        entrants, _excluded, _words = campaign.sudo()._get_forecast()

        self.assertEqual(list(entrants), self.large.ids)
        self.assertEqual(campaign._count_audience(), 1)

    def test_in_words(self):
        campaign = self._create_orders_campaign()
        name = campaign._get_canvas_start()["name"]
        self.assertIn(self.kind.name, name)
        self.assertIn("1000", name)

    def test_it_is_no_way_to_read_what_one_may_not(self):
        with self.assertRaisesRegex(ValidationError, "does not work for"):
            self._create_entry("touchpoint", entry_event_domain="[('gone', '=', 1)]")
        # what is invoiced is for those who may see invoices
        with self.assertRaisesRegex(ValidationError, "does not work for"):
            self._create_entry(
                "touchpoint", entry_event_domain="[('amount_ledger', '>', 1)]"
            )

    def test_approval_is_for_what_was_asked(self):
        campaign = self._create_orders_campaign()
        before = campaign._get_fingerprint()
        campaign.entry_event_domain = "[('amount', '>', 1)]"
        self.assertNotEqual(campaign._get_fingerprint(), before)
