from odoo import api, models


class CrmCustomerProfile(models.Model):
    _inherit = "crm.customer.profile"

    @api.model
    def _queue_rebuild(self, partners):
        """What changes a profile (an invoice, a payment, a delivery) may raise or
        release a hold.
        """
        super()._queue_rebuild(partners)
        self.env["crm.contact.hold"]._queue_refresh(partners)
