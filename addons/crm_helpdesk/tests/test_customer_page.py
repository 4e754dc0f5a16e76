from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user, tagged

from odoo.addons.crm_plus.tests.test_customer_page import CustomerPageCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCustomerPage(CustomerPageCommon):
    """Cases on the customer page and on the header of documents."""

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
        return [
            (fact["text"], fact["light"])
            for fact in header["facts"]
            if fact["key"] == "cases"
        ]

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

    def test_opening_the_page_costs_a_bounded_number_of_queries(self):
        self.stock_user.group_ids += self.env.ref(
            "crm_helpdesk.crm_helpdesk_group_manager"
        )
        page = self._assert_queries(self.stock_user)
        self.assertTrue(self._panels(page)["cases"]["rows"])
