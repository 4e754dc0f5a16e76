from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.sales import SALE_TYPES
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
    "interval_n",
    "interval_median",
    "date_next",
    "date_given_up",
    "quantity_usual",
)

# Silent for so many usual intervals: the product was given up, it is not late.
GIVEN_UP_INTERVALS = 4


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

    # rhythm of its own
    interval_n = fields.Integer(string="Intervals", readonly=True)
    interval_median = fields.Float(
        string="Usual Interval",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        help="Median of the days between invoices of the product; needs three of them.",
    )
    date_next = fields.Date(
        string="Due Again", readonly=True, help="Last bought + usual interval."
    )
    date_given_up = fields.Date(
        string="Given Up After",
        readonly=True,
        help="Last bought + four usual intervals: by then it is not late, but lost.",
    )
    quantity_usual = fields.Float(
        string="Usual Quantity",
        readonly=True,
        digits="Product Unit",
        aggregator=None,
        help="Median of what was invoiced in a day.",
    )

    _product_uniq = models.Constraint(
        "UNIQUE(profile_id, product_id)", "A customer has one row a product."
    )
    # who is due to buy again
    _date_next_idx = models.Index("(company_id, date_next) WHERE date_next IS NOT NULL")

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
        with self.env["crm.customer.profile"]._scan(partner_ids):
            self.env.cr.execute(self._get_products_query(scope, today))
        self.invalidate_model(flush=False)

    def action_suggest_offers(self):
        self.ensure_one()
        return self.env["crm.customer.offer"]._open(self.partner_id, self.company_id)

    def _get_products_query(self, scope, today):
        """Only rows that differ are written: most customers bought nothing new."""
        return SQL(
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
                   AND m.move_type IN %(sale_types)s
                   AND m.invoice_date <= %(today)s
            ), invoiced AS (
                -- credit notes have no date: they are no purchase
                SELECT m.profile_id, l.product_id, m.company_id,
                       CASE WHEN m.is_invoice THEN m.invoice_date END AS date,
                       CASE WHEN m.is_invoice THEN m.id END AS invoice_id,
                       sum(CASE WHEN m.is_invoice THEN 1 ELSE -1 END * l.quantity
                           * COALESCE(u.factor, 1)) AS quantity,
                       sum(-l.balance) AS revenue
                  FROM moves m
                  JOIN account_move_line l ON l.move_id = m.id
             LEFT JOIN uom_uom u ON u.id = l.product_uom_id
                 WHERE l.display_type = 'product' AND l.product_id IS NOT NULL
                 GROUP BY 1, 2, 3, 4, 5
            ), days AS (
                SELECT profile_id, product_id, company_id, date,
                       count(invoice_id) AS invoice_count,
                       sum(quantity) AS quantity, 0 AS quantity_returned,
                       sum(revenue) AS revenue,
                       date - lag(date) OVER (
                           PARTITION BY profile_id, product_id ORDER BY date) AS gap
                  FROM invoiced
                 GROUP BY profile_id, product_id, company_id, date
                 UNION ALL
                SELECT c.id, s.product_id, s.company_id, NULL, 0, 0,
                       s.quantity * COALESCE(u.factor, 1), 0, NULL
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
                       sum(invoice_count)::int AS invoice_count,
                       sum(quantity) AS quantity,
                       sum(quantity_returned) AS quantity_returned,
                       sum(revenue) AS revenue, count(gap)::int AS interval_n,
                       percentile_cont(0.5) WITHIN GROUP (ORDER BY gap)
                           AS interval_median,
                       percentile_cont(0.5) WITHIN GROUP (ORDER BY quantity::float8)
                           FILTER (WHERE date IS NOT NULL) AS quantity_usual
                  FROM days
                 GROUP BY profile_id, product_id, company_id
            ), valued AS (
                SELECT s.profile_id, s.product_id, c.partner_id, s.company_id,
                       s.date_first, s.date_last, s.invoice_count,
                       round(s.quantity / f.factor, 6) AS quantity,
                       round(s.quantity_returned / f.factor, 6)
                           AS quantity_returned,
                       s.revenue, f.cost IS NOT NULL AS has_margin,
                       round(s.revenue - s.quantity / f.factor * f.cost, 2)
                           AS margin,
                       s.interval_n, r.interval_median,
                       s.date_last + ceil(r.interval_median)::int AS date_next,
                       s.date_last + ceil(%(given_up)s * r.interval_median)::int
                           AS date_given_up,
                       round(s.quantity_usual::numeric / f.factor, 6)
                           AS quantity_usual
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
            CROSS JOIN LATERAL (
                -- three days with a purchase, as for the customer's rhythm (KPI 54)
                SELECT CASE WHEN s.interval_n >= 2
                            THEN s.interval_median::numeric END AS interval_median
            ) r
            ), own AS (
                SELECT o.* FROM crm_customer_product o
                  JOIN crm_customer_profile c ON c.id = o.profile_id
                 WHERE %(scope)s
            ), gone AS (
                DELETE FROM crm_customer_product d
                 USING own o
                 LEFT JOIN sums s USING (profile_id, product_id)
                 WHERE d.id = o.id AND s.profile_id IS NULL
            )
            INSERT INTO crm_customer_product (
                profile_id, product_id, partner_id, company_id, %(columns)s
            )
            SELECT v.profile_id, v.product_id, v.partner_id, v.company_id, %(new)s
              FROM valued v
         LEFT JOIN own o ON o.profile_id = v.profile_id AND o.product_id = v.product_id
             WHERE o.id IS NULL
                OR (o.partner_id, %(old)s) IS DISTINCT FROM (v.partner_id, %(new)s)
             ORDER BY v.profile_id, v.product_id
       ON CONFLICT (profile_id, product_id) DO UPDATE
               SET partner_id = EXCLUDED.partner_id, %(updates)s
            """,
            sale_types=SALE_TYPES,
            scope=scope,
            today=SQL("%s::date", today),
            given_up=GIVEN_UP_INTERVALS,
            columns=SQL(", ").join(SQL.identifier(name) for name in COLUMNS),
            updates=SQL(", ").join(
                SQL("%s = EXCLUDED.%s", SQL.identifier(name), SQL.identifier(name))
                for name in COLUMNS
            ),
            old=SQL(", ").join(SQL.identifier("o", name) for name in COLUMNS),
            new=SQL(", ").join(SQL.identifier("v", name) for name in COLUMNS),
        )
