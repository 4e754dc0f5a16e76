from odoo import fields, models
from odoo.fields import Domain


class ResPartner(models.Model):
    _inherit = "res.partner"

    case_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Service Hours",
        index="btree_not_null",
        groups="crm_helpdesk.crm_helpdesk_group_user",
        help="Response times of this customer's cases count within these hours, instead"
        " of those of the team.",
    )
    case_contract_ids = fields.One2many(
        "crm.case.contract",
        "partner_id",
        string="Service Contracts",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )

    def write(self, vals):
        result = super().write(vals)
        if "case_calendar_id" in vals:
            self.env["crm.case"]._replan_clocks(
                Domain("commercial_partner_id", "in", self.ids)
            )
        return result
