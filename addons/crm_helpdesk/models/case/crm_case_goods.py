from odoo import api, fields, models
from odoo.fields import Domain


class CrmCase(models.Model):
    """What the case is about: a line of an order, a delivery, an invoice, a product, a
    lot or serial number.

    Whoever names the narrowest is not asked for the rest: a serial number tells its
    product and the delivery it came with, a delivery its order. What was chosen by hand
    stays where nothing narrower says otherwise.
    """

    _inherit = "crm.case"

    sale_order_id = fields.Many2one(
        compute="_compute_sale_order_id", store=True, readonly=False, precompute=True
    )
    sale_line_id = fields.Many2one(
        "sale.order.line",
        string="Order Line",
        compute="_compute_sale_line_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('order_id.partner_id', 'child_of', commercial_partner_id),"
        " ('order_id', '=?', sale_order_id), ('display_type', '=', False)]",
        check_company=True,
        index="btree_not_null",
        help="The line of the customer's order that the case is about.",
    )
    picking_id = fields.Many2one(
        "stock.picking",
        string="Delivery",
        compute="_compute_picking_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('partner_id', 'child_of', commercial_partner_id)]",
        check_company=True,
        index="btree_not_null",
        help="The transfer to the customer that the case is about.",
    )
    invoice_id = fields.Many2one(
        "account.move",
        domain="[('move_type', 'in', ('out_invoice', 'out_refund')),"
        " ('commercial_partner_id', '=', commercial_partner_id)]",
        check_company=True,
        index="btree_not_null",
        help="The customer's invoice that the case is about.",
    )
    product_id = fields.Many2one(
        "product.product",
        compute="_compute_product_id",
        store=True,
        readonly=False,
        precompute=True,
        check_company=True,
        index="btree_not_null",
        help="What does not work, is missing or is asked about.",
    )
    lot_id = fields.Many2one(
        "stock.lot",
        string="Lot/Serial Number",
        domain="[('delivered_to_ids', 'in', commercial_partner_id),"
        " ('product_id', '=?', product_id)]",
        check_company=True,
        index="btree_not_null",
        help="The very piece: one that was delivered to this customer.",
    )

    # ------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------

    @api.depends("lot_id")
    def _compute_picking_id(self):
        """The last delivery of the lot to this customer."""
        deliveries = self._find_deliveries()
        for case in self:
            move_line = deliveries.get(case._get_delivery_key())
            case.picking_id = (
                move_line.picking_id if move_line else case.picking_id or False
            )

    @api.depends("lot_id")
    def _compute_sale_line_id(self):
        deliveries = self._find_deliveries()
        for case in self:
            move_line = deliveries.get(case._get_delivery_key())
            line = move_line.move_id.sale_line_id if move_line else None
            case.sale_line_id = line or case.sale_line_id or False

    @api.depends("sale_line_id", "picking_id", "invoice_id")
    def _compute_sale_order_id(self):
        for case in self:
            orders = case.invoice_id.line_ids.sale_line_ids.order_id
            case.sale_order_id = (
                case.sale_line_id.order_id
                or case.picking_id.sale_id
                # an invoice of several orders names none
                or (orders if len(orders) == 1 else False)
                or case.sale_order_id
            )

    @api.depends("lot_id", "sale_line_id")
    def _compute_product_id(self):
        for case in self:
            case.product_id = (
                case.lot_id.product_id
                or case.sale_line_id.product_id
                or case.product_id
                or False
            )

    def _get_delivery_key(self):
        self.ensure_one()
        return (
            self.lot_id._origin.id,
            self.commercial_partner_id._origin.id,
            self.company_id.id,
        )

    def _find_deliveries(self):
        """``{(lot id, customer id, company id): last move line}`` of these cases."""
        cases = self.filtered("lot_id")
        if not cases:
            return {}
        move_lines = self.env["stock.move.line"].search(
            Domain("lot_id", "in", cases.lot_id._origin.ids)
            & self._get_delivered_domain(cases.commercial_partner_id._origin),
            order="date, id",
        )
        return {
            (
                line.lot_id.id,
                line.picking_id.partner_id.commercial_partner_id.id,
                line.company_id.id,
            ): line
            for line in move_lines
        }

    @api.model
    def _get_delivered_domain(self, customers):
        """Hook: move lines that brought something to these customers."""
        return (
            Domain("state", "=", "done")
            & Domain("location_dest_id.usage", "=", "customer")
            & Domain("picking_id.partner_id.commercial_partner_id", "in", customers.ids)
        )

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_view_picking(self):
        self.ensure_one()
        return self._get_goods_action(self.picking_id)

    def action_view_invoice(self):
        self.ensure_one()
        return self._get_goods_action(self.invoice_id)

    def _get_goods_action(self, record):
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }
