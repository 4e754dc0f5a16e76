from odoo import models


class StockPicking(models.Model):
    """A return that is on its way, has arrived or was called off."""

    _inherit = "stock.picking"

    def action_confirm(self):
        result = super().action_confirm()
        self._queue_contact_holds()
        return result

    def action_cancel(self):
        result = super().action_cancel()
        self._queue_contact_holds()
        return result

    def _action_done(self):
        result = super()._action_done()
        self._queue_contact_holds()
        return result

    def _queue_contact_holds(self):
        # sudo: only whose goods they are
        returns = self.sudo().filtered(
            lambda picking: picking.location_id.usage == "customer"
        )
        self.env["crm.contact.hold"]._queue_refresh(returns.partner_id)
