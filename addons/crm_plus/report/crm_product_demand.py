from odoo import fields, models

from ..tools.pipeline_demand import DEMAND_DEPENDS, demand_query


class CrmProductDemand(models.Model):
    """What the open deals ask for: a row a product of a deal (see ``demand_query``)."""

    _name = "crm.product.demand"
    _description = "Product Demand"
    _auto = False
    _order = "date_expected, id"
    _rec_name = "product_id"
    _depends = DEMAND_DEPENDS

    lead_id = fields.Many2one("crm.lead", string="Deal", readonly=True)
    source = fields.Selection(
        [("interest", "Product of Interest"), ("quotation", "Quotation")],
        readonly=True,
    )
    product_id = fields.Many2one("product.product", readonly=True)
    product_tmpl_id = fields.Many2one(
        "product.template", string="Product Template", readonly=True
    )
    categ_id = fields.Many2one(
        "product.category", string="Product Category", readonly=True
    )
    product_uom_id = fields.Many2one("uom.uom", string="Unit", readonly=True)
    warehouse_id = fields.Many2one("stock.warehouse", readonly=True)
    date_expected = fields.Date(string="Needed On", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    stage_id = fields.Many2one("crm.stage", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    probability = fields.Float(readonly=True, aggregator="avg")
    quantity = fields.Float(readonly=True, digits="Product Unit")
    quantity_weighted = fields.Float(
        string="Weighted Quantity",
        readonly=True,
        digits="Product Unit",
        help="Quantity times probability of the deal.",
    )
    amount = fields.Monetary(readonly=True, help="Untaxed.")
    amount_weighted = fields.Monetary(
        string="Weighted Amount",
        readonly=True,
        help="Amount times probability of the deal, untaxed.",
    )
    currency_id = fields.Many2one("res.currency", readonly=True)

    @property
    def _table_query(self):
        return demand_query(self.env.company)

    def action_open_lead(self):
        self.ensure_one()
        return self.lead_id.get_formview_action()
