from contextlib import suppress
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.crm_plus.tools.calendar_time import work_time
from odoo.addons.crm_plus.tools.worktime import NoWorkingTimeError

MAX_SNOOZE = timedelta(days=2 * 366)


class CrmCaseSnooze(models.TransientModel):
    """Look at it again later."""

    _name = "crm.case.snooze"
    _description = "Snooze Cases"

    case_ids = fields.Many2many(
        "crm.case", string="Cases", default=lambda self: self._default_case_ids()
    )
    until = fields.Datetime(
        required=True,
        default=lambda self: self._default_until(),
        help="Proposed is the next opening of the team.",
    )
    reason = fields.Char(help="Shown when the case comes back.")

    def _default_case_ids(self):
        if self.env.context.get("active_model") == "crm.case":
            return self.env.context.get("active_ids")
        return False

    def _default_until(self):
        now = fields.Datetime.now()
        ids = self.env.context.get("default_case_ids") or self._default_case_ids()
        team = self.env["crm.case"].browse(ids or []).team_id[:1]
        calendar = team.resource_calendar_id or team.company_id.resource_calendar_id
        if calendar:
            # hours that never open: tomorrow at this time
            with suppress(NoWorkingTimeError):
                return work_time(calendar, team.company_id).next_opening(now)
        return now.replace(second=0, microsecond=0) + timedelta(days=1)

    def action_snooze(self):
        self.ensure_one()
        if self.until <= fields.Datetime.now():
            raise UserError(self.env._("Choose a moment that is still to come."))
        if self.until > fields.Datetime.now() + MAX_SNOOZE:
            raise UserError(
                self.env._(
                    "Choose a moment within two years: what is to wait longer is solved"
                    " or closed."
                )
            )
        if any(case.is_closed for case in self.case_ids):
            raise UserError(
                self.env._("What is over needs no snooze: leave out the closed cases.")
            )
        self.case_ids._snooze(self.until, self.reason)
        return {"type": "ir.actions.act_window_close"}
