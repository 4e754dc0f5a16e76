from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged, users

from .common import CrmPlusCommon


class PipelineCommon(CrmPlusCommon):
    """Goods: a machine at 900, beans at 20 a unit (also sold by the dozen)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dozen = cls.env.ref("uom.product_uom_dozen")
        cls.category = cls.env["product.category"].create({"name": "Coffee"})
        cls.machine, cls.beans = cls.env["product.product"].create(
            [
                {
                    "name": name,
                    "list_price": price,
                    "is_storable": True,
                    "taxes_id": False,
                    "categ_id": cls.category.id,
                    "uom_ids": [Command.link(cls.dozen.id)],
                }
                for name, price in (("Machine", 900.0), ("Beans", 20.0))
            ]
        )
        cls.warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.company.id)], limit=1
        )
        [cls.deal] = cls._create_leads(
            1,
            name="Café at the harbour",
            type="opportunity",
            partner_id=cls.customer.id,
            user_id=cls.seller.id,
            company_id=cls.company.id,
            probability=50,
            date_deadline=fields.Date.today(),
        )

    @classmethod
    def _add_interest(cls, lead, *products, **values):
        return cls.env["crm.lead.product.line"].create(
            [
                {"lead_id": lead.id, "product_id": product.id, **values}
                for product in products
            ]
        )


@tagged("post_install", "-at_install")
class TestPipelineProducts(PipelineCommon):
    def _quote(self, lead, *, user=None, **line):
        return (
            self.env["sale.order"]
            .with_user(user or self.seller)
            .create(
                {
                    "partner_id": self.customer.id,
                    "opportunity_id": lead.id,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": self.machine.id,
                                "product_uom_qty": 2,
                                **line,
                            }
                        )
                    ],
                }
            )
        )

    def _demand(self, **domain):
        return self.env["crm.product.demand"].search(
            [("product_id", "in", (self.machine | self.beans).ids)], order="id"
        )

    # ------------------------------------------------------------
    # Lines
    # ------------------------------------------------------------

    @users("plus_seller")
    def test_price_follows_the_pricelist_until_somebody_types_one(self):
        self.seller.group_ids += self.env.ref("uom.group_uom")

        with Form(self.deal.with_user(self.env.user)) as form:
            with form.product_line_ids.new() as line:
                line.product_id = self.beans
                self.assertEqual(line.price_unit, 20)
                line.product_uom_id = self.dozen
                self.assertEqual(line.price_unit, 240)
                line.price_unit = 200
                line.quantity = 3
                self.assertEqual(line.price_unit, 200)

        self.assertRecordValues(
            self.deal.product_line_ids,
            [
                {
                    "amount": 600,
                    "amount_company": 600,
                    "amount_weighted": 300,
                    "company_id": self.company.id,
                }
            ],
        )

    def test_other_currency_is_converted(self):
        currency = self._enable_currency_at_half()
        line = self._add_interest(
            self.deal, self.beans, currency_id=currency.id, price_unit=100
        )
        self.assertEqual(line.amount, 100)
        self.assertEqual(line.amount_company, 50)
        self.assertEqual(self.deal.product_amount, 50)

    def _enable_currency_at_half(self):
        currency = self.env["res.currency"].create(
            {"name": "TST", "symbol": "T", "rounding": 0.01}
        )
        self.env["res.currency.rate"].create(
            {
                "currency_id": currency.id,
                "name": "2020-01-01",
                "rate": 2.0,
                "company_id": self.company.id,
            }
        )
        return currency

    def test_expected_revenue_changes_only_when_asked(self):
        self.deal.expected_revenue = 5
        self._add_interest(self.deal, self.machine, quantity=2)
        self.assertEqual(self.deal.expected_revenue, 5)
        self.assertTrue(self.deal.is_product_amount_other)

        self.deal.with_user(self.seller).action_take_product_amount()

        self.assertEqual(self.deal.expected_revenue, 1800)
        self.assertFalse(self.deal.is_product_amount_other)

    def test_copy_and_merge_keep_the_lines(self):
        self._add_interest(self.deal, self.machine)
        [other] = self._create_leads(
            1, type="opportunity", partner_id=self.customer.id, user_id=self.seller.id
        )
        self._add_interest(other, self.beans)

        self.assertEqual(self.deal.copy().product_line_ids.product_id, self.machine)
        merged = (self.deal | other).merge_opportunity()

        self.assertEqual(merged.product_line_ids.product_id, self.machine | self.beans)
        self.assertEqual(merged.product_line_ids.company_id, merged.company_id)

    # ------------------------------------------------------------
    # To and from quotations
    # ------------------------------------------------------------

    @users("plus_seller")
    def test_new_quotation_offers_the_products(self):
        self._add_interest(self.deal, self.beans, quantity=3)
        self._add_interest(self.deal, self.machine, price_unit=800)

        deal = self.deal.with_user(self.env.user)
        action = deal.action_sale_quotations_new()
        order = self.env["sale.order"].browse(action["res_id"])

        self.assertRecordValues(
            order.order_line,
            [
                {
                    "product_id": self.beans.id,
                    "product_uom_qty": 3,
                    "price_unit": 20,
                    "discount": 0,
                },
                {
                    "product_id": self.machine.id,
                    "product_uom_qty": 1,
                    "price_unit": 800,
                    "discount": 0,
                },
            ],
        )
        self.assertRecordValues(
            order,
            [
                {
                    "opportunity_id": self.deal.id,
                    "partner_id": self.customer.id,
                    "state": "draft",
                    "user_id": self.seller.id,
                }
            ],
        )

    @users("plus_seller")
    def test_a_typed_price_is_not_discounted_again(self):
        pricelist = self.env["product.pricelist"].sudo().create({"name": "Ten off"})
        self.env["product.pricelist.item"].sudo().create(
            {
                "pricelist_id": pricelist.id,
                "compute_price": "percentage",
                "percent_price": 10,
            }
        )
        self.env.ref("base.group_user").sudo().implied_ids += self.env.ref(
            "product.group_product_pricelist"
        ) + self.env.ref("sale.group_discount_per_so_line")
        self.customer.property_product_pricelist = pricelist
        self._add_interest(self.deal, self.machine)
        self._add_interest(self.deal, self.machine, price_unit=700)

        action = self.deal.with_user(self.env.user).action_sale_quotations_new()
        order = self.env["sale.order"].browse(action["res_id"])

        self.assertEqual(order.order_line.mapped("price_subtotal"), [810, 700])

    def test_small_prices_are_typed_ones_too(self):
        """Half a cent is no rounding where prices have four digits."""
        self.env.ref("product.decimal_price").digits = 4
        self.beans.list_price = 0.1200
        line = self._add_interest(self.deal, self.beans, quantity=1000)
        line.price_unit = 0.1234
        line.quantity = 2000
        self.assertAlmostEqual(line.price_unit, 0.1234)
        self.assertAlmostEqual(line._prepare_order_line_values()["price_unit"], 0.1234)

    def _include_tax(self, *products):
        tax = self.env["account.tax"].create(
            {
                "name": "25 in the price",
                "amount": 25,
                "price_include_override": "tax_included",
                "company_id": self.company.id,
            }
        )
        for product in products:
            product.taxes_id = tax

    def test_prices_are_untaxed_where_those_of_the_list_are_not(self):
        self._include_tax(self.machine, self.beans)
        self._add_interest(self.deal, self.machine)
        self._add_interest(self.deal, self.beans, price_unit=12)
        self.assertEqual(self.deal.product_line_ids.mapped("price_unit"), [720, 12])
        self.assertEqual(self.deal.product_amount, 732)

        action = self.deal.action_sale_quotations_new()
        order = self.env["sale.order"].browse(action["res_id"])
        self.assertEqual(order.order_line.mapped("price_unit"), [900, 15])
        self.assertEqual(order.amount_untaxed, 732)

        # there and back: nothing gets cheaper on the way
        self.env["crm.lead.product.take"].create(
            {"lead_id": self.deal.id}
        ).action_take()
        self.assertEqual(self.deal.product_amount, 732)
        action = self.deal.action_sale_quotations_new()
        order = self.env["sale.order"].browse(action["res_id"])
        self.assertEqual(order.amount_untaxed, 732)

    def test_a_typed_price_is_converted_to_the_currency_of_the_quotation(self):
        currency = self._enable_currency_at_half()
        self.customer.property_product_pricelist = self.env["product.pricelist"].create(
            {"name": "In TST", "currency_id": currency.id}
        )
        self._add_interest(self.deal, self.machine)
        self._add_interest(self.deal, self.machine, price_unit=700)

        action = self.deal.action_sale_quotations_new()
        order = self.env["sale.order"].browse(action["res_id"])

        self.assertEqual(order.currency_id, currency)
        self.assertEqual(order.order_line.mapped("price_unit"), [1800, 1400])

    def test_without_products_the_quotation_is_an_empty_form(self):
        action = self.deal.action_sale_quotations_new()

        self.assertFalse(action.get("res_id"))
        self.assertFalse(self.deal.order_ids)

    @users("plus_seller")
    def test_lines_are_taken_back_from_a_quotation(self):
        self._add_interest(self.deal, self.beans)
        order = self._quote(self.deal, price_unit=850, discount=10)

        wizard = self.env["crm.lead.product.take"].create({"lead_id": self.deal.id})
        self.assertEqual((wizard.source, wizard.order_id), ("quotation", order))
        wizard.action_take()

        self.assertRecordValues(
            self.deal.product_line_ids,
            [{"product_id": self.machine.id, "quantity": 2, "price_unit": 765}],
        )

    def test_quotations_of_deals_that_one_does_not_see_are_not_told(self):
        self._quote(self.deal)
        Take = self.env["crm.lead.product.take"].with_user(self.seller_2)
        values = {"lead_id": self.deal.id}

        for name in ("order_id", "source"):
            with self.subTest(name), self.assertRaises(AccessError):
                Take.onchange(values, ["lead_id"], {"lead_id": {}, name: {}})
        with self.assertRaises(AccessError):
            Take.create(values)

    @users("plus_seller")
    def test_quotation_of_another_deal_is_refused(self):
        [other] = self._create_leads(
            1, type="opportunity", partner_id=self.customer.id, user_id=self.seller.id
        )
        wizard = self.env["crm.lead.product.take"].create(
            {"lead_id": self.deal.id, "order_id": self._quote(other).id}
        )
        with self.assertRaises(UserError):
            wizard.action_take()

    @users("plus_seller")
    def test_template_adds_its_products(self):
        template = (
            self.env["crm.lead.product.template"]
            .sudo()
            .create(
                {
                    "name": "Opening",
                    "line_ids": [
                        Command.create({"product_id": self.machine.id}),
                        Command.create({"product_id": self.beans.id, "quantity": 9}),
                    ],
                }
            )
        )
        self._add_interest(self.deal, self.beans)

        self.env["crm.lead.product.take"].create(
            {
                "lead_id": self.deal.id,
                "source": "template",
                "template_id": template.id,
                "replace": False,
            }
        ).action_take()

        self.assertEqual(self.deal.product_line_ids.mapped("quantity"), [1, 1, 9])
        self.assertEqual(self.deal.product_amount, 20 + 900 + 180)
        with self.assertRaises(AccessError):
            template.with_user(self.env.user).name = "Mine"

    # ------------------------------------------------------------
    # Demand
    # ------------------------------------------------------------

    def test_demand_is_weighted_and_in_the_unit_of_the_product(self):
        self._add_interest(
            self.deal, self.beans, product_uom_id=self.dozen.id, quantity=2
        )

        self.assertRecordValues(
            self._demand(),
            [
                {
                    "lead_id": self.deal.id,
                    "quantity": 24,
                    "quantity_weighted": 12,
                    "amount": 480,
                    "amount_weighted": 240,
                    "date_expected": self.deal.date_deadline,
                    "warehouse_id": self.warehouse.id,
                    "source": "interest",
                }
            ],
        )

    def test_a_quotation_stands_for_the_interest_and_an_order_ends_it(self):
        self._add_interest(self.deal, self.beans)
        self._quote(self.deal)
        last = self._quote(self.deal, product_uom_qty=5)

        [row] = self._demand()
        self.assertEqual((row.source, row.quantity), ("quotation", 5))
        self.deal.order_ids.action_confirm()
        self.assertFalse(self._demand())
        last.action_cancel()
        self.assertFalse(self._demand())

    def test_closed_deals_and_leads_ask_for_nothing(self):
        for values in ({"active": False, "probability": 0}, {"type": "lead"}):
            with self.subTest(values):
                [lead] = self._create_leads(1, type="opportunity")
                self._add_interest(lead, self.beans)
                self.assertEqual(len(self._demand()), 1)
                lead.write(values)
                self.assertFalse(self._demand())

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_sellers_see_the_products_of_their_deals_only(self):
        line = self._add_interest(self.deal, self.beans)
        demand = self._demand()

        for user, may in (
            (self.seller, True),
            (self.seller_2, False),
            (self.manager, True),
            (self.user_other_company, False),
        ):
            with self.subTest(user.login):
                for record in (line, demand):
                    self.assertEqual(record.with_user(user).has_access("read"), may)
        self.assertFalse(line.with_user(self.accountant).has_access("read"))
        with self.assertRaises(AccessError):
            line.with_user(self.seller_2).quantity = 7
