"""Changed hours or time off: forget what was fetched, and plan open clocks again."""

from odoo import api, models
from odoo.fields import Domain

from ...tools import calendar_time

CALENDAR_FIELDS = {
    "attendance_ids",
    "attendance_ids_1st_week",
    "attendance_ids_2nd_week",
    "flexible_hours",
    "full_time_required_hours",
    "hours_per_day",
    "schedule_type",
    "two_weeks_calendar",
    "tz",
}


class ResourceCalendar(models.Model):
    _inherit = "resource.calendar"

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & CALENDAR_FIELDS:
            self._sla_on_change()
        return result

    def _sla_on_change(self):
        """Clocks that run on these calendars are planned again by the scheduler."""
        calendar_time.forget(self.env)
        # hours are changed by administrators who need not see the clocks
        self.env["crm.sla.clock"].sudo()._mark_for_replan(
            Domain("calendar_id", "in", self.ids), "calendar"
        )


class ResourceCalendarAttendance(models.Model):
    _inherit = "resource.calendar.attendance"

    @api.model_create_multi
    def create(self, vals_list):
        attendances = super().create(vals_list)
        attendances.calendar_id._sla_on_change()
        return attendances

    def write(self, vals):
        calendars = self.calendar_id
        result = super().write(vals)
        (calendars | self.calendar_id)._sla_on_change()
        return result

    def unlink(self):
        calendars = self.calendar_id
        result = super().unlink()
        calendars._sla_on_change()
        return result


class ResourceCalendarLeaves(models.Model):
    _inherit = "resource.calendar.leaves"

    @api.model_create_multi
    def create(self, vals_list):
        leaves = super().create(vals_list)
        leaves._sla_on_change(leaves._sla_get_scope())
        return leaves

    def write(self, vals):
        scope = self._sla_get_scope()
        result = super().write(vals)
        self._sla_on_change(scope | self._sla_get_scope())
        return result

    def unlink(self):
        scope = self._sla_get_scope()
        result = super().unlink()
        self._sla_on_change(scope)
        return result

    def _sla_get_scope(self):
        """Clocks that general time off moves; that of a person moves none."""
        general = self.filtered(lambda leave: not leave.resource_id)
        everywhere = general.filtered(lambda leave: not leave.calendar_id)
        return Domain("calendar_id", "in", general.calendar_id.ids) | (
            Domain("calendar_id", "!=", False)
            & Domain("company_id", "in", everywhere.company_id.ids)
        )

    def _sla_on_change(self, scope):
        calendar_time.forget(self.env)
        # time off is entered by people who need not see the clocks
        self.env["crm.sla.clock"].sudo()._mark_for_replan(scope, "calendar")
