from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .after_sales import AfterSalesCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestOptionalApps(AfterSalesCommon):
    """Repair and loyalty need not be there: what is not is not offered."""

    def test_only_what_is_installed_is_offered(self):
        wizard = self.env["crm.case.claim.create"].create({"case_id": self.case.id})

        self.assertEqual(wizard.has_repair, "repair.order" in self.env)
        self.assertEqual(wizard.has_coupon, "loyalty.program" in self.env)
        # an agent without rights in sales chooses no program
        self.assertFalse(
            self.env["crm.case.claim.create"]
            .with_user(self.agent)
            .create({"case_id": self.case.id})
            .has_coupon
        )

    def test_an_app_that_went_is_told(self):
        if "repair.order" in self.env:
            self.skipTest("Repairs is installed")
        claim = self._request(quantities=[1], is_return=False, is_repair=True)
        with self.assertRaisesRegex(UserError, "no longer installed"):
            claim.with_user(self.clerk).action_confirm()
        claim.with_user(self.agent).action_withdraw()
        self.assertEqual(claim.state, "cancelled")


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestRepair(AfterSalesCommon):
    def setUp(self):
        super().setUp()
        if "repair.order" not in self.env:
            self.skipTest("Repairs is not installed")

    def test_repair_of_what_came_back(self):
        claims = self._request(quantities=[1], is_repair=True)
        returned, repair = claims
        self.assertFalse(returned.is_refund)
        with self.assertRaises(AccessError):
            repair.with_user(self.agent).action_confirm()
        self._confirm(claims)

        order = self.env["repair.order"].browse(repair.document_id)
        self.assertRecordValues(
            order,
            [
                {
                    "partner_id": self.ida.id,
                    "product_id": self.machine.id,
                    "product_qty": 1,
                    "under_warranty": True,
                    "picking_id": returned.picking_ids.id,
                }
            ],
        )
        self.assertIn(repair.name, "".join(order.message_ids.mapped("body")))
        self.assertEqual(repair.state, "approved")

        self._receive_goods(returned.picking_ids)
        order.with_user(self.clerk).action_validate()
        order.with_user(self.clerk).action_repair_start()
        self.flush_tracking()
        self.assertEqual((repair.state, repair.progress), ("progress", "Under repair"))
        order.with_user(self.clerk).action_repair_end()
        self.flush_tracking()
        self.assertEqual((repair.state, repair.progress), ("done", "Repaired"))

    def test_repair_that_is_cancelled_gives_back(self):
        repair = self._request(quantities=[5], is_return=False, is_repair=True)
        self._confirm(repair)
        self.assertEqual(self._rows().repair_left, 0)

        self.env["repair.order"].browse(repair.document_id).action_repair_cancel()
        self.flush_tracking()

        self.assertEqual(repair.state, "cancelled")
        self.assertEqual(self._rows().repair_left, 5)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCoupon(AfterSalesCommon):
    def setUp(self):
        super().setUp()
        if "loyalty.program" not in self.env or "sale.order.coupon.points" not in (
            self.env
        ):
            self.skipTest("Loyalty of sales is not installed")
        self.program = self.env["loyalty.program"].create(
            {
                "name": "Sorry",
                "program_type": "coupons",
                "applies_on": "current",
                "trigger": "with_code",
                "reward_ids": [
                    Command.create({"reward_type": "discount", "discount": 10})
                ],
            }
        )
        self.seller = self._new_user(
            "case_seller",
            "crm_helpdesk.crm_helpdesk_group_user,sales_team.group_sale_salesman",
            self.company,
        )
        self.sales_manager = self._new_user(
            "case_sales_manager", "sales_team.group_sale_manager", self.company
        )

    def test_coupon(self):
        claim = self._request(
            user=self.seller,
            quantities=[None],
            is_return=False,
            is_coupon=True,
            program=f"loyalty.program,{self.program.id}",
        )
        self.assertEqual(claim.remedy, "coupon")
        with self.assertRaises(AccessError):
            claim.with_user(self.seller).action_confirm()

        self._confirm(claim, self.sales_manager)

        self.assertRecordValues(
            self.env["loyalty.card"].browse(claim.document_id),
            [{"program_id": self.program.id, "partner_id": self.ida.id, "points": 1}],
        )
        self.assertEqual((claim.state, claim.progress), ("done", "Coupon sent"))
        self._confirm(claim, self.sales_manager)
        self.assertEqual(len(self.program.coupon_ids), 1)
