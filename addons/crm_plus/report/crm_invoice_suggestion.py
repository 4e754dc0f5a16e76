from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..tools.company_time import ZONES_DEPENDS, day, zones_today
from ..tools.sales import SALE_TYPES

# older invoices are history: nobody links them any more
SUGGEST_MONTHS = 24
# days that an invoice may come before the deal was noted, and after it was closed
DAYS_BEFORE = 7
DAYS_AFTER = 180
# points: the customer is a must, the rest adds to it
POINTS_CUSTOMER = 30
POINTS_PRODUCT = 40
POINTS_TIME = 15
POINTS_AMOUNT = 15
# below this only the customer is the same: no reason
MIN_STRENGTH = 40
MAX_SUGGESTIONS = 3


class CrmInvoiceSuggestion(models.Model):
    """Which opportunity a posted invoice without order may belong to.

    Same commercial partner and company, dated between a week before the deal was noted
    and half a year after it was closed. Strength, of 100: 30 for the customer; 40 times
    the share of the invoice's products that the deal is about; up to 15 the nearer it
    is to the closing of a won deal (half of it for an open one); 15 times the ratio of
    the smaller to the greater of invoice and expected revenue. The three strongest of
    at least 40 are suggested. Only a person links.
    """

    _name = "crm.invoice.suggestion"
    _description = "Suggested Opportunity of an Invoice"
    _auto = False
    _order = "strength desc, id"
    _rec_name = "lead_name"
    _depends = {
        "account.move": [
            "move_type",
            "state",
            "opportunity_id",
            "is_without_opportunity",
            "commercial_partner_id",
            "invoice_date",
            "amount_untaxed_signed",
            "company_id",
        ],
        "account.move.line": ["move_id", "product_id", "display_type"],
        "crm.lead": [
            "name",
            "partner_id",
            "company_id",
            "type",
            "active",
            "won_status",
            "is_junk",
            "date_closed",
            "expected_revenue",
        ],
        "crm.lead.product.line": ["lead_id", "product_id"],
        "sale.order": ["opportunity_id", "state"],
        "sale.order.line": ["order_id", "product_id"],
        **ZONES_DEPENDS,
        "res.partner": ["commercial_partner_id", *ZONES_DEPENDS["res.partner"]],
    }

    move_id = fields.Many2one("account.move", string="Invoice", readonly=True)
    lead_id = fields.Many2one("crm.lead", string="Deal", readonly=True)
    # the accountant may read this, not the deal
    lead_name = fields.Char(string="Opportunity", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    won_status = fields.Selection(
        [("won", "Won"), ("pending", "Open")], string="Status", readonly=True
    )
    strength = fields.Integer(
        readonly=True,
        aggregator="max",
        help="Of 100: 30 for the customer, up to 40 for the products, 15 for the time "
        "and 15 for the amount.",
    )
    product_count = fields.Integer(string="Products", readonly=True)
    same_product_count = fields.Integer(string="Same Products", readonly=True)
    date_closed = fields.Date(string="Won On", readonly=True)
    days = fields.Integer(
        readonly=True, help="From the closing of the deal to the invoice."
    )
    amount_ratio = fields.Float(readonly=True, aggregator="avg")
    why = fields.Char(compute="_compute_why")

    @property
    def _table_query(self):
        # filters of the reader come too late to spare the work: see _of_moves
        move_ids = self.env.context.get("crm_plus_suggest_move_ids")
        return SQL(
            """
            WITH move AS (
                SELECT m.id, m.company_id, m.commercial_partner_id, m.invoice_date,
                       abs(m.amount_untaxed_signed) AS amount, z.name AS zone, z.today
                  FROM account_move AS m
                  JOIN (%(zones)s) AS z ON z.company_id = m.company_id
                 WHERE m.move_type IN %(sale_types)s
                   AND m.state = 'posted'
                   AND m.opportunity_id IS NULL
                   AND m.is_without_opportunity IS NOT TRUE
                   -- as a date that an index knows: of the day, a zone more or less
                   -- makes no difference
                   AND m.invoice_date >= %(since)s
                   AND %(only)s
            ), deal AS (
                SELECT l.id, l.name, l.company_id, l.won_status,
                       p.commercial_partner_id,
                       l.create_date,
                       COALESCE(l.expected_revenue, 0) AS expected_revenue,
                       CASE WHEN l.won_status = 'won' THEN l.date_closed END
                           AS date_closed
                  FROM crm_lead AS l
                  JOIN res_partner AS p ON p.id = l.partner_id
                 WHERE l.type = 'opportunity'
                   AND l.active
                   AND l.won_status IN ('won', 'pending')
                   AND l.is_junk IS NOT TRUE
                   AND p.commercial_partner_id IN
                       (SELECT commercial_partner_id FROM move)
            ), pair AS (
                SELECT m.id AS move_id, d.id AS lead_id, d.name AS lead_name,
                       m.commercial_partner_id AS partner_id,
                       m.company_id, d.won_status,
                       %(closed)s AS date_closed, m.invoice_date - %(closed)s AS days,
                       LEAST(m.amount, d.expected_revenue)
                           / NULLIF(GREATEST(m.amount, d.expected_revenue), 0)
                           AS amount_ratio
                  FROM move AS m
                  JOIN deal AS d
                    ON d.commercial_partner_id = m.commercial_partner_id
                   AND COALESCE(d.company_id, m.company_id) = m.company_id
                 WHERE m.invoice_date >= %(created)s - %(before)s
                   AND m.invoice_date <= COALESCE(%(closed)s, m.today) + %(after)s
            ), wanted AS (
                SELECT i.lead_id, i.product_id
                  FROM crm_lead_product_line AS i
                 WHERE i.lead_id IN (SELECT lead_id FROM pair)
                UNION
                SELECT o.opportunity_id, s.product_id
                  FROM sale_order AS o
                  JOIN sale_order_line AS s ON s.order_id = o.id
                 WHERE o.opportunity_id IN (SELECT lead_id FROM pair)
                   AND o.state <> 'cancel'
                   AND s.product_id IS NOT NULL
            ), overlap AS (
                SELECT p.move_id, p.lead_id,
                       count(DISTINCT l.product_id) AS product_count,
                       count(DISTINCT w.product_id) AS same_product_count
                  FROM pair AS p
                  JOIN account_move_line AS l
                    ON l.move_id = p.move_id AND l.display_type = 'product'
                  LEFT JOIN wanted AS w
                    ON w.lead_id = p.lead_id AND w.product_id = l.product_id
                 GROUP BY p.move_id, p.lead_id
            ), weighed AS (
                SELECT p.*, o.product_count, o.same_product_count, round(
                           %(for_customer)s
                           + %(for_product)s * COALESCE(
                               o.same_product_count::numeric
                               / NULLIF(o.product_count, 0), 0)
                           + %(for_time)s * CASE
                               WHEN p.days IS NULL THEN 0.5
                               ELSE 1 - LEAST(abs(p.days), %(after)s)::numeric
                                        / %(after)s END
                           + %(for_amount)s * COALESCE(
                               GREATEST(p.amount_ratio, 0)::numeric, 0)
                       )::int AS strength
                  FROM pair AS p
                  LEFT JOIN overlap AS o USING (move_id, lead_id)
            ), ranked AS (
                SELECT *, row_number() OVER (
                           PARTITION BY move_id ORDER BY strength DESC, lead_id DESC
                       ) AS place
                  FROM weighed
                 WHERE strength >= %(min_strength)s
            )
            SELECT move_id::bigint * 10 + place AS id, move_id, lead_id, lead_name,
                   partner_id, company_id, won_status, strength, product_count,
                   same_product_count, date_closed, days, amount_ratio
              FROM ranked
             WHERE place <= %(max_suggestions)s
            """,
            sale_types=SALE_TYPES,
            zones=zones_today(),
            created=day(SQL("d.create_date"), SQL("m.zone")),
            closed=day(SQL("d.date_closed"), SQL("m.zone")),
            since=fields.Date.today() - relativedelta(months=SUGGEST_MONTHS),
            only=SQL("TRUE")
            if move_ids is None
            else SQL("m.id = ANY(%s)", list(move_ids)),
            before=DAYS_BEFORE,
            after=DAYS_AFTER,
            for_customer=POINTS_CUSTOMER,
            for_product=POINTS_PRODUCT,
            for_time=POINTS_TIME,
            for_amount=POINTS_AMOUNT,
            min_strength=MIN_STRENGTH,
            max_suggestions=MAX_SUGGESTIONS,
        )

    @api.depends("strength", "product_count", "same_product_count", "days")
    def _compute_why(self):
        for suggestion in self:
            reasons = [self.env._("same customer")]
            if suggestion.same_product_count:
                reasons.append(
                    self.env._(
                        "%(same)s of %(all)s products",
                        same=suggestion.same_product_count,
                        all=suggestion.product_count,
                    )
                )
            if suggestion.date_closed:
                reasons.append(
                    self.env._("invoiced on the day of the win")
                    if not suggestion.days
                    else self.env._("invoiced %s days after the win", suggestion.days)
                    if suggestion.days > 0
                    else self.env._("invoiced %s days before the win", -suggestion.days)
                )
            else:
                reasons.append(self.env._("the deal is open"))
            if suggestion.amount_ratio >= 0.9:
                reasons.append(self.env._("about the expected revenue"))
            suggestion.why = ", ".join(reasons)

    @api.model
    def _of_moves(self, moves):
        """The suggestions of some invoices, reading only these."""
        return self.with_context(crm_plus_suggest_move_ids=moves.ids).search(
            [("move_id", "in", moves.ids)]
        )

    def action_link(self):
        """Link the invoice to the opportunity: one click, tracked on the invoice."""
        if not self.env.user.has_group("account.group_account_invoice"):
            raise AccessError(self.env._("Only accounting links invoices."))
        for suggestion in self:
            suggestion.move_id._link_opportunity(suggestion.lead_id)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
