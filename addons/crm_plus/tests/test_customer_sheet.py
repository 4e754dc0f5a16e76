from datetime import timedelta

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .test_customer_profile import CustomerProfileCommon

REPORT = "crm_plus.report_customer_sheet"


@tagged("post_install", "-at_install", "crm_plus_profile")
class TestCustomerSheet(CustomerProfileCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.contact.function = "Buyer"
        cls.seller_2 = new_test_user(
            cls.env,
            login="sheet_seller_2",
            groups="sales_team.group_sale_salesman",
            company_id=cls.company.id,
        )
        cls.deal, cls.foreign_deal = cls.env["crm.lead"].create(
            [
                {
                    "name": name,
                    "type": "opportunity",
                    "partner_id": cls.contact.id,
                    "user_id": user.id,
                    "company_id": cls.company.id,
                    "expected_revenue": 4321,
                }
                for name, user in (
                    ("Beans for the harbour", cls.seller),
                    ("Deal of a colleague", cls.seller_2),
                )
            ]
        )

    def _html(self, user, partner=None):
        report = self.env["ir.actions.report"].with_user(user)
        html, _type = report._render_qweb_html(REPORT, (partner or self.customer).ids)
        return html.decode()

    def _sheet(self, user, partner=None):
        self.env.flush_all()
        self.env.invalidate_all()
        report = self.env[f"report.{REPORT}"].with_user(user)
        return report._get_report_values((partner or self.customer).ids)["sheets"][0]

    def test_seller_reads_words_and_no_amounts(self):
        self._invoice(40, 7654.3)
        self._measure()
        html = self._html(self.seller)

        for text in ("Brandt Kaffee", "Ina Brandt", "Buyer", "Beans for the harbour"):
            self.assertIn(text, html)
        self.assertIn("4,321.00", html, "of the own deal")
        self.assertNotIn("7,654.30", html)
        self.assertIsNone(self._sheet(self.seller)["money"])
        for user in (self.seller_amounts, self.env.user):
            html = self._html(user)
            self.assertIn("7,654.30", html)

    def test_read_with_the_rights_of_the_reader(self):
        """No sudo: a seller of own documents only has own deals only."""
        self.assertEqual(self._sheet(self.seller)["deals"], self.deal)
        self.assertEqual(self._sheet(self.seller_2)["deals"], self.foreign_deal)
        self.assertEqual(
            self._sheet(self.env.user)["deals"], self.deal | self.foreign_deal
        )
        # an accountant has no deals, and no timeline but that of the ledger
        self._invoice(40, 100)
        self._commit()
        self._measure()
        sheet = self._sheet(self.accountant)
        self.assertIsNone(sheet["deals"])
        self.assertIsNone(sheet["deliveries"])
        self.assertTrue(sheet["money"])

    def test_unknown_is_said(self):
        stranger = self.env["res.partner"].create({"name": "Nobody yet"})
        sheet = self._sheet(self.seller, stranger)
        self.assertEqual({value for _label, value in sheet["facts"]}, {None})
        self.assertEqual(
            [words for _label, words, _light in sheet["lights"]],
            ["Not invoiced yet", None, None],
        )
        html = self._html(self.seller, stranger)
        self.assertIn("not known", html)
        self.assertIn("no order was confirmed yet", html)

        self._invoice(40, 100)
        self._measure()
        facts = dict(self._sheet(self.seller)["facts"])
        self.assertIsNone(facts["Usual interval"], "one invoice is no rhythm")
        self.assertIsNone(facts["Last rating"])
        self.assertEqual(facts["Deliveries of 12 months"], "0, 0 of them late")

    def test_deliveries_and_returns(self):
        self.beans.is_storable = True
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "order_line": [
                    Command.create({"product_id": self.beans.id, "product_uom_qty": 5})
                ],
            }
        )
        order.action_confirm()
        picking = order.picking_ids
        picking.move_ids.date_deadline = picking.scheduled_date - timedelta(days=4)
        sheet = self._sheet(self.seller)
        self.assertEqual(sheet["deliveries"].picking_id, picking)
        self.assertEqual(sheet["deliveries"].days_late, 4)
        self.assertIn("days late", self._html(self.seller))
        self.assertFalse(sheet["returns"])

    def test_of_a_contact_it_is_that_of_the_customer(self):
        self._invoice(40, 100)
        self._measure()
        sheet = self._sheet(self.seller, self.contact)
        self.assertEqual(sheet["customer"], self.customer)
        self.assertEqual(sheet["profile"].partner_id, self.customer)

    def test_another_company_is_not_on_it(self):
        self._invoice(40, 7654.3)
        self._measure()
        other = self.setup_other_company(name="Second House")["company"]
        stranger = new_test_user(
            self.env,
            login="sheet_stranger",
            groups="sales_team.group_sale_manager,crm_plus.crm_plus_group_amounts",
            company_id=other.id,
        )
        sheet = self._sheet(stranger)
        self.assertFalse(sheet["profile"])
        self.assertFalse(sheet["deals"])
        self.assertFalse(sheet["products"])
        self.assertNotIn("7,654.30", self._html(stranger))

    def test_not_for_others(self):
        for login, groups in (
            ("sheet_employee", "base.group_user"),
            ("sheet_portal", "base.group_portal"),
        ):
            user = new_test_user(self.env, login=login, groups=groups)
            user.partner_id.parent_id = self.customer
            with self.subTest(login), self.assertRaises(AccessError):
                self._html(user)
