from odoo import models


class StockPicking(models.Model):
    _inherit = "stock.picking"

    _touchpoint_watermark_idx = models.Index("(write_date)")
    # those whose promise passed since the last harvest, wherever the company is
    _touchpoint_late_idx = models.Index(
        "((date_trunc('day', COALESCE(date_deadline, scheduled_date))"
        " + interval '2 days'))"
    )

    def _action_done(self):
        result = super()._action_done()
        for key in ("delivery_done", "return_done", "delivery_late"):
            self.env["crm.touchpoint"]._queue_harvest(key, self.ids)
        return result
