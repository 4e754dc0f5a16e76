from odoo import api, fields, models


class CrmSlaPause(models.Model):
    """Ledger of the time a promise did not run: from, to, why, who.

    The due date of a clock is always its start, its target and the working time of
    these rows; nothing else moves it.
    """

    _name = "crm.sla.pause"
    _description = "Response Time Pause"
    _order = "date_from desc, id desc"

    clock_id = fields.Many2one(
        "crm.sla.clock", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="clock_id.company_id")
    date_from = fields.Datetime(string="From", required=True)
    date_to = fields.Datetime(string="To", help="Empty while the clock is paused.")
    reason = fields.Char()
    user_id = fields.Many2one("res.users", string="Paused by", index="btree_not_null")
    working_seconds = fields.Integer(
        help="Working time of the pause, given back to the clock when it ended."
    )
    working_hours = fields.Float(
        string="Working Time", compute="_compute_working_hours"
    )

    _open_uniq = models.UniqueIndex(
        "(clock_id) WHERE date_to IS NULL", "A clock is paused once at a time."
    )
    _check_dates = models.Constraint(
        "CHECK(date_to >= date_from)", "A pause ends after it began."
    )

    @api.depends("working_seconds")
    def _compute_working_hours(self):
        for pause in self:
            pause.working_hours = pause.working_seconds / 3600
