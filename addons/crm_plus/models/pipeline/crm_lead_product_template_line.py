from odoo import fields, models


class CrmLeadProductTemplateLine(models.Model):
    _name = "crm.lead.product.template.line"
    _inherit = "crm.product.quantity.mixin"
    _description = "Products of Interest Template Line"
    _order = "template_id, sequence, id"
    _check_company_auto = True

    template_id = fields.Many2one(
        "crm.lead.product.template", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(related="template_id.company_id")
    # a product that goes leaves the templates; it does not stay for them
    product_id = fields.Many2one(ondelete="cascade")

    _check_quantity = models.Constraint(
        "CHECK(quantity > 0)", "The quantity of a product is above zero."
    )
