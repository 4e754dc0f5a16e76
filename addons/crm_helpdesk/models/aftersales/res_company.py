from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    case_return_days = fields.Integer(
        string="Days of Return Right",
        default=14,
        help="Shown to whoever decides on a return. 0: none.",
    )
    case_warranty_months = fields.Integer(
        string="Warranty in Months",
        default=24,
        help="Of products that do not say otherwise. 0: none.",
    )
    case_return_instructions = fields.Html(
        string="How to Return Goods",
        translate=True,
        help="Customers see it on the page of their case once a return is confirmed,"
        " with the number to write on the parcel and the address of the warehouse.",
    )

    _check_case_terms = models.Constraint(
        "CHECK((case_return_days IS NULL OR case_return_days BETWEEN 0 AND 3650)"
        " AND (case_warranty_months IS NULL"
        " OR case_warranty_months BETWEEN 0 AND 1200))",
        "The return right is between 0 and 3,650 days, the warranty between 0 and "
        "1,200 months.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    case_return_days = fields.Integer(
        related="company_id.case_return_days", readonly=False
    )
    case_warranty_months = fields.Integer(
        related="company_id.case_warranty_months", readonly=False
    )
