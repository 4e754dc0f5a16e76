from odoo.tests import HttpCase, tagged

from .test_customer_offer import OfferCommon


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestCustomerOfferTour(OfferCommon, HttpCase):
    """Cafés buy Milk, Rare is due again and 25 of it are there."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._buy_all()
        for age in (100, 70, 40):
            cls._buy(cls.customer, cls.rare, age)
        cls.Profile._rebuild(cls.customer.ids)
        warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.company.id)], limit=1
        )
        cls.env["stock.quant"].create(
            {
                "product_id": cls.rare.id,
                "location_id": warehouse.lot_stock_id.id,
                "inventory_quantity": 25,
            }
        ).action_apply_inventory()

    def test_seller_adds_an_offer_to_a_quotation(self):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "user_id": self.seller.id,
            }
        )
        self.start_tour(
            f"/odoo/sale.order/{order.id}",
            "crm_plus_offer_quotation",
            login=self.seller.login,
        )
        self.assertEqual(order.order_line.product_id, self.milk)

    def test_seller_adds_an_offer_to_a_deal(self):
        lead = self.env["crm.lead"].create(
            {
                "name": "Deal",
                "type": "opportunity",
                "partner_id": self.contact.id,
                "company_id": self.company.id,
                "user_id": self.seller.id,
            }
        )
        self.start_tour(
            f"/odoo/crm/{lead.id}", "crm_plus_offer_deal", login=self.seller.login
        )
        self.assertEqual(lead.order_ids.order_line.product_id, self.rare)
