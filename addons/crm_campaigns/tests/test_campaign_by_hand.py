from datetime import timedelta

from odoo.exceptions import UserError
from odoo.tests import tagged

from .test_campaign_entry import EntryCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestByHand(EntryCommon):
    def _get_names(self, model, user):
        Action = self.env["ir.actions.actions"].with_user(user)
        bindings = Action.get_bindings(model)
        return [action["name"] for action in bindings.get("action", ())]

    def test_lists_of_orders_and_invoices_have_it(self):
        for model in ("crm.lead", "res.partner", "sale.order", "account.move"):
            names = self._get_names(model, self.campaign_manager)
            self.assertEqual(names.count("Put into a campaign"), 1, model)
            self.assertNotIn(
                "Put into a campaign", self._get_names(model, self.campaign_user)
            )

    def test_lists_of_whatever_a_campaign_is_for_have_it(self):
        name, model = "Put into a campaign", "stock.picking"
        self.assertNotIn(name, self._get_names(model, self.campaign_manager))

        for _another in range(2):
            campaign = self._create_entry("manual", model)
            campaign.with_user(self.campaign_manager).action_start()

        names = self._get_names(model, self.campaign_manager)
        self.assertEqual(names.count(name), 1)
        self.assertNotIn(name, self._get_names(model, self.campaign_user))
        # it goes with the app
        self.assertTrue(
            self.env.ref("crm_campaigns.crm_campaign_enter_action_stock_picking")
        )

    def test_orders_are_put_in(self):
        self.customer.email = "buyer@brandt.example"
        order = self.env["sale.order"].create({"partner_id": self.customer.id})
        campaign = self._create_entry("manual", "sale.order")
        campaign.action_start()
        Wizard = self.env["crm.campaign.enter"].with_context(
            active_model="sale.order", active_ids=order.ids
        )
        wizard = Wizard.create({"campaign_id": campaign.id})
        self.assertEqual(wizard.entering_count, 1)

        wizard.action_enter()

        self.assertEqual(self._who(campaign), order.ids)
        self.assertEqual(campaign.participant_ids.email, "buyer@brandt.example")
        self.assertIn("put in by hand", campaign.participant_ids.journey)

    def _open_wizard(self, campaign, records):
        return (
            self.env["crm.campaign.enter"]
            .with_context(active_model=records._name, active_ids=records.ids)
            .create({"campaign_id": campaign.id})
        )

    def test_nobody_is_put_into_a_stopped_campaign(self):
        """Stopped by somebody else while one has chosen it: refused, not forgotten."""
        campaign = self._create_entry("manual", "crm.lead")
        campaign.action_start()
        leads = self._create_leads(2)
        wizard = self._open_wizard(campaign, leads)
        self.assertEqual(wizard.entering_count, 2)
        self.assertFalse(wizard.closed_reason)
        campaign.action_stop()

        with self.assertRaisesRegex(UserError, "does not run.*Nobody was put in"):
            wizard.action_enter()

        self.assertFalse(campaign.participant_ids)
        wizard = self._open_wizard(campaign, leads)
        self.assertEqual(wizard.entering_count, 0)
        self.assertIn("does not run", wizard.closed_reason)
        # started again, all of them get in
        campaign.action_start()
        self._open_wizard(campaign, leads).action_enter()
        self.assertEqual(self._who(campaign), leads.ids)

    def test_nobody_is_put_in_before_or_after_the_dates(self):
        lead = self._create_leads(1)
        for values, words in (
            ({"date_begin": self._now() + timedelta(days=1)}, "before"),
            ({"date_end": self._now() + timedelta(days=1)}, "since"),
        ):
            campaign = self._create_entry("manual", "crm.lead", **values)
            campaign.action_start()
            if "date_end" in values:
                campaign.date_end = self._now()
            wizard = self._open_wizard(campaign, lead)
            self.assertIn(words, wizard.closed_reason)

            with self.assertRaisesRegex(UserError, words):
                wizard.action_enter()

            self.assertFalse(campaign.participant_ids)

    def test_nobody_is_moved_into_a_closed_campaign(self):
        lead = self._create_leads(1)
        other = self._create_entry(
            "manual", "crm.lead", name="Other", date_begin=self._now()
        )
        other.action_start()
        other.date_begin = self._now() + timedelta(days=1)
        campaign = self._create_campaign(lead)
        step = self._add_step(campaign, "move", move_campaign_id=other.id)
        self.assertIn("before", step._get_warnings()[0])
        campaign.action_start()

        self._run()

        task = self._tasks(campaign, step)
        self.assertEqual(task.state, "skipped")
        self.assertIn("Nobody enters “Other” before", task.reason)
        self.assertFalse(other.participant_ids)
