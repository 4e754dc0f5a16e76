from odoo.fields import Command

from .common import CaseCommon


class AfterSalesCommon(CaseCommon):
    """Ida bought five machines for 100 each, which cost us 60: all delivered, all
    invoiced.

    LOGIN              GROUPS
    case_agent         agent: neither stock, nor sales, nor accounting
    case_clerk         user of Inventory
    case_accountant    billing
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = cls._new_user("case_clerk", "stock.group_stock_user", cls.company)
        cls.accountant = cls._new_user(
            "case_accountant", "account.group_account_invoice", cls.company
        )
        cls.warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.company.id)], limit=1
        )
        cls.vendor = cls.env["res.partner"].create(
            {"name": "Officine Rossi", "is_company": True}
        )
        cls.machine = cls.env["product.product"].create(
            {
                "name": "Espresso machine",
                "is_storable": True,
                "invoice_policy": "order",
                "list_price": 100,
                "standard_price": 60,
                "taxes_id": [Command.clear()],
                "seller_ids": [Command.create({"partner_id": cls.vendor.id})],
            }
        )
        cls.env["stock.quant"]._update_available_quantity(
            cls.machine, cls.warehouse.lot_stock_id, 50
        )
        cls.reason = cls.env.ref("crm_helpdesk.crm_case_claim_reason_defective")
        cls.order = cls._sell(cls.ida, cls.machine, 5)
        cls.sale_line = cls.order.order_line
        cls.delivery = cls.order.picking_ids
        cls.move = cls.delivery.move_ids
        cls._receive_goods(cls.delivery)
        cls.invoice = cls._bill(cls.order)
        cls.case = cls._create_cases(sale_order_id=cls.order.id)

    @classmethod
    def _sell(cls, partner, product, quantity):
        return cls._create_order(
            partner,
            order_line=[
                Command.create({"product_id": product.id, "product_uom_qty": quantity})
            ],
        )

    @classmethod
    def _bill(cls, order):
        invoice = order._create_invoices()
        invoice.action_post()
        return invoice

    @classmethod
    def _receive_goods(cls, picking, quantity=None):
        """Carry a transfer out, or so much of it: the rest is a backorder."""
        picking.action_assign()
        for move in picking.move_ids:
            if quantity is not None:
                move.quantity = quantity
            move.picked = True
        picking._action_done()

    def _request(self, case=None, user=None, quantities=None, **values):
        """Fill in the wizard as an agent and request.

        :param quantities: of the lines, in order; None leaves a line out
        """
        case = case or self.case
        wizard = (
            self.env["crm.case.claim.create"]
            .with_user(user or self.agent)
            .create({"case_id": case.id, "reason_id": self.reason.id, **values})
        )
        for line, quantity in zip(
            wizard.line_ids,
            quantities or [None] * len(wizard.line_ids),
            strict=True,
        ):
            line.is_chosen = bool(quantity)
            if quantity:
                line.quantity = quantity
        wizard.action_request()
        return self.env["crm.case.claim"].browse(sorted(wizard.claim_ids.ids))

    def _rows(self, case=None, **values):
        return (
            self.env["crm.case.claim.create"]
            .with_user(self.agent)
            .create({"case_id": (case or self.case).id, **values})
            .line_ids
        )

    def _confirm(self, claims, user=None):
        for claim in claims:
            confirming = user or (
                self.accountant if claim.remedy == "credit" else self.clerk
            )
            claim.with_user(confirming).action_confirm()
        return claims
