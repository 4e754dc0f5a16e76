from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .after_sales import AfterSalesCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAfterSalesReport(AfterSalesCommon):
    def _costs(self, case=None):
        self.env.flush_all()
        self.env.invalidate_all()
        return dict(
            self.env["crm.case.cost"]._read_group(
                [("case_id", "=", (case or self.case).id)], ["kind"], ["amount:sum"]
            )
        )

    def _profit(self):
        self.env.flush_all()
        self.env.invalidate_all()
        [[other, profit]] = self.env["crm.customer.profit.report"]._read_group(
            [("partner_id", "=", self.customer.id)],
            [],
            ["other_cost:sum", "profit:sum"],
        )
        return other, profit

    def test_replacement_costs_goods_and_freight(self):
        _other, before = self._profit()
        claim = self._request(quantities=[2], is_return=False, replacement="before")
        self._confirm(claim)
        self.assertFalse(self._costs())
        self._receive_goods(claim.picking_ids)
        claim.with_user(self.clerk).freight_cost = 12

        self.assertEqual(self._costs(), {"goods_out": 120, "freight": 12})
        self.assertEqual(self.case.cost_total, 132)
        self.assertIn("Freight", self.case.cost_words)
        self.assertEqual(self._profit(), (132, before - 132))

    def test_what_the_carrier_charges(self):
        """As the transfer says it, for the part of it that is a replacement."""
        if "carrier_price" not in self.env["stock.picking"]._fields:
            self.skipTest("Delivery costs (stock_delivery) is not installed")
        claim = self._request(quantities=[2], is_return=False, replacement="before")
        self._confirm(claim)
        picking = claim.picking_ids
        picking.move_ids = [
            Command.create(
                {
                    "product_id": self.machine.id,
                    "product_uom_qty": 1,
                    "location_id": picking.location_id.id,
                    "location_dest_id": picking.location_dest_id.id,
                }
            )
        ]
        self._receive_goods(picking)
        picking.carrier_price = 18

        self.assertEqual(self._costs(), {"goods_out": 120, "freight": 9})

    def test_what_comes_back_is_worth_what_it_left_with(self):
        claims = self._request(quantities=[1], replacement="before")
        self._confirm(claims)
        for claim in claims:
            self._receive_goods(claim.picking_ids)

        self.assertEqual(self._costs(), {"goods_out": 60, "goods_in": -60})
        self.assertEqual(self._profit()[0], 0)

    def test_credit_with_return_is_counted_once_in_the_profit(self):
        """Five for 100 that cost 60; two come back and are credited: three are left."""
        self.assertEqual(self._profit(), (0, 200))
        claims = self._request(quantities=[2], credit="goods")
        self._confirm(claims)
        self._receive_goods(claims[0].picking_ids)
        claims[1].credit_move_ids.action_post()

        self.assertEqual(self._costs(), {"credit": 200, "goods_in": -120})
        self.assertEqual(self._profit(), (0, 120))

    def test_credit_of_goods_that_stay(self):
        """The ledger takes the cost of two back; they are gone all the same."""
        claim = self._request(quantities=[2], is_return=False, credit="goods")
        self._confirm(claim)
        claim.credit_move_ids.action_post()

        self.assertEqual(self._costs(), {"credit": 200})
        self.assertEqual(self._profit(), (120, 0))

    def test_agreed_amount(self):
        claim = self._request(
            quantities=[1], is_return=False, credit="amount", amount=30
        )
        self._confirm(claim)
        claim.credit_move_ids.action_post()

        self.assertEqual(self._costs(), {"credit": 30})
        self.assertEqual(self._profit(), (0, 170))
        cost = self.env["crm.case.cost"].search([("case_id", "=", self.case.id)])
        self.assertEqual(cost.product_id, self.machine)

    def test_time_of_the_case(self):
        plan = self.env["account.analytic.plan"].create({"name": "Service"})
        account = self.env["account.analytic.account"].create(
            {"name": "Care", "plan_id": plan.id, "company_id": self.company.id}
        )
        self.env["account.analytic.line"].create(
            {
                "name": "Looked at it",
                "account_id": account.id,
                "amount": -45,
                "unit_amount": 1,
                "case_id": self.case.id,
                "company_id": self.company.id,
            }
        )

        self.assertEqual(self._costs(), {"time": 45})
        self.assertEqual(self._profit()[0], 45)

    def test_profile_says_what_cases_cost(self):
        claim = self._request(quantities=[2], is_return=False, replacement="before")
        self._confirm(claim)
        self._receive_goods(claim.picking_ids)
        self.env.flush_all()
        self.env["crm.customer.profile"]._rebuild(self.customer.ids)

        profile = self.env["crm.customer.profile"].search(
            [
                ("partner_id", "=", self.customer.id),
                ("company_id", "=", self.company.id),
            ]
        )
        self.assertEqual(profile.case_cost_12, 120)
        with self.assertRaises(AccessError):
            profile.with_user(self.agent).read(["case_cost_12"])

    def _defects(self, dimension, **context):
        self.env.flush_all()
        self.env.invalidate_all()
        return (
            self.env["crm.case.defect.report"]
            .with_context(**context)
            .search(
                [("dimension", "=", dimension), ("company_id", "=", self.company.id)],
                order="rank",
            )
        )

    def test_pareto(self):
        products = self.env["product.product"].create(
            [
                {
                    "name": name,
                    "is_storable": True,
                    "invoice_policy": "order",
                    "standard_price": 10,
                }
                for name in ("Grinder", "Scale")
            ]
        )
        for product in products:
            self.env["stock.quant"]._update_available_quantity(
                product, self.warehouse.lot_stock_id, 50
            )
        self._request(quantities=[4], replacement="after")
        for product, delivered, claimed in zip(products, (20, 10), (5, 1), strict=True):
            order = self._sell(self.eva, product, delivered)
            self._receive_goods(order.picking_ids)
            case = self._create_cases(partner_id=self.eva.id, sale_order_id=order.id)
            self._request(case, quantities=[claimed])
        # neither defects nor valid: not counted
        unwanted = self.env.ref("crm_helpdesk.crm_case_claim_reason_unwanted")
        self._request(case, quantities=[3], reason_id=unwanted.id)
        refused = self._request(case, quantities=[4])
        refused.with_user(self.clerk)._refuse("Used up")

        self.assertRecordValues(
            self._defects("product"),
            [
                {
                    "rank": 1,
                    "product_id": products[0].id,
                    "subject": "Grinder",
                    "quantity": 5,
                    "delivered": 20,
                    "rate": 25,
                    "share": 50,
                    "cumulative_share": 50,
                    "pareto_class": "a",
                },
                {
                    # returned and replaced is one defect
                    "rank": 2,
                    "product_id": self.machine.id,
                    "subject": "Espresso machine",
                    "quantity": 4,
                    "delivered": 5,
                    "rate": 80,
                    "share": 40,
                    "cumulative_share": 90,
                    "pareto_class": "a",
                },
                {
                    "rank": 3,
                    "product_id": products[1].id,
                    "subject": "Scale",
                    "quantity": 1,
                    "delivered": 10,
                    "rate": 10,
                    "share": 10,
                    "cumulative_share": 100,
                    "pareto_class": "b",
                },
            ],
        )
        self.assertRecordValues(
            self._defects("supplier"),
            [{"supplier_id": self.vendor.id, "quantity": 4, "share": 100}],
        )
        self.assertRecordValues(
            self._defects("reason"),
            [{"reason_id": self.reason.id, "quantity": 10, "case_count": 3}],
        )

    def test_cost_of_defects(self):
        claim = self._request(quantities=[2], is_return=False, replacement="before")
        self._confirm(claim)
        self._receive_goods(claim.picking_ids)

        self.assertEqual(self._defects("product").cost, 120)
        self.assertEqual(self._defects("reason").cost, 120)
        with self.assertRaises(AccessError):
            self._defects("product").with_user(self.agent).read(["cost"])
        self.assertTrue(self._defects("product").with_user(self.agent).read(["share"]))

    def test_period(self):
        claim = self._request(quantities=[2])
        self.env.cr.execute(
            "UPDATE crm_case_claim SET create_date = create_date - interval '100 days'"
            " WHERE id = %s",
            [claim.id],
        )
        self._request(quantities=[1])

        self.assertEqual(self._defects("product").quantity, 3)
        self.assertEqual(
            self._defects("product", crm_helpdesk_defect_days=90).quantity, 1
        )

    def test_lot_tells_who_delivered_it(self):
        product = self.env["product.product"].create(
            {"name": "Beans", "is_storable": True, "tracking": "lot"}
        )
        lot = self.env["stock.lot"].create({"name": "L-1", "product_id": product.id})
        receipt = self.env["stock.picking"].create(
            {
                "partner_id": self.vendor.id,
                "picking_type_id": self.warehouse.in_type_id.id,
                "location_id": self.env.ref("stock.stock_location_suppliers").id,
                "location_dest_id": self.warehouse.lot_stock_id.id,
                "move_ids": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "product_uom_qty": 10,
                            "location_id": self.env.ref(
                                "stock.stock_location_suppliers"
                            ).id,
                            "location_dest_id": self.warehouse.lot_stock_id.id,
                        }
                    )
                ],
            }
        )
        receipt.action_confirm()
        receipt.move_ids.move_line_ids.unlink()
        receipt.move_ids.move_line_ids = [
            Command.create(
                {
                    "product_id": product.id,
                    "quantity": 10,
                    "lot_id": lot.id,
                    "picking_id": receipt.id,
                }
            )
        ]
        receipt.move_ids.picked = True
        receipt._action_done()
        order = self._sell(self.ida, product, 4)
        self._receive_goods(order.picking_ids)
        case = self._create_cases(sale_order_id=order.id)

        claim = self._request(case, quantities=[3])

        self.assertRecordValues(
            claim.line_ids, [{"lot_id": lot.id, "supplier_id": self.vendor.id}]
        )
        self.assertRecordValues(
            self._defects("lot"), [{"lot_id": lot.id, "quantity": 3, "subject": "L-1"}]
        )
        action = self._defects("lot").action_view_goods()
        self.assertEqual(
            self.env["crm.case.claim.line"].search(action["domain"]), claim.line_ids
        )
