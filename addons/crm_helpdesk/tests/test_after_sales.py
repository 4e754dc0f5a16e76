from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .after_sales import AfterSalesCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestReturn(AfterSalesCommon):
    def test_wizard_offers_what_is_possible(self):
        rows = self._rows()

        self.assertRecordValues(
            rows,
            [
                {
                    "product_id": self.machine.id,
                    "is_chosen": True,
                    "delivered": 5,
                    "return_left": 5,
                    "replacement_left": 5,
                    "credit_left": 5,
                    "quantity": 5,
                    "origin": self.order.name,
                }
            ],
        )
        self.assertIn("Right to return until", rows.terms)
        self.assertIn("Warranty until", rows.terms)

    def test_agent_requests_clerk_confirms_goods_come_back(self):
        claim = self._request(quantities=[2])

        self.assertRecordValues(
            claim,
            [
                {
                    "remedy": "return",
                    "state": "requested",
                    "user_id": self.agent.id,
                    "is_refund": True,
                    "partner_id": self.ida.id,
                }
            ],
        )
        self.assertTrue(claim.name.startswith("RMA"))
        with self.assertRaises(AccessError):
            claim.with_user(self.agent).action_confirm()
        self.assertEqual(claim.state, "requested")

        self._confirm(claim)

        picking = claim.picking_ids
        self.assertRecordValues(
            picking,
            [
                {
                    "return_id": self.delivery.id,
                    "location_dest_id": self.warehouse.lot_stock_id.id,
                    "state": "assigned",
                }
            ],
        )
        self.assertEqual(picking.location_id.usage, "customer")
        self.assertRecordValues(
            picking.move_ids,
            [
                {
                    "product_uom_qty": 2,
                    "origin_returned_move_id": self.move.id,
                    "sale_line_id": self.sale_line.id,
                }
            ],
        )
        self.assertRecordValues(
            claim,
            [{"state": "approved", "approver_id": self.clerk.id}],
        )
        # an agent sees how far it is, without rights in stock
        mine = claim.with_user(self.agent)
        self.assertEqual(mine.progress, "0 of 2 received")
        self.env.invalidate_all()
        self.assertEqual(mine.picking_count, 1)
        action = mine.action_view_documents()
        self.assertEqual(action["tag"], "display_notification")

        self._receive_goods(picking.with_user(self.clerk))

        self.assertEqual(claim.state, "done")
        self.assertEqual(mine.progress, "2 of 2 received")
        self.assertEqual(self.sale_line.qty_delivered, 3)
        self.assertEqual(self._rows().return_left, 3)
        self.assertIn(claim, picking.case_claim_ids)
        notes = "".join(self.case.message_ids.mapped("body"))
        self.assertIn(f"{claim.display_name}: Done", notes)

    def test_quantities_requested_are_not_left(self):
        self._request(quantities=[4])

        self.assertEqual(self._rows().return_left, 1)
        with self.assertRaises(ValidationError):
            self._request(quantities=[2])
        self._request(quantities=[1])

    def test_refused_and_called_off_give_back(self):
        claim = self._request(quantities=[4])
        claim.with_user(self.clerk)._refuse("Opened and used")
        self.assertRecordValues(
            claim, [{"state": "refused", "refusal": "Opened and used"}]
        )
        self.assertIn("Opened and used", claim.progress)

        claim = self._request(quantities=[5])
        claim.with_user(self.agent).action_withdraw()
        self.assertEqual(claim.state, "cancelled")
        self.assertEqual(self._rows().return_left, 5)
        with self.assertRaises(UserError):
            claim.with_user(self.agent).action_withdraw()

    def test_cancelled_transfer_gives_back(self):
        claim = self._confirm(self._request(quantities=[4]))

        claim.picking_ids.with_user(self.clerk).action_cancel()

        self.assertEqual(claim.state, "cancelled")
        self.assertEqual(self._rows().return_left, 5)

    def test_deleted_transfer_gives_back(self):
        claim = self._confirm(self._request(quantities=[4]))

        claim.picking_ids.unlink()

        self.assertEqual(claim.state, "cancelled")
        self.assertEqual(self._rows().return_left, 5)

    def test_partial_receipt(self):
        claim = self._confirm(self._request(quantities=[3]))
        picking = claim.picking_ids

        self._receive_goods(picking, 1)

        self.assertEqual(claim.state, "progress")
        self.assertEqual(claim.progress, "1 of 3 received")
        self.assertEqual(claim.line_ids.quantity_done, 1)
        backorder = claim.picking_ids - picking
        self.assertTrue(backorder)
        self.assertEqual(self._rows().return_left, 2)

        backorder.action_cancel()

        self.assertEqual(claim.state, "done")
        self.assertEqual(self._rows().return_left, 4)

    def test_return_without_request_counts(self):
        """Whoever takes goods back past the helpdesk has taken them back."""
        wizard = self.env["stock.return.picking"].create(
            {"picking_id": self.delivery.id}
        )
        wizard.product_return_moves.quantity = 4
        wizard._create_return()

        self.assertEqual(self._rows().return_left, 1)
        with self.assertRaises(ValidationError):
            self._request(quantities=[2])

    def test_left_is_checked_again_when_confirmed(self):
        claim = self._request(quantities=[3])
        wizard = self.env["stock.return.picking"].create(
            {"picking_id": self.delivery.id}
        )
        wizard.product_return_moves.quantity = 4
        wizard._create_return()

        with self.assertRaises(ValidationError):
            self._confirm(claim)

        self.assertEqual(claim.state, "requested")
        self.assertFalse(claim.picking_ids)

    def test_chosen_warehouse_and_place(self):
        shelf = self.env["stock.location"].create(
            {"name": "To look at", "location_id": self.warehouse.view_location_id.id}
        )
        claim = self._request(quantities=[1])
        claim.with_user(self.clerk).location_dest_id = shelf

        self._confirm(claim)

        self.assertEqual(claim.picking_ids.location_dest_id, shelf)
        self.assertEqual(claim.picking_ids.move_ids.location_dest_id, shelf)

    def test_chosen_serial_comes_back(self):
        product = self.env["product.product"].create(
            {"name": "Grinder", "is_storable": True, "tracking": "serial"}
        )
        lots = self.env["stock.lot"].create(
            [{"name": f"G-{i}", "product_id": product.id} for i in range(3)]
        )
        for lot in lots:
            self.env["stock.quant"]._update_available_quantity(
                product, self.warehouse.lot_stock_id, 1, lot_id=lot
            )
        order = self._sell(self.ida, product, 3)
        self._receive_goods(order.picking_ids)
        case = self._create_cases(lot_id=lots[1].id, sale_order_id=order.id)
        rows = self._rows(case)
        self.assertEqual(rows.lot_id, lots)
        self.assertEqual(rows.filtered("is_chosen").lot_id, lots[1])
        by_lot = [1 if row.lot_id == lots[1] else None for row in rows]

        claim = self._confirm(self._request(case, quantities=by_lot))

        self.assertEqual(claim.picking_ids.move_line_ids.lot_id, lots[1])
        self._receive_goods(claim.picking_ids)
        self.assertEqual(claim.state, "done")
        left = {row.lot_id: row.return_left for row in self._rows(case)}
        self.assertEqual(left, {lots[0]: 1, lots[1]: 0, lots[2]: 1})
        with self.assertRaises(ValidationError):
            self._request(case, quantities=by_lot)

    def test_nothing_chosen_says_so(self):
        with self.assertRaisesRegex(UserError, "at least one line"):
            self._request(quantities=[None])
        with self.assertRaisesRegex(UserError, "what the customer gets"):
            self._request(quantities=[1], is_return=False)
        with self.assertRaisesRegex(UserError, "Nothing would come back"):
            self._request(quantities=[1], is_return=False, replacement="after")

    def test_clock_runs_until_goods_are_back(self):
        policy = self.env.ref("crm_helpdesk.crm_sla_policy_case")
        if "return" not in policy.target_ids.mapped("kind"):
            # a database that is older than this promise
            policy.target_ids = [Command.create({"kind": "return", "hours": 80})]
        claim = self._confirm(self._request(quantities=[2]))
        clock = self.case.sla_clock_ids.filtered(lambda one: one.kind == "return")
        self.assertEqual(len(clock), 1)
        self.assertTrue(clock.is_open)
        self.assertTrue(clock.date_due)

        self._receive_goods(claim.picking_ids)

        self.assertFalse(clock.is_open)
        self.assertEqual(clock.state, "met")

    def test_hold_for_campaigns_is_raised_and_released(self):
        Hold = self.env["crm.contact.hold"]
        domain = [("partner_id", "=", self.customer.id), ("provider", "=", "return")]
        self.assertFalse(Hold.search([*domain, ("is_open", "=", True)]))

        claim = self._confirm(self._request(quantities=[2]))
        self._harvest_queued()

        hold = Hold.search([*domain, ("is_open", "=", True)])
        self.assertEqual(len(hold), 1)
        self.assertEqual(hold.res_id, claim.picking_ids.id)

        self._receive_goods(claim.picking_ids)
        self._harvest_queued()

        self.env.invalidate_all()
        self.assertFalse(hold.is_open)
        touchpoints = self._get_touchpoints("return_done")
        self.assertEqual(
            len(touchpoints.filtered(lambda one: one.res_id == claim.picking_ids.id)), 1
        )

    def test_requests_twice_from_one_wizard_make_one(self):
        wizard = (
            self.env["crm.case.claim.create"]
            .with_user(self.agent)
            .create({"case_id": self.case.id, "reason_id": self.reason.id})
        )
        wizard.line_ids.quantity = 1
        wizard.action_request()
        wizard.action_request()

        self.assertEqual(self.case.claim_count, 1)

    def test_confirming_twice_makes_one_transfer(self):
        claim = self._request(quantities=[1]).with_user(self.clerk)
        claim.action_confirm()
        action = claim.action_confirm()

        self.assertEqual(len(claim.picking_ids), 1)
        self.assertEqual(action["res_id"], claim.picking_ids.id)

    def test_two_deliveries_make_two_transfers(self):
        order = self._sell(self.ida, self.machine, 4)
        first = order.picking_ids
        self._receive_goods(first, 1)
        self._receive_goods(order.picking_ids - first)
        case = self._create_cases(sale_order_id=order.id)
        self.assertEqual(sorted(self._rows(case).mapped("return_left")), [1, 3])

        claim = self._confirm(
            self._request(
                case, quantities=[row.return_left for row in self._rows(case)]
            )
        )

        self.assertEqual(claim.picking_count, 2)
        self.assertEqual(
            claim.picking_ids.return_id,
            order.picking_ids.filtered(lambda one: not one.return_id),
        )
        self._receive_goods(claim.picking_ids[0])
        self.assertEqual(claim.state, "progress")
        self._receive_goods(claim.picking_ids[1])
        self.assertEqual(claim.state, "done")
        self.assertEqual(order.order_line.qty_delivered, 0)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestReplacement(AfterSalesCommon):
    def test_after_the_goods_are_back(self):
        claims = self._request(quantities=[2], replacement="after")
        returned, replaced = claims
        self.assertEqual(claims.mapped("remedy"), ["return", "replacement"])
        self.assertFalse(returned.is_refund)
        self._confirm(claims)

        self.assertFalse(replaced.picking_ids)
        self.assertEqual(replaced.state, "approved")
        self.assertEqual(replaced.progress, "0 of 2 sent, when the goods are back")

        self._receive_goods(returned.picking_ids, 1)

        self.assertEqual(
            sum(replaced.picking_ids.move_ids.mapped("product_uom_qty")), 1
        )
        self._receive_goods(
            returned.picking_ids.filtered(lambda one: one.state != "done")
        )
        self.assertEqual(
            sum(replaced.picking_ids.move_ids.mapped("product_uom_qty")), 2
        )
        for picking in replaced.picking_ids:
            self.assertEqual(picking.sale_id, self.order)
            self.assertEqual(picking.partner_id, self.order.partner_shipping_id)
            self._receive_goods(picking)
        self.assertEqual(replaced.state, "done")
        self.assertEqual(replaced.progress, "2 of 2 sent")
        # neither billed again nor taken off
        self.assertEqual(self.sale_line.qty_delivered, 5)
        self.assertEqual(self.sale_line.qty_to_invoice, 0)
        self.assertEqual(
            self._rows()
            .filtered(lambda row: row.move_id == self.move)
            .replacement_left,
            3,
        )

    def test_before_the_goods_are_back(self):
        returned, replaced = self._request(quantities=[1], replacement="before")
        self._confirm(replaced)

        self.assertEqual(returned.state, "requested")
        self._receive_goods(replaced.picking_ids)

        self.assertEqual(replaced.state, "done")
        self.assertEqual(self.sale_line.qty_delivered, 5)
        self.assertEqual(self.order.invoice_status, "invoiced")

    def test_more_of_the_order_is_delivered_as_ordered(self):
        """Raising the order does not take replacements for deliveries."""
        replaced = self._request(quantities=[2], is_return=False, replacement="before")
        self._confirm(replaced)
        self._receive_goods(replaced.picking_ids)

        self.sale_line.product_uom_qty = 6

        more = self.order.picking_ids.filtered(lambda one: one.state != "done")
        self.assertEqual(more.move_ids.product_uom_qty, 1)

    def test_return_called_off_calls_the_replacement_off(self):
        returned, replaced = self._request(quantities=[1], replacement="after")
        self._confirm(returned)
        self._confirm(replaced)

        returned.picking_ids.action_cancel()

        self.assertEqual((returned.state, replaced.state), ("cancelled",) * 2)
        self.assertEqual(self._rows().replacement_left, 5)

    def test_replaced_is_not_replaced_again(self):
        self._request(quantities=[5], is_return=False, replacement="before")

        self.assertEqual(self._rows().replacement_left, 0)
        with self.assertRaises(ValidationError):
            self._request(quantities=[1], is_return=False, replacement="before")

    def test_taken_back_for_credit_is_not_replaced(self):
        self._confirm(self._request(quantities=[5]))

        with self.assertRaises(ValidationError):
            self._request(quantities=[1], is_return=False, replacement="before")

    def test_pick_then_ship(self):
        self.warehouse.delivery_steps = "pick_ship"
        replaced = self._request(quantities=[2], is_return=False, replacement="before")
        self._confirm(replaced)
        self.assertEqual(replaced.state, "approved")

        pick = replaced.picking_ids
        self.assertEqual(pick.picking_type_id, self.warehouse.pick_type_id)
        self._receive_goods(pick)
        self.assertEqual(replaced.state, "approved")
        self.assertEqual(replaced.progress, "0 of 2 sent")

        self._receive_goods(replaced.picking_ids - pick)
        self.assertEqual(replaced.state, "done")
        self.assertEqual(replaced.progress, "2 of 2 sent")
        self.assertEqual(self.sale_line.qty_delivered, 5)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestKit(AfterSalesCommon):
    def setUp(self):
        super().setUp()
        if "mrp.bom" not in self.env:
            self.skipTest("Manufacturing is not installed")
        self.kit, self.tamper = self.env["product.product"].create(
            [
                {"name": "Barista set", "is_storable": True},
                {"name": "Tamper", "is_storable": True},
            ]
        )
        self.env["stock.quant"]._update_available_quantity(
            self.tamper, self.warehouse.lot_stock_id, 50
        )
        self.env["mrp.bom"].create(
            {
                "product_tmpl_id": self.kit.product_tmpl_id.id,
                "type": "phantom",
                "bom_line_ids": [
                    Command.create({"product_id": self.machine.id, "product_qty": 1}),
                    Command.create({"product_id": self.tamper.id, "product_qty": 2}),
                ],
            }
        )
        self.kit_order = self._sell(self.ida, self.kit, 3)
        self._receive_goods(self.kit_order.picking_ids)
        self.kit_case = self._create_cases(sale_order_id=self.kit_order.id)

    def test_kits_come_back_as_their_parts(self):
        rows = self._rows(self.kit_case)
        self.assertEqual(
            {row.product_id: row.return_left for row in rows},
            {self.machine: 3, self.tamper: 6, self.kit: 3},
        )

        claim = self._confirm(
            self._request(
                self.kit_case,
                quantities=[2 if row.product_id == self.kit else None for row in rows],
            )
        )

        self.assertEqual(
            {m.product_id: m.product_uom_qty for m in claim.picking_ids.move_ids},
            {self.machine: 2, self.tamper: 4},
        )
        self.assertEqual(
            {r.product_id: r.return_left for r in self._rows(self.kit_case)},
            {self.machine: 1, self.tamper: 2, self.kit: 1},
        )
        self._receive_goods(claim.picking_ids)
        self.assertEqual(claim.state, "done")
        self.assertEqual(self.kit_order.order_line.qty_delivered, 1)

    def _kit_quantities(self, quantity, **values):
        return [
            quantity if row.product_id == self.kit else None
            for row in self._rows(self.kit_case, **values)
        ]

    def _get_left(self, remedy="return"):
        return {
            row.product_id: row[f"{remedy}_left"] for row in self._rows(self.kit_case)
        }

    def test_kits_and_their_parts_share_what_is_left(self):
        for values, remedy in (
            ({}, "return"),
            ({"is_return": False, "replacement": "before"}, "replacement"),
            ({"is_return": False, "is_repair": True}, "repair"),
        ):
            with self.subTest(remedy):
                kits = self._request(
                    self.kit_case, quantities=self._kit_quantities(2), **values
                )
                self.assertEqual(
                    self._get_left(remedy),
                    {self.machine: 1, self.tamper: 2, self.kit: 1},
                )
                parts = [
                    2 if row.product_id == self.machine else None
                    for row in self._rows(self.kit_case)
                ]
                with self.assertRaises(ValidationError):
                    self._request(self.kit_case, quantities=parts, **values)
                kits.with_user(self.agent).action_withdraw()

    def test_the_kit_is_meant_not_its_parts_once_more(self):
        case = self._create_cases(sale_line_id=self.kit_order.order_line.id)
        rows = {row.product_id: row for row in self._rows(case)}
        self.assertEqual(
            [product for product, row in rows.items() if row.is_chosen], [self.kit]
        )
        name = self.kit_order.name
        self.assertEqual(rows[self.kit].origin, name)
        self.assertEqual(rows[self.tamper].origin, f"{name}, in Barista set")
        # as it is proposed
        wizard = (
            self.env["crm.case.claim.create"]
            .with_user(self.agent)
            .create({"case_id": case.id, "reason_id": self.reason.id})
        )
        wizard.action_request()
        self.assertEqual(wizard.claim_ids.line_ids.product_id, self.kit)
        self.assertEqual(wizard.claim_ids.line_ids.quantity, 3)

    def test_what_is_chosen_twice_counts_twice(self):
        """The kit, and the part of it once more, in one request."""
        wanted = {self.kit: 2, self.machine: 2}
        with self.assertRaises(ValidationError):
            self._request(
                self.kit_case,
                quantities=[
                    wanted.get(row.product_id) for row in self._rows(self.kit_case)
                ],
            )

    def test_a_kit_that_misses_a_part_is_none(self):
        claim = self._request(
            self.kit_case,
            quantities=[
                1 if row.product_id == self.tamper else None
                for row in self._rows(self.kit_case)
            ],
        )
        self._confirm(claim)
        self.assertEqual(
            self._get_left(), {self.machine: 3, self.tamper: 5, self.kit: 2}
        )

    def test_progress_is_in_kits(self):
        claim = self._confirm(
            self._request(self.kit_case, quantities=self._kit_quantities(2))
        )
        picking = claim.picking_ids
        picking.action_assign()
        for move in picking.move_ids:
            move.quantity = {self.machine: 2, self.tamper: 3}[move.product_id]
            move.picked = True
        picking._action_done()

        self.assertEqual((claim.state, claim.progress), ("progress", "1 of 2 received"))
        self._receive_goods(claim.picking_ids - picking)
        self.assertEqual((claim.state, claim.progress), ("done", "2 of 2 received"))
        self.assertEqual(claim.line_ids.quantity_done, 2)

    def test_replaced_kits_are_sent_as_kits_come_back(self):
        values = {"replacement": "after"}
        claims = self._request(
            self.kit_case, quantities=self._kit_quantities(2, **values), **values
        )
        returned, replaced = self._confirm(claims)
        picking = returned.picking_ids
        picking.action_assign()
        for move in picking.move_ids:
            move.quantity = {self.machine: 1, self.tamper: 2}[move.product_id]
            move.picked = True
        picking._action_done()

        sent = replaced.picking_ids.move_ids
        self.assertEqual(
            {move.product_id: move.product_uom_qty for move in sent},
            {self.machine: 1, self.tamper: 2},
        )
        self._receive_goods(returned.picking_ids - picking)
        for one in replaced.picking_ids:
            self._receive_goods(one)
        self.assertEqual((replaced.state, replaced.progress), ("done", "2 of 2 sent"))
        # neither billed again nor taken off
        self.assertEqual(self.kit_order.order_line.qty_delivered, 3)
        self.assertEqual(self._get_left("replacement")[self.kit], 1)

    def test_never_more_kits_than_were_delivered(self):
        """What was ordered and not delivered was not."""
        order = self._sell(self.ida, self.kit, 3)
        picking = order.picking_ids
        picking.action_assign()
        for move in picking.move_ids:
            move.quantity = {self.machine: 1, self.tamper: 2}[move.product_id]
            move.picked = True
        picking._action_done()
        (order.picking_ids - picking).action_cancel()
        case = self._create_cases(sale_order_id=order.id)

        rows = {row.product_id: row for row in self._rows(case)}

        self.assertEqual(
            {product: row.return_left for product, row in rows.items()},
            {self.machine: 1, self.tamper: 2, self.kit: 1},
        )
        self.assertEqual(rows[self.kit].delivered, 1)
        self.assertIn("Delivered on", rows[self.kit].terms)
        with self.assertRaises(ValidationError):
            self._request(
                case,
                quantities=[2 if product == self.kit else None for product in rows],
            )

    def test_kits_sold_by_the_dozen(self):
        order = self._create_order(
            self.ida,
            order_line=[
                Command.create(
                    {
                        "product_id": self.kit.id,
                        "product_uom_qty": 1,
                        "product_uom_id": self.env.ref("uom.product_uom_dozen").id,
                    }
                )
            ],
        )
        self._receive_goods(order.picking_ids)
        case = self._create_cases(sale_order_id=order.id)
        self.assertEqual(
            {row.product_id: row.return_left for row in self._rows(case)},
            {self.machine: 12, self.tamper: 24, self.kit: 12},
        )

    def test_kits_made_of_kits(self):
        box = self.env["product.product"].create({"name": "Box", "is_storable": True})
        self.env["mrp.bom"].create(
            {
                "product_tmpl_id": box.product_tmpl_id.id,
                "type": "phantom",
                "bom_line_ids": [
                    Command.create({"product_id": self.kit.id, "product_qty": 2})
                ],
            }
        )
        order = self._sell(self.ida, box, 2)
        self._receive_goods(order.picking_ids)
        case = self._create_cases(sale_order_id=order.id)
        rows = self._rows(case)
        self.assertEqual(
            {row.product_id: row.return_left for row in rows},
            {self.machine: 4, self.tamper: 8, box: 2},
        )
        claim = self._confirm(
            self._request(
                case, quantities=[1 if row.product_id == box else None for row in rows]
            )
        )
        self.assertEqual(
            {m.product_id: m.product_uom_qty for m in claim.picking_ids.move_ids},
            {self.machine: 2, self.tamper: 4},
        )
