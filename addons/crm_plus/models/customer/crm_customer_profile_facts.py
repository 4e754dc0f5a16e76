import json
import logging
from datetime import datetime, time

from odoo import api, fields, models
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

QUEUE_KEY = "crm_plus.profile_queue"
# Customers of one batch of the nightly run: some seconds, and a temporary file at most.
BATCH_SIZE = 20_000
# From so many customers on all is read through rather than looked up: planners think
# grouped sets small and would join them with each other row by row.
SCAN_FROM = 1000
# Up to so many customers are rebuilt within the transaction that touches them, some
# milliseconds each; more are left to the scheduler.
AT_ONCE_LIMIT = 100
# Channels on which people talk, as against what the apps note by themselves.
TALK_CHANNELS = (
    "email",
    "phone",
    "meeting",
    "web",
    "sms",
    "chat",
    "service",
    "marketing",
)
# What the facts are made of; flushed before they are read.
FLUSHED = {
    "account.move": [
        "state",
        "move_type",
        "payment_state",
        "invoice_date",
        "commercial_partner_id",
        "company_id",
        "amount_untaxed_signed",
        "amount_total_signed",
    ],
    "account.move.line": [
        "move_id",
        "partner_id",
        "company_id",
        "account_id",
        "display_type",
        "parent_state",
        "reconciled",
        "balance",
        "quantity",
        "product_id",
        "product_uom_id",
        "amount_residual",
        "date",
        "date_maturity",
    ],
    "account.account": ["account_type"],
    "account.partial.reconcile": ["debit_move_id", "credit_move_id", "amount"],
    "product.product": ["standard_price", "product_tmpl_id"],
    "product.template": ["uom_id"],
    "uom.uom": ["factor"],
    "res.partner": ["commercial_partner_id", "credit_limit", "user_id", "country_id"],
    "sale.order": ["state", "date_order", "partner_id", "company_id"],
    "stock.picking": [
        "state",
        "date_done",
        "date_deadline",
        "partner_id",
        "company_id",
        "location_id",
        "location_dest_id",
    ],
    "stock.location": ["usage"],
    "crm.customer.profile": None,
}
FACTS = (
    "user_id",
    "country_id",
    "date_first",
    "date_last",
    "date_last_order",
    "recency_days",
    "invoice_count",
    "invoice_count_12",
    "refund_count_12",
    "order_count",
    "purchase_days",
    "revenue_total",
    "revenue_12",
    "revenue_90",
    "revenue_90_before",
    "repeat_value",
    "margin_total",
    "margin_12",
    "margin_coverage",
    "value_basis",
    "past_value",
    "interval_median",
    "interval_n",
    "date_next",
    "days_overdue",
    "silence_ratio",
    "trend_ratio",
    "is_trend_known",
    "receivable",
    "overdue_amount",
    "overdue_days",
    "is_overdue",
    "credit_limit",
    "credit_used",
    "payment_delay",
    "payment_n",
    "dso",
    "delivery_count_12",
    "delivery_late_12",
    "return_count_12",
    "channel",
    "channel_n",
    "date_last_word",
    "rating",
    "rating_n",
    "case_open_count",
    "case_late_count",
    "is_service_known",
)


