from odoo import api, models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    _touchpoint_watermark_idx = models.Index("(create_date)")

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        self.env["crm.touchpoint"]._queue_harvest("bank_payment_received", partials.ids)
        return partials
