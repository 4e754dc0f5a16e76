from odoo import models


class AccountMove(models.Model):
    _inherit = "account.move"

    _touchpoint_watermark_idx = models.Index("(write_date)")

    def _post(self, soft=True):
        posted = super()._post(soft=soft)
        for key in ("invoice_posted", "credit_note_posted"):
            self.env["crm.touchpoint"]._queue_harvest(key, posted.ids)
        return posted

    def _invoice_paid_hook(self):
        result = super()._invoice_paid_hook()
        self.env["crm.touchpoint"]._queue_harvest("invoice_paid", self.ids)
        return result