class CrmCustomerProfile(models.Model):
    """Facts: one statement reads them all, for one customer or a batch of them."""

    _inherit = "crm.customer.profile"

    # ------------------------------------------------------------
    # Rebuild
    # ------------------------------------------------------------

    @api.model
    def _rebuild(self, partner_ids=None, today=None):
        """Rebuild the profiles of these customers (commercial partners), or of all.

        The number of statements does not depend on how many they are.
        """
        if partner_ids is not None and not partner_ids:
            return
        today = today or fields.Date.context_today(self)
        for model, names in FLUSHED.items():
            self.env[model].flush_model(names)
        # sudo: settings of companies the user may not be in
        yardsticks = self.env["crm.customer.yardstick"].sudo()._get_all()
        yardsticks.flush_recordset()
        if partner_ids is not None:
            partner_ids = sorted(set(partner_ids))
        self._write_facts(partner_ids, today, yardsticks)
        self.env["crm.customer.product"]._write_products(partner_ids, today)
        self._judge(partner_ids, yardsticks, today)
        self.invalidate_model(flush=False)
        self.env["res.partner"].invalidate_model(
            ["customer_profile_ids", "customer_profile_id"], flush=False
        )

    @api.model
    def _get_service_query(self):
        """Hook: SQL of a SELECT of what service knows of customers, with the columns
        ``customer_id`` (commercial partner), ``company_id``, ``rating`` (the last, of 1
        to 5), ``rating_n``, ``case_open_count``, ``case_late_count`` (open and past
        their promise). None: nothing is known. It may read ``scope (id, customer_id)``,
        the contacts of the customers concerned.
        """
        return

    def _write_facts(self, partner_ids, today, yardsticks):
        is_scan = partner_ids is None or len(partner_ids) >= SCAN_FROM
        if is_scan:
            self.env.cr.execute("SET LOCAL enable_nestloop = off")
        self.env.cr.execute(self._get_facts_query(partner_ids, today, yardsticks))
        if is_scan:
            self.env.cr.execute("SET LOCAL enable_nestloop = on")

    def _get_stamp(self, today):
        """When the facts are of: now, or the end of a day in the past."""
        now = self.env.cr.now().replace(microsecond=0)
        if today == fields.Date.context_today(self):
            return now
        return datetime.combine(today, time.max).replace(microsecond=0)

    def _get_credit_limits(self, yardsticks):
        """Return ``{company id: limit of customers without an own one}`` of the
        companies that use credit limits.
        """
        Partner = self.env["res.partner"]
        field = Partner._fields["credit_limit"]
        return {
            company.id: field.get_company_dependent_fallback(
                Partner.with_company(company)
            )
            or 0.0
            for company in yardsticks.company_id
            if company.account_use_credit_limit
        }

    def _get_facts_query(self, partner_ids, today, yardsticks):
        service = self._get_service_query() or SQL(
            """SELECT NULL::int AS customer_id, NULL::int AS company_id,
                      NULL::float8 AS rating, NULL::int AS rating_n,
                      NULL::int AS case_open_count, NULL::int AS case_late_count
                WHERE FALSE"""
        )
        columns = SQL(", ").join(SQL.identifier(name) for name in FACTS)
        updates = SQL(", ").join(
            SQL("%s = EXCLUDED.%s", SQL.identifier(name), SQL.identifier(name))
            for name in FACTS
        )
        return SQL(
            """
            WITH scope AS MATERIALIZED (
                SELECT id, commercial_partner_id AS customer_id
                  FROM res_partner
                 WHERE %(scope)s
            ), yardstick AS (
                SELECT y.company_id, y.margin_coverage,
                       (%(limits)s::jsonb ->> y.company_id::text)::float8
                           AS limit_default
                  FROM crm_customer_yardstick y
            ), moves AS MATERIALIZED (
                SELECT m.id, s.customer_id, m.company_id, m.payment_state,
                       m.move_type = 'out_invoice' AS is_invoice,
                       m.invoice_date AS date,
                       m.invoice_date > %(today)s - 365 AS is_12,
                       m.amount_untaxed_signed AS amount,
                       m.amount_total_signed AS amount_taxed
                  FROM account_move m
                  JOIN scope s ON s.id = m.commercial_partner_id
                 WHERE m.state = 'posted'
                   AND m.move_type IN ('out_invoice', 'out_refund')
                   AND m.invoice_date <= %(today)s
            ), sales AS (
                SELECT customer_id, company_id,
                       min(date) FILTER (WHERE is_invoice) AS date_first,
                       max(date) FILTER (WHERE is_invoice) AS date_last,
                       count(*) FILTER (WHERE is_invoice) AS invoice_count,
                       count(*) FILTER (WHERE is_invoice AND is_12) AS invoice_count_12,
                       count(*) FILTER (WHERE NOT is_invoice AND is_12)
                           AS refund_count_12,
                       sum(amount) AS revenue_total,
                       COALESCE(sum(amount) FILTER (WHERE is_12), 0) AS revenue_12,
                       COALESCE(sum(amount_taxed) FILTER (WHERE is_12), 0) AS taxed_12,
                       COALESCE(sum(amount) FILTER (WHERE date > %(today)s - 90), 0)
                           AS revenue_90,
                       COALESCE(sum(amount) FILTER (WHERE date > %(today)s - 180
                           AND date <= %(today)s - 90), 0) AS revenue_90_previous,
                       COALESCE(sum(amount) FILTER (WHERE date > %(today)s - 455
                           AND date <= %(today)s - 365), 0) AS revenue_90_year
                  FROM moves
                 GROUP BY customer_id, company_id
            ), margins AS (
                -- the margin of Invoice Analysis; a product without cost is not known
                SELECT customer_id, company_id,
                       sum(-balance - cost) AS margin_total,
                       sum(-balance - cost) FILTER (WHERE is_12) AS margin_12,
                       sum(-balance) FILTER (WHERE cost IS NOT NULL) AS revenue_known,
                       100 * sum(abs(balance)) FILTER (WHERE cost IS NOT NULL)
                           / NULLIF(sum(abs(balance)), 0) AS coverage
                  FROM (
                    SELECT m.customer_id, m.company_id, m.is_12, l.balance,
                           CASE WHEN m.is_invoice THEN 1 ELSE -1 END * l.quantity
                               * COALESCE(ul.factor, 1)
                               / NULLIF(COALESCE(ut.factor, 1), 0)
                               * NULLIF((pp.standard_price
                                         ->> l.company_id::text)::numeric, 0) AS cost
                      FROM moves m
                      JOIN account_move_line l ON l.move_id = m.id
                 LEFT JOIN product_product pp ON pp.id = l.product_id
                 LEFT JOIN product_template pt ON pt.id = pp.product_tmpl_id
                 LEFT JOIN uom_uom ul ON ul.id = l.product_uom_id
                 LEFT JOIN uom_uom ut ON ut.id = pt.uom_id
                     WHERE l.display_type = 'product'
                  ) lines
                 GROUP BY customer_id, company_id
            ), days AS (
                SELECT customer_id, company_id, date, sum(amount) AS amount,
                       date - lag(date) OVER (PARTITION BY customer_id, company_id
                                              ORDER BY date) AS gap
                  FROM moves
                 WHERE is_invoice
                 GROUP BY customer_id, company_id, date
            ), rhythm AS (
                SELECT customer_id, company_id, count(*) AS purchase_days,
                       count(gap) AS interval_n,
                       avg(amount) FILTER (WHERE gap IS NOT NULL) AS repeat_value,
                       percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS median
                  FROM days
                 GROUP BY customer_id, company_id
            ), orders AS (
                SELECT s.customer_id, o.company_id, count(*) AS order_count,
                       max(o.date_order)::date AS date_last_order
                  FROM sale_order o
                  JOIN scope s ON s.id = o.partner_id
                 WHERE o.state = 'sale'
                 GROUP BY s.customer_id, o.company_id
            ), owed AS (
                SELECT s.customer_id, l.company_id,
                       sum(l.amount_residual) AS receivable,
                       greatest(sum(l.amount_residual) FILTER (
                           WHERE COALESCE(l.date_maturity, l.date) < %(today)s), 0)
                           AS overdue_amount,
                       %(today)s - min(COALESCE(l.date_maturity, l.date)) FILTER (
                           WHERE l.amount_residual > 0
                             AND COALESCE(l.date_maturity, l.date) < %(today)s)
                           AS overdue_days
                  FROM account_move_line l
                  JOIN scope s ON s.id = l.partner_id
                  JOIN account_account a ON a.id = l.account_id
                 WHERE a.account_type = 'asset_receivable'
                   AND l.parent_state = 'posted' AND l.reconciled IS NOT TRUE
                   AND l.date <= %(today)s
                 GROUP BY s.customer_id, l.company_id
            ), paid AS (
                -- what credit notes settled was not paid
                SELECT m.customer_id, m.company_id, count(DISTINCT m.id) AS payment_n,
                       sum(r.amount * (c.date - COALESCE(d.date_maturity, d.date)))
                           / NULLIF(sum(r.amount), 0) AS payment_delay
                  FROM moves m
                  JOIN account_move_line d
                    ON d.move_id = m.id AND d.display_type = 'payment_term'
                  JOIN account_partial_reconcile r ON r.debit_move_id = d.id
                  JOIN account_move_line c ON c.id = r.credit_move_id
                  JOIN account_move cm
                    ON cm.id = c.move_id AND cm.move_type <> 'out_refund'
                 WHERE m.is_invoice AND m.payment_state IN ('paid', 'in_payment')
                   AND c.date > %(today)s - 365 AND c.date <= %(today)s
                 GROUP BY m.customer_id, m.company_id
            ), goods AS (
                SELECT s.customer_id, k.company_id,
                       count(*) FILTER (WHERE lt.usage = 'customer'
                           AND lf.usage <> 'customer') AS delivery_count_12,
                       count(*) FILTER (WHERE lt.usage = 'customer'
                           AND lf.usage <> 'customer'
                           AND k.date_done::date > k.date_deadline::date)
                           AS delivery_late_12,
                       count(*) FILTER (WHERE lf.usage = 'customer'
                           AND lt.usage <> 'customer') AS return_count_12
                  FROM stock_picking k
                  JOIN scope s ON s.id = k.partner_id
                  JOIN stock_location lf ON lf.id = k.location_id
                  JOIN stock_location lt ON lt.id = k.location_dest_id
                 WHERE k.state = 'done' AND k.date_done > %(today)s - 365
                   AND k.date_done < %(today)s + 1
                 GROUP BY s.customer_id, k.company_id
            ), base AS (
                SELECT customer_id, company_id FROM sales
                 UNION
                SELECT customer_id, company_id FROM orders
            ), contacts AS (
                -- of no company: of all
                SELECT b.customer_id, b.company_id, t.channel,
                       count(*) FILTER (WHERE t.date >= %(today)s - 365) AS count,
                       max(t.date) FILTER (WHERE k.direction = 'in') AS date
                  FROM base b
                  JOIN crm_touchpoint t ON t.commercial_partner_id = b.customer_id
                       AND (t.company_id IS NULL OR t.company_id = b.company_id)
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE t.is_machine IS NOT TRUE AND t.channel = ANY(%(channels)s)
                   AND t.date < %(today)s + 1
                   AND (k.direction = 'in' OR t.channel IN ('phone', 'meeting'))
                 GROUP BY b.customer_id, b.company_id, t.channel
            ), talk AS (
                SELECT customer_id, company_id, sum(count) AS channel_n,
                       max(date)::date AS date_last_word,
                       (array_agg(channel ORDER BY count DESC, date DESC NULLS LAST)
                           FILTER (WHERE count > 0))[1] AS channel
                  FROM contacts
                 GROUP BY customer_id, company_id
            ), service AS (
                %(service)s
            ), facts AS (
                SELECT b.customer_id, b.company_id,
                       p.user_id, p.country_id,
                       s.date_first, s.date_last, o.date_last_order,
                       %(today)s - s.date_last AS recency_days,
                       COALESCE(s.invoice_count, 0) AS invoice_count,
                       COALESCE(s.invoice_count_12, 0) AS invoice_count_12,
                       COALESCE(s.refund_count_12, 0) AS refund_count_12,
                       COALESCE(o.order_count, 0) AS order_count,
                       COALESCE(r.purchase_days, 0) AS purchase_days,
                       s.revenue_total, s.revenue_12, s.revenue_90,
                       CASE WHEN s.revenue_90_year > 0 THEN s.revenue_90_year
                            WHEN s.revenue_90_previous > 0 THEN s.revenue_90_previous
                        END AS revenue_90_before,
                       r.repeat_value,
                       CASE WHEN g.coverage >= y.margin_coverage
                            THEN round(g.margin_total, 2) END AS margin_total,
                       CASE WHEN g.coverage >= y.margin_coverage
                            THEN round(COALESCE(g.margin_12, 0), 2) END AS margin_12,
                       g.coverage AS margin_coverage,
                       CASE WHEN r.interval_n >= 2 AND r.median > 0
                            THEN r.median END AS interval_median,
                       COALESCE(r.interval_n, 0) AS interval_n,
                       w.receivable, COALESCE(w.overdue_amount, 0) AS overdue_amount,
                       w.overdue_days, l.credit_limit, s.taxed_12,
                       d.payment_delay, COALESCE(d.payment_n, 0) AS payment_n,
                       COALESCE(k.delivery_count_12, 0) AS delivery_count_12,
                       COALESCE(k.delivery_late_12, 0) AS delivery_late_12,
                       COALESCE(k.return_count_12, 0) AS return_count_12,
                       t.channel, COALESCE(t.channel_n, 0) AS channel_n,
                       t.date_last_word,
                       v.rating, COALESCE(v.rating_n, 0) AS rating_n,
                       v.case_open_count, v.case_late_count,
                       v.customer_id IS NOT NULL AS is_service_known
                  FROM base b
             LEFT JOIN sales s USING (customer_id, company_id)
             LEFT JOIN margins g USING (customer_id, company_id)
             LEFT JOIN rhythm r USING (customer_id, company_id)
             LEFT JOIN orders o USING (customer_id, company_id)
             LEFT JOIN owed w USING (customer_id, company_id)
             LEFT JOIN paid d USING (customer_id, company_id)
             LEFT JOIN goods k USING (customer_id, company_id)
             LEFT JOIN talk t USING (customer_id, company_id)
             LEFT JOIN service v USING (customer_id, company_id)
                  JOIN res_partner p ON p.id = b.customer_id
                  JOIN yardstick y ON y.company_id = b.company_id
            CROSS JOIN LATERAL (
                SELECT NULLIF(CASE WHEN y.limit_default IS NOT NULL THEN COALESCE(
                    (p.credit_limit ->> b.company_id::text)::float8, y.limit_default
                ) END, 0) AS credit_limit
            ) l
            ), derived AS (
                SELECT f.*,
                       (CASE WHEN margin_total IS NOT NULL THEN 'margin'
                             WHEN revenue_total IS NOT NULL THEN 'revenue'
                         END)::varchar AS value_basis,
                       COALESCE(margin_total, revenue_total) AS past_value,
                       date_last + ceil(interval_median)::int AS date_next,
                       %(today)s - date_last - ceil(interval_median)::int
                           AS days_overdue,
                       recency_days / interval_median AS silence_ratio,
                       revenue_90 / revenue_90_before AS trend_ratio,
                       revenue_90_before IS NOT NULL AS is_trend_known,
                       overdue_amount > 0 AS is_overdue,
                       100 * receivable::float8 / credit_limit AS credit_used,
                       CASE WHEN taxed_12 > 0
                            THEN round(365 * COALESCE(receivable, 0) / taxed_12, 1)
                        END AS dso
                  FROM facts f
            ), kept AS (
            INSERT INTO crm_customer_profile (
                partner_id, company_id, date_rebuilt, create_date, write_date,
                create_uid, write_uid, %(columns)s
            )
            SELECT customer_id, company_id, %(stamp)s, %(now)s, %(now)s, %(uid)s,
                   %(uid)s, %(columns)s
              FROM derived
             -- two transactions take the rows in the same order
             ORDER BY customer_id, company_id
       ON CONFLICT (partner_id, company_id) DO UPDATE
               SET date_rebuilt = EXCLUDED.date_rebuilt,
                   write_date = EXCLUDED.write_date, write_uid = EXCLUDED.write_uid,
                   %(updates)s
         RETURNING id
            )
            -- of whom nothing is left: the only invoice was set back to draft
            DELETE FROM crm_customer_profile c
             WHERE %(own_scope)s
               AND NOT EXISTS (SELECT FROM kept WHERE kept.id = c.id)
            """,
            own_scope=SQL("TRUE")
            if partner_ids is None
            else SQL("c.partner_id = ANY(%s)", partner_ids),
            scope=SQL("TRUE")
            if partner_ids is None
            else SQL("commercial_partner_id = ANY(%s)", partner_ids),
            limits=json.dumps(self._get_credit_limits(yardsticks)),
            today=SQL("%s::date", today),
            channels=list(TALK_CHANNELS),
            service=service,
            columns=columns,
            stamp=self._get_stamp(today),
            now=self.env.cr.now(),
            uid=self.env.uid,
            updates=updates,
        )

    # ------------------------------------------------------------
    # At once
    # ------------------------------------------------------------

    @api.model
    def _queue_rebuild(self, partners):
        """Rebuild the profiles of the customers behind these contacts when the
        transaction commits, once.
        """
        partner_ids = set(partners.commercial_partner_id.ids)
        if not partner_ids:
            return
        precommit = self.env.cr.precommit
        if QUEUE_KEY not in precommit.data:
            precommit.data[QUEUE_KEY] = set()
            # sudo: whoever posts an invoice may not see profiles
            precommit.add(self.sudo().browse()._rebuild_queued)
        precommit.data[QUEUE_KEY].update(partner_ids)

    @api.model
    def _get_earlier_queues(self):
        """Hook: precommit queues to wait for, since facts read what they write."""
        return {"crm_plus.touchpoint_queue"}

    @api.model
    def _rebuild_queued(self):
        precommit = self.env.cr.precommit
        if any(key in precommit.data for key in self._get_earlier_queues()):
            precommit.add(self._rebuild_queued)
            return
        partner_ids = precommit.data.pop(QUEUE_KEY, set())
        partner_ids = set(self.env["res.partner"].browse(partner_ids).exists().ids)
        if len(partner_ids) > AT_ONCE_LIMIT:
            self._mark_stale(partner_ids)
            return
        self._rebuild(partner_ids)
        self.env["crm.segment"]._queue_refresh("res.partner", partner_ids)

    @api.model
    def _mark_stale(self, partner_ids):
        self.search([("partner_id", "in", list(partner_ids))]).write(
            {"date_rebuilt": False}
        )
        self._trigger_rebuild()

    # ------------------------------------------------------------
    # Nightly
    # ------------------------------------------------------------

    @api.model
    def _trigger_rebuild(self):
        cron = self.env.ref(
            "crm_plus.ir_cron_rebuild_profiles", raise_if_not_found=False
        )
        if cron:
            cron._trigger()

    @api.model
    def _get_due_ids(self, today):
        """Customers whose profile is not of today, or missing."""
        self.flush_model(["date_rebuilt", "partner_id", "company_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT partner_id FROM crm_customer_profile
                 WHERE date_rebuilt IS NULL OR date_rebuilt < %(start)s
                 UNION
                SELECT p.commercial_partner_id
                  FROM (SELECT DISTINCT commercial_partner_id AS id, company_id
                          FROM account_move
                         WHERE state = 'posted' AND invoice_date <= %(today)s
                           AND move_type IN ('out_invoice', 'out_refund')
                         UNION
                        SELECT DISTINCT partner_id, company_id
                          FROM sale_order WHERE state = 'sale') k
                  JOIN res_partner p ON p.id = k.id
                 WHERE NOT EXISTS (
                     SELECT FROM crm_customer_profile c
                      WHERE c.partner_id = p.commercial_partner_id
                        AND c.company_id = k.company_id)
                 ORDER BY 1
                """,
                # not in the future, where the day begins before that of UTC
                start=min(datetime.combine(today, time.min), self.env.cr.now()),
                today=today,
            )
        )
        return [row[0] for row in rows]

    @api.model
    def _cron_rebuild(self, batch_size=BATCH_SIZE):
        """Rebuild who was not yet today, then renew the yardsticks of the companies and
        judge all their customers by them.
        """
        IrCron = self.env["ir.cron"]
        today = fields.Date.context_today(self)
        due_ids = self._get_due_ids(today)
        yardsticks = self.env["crm.customer.yardstick"]._get_all()
        stale = yardsticks.filtered(lambda one: not one.date or one.date < today)
        IrCron._commit_progress(remaining=len(due_ids) + len(stale))
        for start in range(0, len(due_ids), batch_size):
            batch = due_ids[start : start + batch_size]
            self._rebuild(batch, today)
            if not IrCron._commit_progress(len(batch)):
                return
        for yardstick in stale:
            yardstick._renew(today)
            self._judge(None, yardstick, today)
            self.env["crm.customer.snapshot"]._keep(yardstick.company_id, today)
            self.env["crm.customer.retention"]._renew(yardstick.company_id, today)
            self.invalidate_model(flush=False)
            if not IrCron._commit_progress(1):
                return
