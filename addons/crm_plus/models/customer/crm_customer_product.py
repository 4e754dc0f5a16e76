from odoo import api, fields, models
from odoo.tools import SQL

from .crm_customer_yardstick import MONEY_GROUPS

COLUMNS = (
    "date_first",
    "date_last",
    "invoice_count",
    "quantity",
    "quantity_returned",
    "revenue",
    "has_margin",
    "margin",
)


class CrmCustomerProduct(models.Model):
    """What a customer has bought: a row a product, written with the profile."""

    _name = "crm.customer.product"
    _description = "Product Bought"
    _order = "date_last desc nulls last, id"
    _rec_name = "product_id"
    # nobody edits it, and the system writes them all
    _log_access = False

    profile_id = fields.Many2one(
        "crm.customer.profile",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    product_id = fields.Many2one(
        "product.product", required=True, readonly=True, index=True, ondelete="cascade"
    )
    categ_id = fields.Many2one(related="product_id.categ_id")
    uom_id = fields.Many2one(related="product_id.uom_id")
    date_first = fields.Date(string="First Bought", readonly=True)
    date_last = fields.Date(string="Last Bought", readonly=True)
    invoice_count = fields.Integer(string="Invoices", readonly=True)
    quantity = fields.Float(
        readonly=True, digits="Product Unit", help="Invoiced less credited."
    )
    quantity_returned = fields.Float(
        string="Returned",
        readonly=True,
        digits="Product Unit",
        help="Taken back into stock.",
    )
    revenue = fields.Monetary(string="Net Sales", readonly=True, groups=MONEY_GROUPS)
    has_margin = fields.Boolean(string="Margin Known", readonly=True)
    margin = fields.Monetary(
        readonly=True,
        groups=MONEY_GROUPS,
        help="Net sales less the cost of the product; empty where it has none.",
    )

    _product_uniq = models.Constraint(
        "UNIQUE(profile_id, product_id)", "A customer has one row a product."
    )

    @api.model
    def _write_products(self, partner_ids, today):
        """Read what these customers (None: all) bought; write what differs."""
        self.env["stock.move"].flush_model(
            ["picking_id", "product_id", "product_uom", "quantity", "state"]
        )
        scope = (
            SQL("TRUE")
            if partner_ids is None
            else SQL("c.partner_id = ANY(%s)", partner_ids)
        )
        columns = SQL(", ").join(SQL.identifier(name) for name in COLUMNS)
        self.env.cr.execute(
            SQL(
                """
                WITH scope AS MATERIALIZED (
                    SELECT c.id, c.company_id, p.id AS contact_id
                      FROM crm_customer_profile c
                      JOIN res_partner p ON p.commercial_partner_id = c.partner_id
                     WHERE %(scope)s
                ), moves AS MATERIALIZED (
                    SELECT c.id AS profile_id, m.company_id, m.id, m.invoice_date,
                           m.move_type = 'out_invoice' AS is_invoice
                      FROM account_move m
                      JOIN scope c ON c.contact_id = m.commercial_partner_id
                                  AND c.company_id = m.company_id
                     WHERE m.state = 'posted'
                       AND m.move_type IN ('out_invoice', 'out_refund')
                       AND m.invoice_date <= %(today)s
                ), rows AS (
                    SELECT m.profile_id, l.product_id, m.company_id,
                           CASE WHEN m.is_invoice THEN m.invoice_date END AS date,
                           CASE WHEN m.is_invoice THEN m.id END AS invoice_id,
                           CASE WHEN m.is_invoice THEN 1 ELSE -1 END * l.quantity
                               * COALESCE(u.factor, 1) AS quantity,
                           0 AS quantity_returned, -l.balance AS revenue
                      FROM moves m
                      JOIN account_move_line l ON l.move_id = m.id
                 LEFT JOIN uom_uom u ON u.id = l.product_uom_id
                     WHERE l.display_type = 'product' AND l.product_id IS NOT NULL
                     UNION ALL
                    SELECT c.id, s.product_id, s.company_id, NULL, NULL, 0,
                           s.quantity * COALESCE(u.factor, 1), 0
                      FROM scope c
                      JOIN stock_picking k ON k.partner_id = c.contact_id
                                          AND k.company_id = c.company_id
                      JOIN stock_location lf ON lf.id = k.location_id
                      JOIN stock_location lt ON lt.id = k.location_dest_id
                      JOIN stock_move s ON s.picking_id = k.id
                 LEFT JOIN uom_uom u ON u.id = s.product_uom
                     WHERE s.state = 'done' AND lf.usage = 'customer'
                       AND lt.usage <> 'customer' AND k.date_done < %(today)s + 1
                ), sums AS (
                    SELECT profile_id, product_id, company_id,
                           min(date) AS date_first, max(date) AS date_last,
                           count(DISTINCT invoice_id)::int AS invoice_count,
                           sum(quantity) AS quantity,
                           sum(quantity_returned) AS quantity_returned,
                           sum(revenue) AS revenue
                      FROM rows
                     GROUP BY profile_id, product_id, company_id
                ), valued AS (
                    SELECT s.profile_id, s.product_id, c.partner_id, s.company_id,
                           s.date_first, s.date_last, s.invoice_count,
                           round(s.quantity / f.factor, 6) AS quantity,
                           round(s.quantity_returned / f.factor, 6)
                               AS quantity_returned,
                           s.revenue, f.cost IS NOT NULL AS has_margin,
                           round(s.revenue - s.quantity / f.factor * f.cost, 2)
                               AS margin
                      FROM sums s
                      JOIN crm_customer_profile c ON c.id = s.profile_id
                      JOIN product_product pp ON pp.id = s.product_id
                      JOIN product_template pt ON pt.id = pp.product_tmpl_id
                 LEFT JOIN uom_uom u ON u.id = pt.uom_id
                CROSS JOIN LATERAL (
                    SELECT COALESCE(NULLIF(u.factor, 0), 1) AS factor,
                           NULLIF((pp.standard_price
                                   ->> s.company_id::text)::numeric, 0) AS cost
                ) f
                ), gone AS (
                    DELETE FROM crm_customer_product o
                     USING crm_customer_profile c
                     WHERE c.id = o.profile_id AND %(scope)s
                       AND NOT EXISTS (
                           SELECT FROM sums s
                            WHERE s.profile_id = o.profile_id
                              AND s.product_id = o.product_id)
                )
                INSERT INTO crm_customer_product AS o (
                    profile_id, product_id, partner_id, company_id, %(columns)s
                )
                SELECT profile_id, product_id, partner_id, company_id, %(columns)s
                  FROM valued
                 ORDER BY profile_id, product_id
           ON CONFLICT (profile_id, product_id) DO UPDATE SET %(updates)s
                 WHERE (%(old)s) IS DISTINCT FROM (%(new)s)
                """,
                scope=scope,
                today=SQL("%s::date", today),
                columns=columns,
                updates=SQL(", ").join(
                    SQL("%s = EXCLUDED.%s", SQL.identifier(name), SQL.identifier(name))
                    for name in COLUMNS
                ),
                old=SQL(", ").join(SQL.identifier("o", name) for name in COLUMNS),
                new=SQL(", ").join(
                    SQL("EXCLUDED.%s", SQL.identifier(name)) for name in COLUMNS
                ),
            )
        )
        self.invalidate_model(flush=False)
