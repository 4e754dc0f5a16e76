from odoo.tests import tagged

from .test_campaign_entry import EntryCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignPeople(EntryCommon):
    """Records come and go; what was done with them stays done."""

    def test_deleted_contact_leaves_the_figures_as_they_were(self):
        partners = self.env["res.partner"].create(
            [
                {"name": name, "email": f"{name}@people.example"}
                for name in ("ina", "ulf")
            ]
        )
        campaign = self._create_campaign(partners)
        step = self._add_step(campaign, "mail")
        campaign.action_start()
        self._run()
        self.assertEqual((campaign.done_count, step.done_count), (2, 2))

        partners[0].unlink()
        self.env.invalidate_all()

        self.assertEqual((campaign.done_count, step.done_count), (2, 2))
        self.assertEqual(len(self._tasks(campaign).trace_ids), 2)

    def test_deleted_record_has_left_before_the_next_step(self):
        campaign = self._create_campaign(self.leads)
        wait = self._add_step(campaign, "wait")
        self._add_step(campaign, "mail", wait)
        campaign.action_start()
        gone = self.lead.id
        self.lead.unlink()
        self._pass(days=3)

        self._run()

        left = campaign.participant_ids.filtered(lambda p: p.res_id == gone)
        self.assertEqual((left.state, left.exit_reason), ("exited", "deleted"))
        self.assertEqual(self._recipients(), ["ola@nowak.example"])

    def test_blocked_address_of_a_record_that_knows_no_blocking(self):
        """Trap D14: an order has no blacklist of its own; its customer has."""
        orders = self.env["sale.order"].create(
            [
                {
                    "partner_id": self.env["res.partner"]
                    .create({"name": name, "email": f"{name}@orders.example"})
                    .id,
                }
                for name in ("ina", "ulf")
            ]
        )
        campaign = self._create_entry(
            "domain",
            "sale.order",
            entry_domain=repr([("id", "in", orders.ids)]),
            email_from="Marketing <marketing@test.example.com>",
            exit_on_opt_out=False,
        )
        step = self._add_step(campaign, "mail", campaign.step_ids)
        campaign.action_start()
        self.env["mail.blacklist"]._add("ina@orders.example")
        self._pass(days=3)

        self._run()

        self.assertEqual(self._recipients(), ["ulf@orders.example"])
        self.assertEqual(
            sorted(self._tasks(campaign, step).mapped("state")), ["done", "skipped"]
        )
