from odoo import api, fields, models


class StockMove(models.Model):
    _inherit = "stock.move"

    case_claim_line_id = fields.Many2one(
        "crm.case.claim.line",
        string="After-Sales Goods",
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        readonly=True,
    )

    def _get_case_customer(self):
        """Whose goods these are: who ordered them, else who they went to."""
        return (
            self.sale_line_id.order_id.partner_id
            or self.picking_id.partner_id
            or self.partner_id
        )

    # ------------------------------------------------------------
    # The request goes with the goods: steps, backorders
    # ------------------------------------------------------------

    @api.model
    def _prepare_merge_moves_distinct_fields(self):
        return [*super()._prepare_merge_moves_distinct_fields(), "case_claim_line_id"]

    def _prepare_move_split_vals(self, qty):
        return {
            **super()._prepare_move_split_vals(qty),
            "case_claim_line_id": self.case_claim_line_id.id,
        }

    def _prepare_procurement_values(self):
        values = super()._prepare_procurement_values()
        if self.case_claim_line_id:
            values["case_claim_line_id"] = self.case_claim_line_id.id
        return values

    # ------------------------------------------------------------
    # Requests follow
    # ------------------------------------------------------------

    def _action_done(self, cancel_backorder=False):
        moves = super()._action_done(cancel_backorder=cancel_backorder)
        (self.exists() | moves)._report_case_claims()
        return moves

    def _action_cancel(self):
        result = super()._action_cancel()
        self._report_case_claims()
        return result

    def unlink(self):
        # sudo: who deletes a transfer need not see requests
        claims = self.sudo().case_claim_line_id.claim_id
        result = super().unlink()
        claims._report()
        return result

    def _report_case_claims(self):
        # sudo: who moves goods need not see requests
        self.sudo().case_claim_line_id.claim_id._report()


class StockRule(models.Model):
    _inherit = "stock.rule"

    def _get_custom_move_fields(self):
        return [*super()._get_custom_move_fields(), "case_claim_line_id"]

    def _push_prepare_move_copy_values(self, move_to_copy, new_date):
        return {
            **super()._push_prepare_move_copy_values(move_to_copy, new_date),
            "case_claim_line_id": move_to_copy.case_claim_line_id.id,
        }
