from odoo import models


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "crm.customer.header.mixin"]

    def action_suggest_offers(self):
        """What else to offer the customer on this quotation."""
        self.ensure_one()
        return self.env["crm.customer.offer"]._open(
            self.partner_id, self.company_id, order=self
        )
