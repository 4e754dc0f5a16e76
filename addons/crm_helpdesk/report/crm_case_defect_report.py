from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS

DIMENSIONS = [
    ("product", "Product"),
    ("lot", "Lot/Serial"),
    ("supplier", "Supplier"),
    ("reason", "Reason"),
]
# Pareto: the few that make most of it
CLASS_A, CLASS_B = 80, 95


class CrmCaseDefectReport(models.Model):
    """Which products, lots, suppliers and reasons make the defects: a Pareto.

    Each dimension is a list of its own, the worst first, with the share of all defects
    of the company and the share summed up: the first rows up to 80 % are class A. A
    piece counts once, whether it was returned, replaced, credited or all of it. What
    was refused or called off is no defect, nor are reasons that say so.

    ``crm_helpdesk_defect_days`` in the context: of the last so many days.
    """

    _name = "crm.case.defect.report"
    _description = "Defects"
    _auto = False
    _order = "dimension, quantity desc, id"
    _rec_name = "subject"
    _depends = {
        "crm.case.claim": ["case_id", "create_date", "reason_id", "state"],
        "crm.case.claim.line": [
            "case_id",
            "claim_id",
            "company_id",
            "invoice_line_id",
            "lot_id",
            "move_id",
            "product_id",
            "quantity",
            "sale_line_id",
            "supplier_id",
        ],
        "crm.case.claim.reason": ["is_defect", "name"],
        "stock.move": ["company_id", "location_dest_id", "product_id", "state"],
    }

    dimension = fields.Selection(DIMENSIONS, string="By", readonly=True)
    subject = fields.Char(readonly=True)
    product_id = fields.Many2one("product.product", readonly=True)
    lot_id = fields.Many2one("stock.lot", string="Lot/Serial", readonly=True)
    supplier_id = fields.Many2one("res.partner", readonly=True)
    reason_id = fields.Many2one("crm.case.claim.reason", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    rank = fields.Integer(readonly=True, aggregator=None)
    case_count = fields.Integer(string="Cases", readonly=True)
    quantity = fields.Float(string="Defects", digits="Product Unit", readonly=True)
    delivered = fields.Float(
        digits="Product Unit",
        readonly=True,
        help="To customers, in the same time; of products only.",
    )
    rate = fields.Float(
        string="Defects %",
        readonly=True,
        digits=(16, 2),
        aggregator="avg",
        help="Of what was delivered in the same time.",
    )
    share = fields.Float(
        string="Share %", readonly=True, digits=(16, 1), help="Of all defects."
    )
    cumulative_share = fields.Float(
        string="Cumulative %",
        readonly=True,
        digits=(16, 1),
        aggregator="max",
        help="This one and all that are worse.",
    )
    pareto_class = fields.Selection(
        [("a", "A"), ("b", "B"), ("c", "C")],
        string="Class",
        readonly=True,
        help="A: the worst, that make 80 % of the defects; B: up to 95 %.",
    )
    cost = fields.Monetary(readonly=True, groups=MONEY_GROUPS)

    @property
    def _table_query(self):
        days = self.env.context.get("crm_helpdesk_defect_days")
        since = SQL("TRUE")
        moved = SQL("TRUE")
        if isinstance(days, int) and days > 0:
            now = self.env.cr.now()
            since = SQL("q.create_date > %s - %s * interval '1 day'", now, days)
            moved = SQL("v.date > %s - %s * interval '1 day'", now, days)
        lang = self.env.lang or "en_US"
        return SQL(
            """
            WITH claimed AS (
                SELECT g.case_id, g.company_id, g.product_id, g.lot_id, g.supplier_id,
                       q.reason_id, sum(g.quantity) AS quantity,
                       COALESCE(g.move_id, -g.sale_line_id, -g.invoice_line_id)
                           AS source_id
                  FROM crm_case_claim_line g
                  JOIN crm_case_claim q ON q.id = g.claim_id
                  JOIN crm_case_claim_reason e ON e.id = q.reason_id AND e.is_defect
                 WHERE q.state NOT IN ('refused', 'cancelled') AND %(since)s
                 GROUP BY g.case_id, g.company_id, g.product_id, g.lot_id,
                          g.supplier_id, q.reason_id, source_id, q.remedy
            ), pieces AS (
                -- a piece that was returned and replaced is one
                SELECT case_id, company_id, product_id, lot_id, supplier_id, reason_id,
                       max(quantity) AS quantity
                  FROM claimed
                 GROUP BY case_id, company_id, product_id, lot_id, supplier_id,
                          reason_id, source_id
            ), defects AS (
                SELECT case_id, company_id, product_id, lot_id, supplier_id, reason_id,
                       sum(quantity) AS quantity,
                       row_number() OVER (PARTITION BY case_id, product_id, lot_id
                                          ORDER BY reason_id) AS turn
                  FROM pieces
                 GROUP BY case_id, company_id, product_id, lot_id, supplier_id,
                          reason_id
            ), costs AS (
                SELECT case_id, product_id, lot_id, sum(amount) AS cost
                  FROM (%(costs)s) r
                 GROUP BY case_id, product_id, lot_id
            ), counted AS (
                SELECT d.company_id, d.product_id, d.lot_id, d.supplier_id, d.reason_id,
                       CASE 0 WHEN GROUPING(d.product_id) THEN 'product'
                              WHEN GROUPING(d.lot_id) THEN 'lot'
                              WHEN GROUPING(d.supplier_id) THEN 'supplier'
                              ELSE 'reason' END AS dimension,
                       count(DISTINCT d.case_id) AS case_count,
                       sum(d.quantity) AS quantity, sum(c.cost) AS cost
                  FROM defects d
             LEFT JOIN costs c ON c.case_id = d.case_id
                              AND c.product_id = d.product_id
                              AND c.lot_id IS NOT DISTINCT FROM d.lot_id
                              AND d.turn = 1
                 GROUP BY GROUPING SETS (
                     (d.company_id, d.product_id), (d.company_id, d.lot_id),
                     (d.company_id, d.supplier_id), (d.company_id, d.reason_id))
            ), known AS (
                SELECT * FROM counted
                 WHERE COALESCE(product_id, lot_id, supplier_id, reason_id) IS NOT NULL
            ), ranked AS (
                SELECT k.*,
                       row_number() OVER worst AS rank,
                       100 * k.quantity / sum(k.quantity) OVER whole AS share,
                       100 * sum(k.quantity) OVER worst / sum(k.quantity) OVER whole
                           AS cumulative_share
                  FROM known k
                WINDOW whole AS (PARTITION BY k.company_id, k.dimension),
                       worst AS (PARTITION BY k.company_id, k.dimension
                                 ORDER BY k.quantity DESC, k.product_id, k.lot_id,
                                          k.supplier_id, k.reason_id)
            )
            SELECT row_number() OVER (ORDER BY r.company_id, r.dimension, r.rank) AS id,
                   r.*,
                   COALESCE(pt.name ->> %(lang)s, pt.name ->> 'en_US', l.name, s.name,
                            e.name ->> %(lang)s, e.name ->> 'en_US') AS subject,
                   d.delivered,
                   CASE WHEN d.delivered > 0
                        THEN 100 * r.quantity / d.delivered END AS rate,
                   CASE WHEN r.cumulative_share - r.share < %(a)s THEN 'a'
                        WHEN r.cumulative_share - r.share < %(b)s THEN 'b'
                        ELSE 'c' END AS pareto_class
              FROM ranked r
         LEFT JOIN product_product pp ON pp.id = r.product_id
         LEFT JOIN product_template pt ON pt.id = pp.product_tmpl_id
         LEFT JOIN stock_lot l ON l.id = r.lot_id
         LEFT JOIN res_partner s ON s.id = r.supplier_id
         LEFT JOIN crm_case_claim_reason e ON e.id = r.reason_id
         LEFT JOIN LATERAL (
                SELECT sum(v.product_qty) AS delivered
                  FROM stock_move v
                  JOIN stock_location o ON o.id = v.location_dest_id
                 WHERE v.product_id = r.product_id AND v.company_id = r.company_id
                   AND v.state = 'done' AND o.usage = 'customer' AND %(moved)s
              ) d ON r.dimension = 'product'
            """,
            since=since,
            moved=moved,
            costs=self.env["crm.case.cost"]._get_rows_query(),
            lang=lang,
            a=CLASS_A,
            b=CLASS_B,
        )

    @api.model
    def _get_lot_suppliers(self, lots):
        """``{lot id: id of the company}`` that delivered these lots to us."""
        if not lots:
            return {}
        self.env["stock.move.line"].flush_model(
            ["date", "location_id", "lot_id", "picking_id", "state"]
        )
        self.env["stock.picking"].flush_model(["partner_id"])
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT DISTINCT ON (v.lot_id) v.lot_id, p.commercial_partner_id
                      FROM stock_move_line v
                      JOIN stock_location f ON f.id = v.location_id
                           AND f.usage = 'supplier'
                      JOIN stock_picking k ON k.id = v.picking_id
                      JOIN res_partner p ON p.id = k.partner_id
                     WHERE v.lot_id = ANY(%s) AND v.state = 'done'
                     ORDER BY v.lot_id, v.date, v.id
                    """,
                    lots.ids,
                )
            )
        )

    def action_view_goods(self):
        """The requests behind a row."""
        self.ensure_one()
        field = f"{self.dimension}_id"
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_claim_line_action"
        )
        action["domain"] = [(field, "=", self[field].id)]
        action["context"] = {}
        return action
