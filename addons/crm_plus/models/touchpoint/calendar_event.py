from odoo import models


class CalendarEvent(models.Model):
    _inherit = "calendar.event"

    # a meeting becomes a touchpoint when it ends
    _touchpoint_stop_idx = models.Index("(stop)")
    _touchpoint_watermark_idx = models.Index("(write_date)")
