from odoo import fields, models

from ..case.crm_case_stage import DONE

WAITING_FOR = {
    "open": "us",
    "waiting_customer": "you",
    "waiting_third": "third",
}


class CrmCase(models.Model):
    _inherit = "crm.case"

    def _get_promise(self):
        """What the customer is told: whom the case waits for, and what is due when.

        :return: dict of ``waiting_for`` (us, you, third, nobody) and ``lines``, the
            running promises as dicts of kind, due, is_late
        """
        self.ensure_one()
        if self.stage_category in DONE:
            return {"waiting_for": "nobody", "lines": []}
        now = fields.Datetime.now()
        lines = [
            {
                "kind": clock.kind,
                "due": clock.date_due,
                "is_late": clock.date_due < now,
            }
            for clock in self.sla_clock_ids.sorted("date_due")
            # time that stands still promises no hour
            if clock.is_open and clock.date_due and not clock.date_paused
        ]
        return {
            "waiting_for": WAITING_FOR[self.stage_category],
            "lines": lines if self.team_id.is_promise_shown else [],
        }

    def _get_customer_timezone(self):
        """Of whoever reads without login: the customer's, else that of our hours."""
        self.ensure_one()
        calendar = self.team_id.resource_calendar_id
        return (
            self.partner_id.tz
            or (calendar or self.company_id.resource_calendar_id).tz
            or "UTC"
        )
