from odoo import models


class StockPicking(models.Model):
    _inherit = "stock.picking"

    _touchpoint_watermark_idx = models.Index("(write_date)")

    def _action_done(self):
        result = super()._action_done()
        for key in ("delivery_done", "return_done"):
            self.env["crm.touchpoint"]._queue_harvest(key, self.ids)
        return result
