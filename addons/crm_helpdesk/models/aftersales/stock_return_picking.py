from odoo import fields, models


class StockReturnPickingLine(models.TransientModel):
    _inherit = "stock.return.picking.line"

    case_claim_line_id = fields.Many2one(
        "crm.case.claim.line", readonly=True, export_string_translation=False
    )

    def _prepare_move_default_values(self, new_picking):
        return {
            **super()._prepare_move_default_values(new_picking),
            "case_claim_line_id": self.case_claim_line_id.id,
        }


class StockReturnPicking(models.TransientModel):
    """Goods of an after-sales request come back to where the request says."""

    _inherit = "stock.return.picking"

    def _prepare_picking_default_values_based_on(self, picking):
        values = super()._prepare_picking_default_values_based_on(picking)
        claim = self.env["crm.case.claim"].browse(
            self.env.context.get("crm_case_claim_id")
        )
        if not claim:
            return values
        if claim.warehouse_id:
            receipts = claim.warehouse_id.in_type_id
            values["picking_type_id"] = receipts.id
            values["location_dest_id"] = receipts.default_location_dest_id.id
        if claim.location_dest_id:
            values["location_dest_id"] = claim.location_dest_id.id
        # sudo: stock clerks see no case, but for its number
        values["origin"] = f"{claim.name} ({claim.case_id.sudo().number})"
        return values
