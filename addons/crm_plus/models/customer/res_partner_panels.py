"""The panels of the customer page that CRM Plus itself brings."""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ...tools.customer_panel import CustomerColumn, CustomerPanel, format_number
from ...tools.sales import SALE_TYPES

# What accounting knows; whoever sells sees that there is an invoice and how it stands.
LEDGER_GROUPS = "account.group_account_readonly,account.group_account_invoice"


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _get_customer_panels(self):
        return [
            *super()._get_customer_panels(),
            self._get_customer_panel_deals(),
            self._get_customer_panel_orders(),
            self._get_customer_panel_invoices(),
            self._get_customer_panel_receipts(),
            self._get_customer_panel_products(),
            self._get_customer_panel_lots(),
            self._get_customer_panel_deliveries(),
            self._get_customer_panel_returns(),
            self._get_customer_panel_people(),
        ]

    def _get_customer_domain(self, name="partner_id"):
        """Of these customers and all their contacts."""
        return Domain(f"{name}.commercial_partner_id", "in", self.ids)

    # ------------------------------------------------------------
    # Deals and money
    # ------------------------------------------------------------

    def _get_customer_panel_deals(self):
        deals = self._get_customer_domain() & Domain("type", "=", "opportunity")
        return CustomerPanel(
            key="deals",
            section="deals",
            title=self.env._("Open deals"),
            icon="fa-trophy",
            model="crm.lead",
            domain=deals
            & Domain("won_status", "=", "pending")
            & Domain("is_junk", "=", False),
            all_domain=deals,
            order="date_deadline, id desc",
            columns=[
                CustomerColumn(name="name", label=self.env._("Deal")),
                CustomerColumn(name="stage_id", label=self.env._("Stage")),
                CustomerColumn(
                    name="date_deadline", label=self.env._("Closing"), is_wide=True
                ),
                CustomerColumn(name="expected_revenue", label=self.env._("Expected")),
            ],
            reads=("company_id",),
            partner_field="partner_id",
            context={"default_partner_id": self[:1].id, "default_type": "opportunity"},
            empty=self.env._("No open deal."),
        )

    def _get_customer_panel_orders(self):
        return CustomerPanel(
            key="orders",
            section="money",
            title=self.env._("Quotations and orders"),
            icon="fa-shopping-cart",
            model="sale.order",
            domain=self._get_customer_domain() & Domain("state", "!=", "cancel"),
            all_domain=self._get_customer_domain(),
            order="date_order desc, id desc",
            columns=[
                CustomerColumn(name="name", label=self.env._("Number")),
                CustomerColumn(
                    name="date_order",
                    label=self.env._("Date"),
                    get=lambda order: format_date(
                        self.env,
                        fields.Datetime.context_timestamp(order, order.date_order),
                    ),
                ),
                CustomerColumn(
                    name="state",
                    label=self.env._("Status"),
                    lights={"sale": "green", "sent": "amber"},
                ),
                CustomerColumn(name="amount_total", label=self.env._("Total")),
            ],
            reads=("currency_id",),
            partner_field="partner_id",
            sequence=20,
            context={"default_partner_id": self[:1].id},
            empty=self.env._("Nothing was quoted or ordered yet."),
        )

    def _get_customer_panel_invoices(self):
        return CustomerPanel(
            key="invoices",
            section="money",
            title=self.env._("Invoices and credit notes"),
            icon="fa-pencil-square-o",
            model="account.move",
            domain=[
                ("commercial_partner_id", "in", self.ids),
                ("move_type", "in", SALE_TYPES),
                ("state", "=", "posted"),
            ],
            order="invoice_date desc, id desc",
            columns=[
                CustomerColumn(name="name", label=self.env._("Number")),
                CustomerColumn(name="invoice_date", label=self.env._("Date")),
                CustomerColumn(name="standing", label=self.env._("Payment")),
                CustomerColumn(
                    name="amount_total_signed",
                    label=self.env._("Total"),
                    groups=LEDGER_GROUPS,
                ),
                CustomerColumn(
                    name="amount_residual_signed",
                    label=self.env._("Open"),
                    groups=LEDGER_GROUPS,
                    is_wide=True,
                ),
            ],
            reads=("payment_state", "company_id"),
            values=self._get_customer_invoice_standings,
            partner_field="partner_id",
            sequence=30,
            context={"create": False},
            empty=self.env._("Nothing was invoiced yet."),
        )

    @api.model
    def _get_customer_invoice_standings(self, moves):
        """How each invoice stands; overdue is one of which an instalment is."""
        today = fields.Date.context_today(self)
        # sudo: who may see an invoice may know how late it is
        overdue_since = dict(
            self.env["account.move.line"]
            .sudo()
            ._read_group(
                [
                    ("move_id", "in", moves.ids),
                    ("display_type", "=", "payment_term"),
                    ("amount_residual", ">", 0),
                    ("date_maturity", "<", today),
                ],
                ["move_id"],
                ["date_maturity:min"],
            )
        )
        labels = dict(moves._fields["payment_state"]._description_selection(self.env))
        standings = {}
        for move in moves:
            # sudo: a key of what was read above; nothing is read
            since = overdue_since.get(move.sudo())
            if since:
                days = (today - since).days
                words = (
                    self.env._("Overdue for %s days", days)
                    if days > 1
                    else self.env._("Overdue since yesterday")
                )
                light = "red"
            else:
                words = labels.get(move.payment_state, "")
                is_open = move.payment_state in ("not_paid", "partial")
                light = "" if is_open else "green"
            standings[move.id] = {"standing": (words, light)}
        return standings

    def _get_customer_panel_receipts(self):
        return CustomerPanel(
            key="receipts",
            section="money",
            title=self.env._("Expected receipts"),
            icon="fa-calendar-check-o",
            model="crm.expected.receipt.report",
            domain=[("partner_id", "in", self.ids), ("layer", "=", "invoice")],
            order="date_expected, id",
            columns=[
                CustomerColumn(name="name", label=self.env._("Document")),
                CustomerColumn(name="date_due", label=self.env._("Due"), is_wide=True),
                CustomerColumn(name="date_expected", label=self.env._("Expected")),
                CustomerColumn(
                    name="delay_days",
                    label=self.env._("Usually late by"),
                    get=lambda row: (
                        self.env._("%s days", row.delay_days)
                        if row.payment_count
                        else self.env._("not known")
                    ),
                    is_wide=True,
                ),
                CustomerColumn(name="amount_invoice", label=self.env._("Open")),
            ],
            reads=("payment_count", "currency_id"),
            opens="move_id",
            partner_field="partner_id",
            views=("list", "pivot"),
            sequence=40,
            empty=self.env._("No payment is awaited."),
        )

    # ------------------------------------------------------------
    # Goods
    # ------------------------------------------------------------

    def _get_customer_panel_products(self):
        return CustomerPanel(
            key="products",
            section="goods",
            title=self.env._("What they usually buy"),
            icon="fa-cube",
            model="crm.customer.product",
            domain=[
                ("partner_id", "in", self.ids),
                ("company_id", "=", self.env.company.id),
                ("invoice_count", ">", 0),
            ],
            order="invoice_count desc, date_last desc, id",
            columns=[
                CustomerColumn(name="product_id", label=self.env._("Product")),
                CustomerColumn(name="invoice_count", label=self.env._("Times")),
                CustomerColumn(name="date_last", label=self.env._("Last")),
                CustomerColumn(
                    name="quantity", label=self.env._("Quantity"), is_wide=True
                ),
                CustomerColumn(
                    name="quantity_returned",
                    label=self.env._("Returned"),
                    get=lambda row: (
                        format_number(self.env, row.quantity_returned)
                        if row.quantity_returned
                        else ""
                    ),
                    is_number=True,
                    is_wide=True,
                ),
                CustomerColumn(
                    name="revenue", label=self.env._("Net sales"), is_wide=True
                ),
                CustomerColumn(
                    name="stock", label=self.env._("Free stock"), is_number=True
                ),
            ],
            reads=("company_id",),
            values=self._get_customer_stock,
            opens="product_id",
            partner_field="partner_id",
            views=("list", "pivot"),
            empty=self.env._("No product was invoiced yet."),
        )

    @api.model
    def _get_customer_stock(self, rows):
        """What is free in stock of the products of these rows, in one query."""
        # sudo: sellers see on products, too, what is there
        found = (
            self.env["stock.quant"]
            .sudo()
            ._read_group(
                [
                    ("product_id", "in", rows.product_id.ids),
                    ("location_id.usage", "=", "internal"),
                    ("company_id", "=", self.env.company.id),
                ],
                ["product_id"],
                ["quantity:sum", "reserved_quantity:sum"],
            )
        )
        free = {product.id: has - kept for product, has, kept in found}
        storable = {
            # sudo: whether they are stocked, of products on rows that the reader sees
            product.id: product.is_storable
            for product in rows.sudo().product_id
        }
        values = {}
        for row in rows:
            product_id = row.product_id.id
            number = free.get(product_id, 0.0)
            values[row.id] = {
                "stock": (
                    format_number(self.env, number),
                    "green" if number > 0 else "red",
                )
                if storable[product_id]
                else ""
            }
        return values

    def _get_customer_panel_lots(self):
        """Lots and serial numbers that went to the customer and did not come back."""
        owned = SQL(
            """(
                SELECT max(l.id)
                  FROM stock_move_line l
                  JOIN stock_picking k ON k.id = l.picking_id
                  JOIN res_partner p ON p.id = k.partner_id
                  JOIN stock_location lf ON lf.id = l.location_id
                  JOIN stock_location lt ON lt.id = l.location_dest_id
                 WHERE p.commercial_partner_id = ANY(%s)
                   AND l.state = 'done' AND l.lot_id IS NOT NULL
                   AND (lf.usage = 'customer') <> (lt.usage = 'customer')
                 GROUP BY l.lot_id
                HAVING sum(CASE WHEN lt.usage = 'customer' THEN 1 ELSE -1 END
                           * l.quantity_product_uom) > 0
            )""",
            self.ids,
        )
        return CustomerPanel(
            key="lots",
            section="goods",
            title=self.env._("Serial and lot numbers they have"),
            icon="fa-barcode",
            model="stock.move.line",
            domain=[("id", "in", owned)],
            all_domain=[
                ("picking_id.partner_id.commercial_partner_id", "in", self.ids),
                ("lot_id", "!=", False),
                ("state", "=", "done"),
            ],
            order="date desc, id desc",
            columns=[
                CustomerColumn(name="lot_id", label=self.env._("Number")),
                CustomerColumn(name="product_id", label=self.env._("Product")),
                CustomerColumn(
                    name="date",
                    label=self.env._("Since"),
                    get=lambda line: format_date(self.env, line.date.date()),
                ),
                CustomerColumn(
                    name="quantity_product_uom",
                    label=self.env._("Quantity"),
                    is_wide=True,
                ),
            ],
            opens="lot_id"
            if self.env["stock.lot"].has_access("read")
            else "picking_id",
            views=("list",),
            sequence=20,
            context={"create": False},
            empty=self.env._("No product with a serial or lot number was delivered."),
        )

    def _get_customer_panel_deliveries(self):
        def promised(delivery):
            if delivery.state != "late":
                return format_date(self.env, delivery.date_promised), ""
            if delivery.days_late == 1:
                return self.env._("Late since yesterday"), "red"
            return self.env._("Late by %s days", delivery.days_late), "red"

        deliveries = Domain("partner_id", "in", self.ids) & Domain(
            "direction", "=", "delivery"
        )
        return CustomerPanel(
            key="deliveries",
            section="goods",
            title=self.env._("Open deliveries"),
            icon="fa-truck",
            model="crm.delivery.report",
            domain=deliveries & Domain("state", "in", ("late", "open")),
            all_domain=deliveries,
            order="date_promised, id",
            columns=[
                CustomerColumn(name="name", label=self.env._("Number")),
                CustomerColumn(
                    name="order_name", label=self.env._("Order"), is_wide=True
                ),
                CustomerColumn(
                    name="products", label=self.env._("Products"), is_wide=True
                ),
                CustomerColumn(
                    name="date_promised", label=self.env._("Promised"), get=promised
                ),
            ],
            reads=("state", "days_late"),
            opens="picking_id",
            partner_field="partner_id",
            views=("list", "pivot"),
            sequence=30,
            empty=self.env._("Nothing is on its way."),
        )

    def _get_customer_panel_returns(self):
        return CustomerPanel(
            key="returns",
            section="goods",
            title=self.env._("Returns"),
            icon="fa-undo",
            model="crm.delivery.report",
            domain=[("partner_id", "in", self.ids), ("direction", "=", "return")],
            order="date_scheduled desc, id desc",
            columns=[
                CustomerColumn(name="name", label=self.env._("Number")),
                CustomerColumn(
                    name="products", label=self.env._("Products"), is_wide=True
                ),
                CustomerColumn(
                    name="date_done",
                    label=self.env._("Came back"),
                    get=lambda row: (
                        (format_date(self.env, row.date_done), "green")
                        if row.date_done
                        else (
                            self.env._(
                                "Expected %s", format_date(self.env, row.date_scheduled)
                            ),
                            "amber",
                        )
                    ),
                ),
            ],
            reads=("date_scheduled",),
            opens="picking_id",
            partner_field="partner_id",
            views=("list", "pivot"),
            sequence=40,
            empty=self.env._("Nothing came back."),
        )

    # ------------------------------------------------------------
    # People
    # ------------------------------------------------------------

    def _get_customer_panel_people(self):
        return CustomerPanel(
            key="people",
            section="people",
            title=self.env._("Contacts"),
            icon="fa-users",
            model="res.partner",
            domain=[
                ("commercial_partner_id", "in", self.ids),
                ("id", "not in", self.ids),
            ],
            order="type, name, id",
            columns=[
                CustomerColumn(name="name", label=self.env._("Name")),
                CustomerColumn(
                    name="role",
                    label=self.env._("Role"),
                    get=lambda partner: (
                        partner.function
                        or (
                            partner.type != "contact"
                            and dict(
                                partner._fields["type"]._description_selection(self.env)
                            ).get(partner.type)
                        )
                        or ""
                    ),
                ),
                CustomerColumn(name="email", label=self.env._("E-mail"), is_wide=True),
                CustomerColumn(name="phone", label=self.env._("Phone")),
            ],
            reads=("function", "type"),
            partner_field="parent_id",
            limit=8,
            views=("list", "kanban", "form"),
            context={"default_parent_id": self[:1].id},
            empty=self.env._("No person is known at this customer."),
        )
