from unittest.mock import patch

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
        if "loyalty.program" not in self.env:
            self.assertFalse(wizard.has_coupon)

    def test_an_app_that_went_is_told(self):
        if "repair.order" in self.env:
            self.skipTest("Repairs is installed")
        claim = self._request(quantities=[1], is_return=False, is_repair=True)
        with self.assertRaisesRegex(UserError, "no longer installed"):
            claim.with_user(self.clerk).action_confirm()
        claim.with_user(self.agent).action_withdraw()
        self.assertEqual(claim.state, "cancelled")

    def test_a_coupon_of_an_app_that_went_is_shown(self):
        """The lists open, and tell what was given."""
        if "loyalty.program" in self.env:
            self.skipTest("Loyalty is installed")
        claim = (
            self.env["crm.case.claim"]
            .sudo()
            .create(
                {
                    "case_id": self.case.id,
                    "remedy": "repair",
                    "line_ids": [
                        Command.create(
                            {
                                "product_id": self.machine.id,
                                "move_id": self.move.id,
                                "quantity": 1,
                            }
                        )
                    ],
                }
            )
        )
        self.env.flush_all()
        self.env.cr.execute(
            """UPDATE crm_case_claim
                  SET remedy = 'coupon', program = 'loyalty.program,7',
                      decision = 'approved', document_state = 'mailed',
                      coupon_code = '044-7', document_model = 'loyalty.card'
                WHERE id = %s""",
            [claim.id],
        )
        self.env.invalidate_all()
        self.env.add_to_compute(claim._fields["state"], claim)
        [values] = claim.with_user(self.agent).web_read(
            {"program": {}, "progress": {}, "state": {}}
        )
        self.assertEqual(values["state"], "done")
        self.assertEqual(values["progress"], "Coupon sent: 044-7")
        action = claim.with_user(self.agent).action_view_documents()
        self.assertEqual(action["tag"], "display_notification")


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

    def _get_order(self, repair):
        return self.env["repair.order"].browse(repair.document_id)

    def test_repair_that_is_deleted_gives_back(self):
        repair = self._request(quantities=[5], is_return=False, is_repair=True)
        self._confirm(repair)

        self._get_order(repair).with_user(self.clerk).unlink()

        self.assertEqual(repair.state, "cancelled")
        self.assertFalse(repair.document_id)
        self.assertEqual(self._rows().repair_left, 5)

    def test_as_many_of_a_lot_as_were_requested(self):
        product = self.env["product.product"].create(
            {"name": "Filter", "is_storable": True, "tracking": "lot"}
        )
        lot = self.env["stock.lot"].create({"name": "F-1", "product_id": product.id})
        self.env["stock.quant"]._update_available_quantity(
            product, self.warehouse.lot_stock_id, 9, lot_id=lot
        )
        order = self._sell(self.ida, product, 6)
        self._receive_goods(order.picking_ids)
        case = self._create_cases(sale_order_id=order.id)
        for values in ({"is_return": False}, {}):
            with self.subTest(values=values):
                claims = self._request(case, quantities=[3], is_repair=True, **values)
                self._confirm(claims)
                self.assertRecordValues(
                    self._get_order(claims[-1]), [{"lot_id": lot.id, "product_qty": 3}]
                )

    def test_of_the_transfer_that_brings_it(self):
        order = self._sell(self.ida, self.machine, 3)
        first = order.picking_ids
        self._receive_goods(first, 1)
        self._receive_goods(order.picking_ids - first)
        case = self._create_cases(sale_order_id=order.id)
        left = self._rows(case).mapped("return_left")

        claims = self._confirm(self._request(case, quantities=left, is_repair=True))

        returned, *repairs = claims
        self.assertEqual(returned.picking_count, 2)
        for repair in repairs:
            transfer = self._get_order(repair).picking_id
            self.assertEqual(transfer.return_id, repair.line_ids.move_id.picking_id)
            self.assertEqual(
                self._get_order(repair).product_qty, repair.line_ids.quantity
            )

    def test_in_the_company_of_the_case(self):
        """Whatever company the clerk looks at first."""
        self.clerk.company_ids |= self.company_2
        self.env["stock.warehouse"].with_user(self.clerk).check_access("read")
        repair = self._request(quantities=[1], is_return=False, is_repair=True)

        repair.with_user(self.clerk).with_context(
            allowed_company_ids=(self.company_2 | self.company).ids
        ).action_confirm()

        order = self._get_order(repair)
        self.assertEqual(order.company_id, self.company)
        self.assertEqual(order.picking_type_id.company_id, self.company)

    def test_panel_beside_the_case(self):
        repair = self._request(quantities=[1], is_return=False, is_repair=True)
        self._confirm(repair)
        clerk_agent = self._new_user(
            "case_clerk_agent",
            "crm_helpdesk.crm_helpdesk_group_user,stock.group_stock_user",
            self.company,
        )
        sections = {
            user: {
                section["key"]: section
                for section in self.case.with_user(user).get_goods()
            }
            for user in (self.agent, clerk_agent)
        }
        self.assertNotIn("repair", sections[self.agent])
        [row] = sections[clerk_agent]["repair"]["rows"]
        self.assertEqual(row["id"], repair.document_id)
        self.assertEqual(row["state"], "New")

    def test_app_that_goes_calls_off(self):
        """Requests do not wait for what nobody works on any more."""
        done, waiting, asked = (
            self._request(quantities=[1], is_return=False, is_repair=True)
            for _i in range(3)
        )
        self._confirm(done | waiting)
        self._get_order(done).action_repair_start()
        self._get_order(done).action_repair_end()
        self.flush_tracking()

        with patch.object(self.env.registry["ir.model.data"], "_module_data_uninstall"):
            self.env.ref("base.module_repair").module_uninstall()

        self.assertEqual(
            (done | waiting | asked).mapped("state"), ["done", "cancelled", "requested"]
        )
        self.assertFalse((done | waiting).filtered("document_id"))
        self.assertEqual(done.progress, "Repaired")

    def test_kit_under_repair(self):
        if "mrp.bom" not in self.env:
            self.skipTest("Manufacturing is not installed")
        kit = self.env["product.product"].create({"name": "Set", "is_storable": True})
        self.env["mrp.bom"].create(
            {
                "product_tmpl_id": kit.product_tmpl_id.id,
                "type": "phantom",
                "bom_line_ids": [
                    Command.create({"product_id": self.machine.id, "product_qty": 1})
                ],
            }
        )
        order = self._sell(self.ida, kit, 2)
        self._receive_goods(order.picking_ids)
        case = self._create_cases(sale_order_id=order.id)
        rows = self._rows(case)
        claims = self._request(
            case,
            quantities=[2 if row.product_id == kit else None for row in rows],
            is_repair=True,
        )
        returned, repair = self._confirm(claims)
        self._receive_goods(returned.picking_ids)
        repair_order = self._get_order(repair)
        self.assertEqual(repair_order.product_id, kit)
        self.assertEqual(repair_order.product_qty, 2)
        repair_order._action_repair_confirm()
        repair_order.action_repair_start()
        repair_order.action_repair_end()
        self.flush_tracking()
        self.assertEqual(repair.state, "done")


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

    def _ask(self, user=None, program=None, **values):
        program = program or self.program
        return self._request(
            user=user or self.agent,
            quantities=[None],
            is_return=False,
            is_coupon=True,
            program=f"loyalty.program,{program.id}",
            **values,
        )

    def test_coupon(self):
        """Who asks for it needs no rights in sales; who confirms does."""
        claim = self._ask()
        self.assertEqual(claim.remedy, "coupon")
        for user in (self.agent, self.seller, self.clerk):
            with self.assertRaises(AccessError):
                claim.with_user(user).action_confirm()
        self.assertFalse(self.program.coupon_ids)

        self._confirm(claim, self.sales_manager)

        card = self.program.coupon_ids
        self.assertRecordValues(
            card, [{"program_id": self.program.id, "partner_id": self.ida.id}]
        )
        self.assertEqual(card.points, 1)
        # the program writes no mail
        self.assertRecordValues(
            claim.with_user(self.agent),
            [
                {
                    "state": "done",
                    "coupon_code": card.code,
                    "progress": f"Coupon made: tell the customer {card.code}",
                }
            ],
        )
        self._confirm(claim, self.sales_manager)
        self.assertEqual(len(self.program.coupon_ids), 1)
        # agents read the code, not the card
        action = claim.with_user(self.agent).action_view_documents()
        self.assertEqual(action["tag"], "display_notification")
        action = claim.with_user(self.sales_manager).action_view_documents()
        self.assertEqual(action["res_id"], card.id)

    def test_coupon_that_is_mailed(self):
        self.program.communication_plan_ids = [
            Command.create(
                {
                    "trigger": "create",
                    "mail_template_id": self.env.ref(
                        "loyalty.mail_template_loyalty_card"
                    ).id,
                }
            )
        ]
        claim = self._ask()
        with self.mock_mail_gateway():
            self._confirm(claim, self.sales_manager)
        mail = self.env["mail.mail"].search(
            [("model", "=", "loyalty.card"), ("res_id", "=", claim.document_id)]
        )
        self.assertIn(claim.coupon_code, mail.body_html)
        self.assertEqual(claim.progress, f"Coupon sent: {claim.coupon_code}")

    def test_worth_what_the_program_asks_for(self):
        self.program.reward_ids.required_points = 5
        claim = self._ask()
        self.assertEqual(claim.program_points, 5)
        claim.with_user(self.sales_manager).program_points = 10
        self._confirm(claim, self.sales_manager)
        self.assertEqual(self.program.coupon_ids.points, 10)
        with self.assertRaises(UserError):
            claim.with_user(self.sales_manager).program_points = 50

    def test_programs_that_are_not_offered(self):
        Program = self.env["loyalty.program"]
        values = {"program_type": "coupons"}
        foreign, over, archived, promotion = Program.create(
            [
                {"name": "F", "company_id": self.company_2.id, **values},
                {"name": "O", "date_to": "2020-01-01", **values},
                {"name": "A", "active": False, **values},
                {"name": "P", "program_type": "promotion"},
            ]
        )
        Wizard = self.env["crm.case.claim.create"].with_user(self.agent)
        offered = dict(Wizard._fields["program"]._description_selection(Wizard.env))
        self.assertIn(f"loyalty.program,{self.program.id}", offered)
        for program in (foreign, over, archived, promotion):
            self.assertNotIn(f"loyalty.program,{program.id}", offered)
            # past the screen
            with self.subTest(program.name), self.assertRaises(UserError):
                self.env["crm.case.claim"].with_user(self.agent).create(
                    {
                        "case_id": self.case.id,
                        "remedy": "coupon",
                        "program": f"loyalty.program,{program.id}",
                    }
                )
        # of both companies, and chosen across them
        self.agent.company_ids |= self.company_2
        with self.assertRaisesRegex(UserError, "another company"):
            self.env["crm.case.claim"].with_user(self.agent).with_context(
                allowed_company_ids=(self.company | self.company_2).ids
            ).create(
                {
                    "case_id": self.case.id,
                    "remedy": "coupon",
                    "program": f"loyalty.program,{foreign.id}",
                }
            )

    def test_program_that_ended_since(self):
        claim = self._ask()
        self.program.active = False
        with self.assertRaisesRegex(UserError, "has ended"):
            claim.with_user(self.sales_manager).action_confirm()
        self.assertFalse(self.program.with_context(active_test=False).coupon_ids)
        self.assertEqual(claim.state, "requested")

    def test_app_that_goes_leaves_what_was_given(self):
        claim, asked = self._ask(), self._ask()
        self._confirm(claim, self.sales_manager)
        with patch.object(self.env.registry["ir.model.data"], "_module_data_uninstall"):
            self.env.ref("base.module_loyalty").module_uninstall()
        self.assertEqual((claim.state, asked.state), ("done", "requested"))
        self.assertIn(claim.coupon_code, claim.progress)
