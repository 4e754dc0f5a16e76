from odoo import Command
from odoo.tests import new_test_user, tagged

from odoo.addons.crm_plus.tests.test_customer_page import CustomerPageCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCustomerPage(CustomerPageCommon):
    """Campaigns and consents on the customer page."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.marketer = new_test_user(
            cls.env,
            login="page_marketer",
            groups="crm_campaigns.crm_campaigns_group_manager",
            company_id=cls.company.id,
        )
        # before: whoever opts out leaves campaigns
        cls.env["mail.blacklist"]._add(cls.customer_contact.email)
        segment = cls.env["crm.segment"].create(
            {
                "name": "Roasters",
                "target": "res.partner",
                "domain": repr([("id", "=", cls.customer_contact.id)]),
                "user_id": cls.env.ref("base.user_root").id,
                "company_id": cls.company.id,
            }
        )
        cls.campaign = cls.env["crm.campaign"].create(
            {
                "name": "Autumn roast",
                "segment_id": segment.id,
                "company_id": cls.company.id,
            }
        )
        cls.participants = cls.env["crm.campaign.participant"].create(
            [
                {
                    "campaign_id": cls.campaign.id,
                    "company_id": cls.company.id,
                    "res_model": record._name,
                    "res_id": record.id,
                    "partner_id": record.id if record._name == "res.partner" else False,
                    "lead_id": record.id if record._name == "crm.lead" else False,
                    "date_entered": "2026-01-10 08:00:00",
                    **values,
                }
                for record, values in (
                    (cls.customer_contact, {"email": cls.customer_contact.email}),
                    (
                        cls.open_deal,
                        {
                            "state": "exited",
                            "exit_reason": "opt_out",
                            "date_left": "2026-01-12 08:00:00",
                        },
                    ),
                )
            ]
        )
        cls.lists = cls.env["mailing.list"].create(
            [{"name": "News"}, {"name": "Offers"}]
        )
        cls.env["mailing.contact"].create(
            {
                "name": "Ida",
                "email": cls.customer_contact.email,
                "subscription_ids": [
                    Command.create({"list_id": cls.lists[0].id}),
                    Command.create({"list_id": cls.lists[1].id, "opt_out": True}),
                ],
            }
        )
        cls.env.flush_all()

    def test_marketer_sees_campaigns_of_the_customer_and_its_leads(self):
        panel = self._panels(self._page(self.marketer))["campaigns"]
        self.assertEqual(
            [row["res_id"] for row in panel["rows"]], self.participants[:1].ids
        )
        # of leads, who may see leads
        self.marketer.group_ids += self.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )
        panel = self._panels(self._page(self.marketer))["campaigns"]
        self.assertEqual(
            {row["res_id"] for row in panel["rows"]}, set(self.participants.ids)
        )
        texts = self._words(panel)
        self.assertIn("On the way", texts)
        self.assertIn("Opted out", texts)

    def test_what_comes_next(self):
        step = self.env["crm.campaign.step"].create(
            {"campaign_id": self.campaign.id, "name": "Call them", "kind": "activity"}
        )
        self.env["crm.campaign.task"].create(
            {
                "participant_id": self.participants[0].id,
                "campaign_id": self.campaign.id,
                "step_id": step.id,
                "date_planned": "2030-05-04 08:00:00",
            }
        )
        panel = self._panels(self._page(self.marketer))["campaigns"]
        texts = self._words(panel)
        self.assertTrue(any(text.startswith("Call them, 5/4/30") for text in texts))

    def test_seller_sees_no_campaigns(self):
        self.assertNotIn("campaigns", self._panels(self._page(self.seller)))

    def test_other_company_sees_no_campaigns_of_ours(self):
        self.user_other_company.group_ids += self.env.ref(
            "crm_campaigns.crm_campaigns_group_user"
        )
        panel = self._panels(self._page(self.user_other_company))["campaigns"]
        self.assertFalse(panel["rows"])
        self.assertTrue(panel["empty"])

    def test_who_accounts_and_markets_without_selling_opens_the_page(self):
        self.accountant.group_ids += self.env.ref(
            "crm_campaigns.crm_campaigns_group_user"
        )
        panel = self._panels(self._page(self.accountant))["campaigns"]
        self.assertEqual(
            [row["res_id"] for row in panel["rows"]], self.participants[:1].ids
        )

    def _consents(self, user):
        panel = self._panels(self._page(user))["consents"]
        names = [column["name"] for column in panel["columns"]]
        return {
            row["res_id"]: dict(zip(names, row["cells"], strict=True))
            for row in panel["rows"]
        }

    def test_marketer_sees_who_may_be_mailed_and_lists(self):
        consents = self._consents(self.marketer)
        blocked = consents[self.customer_contact.id]
        self.assertEqual(blocked["consent"]["light"], "red")
        self.assertEqual(blocked["lists"]["text"], "News, Offers (opted out)")
        self.assertEqual(consents[self.customer.id]["consent"]["light"], "green")

    def test_seller_sees_who_may_be_mailed_and_no_lists(self):
        consents = self._consents(self.seller)
        self.assertEqual(consents[self.customer_contact.id]["consent"]["light"], "red")
        self.assertNotIn("lists", consents[self.customer.id])

    def test_opening_the_page_costs_a_bounded_number_of_queries(self):
        self.stock_user.group_ids += self.env.ref(
            "crm_campaigns.crm_campaigns_group_manager"
        )
        page = self._assert_queries(self.stock_user)
        self.assertTrue(self._panels(page)["campaigns"]["rows"])
