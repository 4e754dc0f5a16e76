from odoo import models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    _touchpoint_watermark_idx = models.Index("(write_date)")

    def action_post(self):
        result = super().action_post()
        self.env["crm.touchpoint"]._queue_harvest("payment_received", self.ids)
        return result
