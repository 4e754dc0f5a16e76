from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS

from .crm_case_claim import OPEN

# Deliveries to a customer that are offered where the case names neither order nor
# delivery: the last ones; whoever means an older one names it.
OFFERED_MOVES = 80


class CrmCase(models.Model):
    """After-sales on the case: what was requested for it, and how far that is."""

    _inherit = "crm.case"

    claim_ids = fields.One2many(
        "crm.case.claim",
        "case_id",
        string="After-Sales Requests",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    claim_count = fields.Integer(
        string="After-Sales",
        compute="_compute_claims",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    claim_open_count = fields.Integer(
        string="Open After-Sales Requests",
        compute="_compute_claims",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )

    company_currency_id = fields.Many2one(
        related="company_id.currency_id",
        string="Currency of the Company",
        groups=MONEY_GROUPS,
    )
    cost_total = fields.Monetary(
        string="Cost",
        currency_field="company_currency_id",
        compute="_compute_cost",
        groups=MONEY_GROUPS,
        help="Credit notes, goods at cost, freight and time.",
    )
    cost_words = fields.Char(
        string="Of Which", compute="_compute_cost", groups=MONEY_GROUPS
    )

    def _compute_cost(self):
        """With the reader's rights: the fields are for those who may see amounts."""
        costs = {}
        for case, kind, amount in self.env["crm.case.cost"]._read_group(
            [("case_id", "in", self.ids)], ["case_id", "kind"], ["amount:sum"]
        ):
            costs.setdefault(case.id, {})[kind] = amount
        kinds = dict(
            self.env["crm.case.cost"]._fields["kind"]._description_selection(self.env)
        )
        for case in self:
            found = costs.get(case._origin.id, {})
            currency = case.company_id.currency_id
            case.cost_total = sum(found.values())
            case.cost_words = ", ".join(
                f"{kinds[kind]} {currency.format(found[kind])}"
                for kind in kinds
                if found.get(kind)
            )

    @api.depends("claim_ids.state")
    def _compute_claims(self):
        counts = {
            case: (count, states)
            for case, count, states in self.env["crm.case.claim"]._read_group(
                [("case_id", "in", self.ids)],
                ["case_id"],
                ["__count", "state:array_agg"],
            )
        }
        for case in self:
            count, states = counts.get(case._origin, (0, ()))
            case.claim_count = count
            case.claim_open_count = sum(state in OPEN for state in states)

    def action_request_after_sales(self):
        """Choose goods and what the customer gets for them."""
        self.ensure_one()
        self.check_access("write")
        if not self.partner_id:
            raise UserError(
                self.env._("Say on the case who the customer is, then request.")
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Return, Replace, Credit"),
            "res_model": "crm.case.claim.create",
            "view_mode": "form",
            "target": "new",
            "context": {"default_case_id": self.id, "dialog_size": "extra-large"},
        }

    def action_view_claims(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_claim_action"
        )
        action["domain"] = [("case_id", "=", self.id)]
        action["context"] = {}
        return action

    # ------------------------------------------------------------
    # Goods that something may be requested for
    # ------------------------------------------------------------

    def _get_claim_rows(self, is_whole_customer=False):
        """What was delivered or invoiced, and how much of it each remedy is possible
        for: a list of values, as the lines of ``crm.case.claim.create`` take them.

        Read as root, since agents need neither stock nor sales: products, quantities
        and where they come from are told, no prices.
        """
        self.ensure_one()
        case = self.sudo()
        moves = case._find_claim_moves(is_whole_customer)
        sale_lines = moves.sale_line_id
        order = case.sale_order_id
        if not is_whole_customer and order.partner_id:
            sale_lines |= order.order_line.filtered(
                lambda line: not line.display_type and line.qty_invoiced > 0
            )
        bills = case.invoice_id.invoice_line_ids.filtered(
            lambda bill: (
                bill.display_type == "product"
                and bill.product_id
                and not bill.sale_line_ids
                and bill.move_type == "out_invoice"
            )
        )
        left = case.env["crm.case.claim.line"]._get_left(moves, sale_lines, bills)
        rows = []
        for move in moves:
            lots = move.move_line_ids.lot_id or move.env["stock.lot"]
            for lot in lots or [lots]:
                rows.append(case._get_claim_row(left, move=move, lot=lot))
        for line in sale_lines:
            if (
                line.product_id
                not in line.move_ids.filtered(lambda move: move in moves).product_id
            ):
                rows.append(case._get_claim_row(left, sale_line=line))
        rows += [case._get_claim_row(left, bill=bill) for bill in bills]
        return rows

    def _find_claim_moves(self, is_whole_customer):
        """Deliveries to the customer: of the order or transfer that the case names,
        else the last ones.
        """
        customer = Domain(
            "sale_line_id.order_id.partner_id.commercial_partner_id",
            "=",
            self.commercial_partner_id.id,
        ) | Domain(
            "picking_id.partner_id.commercial_partner_id",
            "=",
            self.commercial_partner_id.id,
        )
        domain = (
            Domain("state", "=", "done")
            & Domain("company_id", "=", self.company_id.id)
            & Domain("location_dest_id.usage", "=", "customer")
            & Domain("location_id.usage", "!=", "customer")
            & customer
        )
        named = Domain.FALSE
        if self.sale_order_id:
            named |= Domain("sale_line_id.order_id", "=", self.sale_order_id.id)
        if self.picking_id:
            named |= Domain("picking_id", "=", self.picking_id.id)
        if self.lot_id:
            named |= Domain("move_line_ids.lot_id", "=", self.lot_id.id)
        if not named.is_false() and not is_whole_customer:
            domain &= named
        return self.env["stock.move"].search(
            domain, order="date desc, id desc", limit=OFFERED_MOVES
        )

    def _get_claim_row(self, left, move=None, lot=None, sale_line=None, bill=None):
        move = move or self.env["stock.move"]
        lot = lot or self.env["stock.lot"]
        bill = bill or self.env["account.move.line"]
        sale_line = sale_line or move.sale_line_id
        product = move.product_id or sale_line.product_id or bill.product_id
        # of a part of a kit there is no price
        is_part = bool(move and sale_line and sale_line.product_id != product)
        delivered = 0.0
        if lot:
            delivered = sum(
                move.move_line_ids.filtered(lambda one: one.lot_id == lot).mapped(
                    "quantity_product_uom"
                )
            )
        elif move:
            delivered = move.product_uom._compute_quantity(
                move.quantity, product.uom_id, rounding_method="HALF-UP"
            )
        elif sale_line:
            delivered = sale_line.product_uom_id._compute_quantity(
                sale_line.qty_delivered, product.uom_id, rounding_method="HALF-UP"
            )
        credit = 0.0
        if not is_part and (sale_line or bill):
            credit = left.get_possible("credit", move, lot, sale_line, bill)
            if delivered:
                credit = min(credit, delivered)
        goods = {
            remedy: left.get_possible(remedy, move, lot, sale_line, bill)
            if move or (sale_line and product.type == "consu")
            else 0.0
            for remedy in ("return", "replacement", "repair")
        }
        origin = sale_line.order_id.name or move.picking_id.name or bill.move_id.name
        if is_part:
            origin = self.env._(
                "%(order)s, in %(kit)s",
                order=origin,
                kit=sale_line.product_id.display_name,
            )
        return {
            "product_id": product.id,
            "lot_id": lot.id,
            "move_id": move.id,
            "sale_line_id": sale_line.id,
            "invoice_line_id": bill.id,
            "origin": origin,
            "date_delivered": move.date or sale_line._get_case_delivery_date(),
            "delivered": delivered,
            "return_left": goods["return"],
            "replacement_left": goods["replacement"],
            "repair_left": goods["repair"],
            "credit_left": credit,
            "is_chosen": self._is_claim_row_meant(product, lot, sale_line),
        }

    def _is_claim_row_meant(self, product, lot, sale_line):
        """Whether it is what the case is about, by the narrowest that it names."""
        if self.lot_id:
            return lot == self.lot_id
        if self.sale_line_id:
            # of a kit not its parts once more
            return sale_line == self.sale_line_id and product == sale_line.product_id
        return bool(self.product_id) and product == self.product_id
