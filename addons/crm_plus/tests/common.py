from odoo.fields import Command
from odoo.tests import new_test_user

from odoo.addons.mail.tests.common import MailCommon


class CrmPlusCommon(MailCommon):
    """Two companies, sellers, a manager and an accountant.

    LOGIN          COMPANY          GROUPS
    plus_seller    company_admin    own leads only
    plus_seller_2  company_admin    own leads only
    plus_manager   company_admin    sales administrator
    plus_account   company_admin    invoicing, no sales
    plus_other     company_2        sales administrator of another company

    CUSTOMER   customer (company) with contact customer_contact; customer_2, of nobody.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.user.company_id
        cls.seller, cls.seller_2 = (
            new_test_user(
                cls.env,
                login=login,
                groups="sales_team.group_sale_salesman",
                company_id=cls.company.id,
                email=f"{login}@test.example.com",
            )
            for login in ("plus_seller", "plus_seller_2")
        )
        cls.manager = new_test_user(
            cls.env,
            login="plus_manager",
            groups="sales_team.group_sale_manager,base.group_partner_manager",
            company_id=cls.company.id,
            company_ids=[Command.set((cls.company + cls.company_2).ids)],
            email="plus_manager@test.example.com",
        )
        cls.accountant = new_test_user(
            cls.env,
            login="plus_account",
            groups="account.group_account_invoice",
            company_id=cls.company.id,
        )
        cls.user_other_company = new_test_user(
            cls.env,
            login="plus_other",
            groups="sales_team.group_sale_manager",
            company_id=cls.company_2.id,
        )
        cls.customer = cls.env["res.partner"].create(
            {
                "name": "Brandt Kaffee GmbH",
                "is_company": True,
                "email": "info@brandt.example",
            }
        )
        cls.customer_contact = cls.env["res.partner"].create(
            {
                "name": "Ida Brandt",
                "email": "ida@brandt.example",
                "parent_id": cls.customer.id,
            }
        )
        cls.customer_2 = cls.env["res.partner"].create(
            {
                "name": "Nowak Sp. z o.o.",
                "is_company": True,
                "email": "biuro@nowak.example",
            }
        )

    @classmethod
    def _create_leads(cls, count=1, **values):
        return cls.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {i}",
                    "type": "opportunity",
                    "user_id": cls.seller.id,
                    "team_id": False,
                    **values,
                }
                for i in range(count)
            ]
        )

    def _harvest_queued(self):
        """What the commit of the present transaction would do."""
        self.env.flush_all()
        self.env.cr.precommit.run()
