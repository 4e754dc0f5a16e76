from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .after_sales import AfterSalesCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCredit(AfterSalesCommon):
    def _credit(self, quantity=2, case=None, **values):
        return self._request(
            case,
            quantities=[quantity],
            **{"is_return": False, "credit": "goods", **values},
        )

    def test_agent_requests_accountant_confirms_and_posts(self):
        claim = self._credit()
        self.assertEqual(claim.remedy, "credit")
        for user in (self.agent, self.clerk):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                claim.with_user(user).action_confirm()

        action = claim.with_user(self.accountant).action_confirm()

        refund = claim.credit_move_ids
        self.assertEqual(action["res_id"], refund.id)
        self.assertRecordValues(
            refund,
            [
                {
                    "move_type": "out_refund",
                    "state": "draft",
                    "reversed_entry_id": self.invoice.id,
                    "amount_untaxed": 200,
                    "partner_id": self.invoice.partner_id.id,
                }
            ],
        )
        self.assertRecordValues(
            refund.invoice_line_ids,
            [{"product_id": self.machine.id, "quantity": 2, "price_unit": 100}],
        )
        mine = claim.with_user(self.agent)
        self.assertEqual(
            (mine.state, mine.progress), ("approved", "Credit note in draft")
        )
        self.assertEqual(self._rows().credit_left, 3)

        refund.with_user(self.accountant).action_post()

        self.assertEqual((mine.state, mine.progress), ("done", "Credit note posted"))
        self.assertEqual(claim.amount_credited, 200)
        self.assertEqual(claim.line_ids.quantity_done, 2)
        self.assertEqual(self.sale_line.qty_invoiced, 3)
        self.assertEqual(self._rows().credit_left, 3)

    def test_agents_see_no_figures_of_accounting(self):
        claim = self._confirm(self._credit())
        claim.credit_move_ids.action_post()
        mine = claim.with_user(self.agent)
        for name in ("amount_credited", "credit_move_ids"):
            with self.subTest(field=name), self.assertRaises(AccessError):
                mine.read([name])
        with self.assertRaises(AccessError):
            self.case.with_user(self.agent).read(["cost_total"])
        with self.assertRaises(AccessError):
            self.env["crm.case.cost"].with_user(self.agent).search([])
        self.assertNotIn("amount_credited", mine.fields_get())
        # and opening the document takes rights
        self.assertEqual(mine.action_view_documents()["tag"], "display_notification")

    def test_draft_deleted_gives_back(self):
        claim = self._confirm(self._credit(5))
        self.assertEqual(self._rows().credit_left, 0)

        claim.credit_move_ids.with_user(self.accountant).unlink()

        self.assertEqual(claim.state, "cancelled")
        self.assertEqual(self._rows().credit_left, 5)

    def test_draft_cancelled_gives_back(self):
        claim = self._confirm(self._credit(5))

        claim.credit_move_ids.button_cancel()

        self.assertEqual(claim.state, "cancelled")
        self.assertEqual(self._rows().credit_left, 5)

    def test_back_to_draft(self):
        claim = self._confirm(self._credit())
        claim.credit_move_ids.action_post()
        claim.credit_move_ids.button_draft()

        self.assertEqual(claim.state, "approved")

    def test_no_more_than_invoiced(self):
        self._credit(4)
        with self.assertRaises(ValidationError):
            self._credit(2)

    def test_credit_note_without_request_counts(self):
        refund = self.invoice._reverse_moves()
        refund.invoice_line_ids.quantity = 4

        self.assertEqual(self._rows().credit_left, 1)
        with self.assertRaises(ValidationError):
            self._credit(2)

    def test_not_invoiced_says_what_to_do(self):
        order = self._sell(self.ida, self.machine, 2)
        self._receive_goods(order.picking_ids)
        case = self._create_cases(sale_order_id=order.id)
        self.assertEqual(self._rows(case).credit_left, 0)
        with self.assertRaises(ValidationError):
            self._credit(1, case)

    def test_only_the_lines_that_were_requested(self):
        other = self.env["product.product"].create(
            {"name": "Cup", "list_price": 5, "invoice_policy": "order"}
        )
        order = self._create_order(
            self.ida,
            order_line=[
                Command.create({"product_id": self.machine.id, "product_uom_qty": 2}),
                Command.create({"product_id": other.id, "product_uom_qty": 6}),
                Command.create({"display_type": "line_note", "name": "Thanks"}),
            ],
        )
        self._bill(order)
        self._receive_goods(order.picking_ids)
        case = self._create_cases(sale_order_id=order.id)
        rows = self._rows(case)

        claim = self._confirm(
            self._request(
                case,
                quantities=[4 if row.product_id == other else None for row in rows],
                is_return=False,
                credit="goods",
            )
        )

        self.assertRecordValues(
            claim.credit_move_ids.invoice_line_ids,
            [{"product_id": other.id, "quantity": 4, "price_unit": 5}],
        )

    def test_over_several_invoices_the_newest_first(self):
        order = self._sell(self.ida, self.machine, 3)
        first = order._create_invoices()
        first.invoice_line_ids.quantity = 2
        first.invoice_date = "2026-01-01"
        first.action_post()
        second = self._bill(order)
        self.assertEqual(second.invoice_line_ids.quantity, 1)
        self._receive_goods(order.picking_ids)
        case = self._create_cases(sale_order_id=order.id)

        claim = self._confirm(self._credit(2, case))

        self.assertEqual(
            {
                refund.reversed_entry_id: refund.invoice_line_ids.quantity
                for refund in claim.credit_move_ids
            },
            {second: 1, first: 1},
        )
        claim.credit_move_ids[0].action_post()
        self.assertEqual(claim.state, "progress")
        claim.credit_move_ids[1].action_post()
        self.assertEqual(claim.state, "done")

    def test_agreed_amount(self):
        claim = self._confirm(self._credit(1, credit="amount", amount=30))

        refund = claim.credit_move_ids
        self.assertEqual(refund.amount_untaxed, 30)
        # without the product: no goods and no cost come back with it
        self.assertFalse(refund.invoice_line_ids.product_id)
        self.assertEqual(
            refund.invoice_line_ids.account_id, self.invoice.invoice_line_ids.account_id
        )
        refund.action_post()
        self.assertEqual(claim.state, "done")
        self.assertEqual(self.sale_line.qty_invoiced, 5)
        self.assertEqual(self.order.invoice_status, "invoiced")

    def test_agreed_amount_with_taxes(self):
        tax = self.env["account.tax"].create(
            {"name": "20 %", "amount": 20, "company_id": self.company.id}
        )
        included = self.env["account.tax"].create(
            {
                "name": "20 % included",
                "amount": 20,
                "price_include_override": "tax_included",
                "company_id": self.company.id,
            }
        )
        for one in (tax, included):
            with self.subTest(tax=one.name):
                order = self._sell(self.ida, self.machine, 1)
                order.order_line.tax_ids = one
                order.order_line.price_unit = 120
                self._receive_goods(order.picking_ids)
                self._bill(order)
                case = self._create_cases(sale_order_id=order.id)

                claim = self._confirm(self._credit(1, case, credit="amount", amount=30))

                self.assertEqual(claim.credit_move_ids.amount_untaxed, 30)
                self.assertEqual(claim.credit_move_ids.amount_total, 36)

    def test_agreed_amount_is_no_more_than_invoiced(self):
        with self.assertRaises(ValidationError):
            self._credit(1, credit="amount", amount=501)
        self._credit(1, credit="amount", amount=400)
        with self.assertRaises(ValidationError):
            self._credit(1, credit="amount", amount=101)
        self._credit(1, credit="amount", amount=100)
        with self.assertRaises(UserError):
            self._credit(1, credit="amount", amount=0)

    def _sell_two(self, *prices):
        """An order of a line each, delivered and invoiced; its case."""
        order = self._create_order(
            self.ida,
            order_line=[
                Command.create(
                    {"product_id": self.machine.id, "price_unit": price, "name": "x"}
                )
                for price in prices
            ],
        )
        self._receive_goods(order.picking_ids)
        self._bill(order)
        return self._create_cases(sale_order_id=order.id)

    def test_goods_are_not_credited_beyond_an_agreed_amount(self):
        case = self._sell_two(100)
        agreed = self._confirm(self._credit(1, case, credit="amount", amount=60))
        agreed.credit_move_ids.action_post()

        self.assertEqual(self._rows(case).credit_left, 0.4, "no more is offered")
        with self.assertRaises(ValidationError) as refusal:
            self._credit(1, case)
        self.assertIn("agreed upon", str(refusal.exception))
        rest = self._confirm(self._credit(0.4, case))
        self.assertEqual(rest.credit_move_ids.amount_untaxed, 40)
        self.assertEqual(self._rows(case).credit_left, 0)

    def test_agreed_amount_counts_goods_that_are_requested(self):
        case = self._sell_two(100)
        self._credit(1, case)
        with self.assertRaises(ValidationError):
            self._credit(1, case, credit="amount", amount=60)

    def test_confirming_looks_again_at_agreed_amounts(self):
        case = self._sell_two(100)
        goods = self._credit(1, case)
        # an agreement that was not seen when the goods were requested
        with patch.object(self.registry["crm.case.claim.line"], "_check_left"):
            self._confirm(self._credit(1, case, credit="amount", amount=60))

        with self.assertRaises(ValidationError) as refusal:
            self._confirm(goods)
        self.assertIn("agreed upon", str(refusal.exception))

    def test_agreed_amount_falls_on_its_lines_only(self):
        case = self._sell_two(100, 300)
        rows = self._rows(case)
        cheap = rows.sale_line_id.filtered(lambda line: line.price_unit == 100)
        both = self._request(
            case, quantities=[1, 1], is_return=False, credit="amount", amount=40
        )
        self._confirm(both).credit_move_ids.action_post()

        left = {row.sale_line_id: row.credit_left for row in self._rows(case)}
        self.assertEqual(left[cheap], 0.9, "ten of forty, as a quarter was paid for it")
        quantities = [0.9 if row.sale_line_id == cheap else None for row in rows]
        self._request(case, quantities=quantities, is_return=False, credit="goods")
        quantities = [None if row.sale_line_id == cheap else 1 for row in rows]
        with self.assertRaises(ValidationError):
            self._request(case, quantities=quantities, is_return=False, credit="goods")

    def test_credit_of_what_came_back(self):
        returned, credit = self._request(quantities=[2], credit="goods")
        self.assertTrue(returned.is_refund)
        self._confirm(returned | credit)
        self._receive_goods(returned.picking_ids)
        credit.credit_move_ids.action_post()

        self.assertEqual((returned.state, credit.state), ("done", "done"))
        self.assertEqual(self.sale_line.qty_delivered, 3)
        self.assertEqual(self.sale_line.qty_invoiced, 3)

    def test_invoice_without_order(self):
        bill = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.ida.id,
                "company_id": self.company.id,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": self.machine.id,
                            "quantity": 3,
                            "price_unit": 90,
                            "tax_ids": False,
                        }
                    )
                ],
            }
        )
        bill.action_post()
        case = self._create_cases(invoice_id=bill.id)
        rows = self._rows(case).filtered("invoice_line_id")
        self.assertEqual(rows.credit_left, 3)

        claim = self._confirm(
            self._request(
                case,
                quantities=[
                    2 if row.invoice_line_id else None for row in self._rows(case)
                ],
                is_return=False,
                credit="goods",
            )
        )

        self.assertEqual(claim.credit_move_ids.amount_untaxed, 180)
        self.assertEqual(self._rows(case).filtered("invoice_line_id").credit_left, 1)
