from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user, tagged

from odoo.addons.crm_plus.tests.test_customer_page import CustomerPageCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCustomerPage(CustomerPageCommon):
    """Cases on the customer page, on the header of documents, and on the profile."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = new_test_user(
            cls.env,
            login="page_agent",
            groups="crm_helpdesk.crm_helpdesk_group_user",
            company_id=cls.company.id,
        )
        cls.team = cls.env["crm.case.team"].create(
            {"name": "Page", "company_id": cls.company.id}
        )
        cls.cases = cls.env["crm.case"].create(
            [
                {
                    "name": f"Grinder {number} does not start",
                    "team_id": cls.team.id,
                    "partner_id": cls.customer_contact.id,
                    "user_id": cls.agent.id,
                }
                for number in range(3)
            ]
        )
        cls.cases[2].action_close()
        cls.cases[1].sla_due = fields.Datetime.now() - timedelta(hours=2)
        cls.cases[0].sla_due = False
        cls.env.flush_all()

    def _facts(self, header):
        return [(fact["text"], fact["light"]) for fact in header["facts"]]

    def test_agent_sees_open_cases(self):
        panel = self._panels(self._page(self.agent))["cases"]
        self.assertEqual(
            {row["res_id"] for row in panel["rows"]}, set(self.cases[:2].ids)
        )
        self.assertIn(
            "red", [cell["light"] for row in panel["rows"] for cell in row["cells"]]
        )
        self.assertIn(
            self.cases[2], self.env["crm.case"].search(panel["all"]["domain"])
        )

    def test_seller_sees_how_many_and_not_which(self):
        page = self._page(self.seller)
        self.assertNotIn("cases", self._panels(page))
        self.assertEqual(self._facts(page["header"]), [("2 open cases, 1 late", "red")])

    def test_team_for_members_only_is_for_them_only(self):
        self.team.visibility = "members"
        self.cases.user_id = False
        panel = self._panels(self._page(self.agent))["cases"]
        self.assertFalse(panel["rows"])
        self.assertTrue(panel["empty"])

    def test_other_company_counts_its_own_cases(self):
        header = self._page(self.user_other_company)["header"]
        self.assertEqual(self._facts(header), [])

    def test_header_is_the_same_on_the_case(self):
        self.assertEqual(
            self.cases[0].with_user(self.agent).customer_header,
            self._page(self.agent)["header"],
        )

    def test_profile_knows_cases_and_ratings(self):
        for case, rating in ((self.cases[0], 4), (self.cases[2], 2)):
            self.env["rating.rating"].create(
                {
                    "res_model_id": self.env["ir.model"]._get_id("crm.case"),
                    "res_id": case.id,
                    "rating": rating,
                    "consumed": True,
                    "rated_on": fields.Datetime.now() - timedelta(days=rating),
                }
            )
        self.env["crm.customer.profile"]._rebuild(self.customer.ids)
        profile = self.customer.customer_profile_ids
        self.assertRecordValues(
            profile,
            [
                {
                    "is_service_known": True,
                    "case_open_count": 2,
                    "case_late_count": 1,
                    "rating": 2,
                    "rating_n": 2,
                }
            ],
        )

    def test_closing_a_case_changes_the_profile_at_once(self):
        self.env["crm.customer.profile"]._rebuild(self.customer.ids)
        self.cases[0].action_close()
        self._harvest_queued()
        self.assertEqual(self.customer.customer_profile_ids.case_open_count, 1)
