from odoo import api, fields, models
from odoo.tools import float_compare

from ...tools.untaxed import untaxed_price


class CrmLeadProductLine(models.Model):
    """A product that the customer of a lead is interested in, before any quotation.

    Prices come from the pricelist of the customer until somebody types another one.
    """

    _name = "crm.lead.product.line"
    _inherit = "crm.product.quantity.mixin"
    _description = "Product of Interest"
    _order = "lead_id, sequence, id"
    _check_company_auto = True

    lead_id = fields.Many2one("crm.lead", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(related="lead_id.company_id", store=True, index=True)
    # when and from where
    date_expected = fields.Date(
        string="Needed On",
        help="When the customer wants it. Empty: the expected closing of the deal.",
    )
    warehouse_id = fields.Many2one(
        "stock.warehouse",
        check_company=True,
        help="From where it would be delivered. Empty: the first warehouse of the "
        "company.",
    )
    # for how much
    currency_id = fields.Many2one(
        "res.currency",
        compute="_compute_currency_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    price_list = fields.Float(
        string="Pricelist Price",
        compute="_compute_price_unit",
        store=True,
        # the form hands it back, to know what is typed and what is not
        readonly=False,
        precompute=True,
        digits="Product Price",
        help="What the pricelist of the customer gave when it was last asked.",
    )
    price_unit = fields.Float(
        string="Unit Price",
        compute="_compute_price_unit",
        store=True,
        readonly=False,
        precompute=True,
        digits="Product Price",
        help="Untaxed. From the customer's pricelist, until you type another one.",
    )
    amount = fields.Monetary(compute="_compute_amount", store=True)
    company_currency_id = fields.Many2one(
        related="lead_id.company_currency", string="Company Currency"
    )
    amount_company = fields.Monetary(
        string="Amount (Company Currency)",
        compute="_compute_amount",
        store=True,
        currency_field="company_currency_id",
    )
    amount_weighted = fields.Monetary(
        string="Weighted",
        compute="_compute_amount_weighted",
        currency_field="company_currency_id",
        help="Amount in the currency of the company times probability of the deal.",
    )

    _check_quantity = models.Constraint(
        "CHECK(quantity > 0)", "The quantity of a product of interest is above zero."
    )

    @api.depends("lead_id.company_id")
    def _compute_currency_id(self):
        for line in self:
            if not line.currency_id:
                line.currency_id = (
                    line.lead_id.company_currency or self.env.company.currency_id
                )

    @api.depends("product_id", "product_uom_id", "quantity", "currency_id")
    def _compute_price_unit(self):
        for line in self:
            if line._is_price_typed():
                # it stays
                line.price_list = line.price_list
                continue
            line.price_unit = line.price_list = line._get_list_price()

    @api.depends("quantity", "price_unit", "currency_id", "lead_id.company_id")
    def _compute_amount(self):
        today = fields.Date.context_today(self)
        for line in self:
            company = line.lead_id.company_id or self.env.company
            currency = line.currency_id or company.currency_id
            line.amount = currency.round(line.quantity * line.price_unit)
            line.amount_company = currency._convert(
                line.amount, company.currency_id, company, today
            )

    @api.depends("amount_company", "lead_id.probability")
    def _compute_amount_weighted(self):
        for line in self:
            line.amount_weighted = line.amount_company * line.lead_id.probability / 100

    # ------------------------------------------------------------
    # From and to quotations
    # ------------------------------------------------------------

    def _is_price_typed(self):
        """Whether somebody typed another price than that of the pricelist."""
        self.ensure_one()
        # prices may have more digits than amounts
        _precision, digits = self._fields["price_unit"].get_digits(self.env)
        return bool(
            float_compare(self.price_unit, self.price_list, precision_digits=digits)
        )

    def _get_list_price(self):
        """The untaxed unit price that the pricelist of the customer gives today."""
        self.ensure_one()
        if not self.product_id:
            return 0.0
        company = self.lead_id.company_id or self.env.company
        line = self.with_company(company)
        price = line.lead_id.partner_id.property_product_pricelist._get_product_price(
            line.product_id,
            line.quantity or 1.0,
            currency=line.currency_id or company.currency_id,
            uom=line.product_uom_id,
        )
        return untaxed_price(line.product_id, price, company)

    def _get_order_price(self):
        """The unit price as the quotation has it: in the currency of the customer's
        pricelist, with the taxes that stand in the price.
        """
        self.ensure_one()
        company = self.lead_id.company_id or self.env.company
        line = self.with_company(company)
        partner = line.lead_id.partner_id
        price = line.currency_id._convert(
            line.price_unit,
            partner.property_product_pricelist.currency_id or company.currency_id,
            company,
            fields.Date.context_today(self),
            round=False,
        )
        # sudo: sellers need not read taxes
        position = line.env["account.fiscal.position"].sudo()
        taxes = position._get_fiscal_position(partner).map_tax(
            line.product_id.sudo().taxes_id._filter_taxes_by_company(company)
        )
        details = taxes._get_tax_details(
            price,
            1.0,
            rounding_method="round_globally",
            product=line.product_id,
            special_mode="total_excluded",
        )
        return price + sum(
            data["tax_amount"]
            for data in details["taxes_data"]
            if data["tax"].price_include
        )

    def _prepare_order_line_values(self):
        """Hook: the values of the order line that offers this.

        A price nobody typed is left to the quotation, which knows discounts and taxes.
        """
        self.ensure_one()
        values = {
            "product_id": self.product_id.id,
            "product_uom_qty": self.quantity,
            "product_uom_id": self.product_uom_id.id,
        }
        if self._is_price_typed():
            values["price_unit"] = self._get_order_price()
            # the price is the agreed one: a discount would come on top
            values["discount"] = 0.0
        return values

    @api.model
    def _prepare_values_from_order_line(self, order_line):
        """Hook: the values of the line of interest that an order line stands for."""
        return {
            "product_id": order_line.product_id.id,
            "quantity": order_line.product_uom_qty,
            "product_uom_id": order_line.product_uom_id.id,
            "currency_id": order_line.currency_id.id,
            "price_unit": order_line.price_reduce_taxexcl,
        }
