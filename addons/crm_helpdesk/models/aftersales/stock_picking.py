from odoo import api, fields, models


class StockPicking(models.Model):
    _inherit = "stock.picking"

    case_claim_ids = fields.Many2many(
        "crm.case.claim",
        string="After-Sales Requests",
        compute="_compute_case_claim_ids",
        search="_search_case_claim_ids",
        groups="stock.group_stock_user,crm_helpdesk.crm_helpdesk_group_user",
    )

    @api.depends("move_ids.case_claim_line_id")
    def _compute_case_claim_ids(self):
        for picking in self:
            picking.case_claim_ids = picking.move_ids.case_claim_line_id.claim_id

    @api.model
    def _search_case_claim_ids(self, operator, value):
        return [("move_ids.case_claim_line_id.claim_id", operator, value)]
