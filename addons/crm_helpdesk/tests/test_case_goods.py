from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseGoods(CaseCommon):
    """What a case is about: who names the narrowest is not asked for the rest."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lot, cls.picking, cls.order = cls._deliver_serial(cls.ida)
        cls.foreign_lot, cls.foreign_picking, _order = cls._deliver_serial(
            cls.eva, "SN-2"
        )

    def _create_invoice(self, order):
        order.order_line.qty_delivered = 1
        invoice = order._create_invoices()
        invoice.action_post()
        return invoice

    def test_serial_tells_the_rest(self):
        self.assertEqual(self.picking.state, "done")

        case = self._create_cases(lot_id=self.lot.id)

        self.assertRecordValues(
            case,
            [
                {
                    "product_id": self.lot.product_id.id,
                    "picking_id": self.picking.id,
                    "sale_line_id": self.order.order_line.id,
                    "sale_order_id": self.order.id,
                }
            ],
        )

    def test_serial_of_somebody_else_tells_its_product_only(self):
        case = self._create_cases(lot_id=self.foreign_lot.id)

        self.assertEqual(case.product_id, self.foreign_lot.product_id)
        self.assertFalse(case.picking_id or case.sale_order_id or case.sale_line_id)

    def test_line_delivery_and_invoice_tell_the_order(self):
        invoice = self._create_invoice(self.order)
        for values in (
            {"sale_line_id": self.order.order_line.id},
            {"picking_id": self.picking.id},
            {"invoice_id": invoice.id},
        ):
            case = self._create_cases(**values)
            self.assertEqual(case.sale_order_id, self.order, values)

    def test_what_was_chosen_stays(self):
        order = self._create_order(self.ida)
        case = self._create_cases(
            sale_order_id=order.id, product_id=self.product.id, name="By hand"
        )
        case.partner_id = self.jan
        case.name = "Still by hand"
        self.assertEqual(case.sale_order_id, order)
        self.assertEqual(case.product_id, self.product)

        case.lot_id = self.lot
        self.assertEqual(case.sale_order_id, self.order, "the narrower says otherwise")

    def test_lots_of_the_customer(self):
        lots = self.lot + self.foreign_lot
        Lot = self.env["stock.lot"]
        mine = [("id", "in", lots.ids)]

        self.assertEqual(
            Lot.search([*mine, ("delivered_to_ids", "in", self.customer.ids)]), self.lot
        )
        self.assertEqual(
            Lot.search([*mine, ("delivered_to_ids", "in", self.eva.ids)]),
            self.foreign_lot,
        )
        self.assertFalse(Lot.search([*mine, ("delivered_to_ids", "in", self.jan.ids)]))
        self.assertEqual(self.lot.delivered_to_ids, self.customer)

    def test_buttons(self):
        """Each opens a new case that is filled with what it is pressed on; then the
        cases there are."""
        invoice = self._create_invoice(self.order)
        self.agent.group_ids += (
            self.env.ref("stock.group_stock_user")
            + self.env.ref("account.group_account_invoice")
            + self.env.ref("sales_team.group_sale_salesman_all_leads")
        )
        for record, field in (
            (self.order, "sale_order_id"),
            (self.picking, "picking_id"),
            (invoice, "invoice_id"),
            (self.lot, "lot_id"),
        ):
            record = record.with_user(self.agent)
            self.assertEqual(record.case_count, 0)
            action = record.action_view_cases()
            self.assertEqual(action["views"], [(False, "form")])
            with Form(
                self.env["crm.case"]
                .with_user(self.agent)
                .with_context(action["context"], default_team_id=self.team.id)
            ) as form:
                form.name = f"About a {field}"
            case = form.record
            self.assertEqual(case[field], record)
            self.assertEqual(case.partner_id, self.ida)
            self.assertEqual(case.sale_order_id, self.order)
            record.invalidate_recordset(["case_count"])
            self.assertGreaterEqual(record.case_count, 1)
            action = record.action_view_cases()
            self.assertIn(case, self.env["crm.case"].search(action["domain"]))
            case.sudo().unlink()
            record.invalidate_recordset(["case_count"])

    def test_counts_in_one_query(self):
        orders = (
            self.order + self._create_order(self.ida) + self._create_order(self.ida)
        )
        self._create_cases(2, sale_order_id=self.order.id)
        self.env.invalidate_all()
        orders.mapped("name")
        with self.assertQueryCount(1):
            self.assertEqual(orders.mapped("case_count"), [2, 0, 0])

    def test_agent_without_other_rights_works(self):
        """No right in stock, accounting or sales: names are seen, nothing breaks."""
        invoice = self._create_invoice(self.order)
        case = self._create_cases(
            lot_id=self.lot.id, invoice_id=invoice.id, user_id=self.outsider.id
        )
        self.assertFalse(self.picking.with_user(self.outsider).has_access("read"))

        with Form(case.with_user(self.outsider)) as form:
            form.priority = "2"

        self.assertEqual(case.priority, "2")
        self.assertEqual(case.picking_id, self.picking)
        names = case.with_user(self.outsider).web_read(
            {
                name: {"fields": {"display_name": {}}}
                for name in ("lot_id", "picking_id", "invoice_id", "sale_line_id")
            }
        )[0]
        self.assertEqual(names["picking_id"]["display_name"], self.picking.name)

    def test_goods_of_another_company_are_refused(self):
        order = self.env["sale.order"].create(
            {"partner_id": self.ida.id, "company_id": self.company_2.id}
        )
        with self.assertRaises(UserError):
            self._create_cases(sale_order_id=order.id)
