import json
from datetime import datetime, time

from odoo import api, models
from odoo.tools import SQL

from ...tools import customer_facts
from ...tools.company_time import ZONES_DEPENDS

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
    **ZONES_DEPENDS,
    "res.partner": [
        "commercial_partner_id",
        "credit_limit",
        "user_id",
        "country_id",
        *ZONES_DEPENDS["res.partner"],
    ],
    "sale.order": ["state", "date_order", "partner_id", "company_id"],
    "stock.picking": [
        "state",
        "date_done",
        "date_deadline",
        "scheduled_date",
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
    "date_overdue",
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
    "case_count_12",
    "is_service_known",
)


class CrmCustomerProfile(models.Model):
    """Facts: one statement reads them all, for one customer or a batch of them."""

    _inherit = "crm.customer.profile"

    @api.model
    def _get_service_query(self):
        """Hook: SQL of a SELECT of what service knows of customers, with the columns
        ``customer_id`` (commercial partner), ``company_id``, ``rating`` (the last, of 1
        to 5), ``rating_n``, ``case_open_count``, ``case_late_count`` (open and past
        their promise), ``case_count_12`` (opened within 365 days). None: nothing is
        known. It may read ``scope (id, customer_id)``, the contacts of the customers
        concerned.
        """
        return

    @api.model
    def _get_flushed(self):
        """Hook: ``{model: fields}`` of all that facts are read from."""
        return FLUSHED

    def _get_service(self):
        return self._get_service_query() or SQL(
            """SELECT NULL::int AS customer_id, NULL::int AS company_id,
                      NULL::float8 AS rating, NULL::int AS rating_n,
                      NULL::int AS case_open_count, NULL::int AS case_late_count,
                      NULL::int AS case_count_12
                WHERE FALSE"""
        )

    def _write_facts(self, partner_ids, today, yardsticks):
        with self._scan(partner_ids):
            self.env.cr.execute(self._get_facts_query(partner_ids, today, yardsticks))

    def _get_stamp(self, today):
        """When the facts are of: now, or the end of a day in the past."""
        now = self.env.cr.now().replace(microsecond=0)
        if today == self._get_today():
            return now
        return datetime.combine(today, time.max).replace(microsecond=0)

    def _get_credit_limits(self, yardsticks):
        """Return, as JSON, ``{company id: limit of customers without an own one}`` of
        the companies that use credit limits.
        """
        Partner = self.env["res.partner"]
        field = Partner._fields["credit_limit"]
        return json.dumps(
            {
                company.id: field.get_company_dependent_fallback(
                    Partner.with_company(company)
                )
                or 0.0
                for company in yardsticks.company_id
                if company.account_use_credit_limit
            }
        )

    def _get_facts_query(self, partner_ids, today, yardsticks):
        today_sql = SQL("%s::date", today)
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
            ), %(sales)s, %(margins)s, %(rhythm)s, %(goods)s, %(payment)s, base AS (
                SELECT customer_id, company_id FROM sales
                 UNION
                SELECT customer_id, company_id FROM orders
            ), %(talk)s, service AS (
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
                       w.date_overdue, %(today)s - w.date_overdue AS overdue_days,
                       l.credit_limit, s.taxed_12,
                       d.payment_delay, COALESCE(d.payment_n, 0) AS payment_n,
                       COALESCE(k.delivery_count_12, 0) AS delivery_count_12,
                       COALESCE(k.delivery_late_12, 0) AS delivery_late_12,
                       COALESCE(k.return_count_12, 0) AS return_count_12,
                       t.channel, COALESCE(t.channel_n, 0) AS channel_n,
                       t.date_last_word,
                       v.rating, COALESCE(v.rating_n, 0) AS rating_n,
                       v.case_open_count, v.case_late_count, v.case_count_12,
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
            CROSS JOIN LATERAL (SELECT %(credit_limit)s AS credit_limit) l
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
                partner_id, company_id, date_rebuilt, date_read, create_date,
                write_date, create_uid, write_uid, %(columns)s
            )
            SELECT customer_id, company_id, %(stamp)s, %(now)s, %(now)s, %(now)s,
                   %(uid)s, %(uid)s, %(columns)s
              FROM derived
             -- two transactions take the rows in the same order
             ORDER BY customer_id, company_id
       ON CONFLICT (partner_id, company_id) DO UPDATE
               SET date_rebuilt = EXCLUDED.date_rebuilt,
                   date_read = EXCLUDED.date_read,
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
            limits=self._get_credit_limits(yardsticks),
            credit_limit=self._get_credit_limit_sql(),
            today=today_sql,
            sales=customer_facts.sales(today_sql),
            margins=customer_facts.margins(),
            rhythm=customer_facts.rhythm(),
            goods=customer_facts.goods(today_sql),
            payment=customer_facts.payment(today_sql),
            talk=customer_facts.talk(today_sql),
            service=self._get_service(),
            columns=columns,
            stamp=self._get_stamp(today),
            now=self.env.cr.now(),
            uid=self.env.uid,
            updates=updates,
        )

    def _get_credit_limit_sql(self):
        """Of the customer ``p`` in the company of ``y``; none, or 0, is no limit."""
        return SQL(
            """NULLIF(CASE WHEN y.limit_default IS NOT NULL THEN COALESCE(
                    (p.credit_limit ->> y.company_id::text)::float8, y.limit_default
                ) END, 0)"""
        )

    # ------------------------------------------------------------
    # The day goes on
    # ------------------------------------------------------------

    def _age(self, today, yardsticks):
        """Bring profiles whose ledger did not change to ``today``: what follows from
        the date, the settings for credit and service, without reading the ledger.
        """
        with self._scan(None):
            self.env.cr.execute(
                SQL(
                    """
                    WITH scope AS MATERIALIZED (
                        SELECT id, commercial_partner_id AS customer_id
                          FROM res_partner
                    ), service AS (
                        %(service)s
                    ), yardstick AS (
                        SELECT company_id,
                               (%(limits)s::jsonb ->> company_id::text)::float8
                                   AS limit_default
                          FROM crm_customer_yardstick
                    ), aged AS (
                        SELECT o.id, %(credit_limit)s AS credit_limit,
                               v.rating, COALESCE(v.rating_n, 0) AS rating_n,
                               v.case_open_count, v.case_late_count, v.case_count_12,
                               v.customer_id IS NOT NULL AS is_service_known
                          FROM crm_customer_profile o
                          JOIN res_partner p ON p.id = o.partner_id
                          JOIN yardstick y ON y.company_id = o.company_id
                     LEFT JOIN service v ON v.customer_id = o.partner_id
                                        AND v.company_id = o.company_id
                         WHERE o.date_rebuilt < %(start)s
                    )
                    UPDATE crm_customer_profile p
                       SET date_rebuilt = %(stamp)s, write_date = %(now)s,
                           write_uid = %(uid)s,
                           recency_days = %(today)s - p.date_last,
                           days_overdue = %(today)s - p.date_next,
                           silence_ratio = (%(today)s - p.date_last)
                               / p.interval_median::float8,
                           overdue_days = %(today)s - p.date_overdue,
                           credit_limit = a.credit_limit,
                           credit_used = 100 * p.receivable::float8 / a.credit_limit,
                           rating = a.rating, rating_n = a.rating_n,
                           case_open_count = a.case_open_count,
                           case_late_count = a.case_late_count,
                           case_count_12 = a.case_count_12,
                           is_service_known = a.is_service_known
                      FROM aged a
                     WHERE a.id = p.id
                    """,
                    service=self._get_service(),
                    limits=self._get_credit_limits(yardsticks),
                    credit_limit=self._get_credit_limit_sql(),
                    today=SQL("%s::date", today),
                    start=self._get_start(today),
                    stamp=self._get_stamp(today),
                    now=self.env.cr.now(),
                    uid=self.env.uid,
                )
            )
        self.invalidate_model(flush=False)
