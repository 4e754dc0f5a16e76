from odoo import fields, models


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    reopen_clock = fields.Selection(
        [
            ("new", "Anew: the full time once more"),
            ("resume", "It goes on with what was left"),
        ],
        string="Time to Solve Then",
        required=True,
        default="new",
        help="What is promised of a case that is opened again.\nAnew: a second promise,"
        " judged for itself; the first one stays kept or missed.\nIt goes on: one"
        " promise, judged by its last closing; the time while the case was closed does"
        " not count. What was late already stays late.",
    )


class CrmCase(models.Model):
    """How much time there is for what is opened again: by the rule of the team."""

    _inherit = "crm.case"

    def _restart_resolution(self, date):
        # sudo: customers open cases again, the rule is the team's
        resumed = self.filtered(
            lambda case: case.sudo().team_id.reopen_clock == "resume"
        )
        if resumed:
            clocks = resumed._sla_continue(
                "resolution", date, self.env._("Closed, then opened again")
            )
            # sudo: figures of the system, which counts them at the next closing
            self.env["crm.case.promise.time"].sudo()._forget(clocks)
        return super(CrmCase, self - resumed)._restart_resolution(date)
