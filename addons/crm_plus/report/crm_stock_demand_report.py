from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ..tools.company_time import company_today, day, zones_today
from ..tools.pipeline_demand import DEMAND_DEPENDS, demand_query


class CrmStockDemandReport(models.Model):
    """What open deals ask for against what the warehouse will have (K78).

    A row a product, warehouse and month, for storable products that a deal asks for.
    Demand is weighted with the probability; what is overdue counts in this month, what
    has no date has a row of its own and is in no shortage. The forecast is that of the
    end of the month: on hand and planned receipts, less planned deliveries until then.
    Shortage: what the demand until then exceeds it by - so it is carried from month to
    month and never added up over them.

    All deals count, whoever reads: a shortage seen from one's own deals would be wrong.
    Opening a row shows the deals one may see; there is no money here.
    """

    _name = "crm.stock.demand.report"
    _description = "Demand Against Stock"
    _auto = False
    _order = "date_month, product_id, id"
    _rec_name = "product_id"
    _depends = {
        **DEMAND_DEPENDS,
        "product.template": ["uom_id", "categ_id", "is_storable"],
        "stock.move": [
            "product_id",
            "product_qty",
            "state",
            "date",
            "company_id",
            "location_id",
            "location_dest_id",
            "location_final_id",
        ],
        "stock.quant": ["product_id", "quantity", "location_id"],
        "stock.location": ["usage", "warehouse_id"],
    }

    date_month = fields.Date(string="Month", readonly=True)
    month_name = fields.Char(compute="_compute_month_name")
    product_id = fields.Many2one("product.product", readonly=True)
    categ_id = fields.Many2one(
        "product.category", string="Product Category", readonly=True
    )
    product_uom_id = fields.Many2one("uom.uom", string="Unit", readonly=True)
    warehouse_id = fields.Many2one("stock.warehouse", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    deal_count = fields.Integer(string="Deals", readonly=True)
    demand = fields.Float(
        string="Weighted Demand",
        readonly=True,
        digits="Product Unit",
        help="Quantity times probability, of the deals that need it in the month.",
    )
    demand_full = fields.Float(
        string="Full Demand",
        readonly=True,
        digits="Product Unit",
        help="Quantity if all deals were won.",
    )
    outgoing = fields.Float(
        string="Planned Deliveries", readonly=True, digits="Product Unit"
    )
    incoming = fields.Float(
        string="Planned Receipts", readonly=True, digits="Product Unit"
    )
    on_hand = fields.Float(
        string="On Hand Today", readonly=True, digits="Product Unit", aggregator="max"
    )
    forecast = fields.Float(
        readonly=True,
        digits="Product Unit",
        aggregator="min",
        help="At the end of the month, without the open deals. Groups show the lowest.",
    )
    shortage = fields.Float(
        readonly=True,
        digits="Product Unit",
        aggregator="max",
        help="What the weighted demand until the end of the month exceeds the forecast "
        "by. Groups show the greatest.",
    )

    @api.depends("date_month")
    @api.depends_context("lang")
    def _compute_month_name(self):
        for row in self:
            row.month_name = (
                format_date(self.env, row.date_month, date_format="MMM yyyy")
                if row.date_month
                else self.env._("No date")
            )

    @property
    def _table_query(self):
        return SQL(
            """
            WITH demand AS (%(demand)s), zone AS (%(zones)s), wanted AS (
                SELECT d.product_id, d.warehouse_id,
                       COALESCE(w.company_id, d.of_company_id) AS company_id,
                       CASE WHEN d.date_expected IS NOT NULL THEN
                            date_trunc('month', GREATEST(d.date_expected, z.today))
                       END::date AS month,
                       d.lead_id, d.quantity, d.quantity_weighted
                  FROM demand AS d
                  JOIN product_template AS t ON t.id = d.product_tmpl_id
                  LEFT JOIN stock_warehouse AS w ON w.id = d.warehouse_id
                  JOIN zone AS z
                    ON z.company_id = COALESCE(w.company_id, d.of_company_id)
                 WHERE t.is_storable
            ), place AS (
                SELECT DISTINCT product_id, warehouse_id, company_id FROM wanted
            ), planned AS (
                SELECT m.product_id,
                       lf.warehouse_id AS from_id, lt.warehouse_id AS to_id,
                       date_trunc('month', GREATEST(%(planned)s, z.today))::date
                           AS month,
                       m.product_qty AS quantity
                  FROM stock_move AS m
                  JOIN zone AS z ON z.company_id = m.company_id
                  JOIN stock_location AS lf ON lf.id = m.location_id
                  JOIN stock_location AS lt
                    ON lt.id = COALESCE(m.location_final_id, m.location_dest_id)
                 WHERE m.state IN
                       ('confirmed', 'waiting', 'partially_available', 'assigned')
                   AND lf.warehouse_id IS DISTINCT FROM lt.warehouse_id
                   AND m.product_id IN (SELECT product_id FROM place)
            ), flow AS (
                SELECT product_id, warehouse_id, company_id, month, lead_id,
                       quantity AS demand_full, quantity_weighted AS demand,
                       0 AS outgoing, 0 AS incoming
                  FROM wanted
                UNION ALL
                SELECT p.product_id, p.warehouse_id, p.company_id, m.month, NULL, 0, 0,
                       m.quantity, 0
                  FROM planned AS m
                  JOIN place AS p
                    ON p.product_id = m.product_id AND p.warehouse_id = m.from_id
                UNION ALL
                SELECT p.product_id, p.warehouse_id, p.company_id, m.month, NULL, 0, 0,
                       0, m.quantity
                  FROM planned AS m
                  JOIN place AS p
                    ON p.product_id = m.product_id AND p.warehouse_id = m.to_id
                UNION ALL
                SELECT p.product_id, p.warehouse_id, p.company_id,
                       date_trunc('month', z.today)::date, NULL, 0, 0, 0, 0
                  FROM place AS p
                  JOIN zone AS z ON z.company_id = p.company_id
            ), monthly AS (
                SELECT product_id, warehouse_id, company_id, month,
                       count(DISTINCT lead_id) AS deal_count,
                       sum(demand_full) AS demand_full, sum(demand) AS demand,
                       sum(outgoing) AS outgoing, sum(incoming) AS incoming
                  FROM flow
                 GROUP BY product_id, warehouse_id, company_id, month
            ), stock AS (
                SELECT q.product_id, l.warehouse_id, sum(q.quantity) AS quantity
                  FROM stock_quant AS q
                  JOIN stock_location AS l ON l.id = q.location_id
                 WHERE l.usage = 'internal'
                   AND q.product_id IN (SELECT product_id FROM place)
                 GROUP BY q.product_id, l.warehouse_id
            ), running AS (
                SELECT m.*, COALESCE(s.quantity, 0) AS on_hand,
                       sum(m.demand) OVER until_then AS demand_until,
                       COALESCE(s.quantity, 0)
                           + sum(m.incoming - m.outgoing) OVER until_then AS forecast
                  FROM monthly AS m
                  LEFT JOIN stock AS s
                    ON s.product_id = m.product_id AND s.warehouse_id = m.warehouse_id
                WINDOW until_then AS (
                    PARTITION BY m.product_id, m.warehouse_id, m.company_id,
                                 m.month IS NULL
                    ORDER BY m.month
                )
            )
            -- products that no warehouse keeps have a row a company
            SELECT (r.product_id::bigint * 20000
                    + COALESCE(r.warehouse_id, 10000 + r.company_id)) * 10000
                       + COALESCE(extract(year FROM r.month) * 12
                                  + extract(month FROM r.month) - 24000, 0)::int AS id,
                   r.month AS date_month, r.product_id, t.categ_id,
                   t.uom_id AS product_uom_id, r.warehouse_id, r.company_id,
                   r.deal_count, r.demand, r.demand_full, r.outgoing, r.incoming,
                   r.on_hand,
                   CASE WHEN r.month IS NOT NULL THEN r.forecast END AS forecast,
                   CASE WHEN r.month IS NOT NULL
                        THEN GREATEST(0, r.demand_until - r.forecast) END AS shortage
              FROM running AS r
              JOIN product_product AS pp ON pp.id = r.product_id
              JOIN product_template AS t ON t.id = pp.product_tmpl_id
            """,
            demand=demand_query(self.env.company),
            zones=zones_today(),
            planned=day(SQL("m.date"), SQL("z.name")),
        )

    def action_view_deals(self):
        """The deals behind the row, as far as one may see them."""
        self.ensure_one()
        domain = Domain("product_id", "=", self.product_id.id)
        domain &= Domain("warehouse_id", "=", self.warehouse_id.id)
        if not self.date_month:
            domain &= Domain("date_expected", "=", False)
        else:
            domain &= Domain(
                "date_expected", "<", self.date_month + relativedelta(months=1)
            )
            if self.date_month > company_today(self.company_id):
                domain &= Domain("date_expected", ">=", self.date_month)
        leads = self.env["crm.product.demand"].search(domain).lead_id
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm.crm_lead_opportunities"
        )
        action["domain"] = [("id", "in", leads.ids)]
        action["context"] = {"default_type": "opportunity"}
        return action
