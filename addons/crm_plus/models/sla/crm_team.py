from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class CrmTeam(models.Model):
    _inherit = "crm.team"

    resource_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Working Hours",
        check_company=True,
        index="btree_not_null",
        help="Response times of this team's leads count within these hours. Empty:"
        " those of the response time policy, else of the company.",
    )

    def write(self, vals):
        result = super().write(vals)
        if "resource_calendar_id" in vals:
            leads = SQL("(SELECT id FROM crm_lead WHERE team_id = ANY(%s))", self.ids)
            # hours are set by people who need not see the clocks
            self.env["crm.sla.clock"].sudo()._mark_for_replan(
                Domain("res_model", "=", "crm.lead") & Domain("res_id", "in", leads),
                "policy",
            )
        return result
