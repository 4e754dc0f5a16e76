from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS

KINDS = [
    ("credit", "Credit Notes"),
    ("goods_out", "Goods Sent"),
    ("goods_in", "Goods Taken Back"),
    ("freight", "Freight"),
    ("time", "Time"),
]


class CrmCaseCost(models.Model):
    """What cases cost: a row a document, in company currency, a cost is positive.

    - Credit notes: untaxed, posted.
    - Goods sent as replacement and goods taken back, at what Inventory values the moves
      with. What came back is worth as much as it left with, until somebody scraps it.
    - Freight: what the request says, and the carrier's price of the transfers where an
      app knows it, in proportion to the lines of the request in the transfer.
    - Time: analytic lines that name the case, timesheets among them, and what was noted
      on the case itself, at the cost of an hour that its team had then.
    """

    _name = "crm.case.cost"
    _description = "Cost of Cases"
    _auto = False
    _order = "date desc, id desc"
    _rec_name = "case_id"
    _depends = {
        "account.analytic.line": ["amount", "case_id", "company_id", "date"],
        "account.move": ["case_claim_id", "company_id", "invoice_date", "state"],
        "account.move.line": ["balance", "display_type", "move_id", "product_id"],
        "crm.case": [
            "category_id",
            "channel",
            "commercial_partner_id",
            "company_id",
            "team_id",
            "user_id",
        ],
        "crm.case.claim": ["case_id", "date_approved", "freight_cost", "state"],
        "crm.case.claim.line": ["claim_id", "lot_id", "product_id", "remedy"],
        "crm.case.time": ["case_id", "date", "hour_cost", "hours"],
        "stock.move": ["case_claim_line_id", "date", "is_in", "is_out", "state"],
        "stock.picking": ["date_done", "state"],
    }

    kind = fields.Selection(KINDS, readonly=True)
    case_id = fields.Many2one("crm.case", readonly=True)
    claim_id = fields.Many2one("crm.case.claim", string="Request", readonly=True)
    team_id = fields.Many2one("crm.case.team", readonly=True)
    user_id = fields.Many2one("res.users", string="Assignee", readonly=True)
    channel = fields.Selection("_selection_channel", readonly=True)
    category_id = fields.Many2one("crm.case.category", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    product_id = fields.Many2one("product.product", readonly=True)
    lot_id = fields.Many2one("stock.lot", string="Lot/Serial", readonly=True)
    date = fields.Date(readonly=True)
    amount = fields.Monetary(string="Cost", readonly=True, groups=MONEY_GROUPS)

    @api.model
    def _selection_channel(self):
        """Those of the case, with what others add."""
        return self.env["crm.case"]._fields["channel"]._description_selection(self.env)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT row_number() OVER (ORDER BY r.case_id, r.kind, r.origin_id) AS id,
                   r.kind, r.case_id, r.claim_id, c.team_id, c.user_id, c.channel,
                   c.category_id, c.company_id,
                   c.commercial_partner_id AS partner_id,
                   r.product_id, r.lot_id, r.date, r.amount
              FROM (%s) r
              JOIN crm_case c ON c.id = r.case_id
            """,
            self._get_rows_query(),
        )

    @api.model
    def _get_rows_query(self):
        queries = [
            self._get_credit_query(),
            self._get_goods_query(),
            self._get_freight_query(),
            self._get_time_query(),
        ]
        if "carrier_price" in self.env["stock.picking"]._fields:
            queries.append(self._get_carrier_query())
        return SQL(" UNION ALL ").join(queries)

    def _get_credit_query(self):
        return SQL(
            """
            SELECT 'credit'::varchar AS kind, q.case_id, q.id AS claim_id,
                   l.id AS origin_id, COALESCE(l.product_id, g.product_id)
                       AS product_id,
                   g.lot_id, m.invoice_date AS date, l.balance AS amount
              FROM account_move m
              JOIN crm_case_claim q ON q.id = m.case_claim_id
              JOIN account_move_line l ON l.move_id = m.id
                   AND l.display_type = 'product'
         LEFT JOIN LATERAL (
                -- an agreed amount says no product
                SELECT g.product_id, g.lot_id FROM crm_case_claim_line g
                 WHERE g.claim_id = q.id
                   AND (l.product_id IS NULL OR g.product_id = l.product_id)
                 ORDER BY g.id LIMIT 1
              ) g ON TRUE
             WHERE m.state = 'posted'
            """
        )

    def _get_goods_query(self):
        return SQL(
            """
            SELECT CASE g.remedy WHEN 'return' THEN 'goods_in' ELSE 'goods_out' END
                       ::varchar,
                   q.case_id, q.id, v.id, v.product_id, g.lot_id, v.date::date,
                   CASE g.remedy WHEN 'return' THEN -v.value ELSE v.value END
              FROM stock_move v
              JOIN crm_case_claim_line g ON g.id = v.case_claim_line_id
              JOIN crm_case_claim q ON q.id = g.claim_id
             WHERE v.state = 'done'
               AND (g.remedy = 'return' AND v.is_in
                    OR g.remedy = 'replacement' AND v.is_out)
            """
        )

    def _get_freight_query(self):
        return SQL(
            """
            SELECT 'freight'::varchar, q.case_id, q.id, q.id, g.product_id, g.lot_id,
                   COALESCE(q.date_approved, q.create_date)::date, q.freight_cost
              FROM crm_case_claim q
         LEFT JOIN LATERAL (
                SELECT g.product_id, g.lot_id FROM crm_case_claim_line g
                 WHERE g.claim_id = q.id ORDER BY g.id LIMIT 1
              ) g ON TRUE
             WHERE q.freight_cost > 0 AND q.state NOT IN ('refused', 'requested')
            """
        )

    def _get_carrier_query(self):
        return SQL(
            """
            SELECT 'freight'::varchar, q.case_id, q.id, k.id,
                   min(v.product_id), min(g.lot_id), k.date_done::date,
                   max(k.carrier_price)::numeric * count(*)
                       / (SELECT count(*) FROM stock_move o
                           WHERE o.picking_id = k.id AND o.state = 'done')
              FROM stock_move v
              JOIN stock_picking k ON k.id = v.picking_id
              JOIN crm_case_claim_line g ON g.id = v.case_claim_line_id
              JOIN crm_case_claim q ON q.id = g.claim_id
             WHERE v.state = 'done' AND k.carrier_price > 0
             GROUP BY q.case_id, q.id, k.id
            """
        )

    def _get_time_query(self):
        return SQL(
            """
            SELECT 'time'::varchar, a.case_id, NULL::int, a.id, NULL::int, NULL::int,
                   a.date, -a.amount
              FROM account_analytic_line a
             WHERE a.case_id IS NOT NULL AND a.amount <> 0
             UNION ALL
            -- noted on the case; below zero, for no analytic line has such a number
            SELECT 'time'::varchar, w.case_id, NULL::int, -w.id, NULL::int, NULL::int,
                   w.date, (w.hours * w.hour_cost)::numeric
              FROM crm_case_time w
             WHERE w.hour_cost > 0
            """
        )
