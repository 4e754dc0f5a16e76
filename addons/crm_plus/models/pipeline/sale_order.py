from odoo import models


class SaleOrder(models.Model):
    _inherit = "sale.order"

    def _prepare_invoice(self):
        return {**super()._prepare_invoice(), "opportunity_id": self.opportunity_id.id}

    def write(self, vals):
        """Invoices follow an order to another opportunity, those linked by hand too."""
        if "opportunity_id" not in vals:
            return super().write(vals)
        before = {order: order.opportunity_id for order in self}
        result = super().write(vals)
        for order, lead in before.items():
            if order.opportunity_id != lead:
                # sudo: who sells need not write invoices
                order.sudo().invoice_ids.filtered(
                    lambda move, lead=lead: move.opportunity_id in (lead, lead.browse())
                ).opportunity_id = order.opportunity_id
        return result
