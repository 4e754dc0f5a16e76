from odoo import api, fields, models


class CrmLeadProductTemplateLine(models.Model):
    _name = "crm.lead.product.template.line"
    _description = "Products of Interest Template Line"
    _order = "template_id, sequence, id"
    _rec_name = "product_id"
    _check_company_auto = True

    template_id = fields.Many2one(
        "crm.lead.product.template", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(related="template_id.company_id")
    product_id = fields.Many2one(
        "product.product",
        required=True,
        ondelete="cascade",
        domain=[("sale_ok", "=", True)],
        check_company=True,
        index=True,
    )
    quantity = fields.Float(required=True, default=1.0, digits="Product Unit")
    product_uom_id = fields.Many2one(
        "uom.uom",
        string="Unit",
        compute="_compute_product_uom_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        ondelete="restrict",
        domain="[('id', 'in', allowed_uom_ids)]",
    )
    allowed_uom_ids = fields.Many2many("uom.uom", compute="_compute_allowed_uom_ids")

    _check_quantity = models.Constraint(
        "CHECK(quantity > 0)", "The quantity of a product is above zero."
    )

    @api.depends("product_id")
    def _compute_product_uom_id(self):
        for line in self:
            if line.product_uom_id not in line.allowed_uom_ids:
                line.product_uom_id = line.product_id.uom_id

    @api.depends("product_id")
    def _compute_allowed_uom_ids(self):
        for line in self:
            line.allowed_uom_ids = line.product_id.uom_id | line.product_id.uom_ids
