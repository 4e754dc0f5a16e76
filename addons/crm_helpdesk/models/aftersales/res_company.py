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


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    case_return_days = fields.Integer(
        related="company_id.case_return_days", readonly=False
    )
    case_warranty_months = fields.Integer(
        related="company_id.case_warranty_months", readonly=False
    )
