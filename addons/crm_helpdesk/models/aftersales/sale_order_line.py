from collections import defaultdict

from odoo import fields, models


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    case_claim_line_ids = fields.One2many(
        "crm.case.claim.line",
        "sale_line_id",
        string="After-Sales Goods",
        readonly=True,
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )

    def _get_outgoing_incoming_moves(self, strict=True):
        """Replacements are sent besides what was ordered: neither billed nor taken off
        what is still to be delivered.
        """
        outgoing, incoming = super()._get_outgoing_incoming_moves(strict)
        # sudo: which moves are replacements; sellers need not see requests
        replacements = outgoing.filtered(
            lambda move: move.sudo().case_claim_line_id.remedy == "replacement"
        )
        return outgoing - replacements, incoming

    def _get_case_delivery_date(self):
        """When the last of it was delivered, or False."""
        done = self._get_case_deliveries().filtered(lambda move: move.state == "done")
        return max(done.mapped("date"), default=False)

    def _get_case_deliveries(self):
        """What was to be delivered as it was ordered: neither returns nor
        replacements, nor what was cancelled.
        """
        return self.move_ids.filtered(
            lambda move: (
                move.state != "cancel"
                and not move.origin_returned_move_id
                and not move.case_claim_line_id
                and move.location_dest_id._is_outgoing()
            )
        )

    def _get_case_kit_parts(self):
        """``[(delivery moves of a part, quantity of it in one kit)]``, in the units of
        the products; of a line that is no kit nothing.
        """
        self.ensure_one()
        parts = self._get_case_deliveries().filtered(
            lambda move: move.product_id != self.product_id
        )
        kits = self.product_uom_id._compute_quantity(
            self.product_uom_qty, self.product_id.uom_id
        )
        if not parts or kits <= 0:
            return []
        needed = self._get_case_kit_needs(parts, kits)
        result = []
        for product, moves in parts.grouped("product_id").items():
            # by the moves where the kit is made up otherwise by now: what is still to
            # be delivered is of the kits, too
            per_kit = needed.get(product) or sum(moves.mapped("product_qty")) / kits
            if per_kit > 0:
                done = moves.filtered(lambda move: move.state == "done")
                result.append((done, per_kit))
        return result

    def _get_case_kit_needs(self, parts, kits):
        """``{product: quantity in one kit}``, as the kit is made up.

        Not by the moves: those that were cancelled are missing, those of an order that
        was confirmed twice are too many.
        """
        # the field is of manufacturing, which need not be installed (any more)
        if "bom_line_id" not in parts._fields:
            return {}
        product = self.product_id
        bom = parts.bom_line_id.bom_id.filtered(
            lambda one: (
                one.type == "phantom"
                and one.product_tmpl_id == product.product_tmpl_id
                and one.product_id in (product, product.browse())
            )
        )[:1] or self.env["mrp.bom"]._bom_find(
            product, company_id=self.company_id.id, bom_type="phantom"
        ).get(product)
        if not bom:
            return {}
        times = product.uom_id._compute_quantity(kits, bom.product_uom_id, round=False)
        _boms, lines = bom.explode(product, times / bom.product_qty)
        needed = defaultdict(float)
        for line, values in lines:
            needed[line.product_id] += line.product_uom_id._compute_quantity(
                values["qty"], line.product_id.uom_id, round=False
            )
        return {part: quantity / kits for part, quantity in needed.items()}
