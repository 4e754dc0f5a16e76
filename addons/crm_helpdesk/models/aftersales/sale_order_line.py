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
        return max(self._get_case_deliveries().mapped("date"), default=False)

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
        kits = self.product_uom_id._compute_quantity(
            self.product_uom_qty, self.product_id.uom_id
        )
        parts = self._get_case_deliveries().filtered(
            lambda move: move.product_id != self.product_id
        )
        if kits <= 0:
            return []
        return [
            (
                moves.filtered(lambda move: move.state == "done"),
                # what is still to be delivered is of the kits, too
                sum(moves.mapped("product_qty")) / kits,
            )
            for moves in parts.grouped("product_id").values()
        ]
