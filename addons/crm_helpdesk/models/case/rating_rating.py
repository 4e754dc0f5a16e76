from odoo import api, fields, models
from odoo.fields import Domain


class RatingRating(models.Model):
    _inherit = "rating.rating"

    # a selection, for nothing said and 0 are not the same
    nps_score = fields.Selection(
        [(str(score), str(score)) for score in range(11)],
        string="Recommends Us",
        readonly=True,
        help="How likely it is that the customer recommends us, from 0 to 10.",
    )
    # for the rule: Odoo shows all ratings to all employees
    is_case_readable = fields.Boolean(
        compute="_compute_is_case_readable", search="_search_is_case_readable"
    )

    @api.depends("res_model", "res_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_is_case_readable(self):
        # as the reader: rules are evaluated in sudo
        Case = self.env["crm.case"].sudo(False)
        of_cases = self.filtered(lambda rating: rating.res_model == "crm.case")
        cases = Case.browse(of_cases.mapped("res_id")).exists()
        readable_ids = set(cases._filtered_access("read").ids)
        for rating in self:
            rating.is_case_readable = (
                rating in of_cases and rating.res_id in readable_ids
            )

    def _search_is_case_readable(self, operator, value):
        if operator != "in":
            return NotImplemented
        # as the reader: rules are evaluated in sudo
        Case = self.env["crm.case"].sudo(False).with_context(active_test=False)
        if not Case.has_access("read"):
            return Domain.FALSE
        return Domain("res_model", "=", "crm.case") & Domain(
            "res_id", "in", Case._search([])
        )
