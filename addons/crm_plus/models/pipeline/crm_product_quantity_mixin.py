from odoo import api, fields, models


class CrmProductQuantityMixin(models.AbstractModel):
    """A product with a quantity, in a unit that the product is sold in."""

    _name = "crm.product.quantity.mixin"
    _description = "Product With Quantity"
    _rec_name = "product_id"

    product_id = fields.Many2one(
        "product.product",
        required=True,
        ondelete="restrict",
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

    @api.depends("product_id")
    def _compute_product_uom_id(self):
        for line in self:
            if line.product_uom_id not in line.allowed_uom_ids:
                line.product_uom_id = line.product_id.uom_id

    @api.depends("product_id")
    def _compute_allowed_uom_ids(self):
        for line in self:
            line.allowed_uom_ids = line.product_id.uom_id | line.product_id.uom_ids
