from odoo import api, fields, models
from odoo.fields import Domain


class CrmCase(models.Model):
    _inherit = "crm.case"

    is_of_my_company = fields.Boolean(
        compute="_compute_is_of_my_company",
        search="_search_is_of_my_company",
        export_string_translation=False,
        help="Whether the reader, a customer, may see it as one of the own company. A "
        "field, as what a rule says is remembered and this may change any time.",
    )

    @api.depends("commercial_partner_id")
    @api.depends_context("uid")
    def _compute_is_of_my_company(self):
        company = self.env["res.partner"]._get_case_company(self.env.user)
        for case in self:
            # sudo: it decides about the right
            partner_sudo = case.sudo().commercial_partner_id
            case.is_of_my_company = bool(company) and partner_sudo.id == company.id

    def _search_is_of_my_company(self, operator, value):
        if operator != "in":
            return NotImplemented
        company = self.env["res.partner"]._get_case_company(self.env.user)
        if not company:
            return Domain.FALSE
        return Domain("commercial_partner_id", "=", company.id)
