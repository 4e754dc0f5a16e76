from odoo import fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..tools.company_time import ZONES_DEPENDS, day, day_start, zones_today

# K79: stock that nobody bought for so long and that lasts so long is slow
SLOW_DAYS = 180
SLOW_COVER_DAYS = 365
# days of deliveries that tell how fast stock goes
PACE_DAYS = 90


class CrmSlowStockReport(models.Model):
    """How long the free stock of a product lasts, and what is slow (K79).

    A row a product and company with free stock. Cover: free quantity / average daily
    deliveries of the last 90 days; none when nothing was delivered. Slow: no delivery
    to a customer in 180 days, and a cover of more than 365 days or none; what never was
    delivered is slow when it has been lying for 180 days.
    """

    _name = "crm.slow.stock.report"
    _description = "Slow Stock"
    _auto = False
    _order = "is_slow desc, quantity desc, id"
    _rec_name = "product_id"
    _depends = {
        "stock.quant": [
            "product_id",
            "company_id",
            "quantity",
            "reserved_quantity",
            "location_id",
            "in_date",
        ],
        "stock.location": ["usage"],
        "stock.move": [
            "product_id",
            "company_id",
            "quantity",
            "product_uom",
            "state",
            "date",
            "location_id",
            "location_dest_id",
        ],
        "sale.order.line": ["product_id", "company_id", "state", "order_partner_id"],
        "product.product": ["product_tmpl_id", "active"],
        "product.template": ["categ_id", "uom_id", "sale_ok"],
        "uom.uom": ["factor"],
        **ZONES_DEPENDS,
        "res.partner": ["commercial_partner_id", *ZONES_DEPENDS["res.partner"]],
    }

    product_id = fields.Many2one("product.product", readonly=True)
    categ_id = fields.Many2one(
        "product.category", string="Product Category", readonly=True
    )
    product_uom_id = fields.Many2one("uom.uom", string="Unit", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    quantity = fields.Float(
        string="Free Quantity",
        readonly=True,
        digits="Product Unit",
        help="On hand and not reserved.",
    )
    daily_quantity = fields.Float(
        string="Delivered a Day",
        readonly=True,
        digits=(16, 3),
        help="Average of the last 90 days.",
    )
    cover_days = fields.Float(
        string="Cover (Days)",
        readonly=True,
        digits=(16, 0),
        aggregator="avg",
        help="How long the free quantity lasts. Empty: nothing went in 90 days.",
    )
    date_arrived = fields.Date(
        string="In Stock Since", readonly=True, help="Of the oldest free goods."
    )
    date_sold = fields.Date(string="Last Delivered", readonly=True)
    days_unsold = fields.Integer(
        readonly=True,
        aggregator="avg",
        help="Since the last delivery to a customer; or, where there was none, since "
        "it is in stock.",
    )
    buyer_count = fields.Integer(
        string="Buyers So Far",
        readonly=True,
        help="Customers with a confirmed order of the product.",
    )
    is_slow = fields.Boolean(string="Slow", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            WITH zone AS (%(zones)s), stock AS (
                SELECT q.product_id, q.company_id, min(q.in_date) AS date_arrived,
                       sum(q.quantity - q.reserved_quantity) AS quantity
                  FROM stock_quant AS q
                  JOIN stock_location AS l ON l.id = q.location_id
                 WHERE l.usage = 'internal' AND q.company_id IS NOT NULL
                 GROUP BY q.product_id, q.company_id
                HAVING sum(q.quantity - q.reserved_quantity) > 0
            ), gone AS (
                SELECT m.product_id, m.company_id, max(m.date) AS date_sold,
                       sum(m.quantity * um.factor / up.factor) FILTER (
                           WHERE m.date >= %(pace_from)s
                       ) / %(pace)s AS daily_quantity
                  FROM stock_move AS m
                  JOIN zone AS z ON z.company_id = m.company_id
                  JOIN stock_location AS lf ON lf.id = m.location_id
                  JOIN stock_location AS lt ON lt.id = m.location_dest_id
                  JOIN product_product AS pp ON pp.id = m.product_id
                  JOIN product_template AS t ON t.id = pp.product_tmpl_id
                  JOIN uom_uom AS um ON um.id = m.product_uom
                  JOIN uom_uom AS up ON up.id = t.uom_id
                 WHERE m.state = 'done'
                   AND lt.usage = 'customer' AND lf.usage <> 'customer'
                   AND m.product_id IN (SELECT product_id FROM stock)
                 GROUP BY m.product_id, m.company_id
            ), buyer AS (
                SELECT l.product_id, l.company_id,
                       count(DISTINCT p.commercial_partner_id) AS buyers
                  FROM sale_order_line AS l
                  JOIN res_partner AS p ON p.id = l.order_partner_id
                 WHERE l.state = 'sale'
                   AND l.product_id IN (SELECT product_id FROM stock)
                 GROUP BY l.product_id, l.company_id
            ), pace AS (
                SELECT s.product_id, s.company_id, s.quantity,
                       %(arrived)s AS date_arrived, %(sold)s AS date_sold,
                       COALESCE(g.daily_quantity, 0) AS daily_quantity,
                       s.quantity / NULLIF(g.daily_quantity, 0) AS cover_days,
                       COALESCE(b.buyers, 0) AS buyer_count,
                       z.today - COALESCE(%(sold)s, %(arrived)s) AS days_unsold
                  FROM stock AS s
                  LEFT JOIN gone AS g USING (product_id, company_id)
                  LEFT JOIN buyer AS b USING (product_id, company_id)
                  JOIN zone AS z ON z.company_id = s.company_id
            )
            SELECT p.product_id::bigint * 10000 + p.company_id AS id, p.product_id,
                   t.categ_id, t.uom_id AS product_uom_id, p.company_id, p.quantity,
                   p.daily_quantity, p.cover_days, p.date_arrived, p.date_sold,
                   p.days_unsold, p.buyer_count,
                   (p.days_unsold >= %(slow)s
                    AND COALESCE(p.cover_days > %(cover)s, TRUE)) AS is_slow
              FROM pace AS p
              JOIN product_product AS pp ON pp.id = p.product_id
              JOIN product_template AS t ON t.id = pp.product_tmpl_id
             WHERE t.sale_ok AND pp.active
            """,
            zones=zones_today(),
            arrived=day(SQL("s.date_arrived"), SQL("z.name")),
            sold=day(SQL("g.date_sold"), SQL("z.name")),
            pace_from=day_start(SQL("z.today - %s + 1", PACE_DAYS), SQL("z.name")),
            pace=PACE_DAYS,
            slow=SLOW_DAYS,
            cover=SLOW_COVER_DAYS,
        )

    def _get_buyers_domain(self):
        """Hook: contacts who may want the product - who bought it, or its category."""
        self.ensure_one()
        product = [("product_id", "=", self.product_id.id)]
        if self.categ_id:
            product = [
                "|",
                *product,
                ("product_id.categ_id", "child_of", self.categ_id.id),
            ]
        return [
            (
                "sale_order_ids",
                "any",
                [
                    ("state", "=", "sale"),
                    ("company_id", "=", self.company_id.id),
                    ("order_line", "any", product),
                ],
            )
        ]

    def action_view_buyers(self):
        """The likely buyers: as a segment for who may make one, else as a list."""
        self.ensure_one()
        domain = self._get_buyers_domain()
        Segment = self.env["crm.segment"]
        if not Segment.has_access("create"):
            return {
                "type": "ir.actions.act_window",
                "name": self.env._("Likely Buyers of %s", self.product_id.display_name),
                "res_model": "res.partner",
                "view_mode": "list,kanban,form",
                "domain": list(Domain(domain)),
            }
        segment = Segment.search(
            [
                ("target", "=", "res.partner"),
                ("domain", "=", repr(domain)),
                ("user_id", "=", self.env.uid),
                ("company_id", "=", self.company_id.id),
            ],
            limit=1,
        ) or Segment.create(
            {
                "name": self.env._("Likely buyers of %s", self.product_id.display_name),
                "description": self.env._(
                    "Bought the product or another one of its category."
                ),
                "target": "res.partner",
                "domain": repr(domain),
                "company_id": self.company_id.id,
            }
        )
        segment._refresh()
        return segment.get_formview_action()
