from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import format_date

from ..tools.customer_offers import offers_query
from ..tools.untaxed import untaxed_price

# of each kind: more would be a catalogue
OFFER_LIMIT = 10


class CrmCustomerOffer(models.TransientModel):
    """What to offer a customer next, and why; adds it to a quotation.

    Offered is what the customer's own rhythm makes due, and what similar customers
    bought and this one did not (see ``offers_query``), with price and stock of today.
    """

    _name = "crm.customer.offer"
    _description = "Next Best Offers"
    _rec_name = "partner_id"

    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, readonly=True
    )
    commercial_partner_id = fields.Many2one(
        related="partner_id.commercial_partner_id", related_sudo=False
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    lead_id = fields.Many2one("crm.lead", string="Opportunity", readonly=True)
    order_id = fields.Many2one(
        "sale.order",
        string="Add to Quotation",
        domain="[('partner_id', 'child_of', commercial_partner_id),"
        " ('state', 'in', ('draft', 'sent')), ('company_id', '=', company_id)]",
        help="Empty: a new quotation is made.",
    )
    line_ids = fields.One2many("crm.customer.offer.line", "offer_id")
    is_compared = fields.Boolean(readonly=True)
    min_count = fields.Integer(readonly=True)

    # ------------------------------------------------------------
    # Find
    # ------------------------------------------------------------

    @api.model
    def _get_offers(self, partner, company, limit=OFFER_LIMIT):
        """Return what to offer the customer: the rows of ``offers_query`` as dicts,
        with ``why`` in words. For panels; prices and stock come with the lines.
        """
        for model in ("crm.customer.product", "crm.customer.affinity"):
            self.env[model].flush_model()
        self.env["sale.order"].flush_model(["partner_id", "state", "company_id"])
        self.env["sale.order.line"].flush_model(
            ["product_id", "qty_invoiced", "product_uom_qty", "invoice_status"]
        )
        self.env["res.partner"].flush_model(["industry_id", "commercial_partner_id"])
        today = fields.Date.context_today(self)
        offers = self.env.execute_query_dict(
            offers_query(partner.commercial_partner_id.id, company.id, today, limit)
        )
        groups = self._get_groups(offers)
        for offer in offers:
            offer["why"] = (
                self._get_due_words(offer, today)
                if offer["kind"] == "due"
                else self._get_similar_words(offer, groups)
            )
        return offers

    def _get_groups(self, offers):
        """The groups that speak for offers, fetched together a model."""
        models_of = {
            "product": "product.product",
            "label": "crm.customer.label",
            "industry": "res.partner.industry",
            "segment": "crm.segment",
        }
        return {
            basis: self.env[model].browse(
                [offer["group_id"] for offer in offers if offer["basis"] == basis]
            )
            for basis, model in models_of.items()
        }

    def _get_due_words(self, offer, today):
        values = {
            "days": round(offer["interval_median"]),
            "count": offer["interval_n"] + 1,
            "last": format_date(self.env, offer["date_last"]),
            "date": format_date(self.env, offer["date_next"]),
            "late": (today - offer["date_next"]).days,
        }
        if values["late"] > 0:
            return self.env._(
                "Bought every %(days)s days (median of n = %(count)s purchases), last "
                "on %(last)s: was due on %(date)s, %(late)s days ago.",
                **values,
            )
        return self.env._(
            "Bought every %(days)s days (median of n = %(count)s purchases), last "
            "on %(last)s: due on %(date)s.",
            **values,
        )

    def _get_similar_words(self, offer, groups):
        group = groups[offer["basis"]].browse(offer["group_id"])
        values = {
            "count": offer["buyer_count"],
            "all": offer["group_count"],
            "share": round(offer["share"]),
            "lift": round(offer["lift"], 1),
            "name": group.display_name,
        }
        # whole sentences: other languages order them otherwise
        if offer["basis"] == "product":
            words = self.env._(
                "n = %(count)s of %(all)s customers that bought %(name)s bought this, "
                "too (%(share)s %%): %(lift)s times as many as of all customers.",
                **values,
            )
        elif offer["basis"] == "label":
            words = self.env._(
                "n = %(count)s of %(all)s customers with the label %(name)s bought "
                "this (%(share)s %%): %(lift)s times as many as of all customers.",
                **values,
            )
        elif offer["basis"] == "industry":
            words = self.env._(
                "n = %(count)s of %(all)s customers of the industry %(name)s bought "
                "this (%(share)s %%): %(lift)s times as many as of all customers.",
                **values,
            )
        else:
            words = self.env._(
                "n = %(count)s of %(all)s customers in the segment %(name)s bought "
                "this (%(share)s %%): %(lift)s times as many as of all customers.",
                **values,
            )
        if offer["other_count"]:
            more = self.env._("Other groups say so, too: %s.", offer["other_count"])
            words = f"{words} {more}"
        return words

    # ------------------------------------------------------------
    # Show
    # ------------------------------------------------------------

    @api.model
    def _open(self, partner, company, order=None, lead=None):
        """Make the offers for ``partner`` and return the action that shows them.

        :param order: a quotation to add to; without one, the latest open one of the
            customer that the user may see
        """
        # prices and stock are those of the company
        Offer = self.with_company(company)
        partner = partner.with_company(company)
        SaleOrder = self.env["sale.order"]
        if order is None:
            domain = Domain("partner_id", "child_of", partner.commercial_partner_id.id)
            domain &= Domain("state", "in", ("draft", "sent"))
            domain &= Domain("company_id", "=", company.id)
            if lead:
                domain &= Domain("opportunity_id", "=", lead.id)
            order = SaleOrder.search(domain, limit=1, order="id desc")
        # sudo: thresholds are set by managers, and no secret
        yardstick = (
            self.env["crm.customer.yardstick"]
            .sudo()
            .search([("company_id", "=", company.id)])
        )
        offer = Offer.create(
            {
                "partner_id": partner.id,
                "company_id": company.id,
                "order_id": order.id,
                "lead_id": lead.id if lead else False,
                "is_compared": bool(yardstick.offer_population),
                "min_count": yardstick.offer_min_count,
                "line_ids": [
                    Command.create(values)
                    for values in Offer._prepare_lines(partner, company, order)
                ],
            }
        )
        return offer._reopen()

    @api.model
    def _prepare_lines(self, partner, company, order):
        offers = self._get_offers(partner, company)
        products = self.env["product.product"].browse(
            [offer["product_id"] for offer in offers]
        )
        quantities = {
            offer["product_id"]: max(1.0, offer["quantity"] or 1.0) for offer in offers
        }
        pricelist = order.pricelist_id or partner.property_product_pricelist
        currency = order.currency_id or pricelist.currency_id or company.currency_id
        prices = self._get_prices(pricelist, products, quantities, currency)
        return [
            {
                "product_id": offer["product_id"],
                "kind": offer["kind"],
                "why": offer["why"],
                "quantity": quantities[offer["product_id"]],
                "price_unit": prices[offer["product_id"]],
                "currency_id": currency.id,
                "date_next": offer["date_next"],
                "buyer_count": offer["buyer_count"],
                "lift": offer["lift"],
            }
            for offer in offers
        ]

    def _get_prices(self, pricelist, products, quantities, currency):
        """Prices as ``pricelist._get_product_price`` gives them, untaxed, but with the
        rules fetched once though each product has its own quantity.
        """
        now = fields.Datetime.now()
        rules = pricelist._get_applicable_rules(products, now)
        no_rule = rules.browse()
        prices = {}
        for product in products:
            quantity = quantities[product.id]
            rule = next(
                (rule for rule in rules if rule._is_applicable_for(product, quantity)),
                no_rule,
            )
            price = rule._compute_price(
                product, quantity, product.uom_id, date=now, currency=currency
            )
            prices[product.id] = untaxed_price(product, price, self.env.company)
        return prices

    def _reopen(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Next Best Offers for %s", self.partner_id.display_name),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    # ------------------------------------------------------------
    # Take
    # ------------------------------------------------------------

    def _get_order(self):
        """The quotation to add to: the chosen one, or a new one."""
        self.ensure_one()
        if self.order_id:
            if self.order_id.state not in ("draft", "sent"):
                raise UserError(
                    self.env._(
                        "%s is no quotation any more: choose another one, or none.",
                        self.order_id.name,
                    )
                )
            return self.order_id
        values = {"partner_id": self.partner_id.id, "company_id": self.company_id.id}
        if self.lead_id:
            values["opportunity_id"] = self.lead_id.id
            values["user_id"] = self.lead_id.user_id.id or self.env.uid
            values["team_id"] = self.lead_id.team_id.id
            values["campaign_id"] = self.lead_id.campaign_id.id
            values["medium_id"] = self.lead_id.medium_id.id
            values["source_id"] = self.lead_id.source_id.id
        self.order_id = self.env["sale.order"].create(values)
        return self.order_id

    def action_open_order(self):
        self.ensure_one()
        return self.order_id.get_formview_action()


class CrmCustomerOfferLine(models.TransientModel):
    """A product to offer, why, and what there is of it."""

    _name = "crm.customer.offer.line"
    _description = "Offer"
    _order = "id"
    _rec_name = "product_id"

    offer_id = fields.Many2one(
        "crm.customer.offer", required=True, index=True, ondelete="cascade"
    )
    product_id = fields.Many2one("product.product", required=True, readonly=True)
    uom_id = fields.Many2one(related="product_id.uom_id")
    kind = fields.Selection(
        [("due", "Due again"), ("similar", "Similar buy it")],
        required=True,
        readonly=True,
    )
    why = fields.Text(readonly=True)
    date_next = fields.Date(string="Due", readonly=True)
    buyer_count = fields.Integer(
        string="n", readonly=True, help="Similar customers that bought it."
    )
    lift = fields.Float(
        readonly=True,
        digits=(16, 1),
        help="How many times as often as all customers similar ones buy it.",
    )
    quantity = fields.Float(required=True, default=1.0, digits="Product Unit")
    currency_id = fields.Many2one("res.currency", readonly=True)
    price_unit = fields.Monetary(
        string="Unit Price",
        readonly=True,
        help="Untaxed, from the customer's pricelist for this quantity, today.",
    )
    is_storable = fields.Boolean(related="product_id.is_storable")
    free_quantity = fields.Float(
        string="Available",
        compute="_compute_stock",
        digits="Product Unit",
        help="On hand and not reserved.",
    )
    forecast_quantity = fields.Float(
        string="Forecast",
        compute="_compute_stock",
        digits="Product Unit",
        help="On hand, with planned receipts and without planned deliveries.",
    )
    is_added = fields.Boolean(string="Added", readonly=True)

    _check_quantity = models.Constraint(
        "CHECK(quantity > 0)", "The quantity of an offer is above zero."
    )

    @api.depends("product_id")
    def _compute_stock(self):
        for offer, lines in self.grouped("offer_id").items():
            warehouse = offer.order_id.warehouse_id
            products = (
                lines.product_id.filtered("is_storable")
                .with_company(offer.company_id)
                .with_context(**({"warehouse_id": warehouse.id} if warehouse else {}))
            )
            stock = products._compute_quantities_dict(None, None, None)
            for line in lines:
                found = stock.get(line.product_id.id, {})
                line.free_quantity = found.get("free_qty", 0.0)
                line.forecast_quantity = found.get("virtual_available", 0.0)

    def action_add(self):
        """Add the product to the quotation, once."""
        self.ensure_one()
        if not self.is_added:
            # a price that nobody typed is the quotation's business
            self.offer_id._get_order().write(
                {
                    "order_line": [
                        Command.create(
                            {
                                "product_id": self.product_id.id,
                                "product_uom_qty": self.quantity,
                            }
                        )
                    ]
                }
            )
            self.is_added = True
        return self.offer_id._reopen()
