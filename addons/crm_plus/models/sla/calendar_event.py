from odoo import api, fields, models


class CalendarEvent(models.Model):
    _inherit = "calendar.event"

    @api.model_create_multi
    def create(self, vals_list):
        events = super().create(vals_list)
        events._sla_on_schedule()
        return events

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"start", "opportunity_id", "active"}:
            self._sla_on_schedule()
        return result

    def _sla_on_schedule(self):
        """Look at the lead of a meeting when it begins: it is answered then."""
        events = self.filtered(lambda event: event.active and event.opportunity_id)
        if events:
            now = fields.Datetime.now()
            self.env["crm.sla.clock"]._wake(
                {max(event.start, now) for event in events if event.start}
            )
