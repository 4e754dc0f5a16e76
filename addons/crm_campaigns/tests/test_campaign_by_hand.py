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
