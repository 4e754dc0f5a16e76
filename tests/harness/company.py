"""The company that the tests work in, set up by its administrator."""

from .people import Person

PASSWORD = "Kaffee-und-Kuchen-1"
DOMAIN = "house.example"
STAFF = {
    # login: groups
    "seller": ["sales_team.group_sale_salesman"],
    "manager": ["sales_team.group_sale_manager", "base.group_partner_manager"],
    "marketer": [
        "crm_campaigns.crm_campaigns_group_manager",
        "crm_plus.crm_plus_group_manager",
        "sales_team.group_sale_salesman_all_leads",
    ],
    "storekeeper": ["stock.group_stock_user"],
    "accountant": ["account.group_account_invoice"],
    "agent": ["crm_helpdesk.crm_helpdesk_group_user"],
}


class Company:
    """The administrator and the staff of the company.

    ``company.seller`` is a ``Person`` with the rights of a salesman, and so on.
    """

    def __init__(self, server):
        self.server = server
        self.admin = Person(server, "admin", "admin")
        self._set_up_mail()
        self._set_up_crm()
        self._hire()

    def __getattr__(self, login):
        """Who acts for the first time logs in."""
        if login not in STAFF:
            raise AttributeError(f"nobody called {login} works here")
        person = Person(self.server, login, PASSWORD)
        setattr(self, login, person)
        return person

    def id_of(self, xml_id):
        """Id of a record that a module ships."""
        module, name = xml_id.split(".")
        rows = self.server.sql(
            "SELECT res_id FROM ir_model_data WHERE module = %s AND name = %s",
            [module, name],
        )
        assert rows, f"no record {xml_id}"
        return rows[0][0]

    def _set_up_mail(self):
        domain_id = self.admin.create("mail.alias.domain", {"name": DOMAIN})
        self.admin.write(
            "res.company",
            self.admin.context["allowed_company_ids"],
            {
                "name": "House of Coffee",
                "email": f"office@{DOMAIN}",
                "alias_domain_id": domain_id,
            },
        )

        # the journal of customer invoices takes the address that the sales team shall
        # have
        self.admin.write(
            "mail.alias",
            self.admin.search("mail.alias", [("alias_name", "=", "sales")]),
            {"alias_name": "customer-invoices"},
        )

    def _set_up_crm(self):
        settings_id = self.admin.create("res.config.settings", {"group_use_lead": True})
        self.admin.press("res.config.settings", settings_id, "execute")
        (self.team_id,) = self.admin.search("crm.team", [("name", "=", "Sales")])
        self.admin.write(
            "crm.team", self.team_id, {"use_leads": True, "alias_name": "sales"}
        )

    def set_parameter(self, key, value):
        self.admin.call("ir.config_parameter", "set_param", key, value)

    def stock(self, name, price, cost, quantity):
        """A product, with that many in the warehouse; return its id."""
        product_id = self.admin.create(
            "product.product",
            {
                "name": name,
                "is_storable": True,
                "list_price": price,
                "standard_price": cost,
                "invoice_policy": "delivery",
            },
        )
        (warehouse,) = self.admin.find("stock.warehouse", [], "lot_stock_id", limit=1)
        quant_id = self.admin.create(
            "stock.quant",
            {
                "product_id": product_id,
                "location_id": warehouse["lot_stock_id"],
                "inventory_quantity": quantity,
            },
            context={"inventory_mode": True},
        )
        self.admin.press("stock.quant", quant_id, "action_apply_inventory")
        return product_id

    def _hire(self):
        self.admin.call(
            "res.users",
            "create",
            [
                {
                    "name": f"{login.title()} of the House",
                    "login": login,
                    "email": f"{login}@{DOMAIN}",
                    "password": PASSWORD,
                    "group_ids": [(4, self.id_of(group)) for group in groups],
                }
                for login, groups in STAFF.items()
            ],
            context={"no_reset_password": True},
        )
