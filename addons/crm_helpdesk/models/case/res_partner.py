from odoo import fields, models
from odoo.fields import Domain


class ResPartner(models.Model):
    _inherit = "res.partner"

    case_count = fields.Integer(
        compute="_compute_case_count",
        groups="crm_helpdesk.crm_helpdesk_group_user",
        string="Cases",
    )

    def _compute_case_count(self):
        """Of a company: the cases of all its people; of a person: the own ones."""
        Case = self.env["crm.case"]
        companies = self.filtered(
            lambda partner: partner._origin == partner.commercial_partner_id._origin
        )
        of_company = dict(
            Case._read_group(
                [("commercial_partner_id", "in", companies.ids)],
                ["commercial_partner_id"],
                ["__count"],
            )
        )
        of_person = dict(
            Case._read_group(
                [("partner_id", "in", (self - companies).ids)],
                ["partner_id"],
                ["__count"],
            )
        )
        for partner in self:
            counts = of_company if partner in companies else of_person
            partner.case_count = counts.get(partner._origin, 0)

    def action_view_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        is_company = self == self.commercial_partner_id
        action["domain"] = list(
            Domain(
                "commercial_partner_id" if is_company else "partner_id", "=", self.id
            )
        )
        action["context"] = {"default_partner_id": self.id}
        action["views"] = [(False, "list"), (False, "kanban"), (False, "form")]
        return action
