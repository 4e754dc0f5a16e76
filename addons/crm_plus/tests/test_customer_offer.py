from datetime import timedelta

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged

from .test_customer_profile import CustomerProfileCommon


class OfferCommon(CustomerProfileCommon):
    """Twelve cafés of an industry and as many offices, all of whom bought Beans: of the
    cafés nine bought Milk, too, and one office. ``customer`` is a café that did not.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.milk, cls.rare = cls.env["product.product"].create(
            [
                {
                    "name": name,
                    "is_storable": True,
                    "list_price": 3,
                    "taxes_id": [],
                }
                for name in ("Milk", "Rare")
            ]
        )
        cls.cafe, cls.office = cls.env["res.partner.industry"].create(
            [{"name": "Cafés"}, {"name": "Offices"}]
        )
        cls.cafes, cls.offices = (
            cls.env["res.partner"].create(
                [
                    {"name": f"{industry.name} {n}", "industry_id": industry.id}
                    for n in range(12)
                ]
            )
            for industry in (cls.cafe, cls.office)
        )
        cls.customer.industry_id = cls.cafe
        cls.yardstick = cls.Yardstick._get_all().filtered(
            lambda one: one.company_id == cls.company
        )

    @classmethod
    def _buy(cls, partner, product, days_ago=20):
        return cls._invoice(days_ago, 100, partner, product)

    @classmethod
    def _buy_all(cls):
        for partner in cls.cafes + cls.offices + cls.customer:
            cls._buy(partner, cls.beans)
        for partner in cls.cafes[:9] + cls.offices[:1]:
            cls._buy(partner, cls.milk)
        for partner in cls.cafes[:4]:
            cls._buy(partner, cls.rare)
        cls._compare()

    @classmethod
    def _compare(cls):
        partners = cls.cafes + cls.offices + cls.customer
        cls.Profile._rebuild(partners.ids)
        cls.env["crm.customer.affinity"].sudo()._renew(cls.yardstick, cls.today)

    def _open(self, record=None, user=None):
        record = (record or self.customer).with_user(user or self.seller)
        action = record.with_context(
            allowed_company_ids=self.company.ids
        ).action_suggest_offers()
        return (
            self.env["crm.customer.offer"]
            .with_user(user or self.seller)
            .with_context(allowed_company_ids=self.company.ids)
            .browse(action["res_id"])
        )

    def _due(self, product, ages=(100, 70, 40), quantity=10):
        for age in ages:
            self._buy(self.customer, product, age)
        self.Profile._rebuild(self.customer.ids)


@tagged("post_install", "-at_install", "crm_plus_profile")
class TestCustomerAffinity(OfferCommon):
    def test_counts_are_those_of_customers(self):
        self._buy_all()
        # twice is no second customer
        self._buy(self.cafes[0], self.milk, 10)
        self._compare()

        rows = self.env["crm.customer.affinity"].search(
            [("company_id", "=", self.company.id), ("product_id", "=", self.milk.id)]
        )

        by_industry = rows.filtered(lambda row: row.industry_id == self.cafe)
        self.assertRecordValues(
            by_industry,
            [
                {
                    "basis": "industry",
                    "buyer_count": 9,
                    "group_count": 13,
                    "product_count": 10,
                    "population": 25,
                    "with_product_id": False,
                }
            ],
        )
        self.assertAlmostEqual(by_industry.share, 69.2, 1)
        self.assertAlmostEqual(by_industry.lift, (9 / 13) / (10 / 25), 2)
        # all bought Beans: that they did says nothing
        self.assertFalse(rows.filtered(lambda row: row.with_product_id == self.beans))
        self.assertFalse(rows.filtered(lambda row: row.industry_id == self.office))
        self.assertEqual(self.yardstick.offer_population, 25)

    def test_below_the_minimum_nothing_is_said(self):
        self._buy_all()
        Affinity = self.env["crm.customer.affinity"]
        rare = [("product_id", "=", self.rare.id), ("company_id", "=", self.company.id)]
        self.assertFalse(Affinity.search(rare), "four bought it, five are needed")

        self.yardstick.offer_min_count = 4
        self._compare()

        found = Affinity.search([*rare, ("with_product_id", "=", self.milk.id)])
        self.assertEqual((found.buyer_count, found.group_count), (4, 10))

    def test_chance_is_no_reason(self):
        """Seven of the cafés and five of the offices: a lift of 1.1 at best."""
        for partner in self.cafes + self.offices + self.customer:
            self._buy(partner, self.beans)
        for partner in self.cafes[:7] + self.offices[:4]:
            self._buy(partner, self.milk)
        self.yardstick.offer_min_lift = 1.0
        self._compare()

        self.assertFalse(
            self.env["crm.customer.affinity"].search(
                [
                    ("product_id", "=", self.milk.id),
                    ("company_id", "=", self.company.id),
                ]
            )
        )

    def test_labels_segments_and_old_purchases(self):
        label = self.env["crm.customer.label"].create({"name": "Regulars"})
        segment = self.env["crm.segment"].create(
            {
                "name": "Around the corner",
                "target": "res.partner",
                "domain": repr([("id", "in", self.cafes.ids)]),
                "company_id": self.company.id,
            }
        )
        self._buy_all()
        segment._refresh()
        self.Profile.search([("partner_id", "in", self.cafes.ids)]).label_id = label
        self.env["crm.customer.affinity"].sudo()._renew(self.yardstick, self.today)

        rows = self.env["crm.customer.affinity"].search(
            [("product_id", "=", self.milk.id), ("company_id", "=", self.company.id)]
        )
        self.assertEqual(rows.filtered("label_id").label_id, label)
        self.assertEqual(rows.filtered("label_id").group_count, 12)
        self.assertEqual(rows.filtered("segment_id").segment_id, segment)

        self.yardstick.offer_months = 1
        later = self.today + timedelta(days=60)
        self.env["crm.customer.affinity"].sudo()._renew(self.yardstick, later)
        self.assertFalse(rows.exists())

    def test_companies_do_not_mix(self):
        self._buy_all()
        other = self.setup_other_company()["company"]
        seller = new_test_user(
            self.env,
            login="offer_other",
            groups="sales_team.group_sale_salesman",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        self.assertFalse(self.env["crm.customer.affinity"].with_user(seller).search([]))
        with self.assertRaises(AccessError):
            self.env["crm.customer.affinity"].with_user(self.accountant).search([])


@tagged("post_install", "-at_install", "crm_plus_profile")
class TestCustomerOffer(OfferCommon):
    def test_what_similar_customers_buy_is_offered_with_its_reason(self):
        self._buy_all()

        offer = self._open()

        self.assertEqual(offer.line_ids.product_id, self.milk)
        line = offer.line_ids
        self.assertEqual((line.kind, line.buyer_count), ("similar", 9))
        self.assertIn("n = 9 of 13 customers of the industry Cafés", line.why)
        self.assertIn("1.7 times", line.why)
        self.assertEqual(line.price_unit, 3)
        # who has it is not offered it
        self.assertFalse(self._open(self.cafes[0]).line_ids)

    def test_contacts_are_asked_for_their_company(self):
        self._buy_all()
        self.assertEqual(self._open(self.contact).line_ids.product_id, self.milk)

    def test_what_is_due_by_the_own_rhythm_is_offered(self):
        self._due(self.milk)  # every 30 days, the last 40 ago

        line = self._open().line_ids

        self.assertEqual((line.kind, line.product_id), ("due", self.milk))
        self.assertEqual(line.quantity, 10)
        self.assertEqual(line.date_next, self.today - timedelta(days=10))
        self.assertIn("every 30 days (median of n = 3 purchases)", line.why)
        self.assertIn("10 days ago", line.why)

    def test_what_is_not_due(self):
        cases = [
            ("twice is no rhythm", (70, 40)),
            ("not yet", (62, 32, 2)),
            ("given up", (300, 270, 240)),
        ]
        for name, ages in cases:
            with self.subTest(name):
                product = self.milk.copy({"name": name})
                self._due(product, ages)
                self.assertNotIn(product, self._open().line_ids.product_id)

    def test_what_was_asked_for_is_not_offered(self):
        self._due(self.milk)
        order = self.env["sale.order"].create(
            {
                "partner_id": self.contact.id,
                "company_id": self.company.id,
                "order_line": [Command.create({"product_id": self.milk.id})],
            }
        )
        self.assertFalse(self._open().line_ids, "it stands on a quotation")
        order.action_confirm()
        self.assertFalse(self._open().line_ids, "it is on its way")
        order._action_cancel()
        self.assertTrue(self._open().line_ids)

    def test_price_and_stock(self):
        self._due(self.milk)
        warehouse = self.env["stock.warehouse"].search(
            [("company_id", "=", self.company.id)], limit=1
        )
        self.env["stock.quant"].create(
            {
                "product_id": self.milk.id,
                "location_id": warehouse.lot_stock_id.id,
                "inventory_quantity": 25,
            }
        ).action_apply_inventory()
        self.seller.group_ids += self.env.ref("product.group_product_pricelist")
        self.env.ref("base.group_user").implied_ids += self.env.ref(
            "product.group_product_pricelist"
        )
        pricelist = self.env["product.pricelist"].create(
            {
                "name": "From ten on",
                "company_id": self.company.id,
                "item_ids": [
                    Command.create(
                        {
                            "compute_price": "fixed",
                            "fixed_price": 2,
                            "min_quantity": 10,
                            "product_id": self.milk.id,
                            "applied_on": "0_product_variant",
                        }
                    )
                ],
            }
        )
        self.customer.with_company(self.company).property_product_pricelist = pricelist

        line = self._open().line_ids

        self.assertEqual((line.quantity, line.price_unit), (10, 2))
        self.assertEqual((line.free_quantity, line.forecast_quantity), (25, 25))
        line.action_add()
        self.assertEqual(line.offer_id.order_id.order_line.price_unit, 2)

    def test_price_is_untaxed_where_that_of_the_list_is_not(self):
        self.milk.taxes_id = self.env["account.tax"].create(
            {
                "name": "25 in the price",
                "amount": 25,
                "price_include_override": "tax_included",
                "company_id": self.company.id,
            }
        )
        self._due(self.milk)
        line = self._open().line_ids
        self.assertEqual(line.price_unit, self.milk.list_price / 1.25)
        line.action_add()
        order_line = line.offer_id.order_id.order_line
        self.assertEqual(order_line.price_reduce_taxexcl, line.price_unit)

    def test_added_to_a_new_quotation_then_to_the_same(self):
        self._due(self.milk)
        self._due(self.rare)
        offer = self._open()
        self.assertFalse(offer.order_id)

        for line in offer.line_ids:
            action = line.action_add()
            line.action_add()  # once is enough

        self.assertEqual(action["res_id"], offer.id)
        order = offer.order_id
        self.assertRecordValues(
            order.order_line,
            [
                {"product_id": self.milk.id, "product_uom_qty": 10},
                {"product_id": self.rare.id, "product_uom_qty": 10},
            ],
        )
        self.assertEqual((order.partner_id, order.state), (self.customer, "draft"))
        self.assertEqual(order.user_id, self.seller)
        self.assertEqual(offer.action_open_order()["res_id"], order.id)

    def test_from_a_quotation_and_from_a_deal(self):
        self._due(self.milk)
        order, other = self.env["sale.order"].create(
            [
                {
                    "partner_id": self.customer.id,
                    "company_id": self.company.id,
                    "user_id": self.seller.id,
                }
                for _n in range(2)
            ]
        )
        self.assertEqual(self._open(order).order_id, order)
        self.assertEqual(self._open().order_id, other, "the latest")
        lead = self.env["crm.lead"].create(
            {
                "name": "Deal",
                "type": "opportunity",
                "partner_id": self.contact.id,
                "company_id": self.company.id,
                "user_id": self.seller.id,
            }
        )
        offer = self._open(lead)
        self.assertFalse(offer.order_id, "no quotation of the deal")
        offer.line_ids.action_add()
        self.assertEqual(offer.order_id.opportunity_id, lead)
        self.assertEqual(offer.order_id.partner_id, self.contact)
        lead.partner_id = False
        with self.assertRaises(UserError):
            self._open(lead)

    def test_a_confirmed_order_takes_no_more(self):
        self._due(self.milk)
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "user_id": self.seller.id,
                "order_line": [Command.create({"product_id": self.beans.id})],
            }
        )
        offer = self._open(order)
        order.action_confirm()
        with self.assertRaises(UserError):
            offer.line_ids.action_add()

    def test_another_sellers_quotation_is_not_touched(self):
        self._due(self.milk)
        other = new_test_user(
            self.env,
            login="offer_colleague",
            groups="sales_team.group_sale_salesman",
            company_id=self.company.id,
        )
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "user_id": other.id,
            }
        )
        self.assertFalse(self._open().order_id)
        self.assertEqual(self._open(user=other).order_id, order)

    def test_who_may_not_sell_gets_no_offers(self):
        self._due(self.milk)
        employee = new_test_user(self.env, login="offer_employee")
        portal = new_test_user(
            self.env, login="offer_portal", groups="base.group_portal"
        )
        for user in (employee, portal, self.accountant):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._open(user=user)

    def test_nothing_to_offer_says_so(self):
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        offer = self._open(stranger)
        self.assertFalse(offer.line_ids)
        self.assertEqual(offer.min_count, 5)

    def test_few_queries_however_many_offers(self):
        self._buy_all()
        products = self.env["product.product"].create(
            [{"name": f"P{n}", "taxes_id": [], "is_storable": True} for n in range(8)]
        )
        found, shown = [], []
        # the first time rules are read, and cached
        for some in (products[:1], products[1:2], products[2:]):
            for product in some:
                self._due(product)
            for counts, work in (
                (found, self._get_offers_of_seller),
                (shown, lambda: self._open().line_ids.mapped("forecast_quantity")),
            ):
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                work()
                counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(len(self._get_offers_of_seller()), 9)
        self.assertEqual(found[1], found[2])
        self.assertLess(found[2], 10)
        self.assertEqual(shown[1], shown[2], "with price and stock")

    def _get_offers_of_seller(self):
        return (
            self.env["crm.customer.offer"]
            .with_user(self.seller)
            ._get_offers(self.customer.with_user(self.seller), self.company)
        )

    def test_who_a_contact_belongs_to_is_not_told_to_all(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.customer.company_id = other
        contact = self.env["res.partner"].create(
            {"name": "Ida", "parent_id": self.customer.id, "company_id": other.id}
        )
        Offer = self.env["crm.customer.offer"].with_user(self.seller)
        with self.assertRaises(AccessError):
            Offer.onchange(
                {"partner_id": contact.id},
                ["partner_id"],
                {"partner_id": {}, "commercial_partner_id": {}},
            )

    def test_form_and_list_open(self):
        self._due(self.milk)
        with Form(self._open()) as form:
            with form.line_ids.edit(0) as line:
                line.quantity = 4
        products = self.Profile.search(
            [("partner_id", "=", self.customer.id)]
        ).product_ids.with_user(self.seller)
        action = products[:1].action_suggest_offers()
        self.assertEqual(action["res_model"], "crm.customer.offer")
