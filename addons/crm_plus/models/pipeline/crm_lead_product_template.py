from odoo import fields, models


class CrmLeadProductTemplate(models.Model):
    """Products that are usually wanted together: fills the products of a lead."""

    _name = "crm.lead.product.template"
    _description = "Products of Interest Template"
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", help="Only offered on leads of this company. Empty: on all."
    )
    line_ids = fields.One2many("crm.lead.product.template.line", "template_id")
