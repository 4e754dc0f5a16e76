import json
from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged, warmup

from ..tools.customer_panel import CustomerColumn, CustomerPanel, CustomerPanels
from .test_pipeline_invoice import InvoiceCommon


class CustomerPageCommon(InvoiceCommon):
    """Something in every panel of ``customer``, for who may see it.

    An order of the seller (100 machines at 900, late), two invoices (2,700, overdue,
    and 900), a delivery with a serial number and the return of another, an open deal
    over 4,200, a month of figures, and a subsidiary with an order of its own.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stock_user = new_test_user(
            cls.env,
            login="plus_all",
            groups="sales_team.group_sale_manager,stock.group_stock_user,"
            "account.group_account_invoice",
            company_id=cls.company.id,
        )
        [cls.open_deal] = cls._create_leads(
            1,
            name="Roastery in the north",
            partner_id=cls.customer_contact.id,
            company_id=cls.company.id,
            expected_revenue=4200,
        )
        cls.customer_contact.function = "Buyer"
        cls.customer.write(
            {
                "country_id": cls.env.ref("base.de").id,
                "city": "Hamburg",
                "user_id": cls.seller.id,
            }
        )
        cls.order = cls._order(cls.customer_contact, cls.seller, 100)
        cls.picking = cls.order.picking_ids
        cls.picking.move_ids.date_deadline = fields.Datetime.now() - timedelta(days=3)
        cls.overdue = cls._invoice(
            quantity=3,
            invoice_date=cls.today - timedelta(days=50),
            invoice_date_due=cls.today - timedelta(days=40),
            invoice_payment_term_id=False,
        )
        cls.invoice = cls._invoice(quantity=1, invoice_user_id=cls.seller.id)
        cls.overdue.invoice_user_id = cls.seller
        cls.kept, cls.returned = cls.env["stock.lot"].create(
            [
                {
                    "name": name,
                    "product_id": cls.env["product.product"]
                    .create({"name": name, "is_storable": True, "tracking": "serial"})
                    .id,
                    "company_id": cls.company.id,
                }
                for name in ("SN-KEPT", "SN-BACK")
            ]
        )
        customers = cls.env.ref("stock.stock_location_customers")
        stock = cls.warehouse.lot_stock_id
        for lot in (cls.kept, cls.returned):
            cls._move(lot, stock, customers, cls.warehouse.out_type_id)
        cls.back = cls._move(cls.returned, customers, stock, cls.warehouse.in_type_id)
        cls.subsidiary = cls.env["res.partner"].create(
            {
                "name": "Brandt Wien GmbH",
                "is_company": True,
                "parent_id": cls.customer.id,
            }
        )
        cls.subsidiary_order = cls._order(cls.subsidiary, cls.seller, 1)
        cls.env.flush_all()
        cls.env.cr.precommit.run()
        cls.env["crm.customer.profile"]._rebuild((cls.customer + cls.subsidiary).ids)
        cls.label = cls.env["crm.customer.label"].search([], limit=1)
        cls.customer.customer_profile_ids.label_id = cls.label
        cls.env.flush_all()
        cls.env["crm.customer.snapshot"]._keep(
            cls.company, cls.today.replace(day=1) - timedelta(days=1)
        )
        cls.env["crm.customer.snapshot"]._keep(cls.company, cls.today)

    @classmethod
    def _order(cls, partner, user, quantity):
        order = cls.env["sale.order"].create(
            {
                "partner_id": partner.id,
                "user_id": user.id,
                "company_id": cls.company.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": cls.machine.id,
                            "product_uom_qty": quantity,
                            "tax_ids": False,
                        }
                    )
                ],
            }
        )
        order.action_confirm()
        return order

    @classmethod
    def _move(cls, lot, source, target, picking_type):
        picking = cls.env["stock.picking"].create(
            {
                "partner_id": cls.customer_contact.id,
                "picking_type_id": picking_type.id,
                "location_id": source.id,
                "location_dest_id": target.id,
                "move_ids": [
                    Command.create(
                        {
                            "product_id": lot.product_id.id,
                            "product_uom_qty": 1,
                            "location_id": source.id,
                            "location_dest_id": target.id,
                        }
                    )
                ],
            }
        )
        picking.action_confirm()
        picking.move_ids.move_line_ids.unlink()
        picking.move_ids.move_line_ids = [
            Command.create(
                {
                    "product_id": lot.product_id.id,
                    "lot_id": lot.id,
                    "quantity": 1,
                    "picking_id": picking.id,
                    "location_id": source.id,
                    "location_dest_id": target.id,
                }
            )
        ]
        picking.move_ids.picked = True
        picking._action_done()
        return picking

    def _page(self, user, partner=None, **options):
        self.env.invalidate_all()
        partner = (partner or self.customer).with_user(user)
        return partner.get_customer_page(**options)

    def _panels(self, page):
        return {
            panel["key"]: panel
            for section in page["sections"]
            for panel in section["panels"]
        }

    def _texts(self, panel):
        """Words of the cells, a list a row."""
        return [[cell["text"] for cell in row["cells"]] for row in panel["rows"]]

    def _words(self, panel):
        """Words of all cells."""
        return [text for row in self._texts(panel) for text in row]

    def _assert_queries(self, user, limit=25):
        """Opening the page costs at most so many, whatever is on it."""
        # as the client calls: with language and time zone
        customer = self.customer.with_user(user).with_context(lang="en_US", tz="UTC")
        customer.get_customer_page()
        self.env.invalidate_all()
        with self.assertQueryCount(limit):
            return customer.get_customer_page()


@tagged("post_install", "-at_install", "crm_plus_page")
class TestCustomerPage(CustomerPageCommon):
    # ------------------------------------------------------------
    # What is on it
    # ------------------------------------------------------------

    def test_every_panel_has_its_rows(self):
        panels = self._panels(self._page(self.stock_user))
        for key, record in (
            ("deals", self.open_deal),
            ("orders", self.order),
            ("invoices", self.overdue),
            ("receipts", self.overdue),
            ("products", self.machine),
            ("lots", self.kept),
            ("deliveries", self.picking),
            ("returns", self.back),
            ("people", self.customer_contact),
        ):
            with self.subTest(key):
                rows = [(row["model"], row["res_id"]) for row in panels[key]["rows"]]
                self.assertIn((record._name, record.id), rows)
                self.assertTrue(panels[key]["all"]["domain"])
        # won ones are no open deals, what came back is not theirs any more
        self.assertNotIn(
            self.deal.id, [row["res_id"] for row in panels["deals"]["rows"]]
        )
        self.assertEqual(panels["lots"]["count"], 1)

    def test_rows_tell_how_things_stand(self):
        panels = self._panels(self._page(self.stock_user))
        self.assertIn("Late by 3 days", self._words(panels["deliveries"]))
        self.assertIn("Overdue for 40 days", self._words(panels["invoices"]))
        self.assertIn("Buyer", self._words(panels["people"]))
        [row] = panels["deals"]["rows"]
        self.assertEqual(row["cells"][0]["text"], "Roastery in the north")
        self.assertIn("4,200", row["cells"][-1]["text"])

    def test_more_rows_than_shown_are_counted(self):
        self._create_leads(7, partner_id=self.customer.id, company_id=self.company.id)
        deals = self._panels(self._page(self.stock_user))["deals"]
        self.assertEqual((len(deals["rows"]), deals["count"]), (5, 8))

    def test_free_stock_of_what_they_buy(self):
        self.env["stock.quant"]._update_available_quantity(
            self.machine, self.warehouse.lot_stock_id, 130
        )
        panels = self._panels(self._page(self.seller))
        names = [column["name"] for column in panels["products"]["columns"]]
        [cells] = [row["cells"] for row in panels["products"]["rows"]]
        self.assertEqual(cells[names.index("stock")], {"text": "130", "light": "green"})

    def test_who_the_customer_is(self):
        page = self._page(self.seller)
        self.assertEqual(page["contact"]["place"], "Hamburg, Germany")
        self.assertEqual(page["contact"]["user"], self.seller.name)
        self.assertEqual(page["header"]["label"], self.label.name)

    def test_contact_shows_its_company(self):
        page = self._page(self.seller, self.customer_contact)
        self.assertEqual(page["id"], self.customer.id)

    def test_customer_of_whom_nothing_is_known(self):
        page = self._page(self.stock_user, self.customer_2)
        self.assertFalse(page["figures"])
        self.assertEqual(page["timeline"]["items"], [])
        for panel in self._panels(page).values():
            if not panel["rows"]:
                self.assertTrue(panel["empty"], panel["key"])

    def test_header_says_what_is_overdue(self):
        page = self._page(self.seller)
        [payment] = [
            light for light in page["header"]["lights"] if light["key"] == "payment"
        ]
        self.assertEqual(payment["light"], "red")
        self.assertIn("overdue for 40 days", payment["words"])

    def test_trend_needs_two_months(self):
        page = self._page(self.accountant)
        trends = {figure["key"]: figure["trend"] for figure in page["figures"]}
        self.assertEqual(trends["revenue_12"], [3600.0, 3600.0])
        self.env["crm.customer.snapshot"].search([]).filtered(
            lambda snapshot: snapshot.date == self.today.replace(day=1)
        ).unlink()
        page = self._page(self.accountant)
        trends = {figure["key"]: figure["trend"] for figure in page["figures"]}
        self.assertEqual(trends["revenue_12"], [])

    # ------------------------------------------------------------
    # Who sees what
    # ------------------------------------------------------------

    def test_seller_sees_lights_and_no_amounts_of_accounting(self):
        page = self._page(self.seller)
        panels = self._panels(page)
        self.assertNotIn("receipts", panels)
        self.assertIn("Overdue for 40 days", self._words(panels["invoices"]))
        self.assertEqual(
            [column["name"] for column in panels["invoices"]["columns"]],
            ["name", "invoice_date", "standing"],
        )
        self.assertNotIn(
            "revenue", [column["name"] for column in panels["products"]["columns"]]
        )
        keys = {figure["key"] for figure in page["figures"]}
        self.assertFalse(
            keys & {"revenue_12", "margin_12", "lifetime_value", "receivable"}
        )
        self.assertNotIn("2,700", json.dumps(page))
        # what was sold by the seller is known to the seller
        self.assertIn("90,000", json.dumps(panels["orders"]))

    def test_an_instalment_may_be_overdue(self):
        """The due date of an invoice is that of its last one."""
        term = self.env["account.payment.term"].create(
            {
                "name": "Half and half",
                "line_ids": [
                    Command.create(
                        {"value": "percent", "value_amount": 50, "nb_days": days}
                    )
                    for days in (0, 60)
                ],
            }
        )
        move = self._invoice(
            invoice_date=self.today - timedelta(days=30),
            invoice_payment_term_id=term.id,
        )
        self.assertGreater(move.invoice_date_due, self.today)

        rows = self._panels(self._page(self.accountant))["invoices"]["rows"]

        [row] = [row for row in rows if row["res_id"] == move.id]
        self.assertIn("Overdue for 30 days", json.dumps(row))

    def test_seller_sees_own_documents_only(self):
        order = self._order(self.customer, self.seller_2, 7)
        order_ids = [
            row["res_id"]
            for row in self._panels(self._page(self.seller))["orders"]["rows"]
        ]
        self.assertEqual(order_ids, [self.order.id])
        order_ids = [
            row["res_id"]
            for row in self._panels(self._page(self.manager))["orders"]["rows"]
        ]
        self.assertIn(order.id, order_ids)

    def test_accountant_sees_money_and_no_deals(self):
        page = self._page(self.accountant)
        panels = self._panels(page)
        self.assertNotIn("deals", panels)
        self.assertIn("receipts", panels)
        self.assertIn("2,700", json.dumps(panels["invoices"]))
        figures = {figure["key"]: figure for figure in page["figures"]}
        self.assertIn("3,600", figures["revenue_12"]["value"])
        self.assertIn("2,700", figures["receivable"]["words"])

    def test_group_for_amounts_shows_figures_and_no_ledger(self):
        self.seller.group_ids += self.env.ref("crm_plus.crm_plus_group_amounts")
        page = self._page(self.seller)
        self.assertIn("revenue_12", {figure["key"] for figure in page["figures"]})
        self.assertNotIn("receipts", self._panels(page))

    def test_other_company_sees_nothing_of_ours(self):
        page = self._page(self.user_other_company)
        panels = self._panels(page)
        for key in ("deals", "orders", "invoices", "products", "deliveries", "lots"):
            self.assertFalse(panels[key]["rows"], key)
        self.assertFalse(page["figures"])
        self.assertFalse(page["timeline"]["items"])
        [payment] = page["header"]["lights"]
        self.assertNotEqual(payment["light"], "red")

    def test_portal_and_other_employees_are_refused(self):
        portal = self._create_portal_user()
        portal.partner_id.parent_id = self.customer
        for user in (portal, self.user_employee):
            customer = self.customer.with_user(user)
            for call in (customer.get_customer_page, customer.get_customer_timeline):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    call()
        self.assertTrue(self.order.with_user(portal).read(["name"]))
        with self.assertRaises(AccessError):
            self.order.with_user(portal).read(["customer_header"])

    # ------------------------------------------------------------
    # Subsidiaries
    # ------------------------------------------------------------

    def test_subsidiaries_are_rolled_up_on_demand(self):
        page = self._page(self.accountant)
        self.assertEqual(page["subsidiary_count"], 1)
        self.assertEqual(self._panels(page)["orders"]["count"], 1)
        amount = {figure["key"]: figure["value"] for figure in page["figures"]}
        self._invoice(partner_id=self.subsidiary.id)
        self.env["crm.customer.profile"]._rebuild(self.subsidiary.ids)

        page = self._page(self.accountant, with_subsidiaries=True)

        orders = self._panels(page)["orders"]
        self.assertEqual(orders["count"], 2)
        self.assertEqual(orders["columns"][-1]["name"], "partner_id")
        self.assertIn("3,600", amount["revenue_12"])
        figures = {figure["key"]: figure for figure in page["figures"]}
        self.assertIn("5,400", figures["revenue_12"]["value"])
        # of the subsidiary itself nothing is rolled up
        self.assertFalse(
            self._page(self.accountant, self.subsidiary)["subsidiary_count"]
        )

    # ------------------------------------------------------------
    # Timeline
    # ------------------------------------------------------------

    def _write_touchpoints(self, count, partner=None, kind="email_in", days=1):
        partner = partner or self.customer_contact
        kind = self.env.ref(f"crm_plus.crm_touchpoint_kind_{kind}")
        return self.env["crm.touchpoint"].create(
            [
                {
                    "kind_id": kind.id,
                    "channel": kind.channel,
                    # pairs at the same second
                    "date": fields.Datetime.now()
                    - timedelta(days=days, minutes=number // 2),
                    "name": f"{kind.code} {number}",
                    "partner_id": partner.id,
                    "commercial_partner_id": partner.commercial_partner_id.id,
                    "company_id": self.company.id,
                    "res_model": "res.partner",
                    "res_id": partner.id,
                    "occurrence": f"page {number}",
                }
                for number in range(count)
            ]
        )

    def test_timeline_goes_on_where_it_stopped(self):
        written = self._write_touchpoints(45)
        timeline = self._page(self.manager)["timeline"]
        seen = list(timeline["items"])
        customer = self.customer.with_user(self.manager)
        while timeline["has_more"]:
            # what comes in meanwhile moves nothing
            self._write_touchpoints(1, days=0, kind="email_out")
            self.env["crm.touchpoint"].search(
                [("kind_id.code", "=", "email_out")]
            ).unlink()
            timeline = customer.get_customer_timeline(
                before=[seen[-1]["date"], seen[-1]["id"]]
            )
            seen += timeline["items"]
        ids = [item["id"] for item in seen]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertLessEqual(set(written.ids), set(ids))
        dates = [item["date"] for item in seen]
        self.assertEqual(dates, sorted(dates, reverse=True))

    def test_timeline_by_channel(self):
        self._write_touchpoints(3)
        self._write_touchpoints(2, kind="call_done")
        page = self._page(self.manager)
        counts = {
            channel["key"]: channel["count"] for channel in page["timeline"]["channels"]
        }
        self.assertEqual((counts["email"], counts["phone"]), (3, 2))
        items = self.customer.with_user(self.manager).get_customer_timeline(
            channel="phone"
        )["items"]
        self.assertEqual({item["channel"] for item in items}, {"phone"})
        self.assertEqual(len(items), 2)

    def test_timeline_of_accounting_is_money_only(self):
        self._write_touchpoints(2)
        items = self._page(self.accountant)["timeline"]["items"]
        self.assertEqual({item["channel"] for item in items}, {"accounting"})

    def test_timeline_with_subsidiaries(self):
        self._write_touchpoints(1, self.subsidiary)
        customer = self.customer.with_user(self.manager)
        alone, together = (
            customer.get_customer_timeline(channel="email", with_subsidiaries=rolled)
            for rolled in (False, True)
        )
        self.assertFalse(alone["items"])
        self.assertEqual(len(together["items"]), 1)

    # ------------------------------------------------------------
    # Panels of others
    # ------------------------------------------------------------

    def _read_panel(self, user, **values):
        panel = CustomerPanel(
            **{
                "key": "mine",
                "section": "people",
                "title": "Mine",
                "model": "res.partner",
                "domain": [("commercial_partner_id", "=", self.customer.id)],
                "columns": [CustomerColumn(name="name")],
                "empty": "Nobody",
                **values,
            }
        )
        env = self.env(user=user)
        return CustomerPanels(env, [panel]).get_data()

    def test_a_panel_of_another_addon_shows_by_the_hook(self):
        def panels(partners):
            return [
                CustomerPanel(
                    key="tags",
                    section="marketing",
                    title="Tags",
                    model="res.partner.category",
                    domain=[("partner_ids", "in", partners.ids)],
                    columns=[CustomerColumn(name="name")],
                    empty="None",
                )
            ]

        tag = self.env["res.partner.category"].create({"name": "Hotel"})
        self.customer.category_id = tag
        with patch.object(type(self.customer), "_get_customer_panels", panels):
            [panel] = self._panels(self._page(self.seller)).values()
        self.assertEqual(self._texts(panel), [["Hotel"]])

    def test_panel_without_right_is_left_out(self):
        self.assertTrue(self._read_panel(self.seller))
        self.assertFalse(
            self._read_panel(self.seller, groups="account.group_account_invoice")
        )
        self.assertFalse(
            self._read_panel(
                self.accountant,
                model="crm.lead",
                domain=[("partner_id", "=", self.customer.id)],
            )
        )

    def test_column_without_right_is_left_out(self):
        columns = [
            CustomerColumn(name="name"),
            CustomerColumn(name="score_total"),
            CustomerColumn(
                name="secret", get=lambda partner: "x", groups="base.group_system"
            ),
        ]
        [panel] = self._read_panel(self.user_employee, columns=columns)
        self.assertEqual([column["name"] for column in panel["columns"]], ["name"])
        [panel] = self._read_panel(self.seller, columns=columns)
        self.assertEqual(len(panel["columns"]), 2)

    # ------------------------------------------------------------
    # Header of documents
    # ------------------------------------------------------------

    def test_header_is_the_same_on_deal_and_quotation(self):
        expected = self._page(self.seller)["header"]
        for record in (self.open_deal, self.order):
            with self.subTest(record._name):
                self.assertEqual(
                    record.with_user(self.seller).customer_header, expected
                )
        self.assertEqual(expected["id"], self.customer.id)

    def test_header_is_that_of_the_company_of_the_record(self):
        """Whichever company the reader has chosen."""
        self.customer.with_company(self.company_2).trust = "bad"
        [theirs] = self._create_leads(
            1,
            partner_id=self.customer_contact.id,
            company_id=self.company_2.id,
            user_id=False,
        )
        free = self._create_leads(1, partner_id=self.customer.id, user_id=False)
        free.company_id = False
        bad = "Accounting marks the customer as a bad debtor"

        def words(record, *companies):
            self.env.invalidate_all()
            record = record.with_user(self.manager).with_context(
                allowed_company_ids=[company.id for company in companies]
            )
            lights = record.customer_header["lights"]
            return next(one["words"] for one in lights if one["key"] == "payment")

        ours, other = self.company, self.company_2
        for companies in ((ours, other), (other, ours)):
            self.assertIn(bad, words(theirs, *companies))
            self.assertNotIn(bad, words(self.open_deal, *companies))
            self.assertEqual(bad in words(free, *companies), companies[0] == other)
        # of a company that the reader is not in nothing is told
        self.assertFalse(
            theirs.with_user(self.seller)._get_header_company(), "of no use to sellers"
        )

    def test_header_without_customer_is_empty(self):
        [lead] = self._create_leads(1, partner_id=False)
        self.assertFalse(lead.with_user(self.seller).customer_header)

    @warmup
    def test_headers_of_many_cost_what_one_costs(self):
        partners = self.env["res.partner"].create(
            [{"name": f"P{number}"} for number in range(20)]
        )
        leads = self._create_leads(20)
        for lead, partner in zip(leads, partners, strict=True):
            lead.partner_id = partner
        self.env.flush_all()
        leads = leads.with_user(self.seller)
        mixed = self._create_leads(20, user_id=False)
        for number, (lead, partner) in enumerate(zip(mixed, partners, strict=True)):
            company = self.company_2 if number % 2 else self.company
            lead.write({"company_id": company.id, "partner_id": partner.id})
        both = (self.company | self.company_2).ids
        mixed = mixed.with_user(self.manager).with_context(allowed_company_ids=both)

        def count(records):
            self.env.invalidate_all()
            records.mapped("partner_id.commercial_partner_id.trust")
            start = self.env.cr.sql_log_count
            records.mapped("customer_header")
            return self.env.cr.sql_log_count - start

        count(leads)
        self.assertEqual(count(leads), count(leads[:1]))
        count(mixed)
        self.assertEqual(count(mixed), count(mixed[:2]))

    # ------------------------------------------------------------
    # Speed
    # ------------------------------------------------------------

    def test_opening_costs_a_bounded_number_of_queries(self):
        self._create_leads(9, partner_id=self.customer.id, company_id=self.company.id)
        self._write_touchpoints(45)
        for user in (self.seller, self.accountant, self.stock_user):
            with self.subTest(user.login):
                self._assert_queries(user)


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestCustomerPageTour(CustomerPageCommon, HttpCase):
    def _url(self):
        return f"/odoo/customer-360/{self.customer.id}"

    def test_seller_reads_the_page(self):
        self.start_tour(self._url(), "crm_plus_page_seller", login="plus_seller")

    def test_accountant_reads_the_page(self):
        self.start_tour(
            f"/odoo/m-res.partner/{self.customer.id}",
            "crm_plus_page_accountant",
            login="plus_account",
        )
