from odoo import models


class StockPicking(models.Model):
    _name = "stock.picking"
    _inherit = ["stock.picking", "crm.case.subject.mixin"]

    _case_field = "picking_id"

    def _get_case_partner(self):
        """Whoever ordered; a delivery address is no person to answer."""
        return self.sale_id.partner_id or self.partner_id
