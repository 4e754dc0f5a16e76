"""Who may what in the rooms of the customer and the pipeline, role by role."""

from datetime import timedelta

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .test_customer_profile import CustomerProfileCommon

OPERATIONS = ("read", "write", "create", "unlink")
# r, w, c, u for: seller, sales manager, with amounts, accountant, reader of accounting,
# who runs the warehouse, employee, portal
ROLES = {
    "seller": "sales_team.group_sale_salesman",
    "manager": "sales_team.group_sale_manager",
    "amounts": "crm_plus.crm_plus_group_amounts",
    "accountant": "account.group_account_invoice",
    "reader": "account.group_account_readonly",
    "stock": "stock.group_stock_user",
    "employee": "base.group_user",
    "portal": "base.group_portal",
}
RIGHTS = {
    "crm.customer.profile": {
        "seller": "r",
        "manager": "r",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.customer.product": {
        "seller": "r",
        "manager": "r",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.customer.label": {
        "seller": "r",
        "manager": "rwcu",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.customer.yardstick": {"manager": "rw"},
    "crm.customer.snapshot": {
        "seller": "r",
        "manager": "r",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.customer.retention": {
        "seller": "r",
        "manager": "r",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.customer.cohort.report": {
        "seller": "r",
        "manager": "r",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.customer.profit.report": {"amounts": "r", "accountant": "r", "reader": "r"},
    "crm.attribution": {
        "manager": "r",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.attribution.touch": {
        "manager": "r",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.attribution.report": {
        "manager": "r",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.attribution.recompute": {"manager": "rwc"},
    "crm.marketing.cost": {
        "manager": "rwcu",
        "amounts": "r",
        "accountant": "rwcu",
        "reader": "r",
    },
    "crm.marketing.return.report": {
        "manager": "r",
        "amounts": "r",
        "accountant": "r",
        "reader": "r",
    },
    "crm.customer.statement": {"accountant": "rwc", "reader": "rwc"},
    "crm.delivery.report": {"seller": "r", "manager": "r"},
    "crm.lead.product.line": {"seller": "rwcu", "manager": "rwcu"},
    "crm.lead.product.template": {"seller": "r", "manager": "rwcu"},
    "crm.lead.product.template.line": {"seller": "r", "manager": "rwcu"},
    "crm.lead.product.take": {"seller": "rwc", "manager": "rwc"},
    "crm.product.demand": {"seller": "r", "manager": "r"},
    "crm.stock.demand.report": {"seller": "r", "manager": "r", "stock": "r"},
    "crm.slow.stock.report": {"seller": "r", "manager": "r", "stock": "r"},
    "crm.invoice.suggestion": {"accountant": "r"},
    "crm.won.invoiced.report": {"accountant": "r", "reader": "r"},
    "crm.expected.receipt.report": {"accountant": "r", "reader": "r"},
    "sale.order.credit.pass": {"manager": "rwc"},
}
# of each of these the test makes rows in two companies
COMPANY_MODELS = (
    "crm.customer.profile",
    "crm.customer.product",
    "crm.customer.profit.report",
    "crm.customer.cohort.report",
    "crm.delivery.report",
    "crm.lead.product.line",
    "crm.product.demand",
    "crm.stock.demand.report",
    "crm.won.invoiced.report",
    "crm.expected.receipt.report",
    "crm.attribution",
    "crm.attribution.report",
)


@tagged("post_install", "-at_install", "crm_plus_rights")
class TestCustomerRights(CustomerProfileCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            role: new_test_user(
                cls.env,
                login=f"rights_{role}",
                groups=groups,
                company_id=cls.company.id,
            )
            for role, groups in ROLES.items()
        }
        # a contact of the customer sees nothing of what we know about it
        cls.users["portal"].partner_id.parent_id = cls.customer
        cls.other_company = cls.setup_other_company(name="Second House")["company"]

    def test_rights_of_each_role(self):
        for model, by_role in RIGHTS.items():
            for role, user in self.users.items():
                Model = self.env[model].with_user(user)
                found = "".join(
                    operation[0]
                    for operation in OPERATIONS
                    if Model.has_access(operation)
                )
                with self.subTest(model=model, role=role):
                    self.assertEqual(found, by_role.get(role, ""))

    def _fill(self, company):
        """A customer of a company: invoiced, ordered, to be delivered, a deal."""
        env = self.env(context={**self.env.context, "allowed_company_ids": company.ids})
        customer = env["res.partner"].create(
            {"name": f"Customer of {company.name}", "is_company": True}
        )
        product = env["product.product"].create(
            {
                "name": "Machine",
                "is_storable": True,
                "standard_price": 60,
                "list_price": 90,
                "taxes_id": False,
            }
        )
        lead = env["crm.lead"].create(
            {
                "name": "Deal",
                "type": "opportunity",
                "partner_id": customer.id,
                "company_id": company.id,
                "user_id": False,
                "team_id": False,
                "probability": 50,
                "expected_revenue": 90,
                "date_deadline": self.today + timedelta(days=9),
                "product_line_ids": [Command.create({"product_id": product.id})],
            }
        )
        won = lead.copy({"product_line_ids": False})
        order = env["sale.order"].create(
            {
                "partner_id": customer.id,
                "opportunity_id": won.id,
                "company_id": company.id,
                "order_line": [
                    Command.create({"product_id": product.id, "tax_ids": False})
                ],
            }
        )
        order.action_confirm()
        won.action_set_won()
        invoice = env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": customer.id,
                "company_id": company.id,
                "invoice_date": self.today,
                "opportunity_id": won.id,
                "invoice_line_ids": [
                    Command.create(
                        {"product_id": product.id, "quantity": 1, "tax_ids": False}
                    )
                ],
            }
        )
        invoice.action_post()
        self.Profile._rebuild(customer.ids)
        self.env["crm.attribution"]._freeze(invoice.ids)
        self.env.flush_all()

    def test_each_company_sees_its_own(self):
        groups = "sales_team.group_sale_manager,account.group_account_invoice"
        for company in (self.company, self.other_company):
            self._fill(company)
        for company in (self.company, self.other_company):
            user = new_test_user(
                self.env,
                login=f"rights_of_{company.id}",
                groups=groups,
                company_id=company.id,
            )
            for model in COMPANY_MODELS:
                rows = (
                    self.env[model]
                    .with_user(user)
                    .with_context(allowed_company_ids=company.ids)
                    .search([])
                )
                with self.subTest(model=model, company=company.name):
                    self.assertEqual(rows.company_id, company)

    def test_sellers_have_products_of_interest_of_own_deals_only(self):
        other = new_test_user(
            self.env,
            login="rights_seller_2",
            groups="sales_team.group_sale_salesman",
            company_id=self.company.id,
        )
        lead = self.env["crm.lead"].create(
            {
                "name": "Mine",
                "type": "opportunity",
                "user_id": self.users["seller"].id,
                "team_id": False,
                "product_line_ids": [Command.create({"product_id": self.beans.id})],
            }
        )
        line = lead.product_line_ids
        line.with_user(self.users["seller"]).quantity = 3
        line.with_user(self.users["manager"]).quantity = 4
        for operation in OPERATIONS:
            with self.subTest(operation):
                self.assertFalse(line.with_user(other).has_access(operation))

    def test_deals_of_invoices_are_linked_by_accounting_only(self):
        invoice = self._invoice(10)
        lead = self.env["crm.lead"].create(
            {
                "name": "Deal",
                "type": "opportunity",
                "partner_id": self.customer.id,
                "user_id": self.users["seller"].id,
                "team_id": False,
            }
        )
        for role in ("seller", "manager"):
            with self.subTest(role), self.assertRaises(AccessError):
                invoice.with_user(self.users[role])._link_opportunity(lead)
            with self.subTest(role), self.assertRaises(AccessError):
                invoice.with_user(self.users[role]).action_no_opportunity()
        invoice.with_user(self.users["accountant"])._link_opportunity(lead)
        self.assertEqual(invoice.opportunity_id, lead)
