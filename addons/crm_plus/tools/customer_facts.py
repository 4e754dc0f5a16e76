"""The facts of customers as SQL: common table expressions, a function a subject.

Each function returns definitions to be put after ``WITH``, parted by commas. They read
``scope (id, customer_id)``, the contacts concerned and whose they are, and have a row a
``customer_id`` and ``company_id``. ``today`` is a date, or SQL of one.
"""

from odoo.tools import SQL

from .company_time import day, zones
from .invoice_cost import LINE_COST, LINE_COST_JOINS
from .receivable import DUE, OPEN, overdue
from .sales import SALE_TYPES

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
# What was in the last so many days; beyond the ends a fact changes with the day.
YEAR_DAYS = 365
QUARTER_DAYS = 90
# ends of the spans that sales are summed for: see ``sales``
SALES_SPANS = (QUARTER_DAYS, 2 * QUARTER_DAYS, YEAR_DAYS, YEAR_DAYS + QUARTER_DAYS)


def sales(today) -> SQL:
    """``moves``: posted invoices and credit notes; ``sales``: what they come to."""
    return SQL(
        """
        moves AS MATERIALIZED (
            SELECT m.id, s.customer_id, m.company_id, m.payment_state,
                   m.move_type = 'out_invoice' AS is_invoice,
                   m.invoice_date AS date,
                   m.invoice_date > %(today)s - %(year)s AS is_12,
                   m.amount_untaxed_signed AS amount,
                   m.amount_total_signed AS amount_taxed
              FROM account_move m
              JOIN scope s ON s.id = m.commercial_partner_id
             WHERE m.state = 'posted'
               AND m.move_type IN %(sale_types)s
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
                   COALESCE(sum(amount) FILTER (WHERE date > %(today)s - %(quarter)s),
                            0) AS revenue_90,
                   COALESCE(sum(amount) FILTER (
                       WHERE date > %(today)s - 2 * %(quarter)s
                         AND date <= %(today)s - %(quarter)s), 0)
                       AS revenue_90_previous,
                   COALESCE(sum(amount) FILTER (
                       WHERE date > %(today)s - %(year)s - %(quarter)s
                         AND date <= %(today)s - %(year)s), 0) AS revenue_90_year
              FROM moves
             GROUP BY customer_id, company_id
        )
        """,
        sale_types=SALE_TYPES,
        today=today,
        year=YEAR_DAYS,
        quarter=QUARTER_DAYS,
    )


def margins() -> SQL:
    """The margin of Invoice Analysis; a product without cost is not known."""
    return SQL(
        """
        margins AS (
            SELECT customer_id, company_id,
                   sum(-balance - cost) AS margin_total,
                   sum(-balance - cost) FILTER (WHERE is_12) AS margin_12,
                   100 * sum(abs(balance)) FILTER (WHERE cost IS NOT NULL)
                       / NULLIF(sum(abs(balance)), 0) AS coverage
              FROM (
                SELECT m.customer_id, m.company_id, m.is_12, l.balance,
                       CASE WHEN m.is_invoice THEN 1 ELSE -1 END * %(cost)s AS cost
                  FROM moves m
                  JOIN account_move_line l ON l.move_id = m.id
                  %(cost_joins)s
                 WHERE l.display_type = 'product'
              ) lines
             GROUP BY customer_id, company_id
        )
        """,
        cost=LINE_COST,
        cost_joins=LINE_COST_JOINS,
    )


def rhythm() -> SQL:
    """The days between days with an invoice."""
    return SQL(
        """
        days AS (
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
        )
        """
    )


def payment(today) -> SQL:
    """``owed`` and ``paid``, from journal items and their reconciliation."""
    return SQL(
        """
        open_items AS MATERIALIZED (
            SELECT l.id, s.customer_id, l.company_id, l.move_id, %(due)s AS due,
                   l.amount_residual AS residual
              FROM account_move_line l
              JOIN scope s ON s.id = l.partner_id
              JOIN account_account a ON a.id = l.account_id
             WHERE a.account_type = 'asset_receivable' AND %(open)s
               AND l.date <= %(today)s
        ), owed AS (
            SELECT r.customer_id, r.company_id, r.receivable,
                   COALESCE(o.amount, 0) AS overdue_amount, o.date AS date_overdue
              FROM (
                SELECT customer_id, company_id, sum(residual) AS receivable
                  FROM open_items
                 GROUP BY customer_id, company_id
              ) r
         LEFT JOIN (%(overdue)s) o USING (customer_id, company_id)
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
               AND c.date > %(today)s - %(year)s AND c.date <= %(today)s
             GROUP BY m.customer_id, m.company_id
        )
        """,
        due=DUE,
        open=OPEN,
        overdue=overdue(
            SQL("SELECT * FROM open_items WHERE residual < 0 OR due < %s", today)
        ),
        today=today,
        year=YEAR_DAYS,
    )


def goods(today) -> SQL:
    """``orders`` that are confirmed; ``goods`` delivered and taken back. Late is what
    Deliveries to Customers says is late.
    """
    zone = SQL("z.name")
    return SQL(
        """
        zone AS (%(zones)s), orders AS (
            SELECT s.customer_id, o.company_id, count(*) AS order_count,
                   max(%(ordered)s) AS date_last_order
              FROM sale_order o
              JOIN scope s ON s.id = o.partner_id
              JOIN zone z ON z.company_id = o.company_id
             WHERE o.state = 'sale'
             GROUP BY s.customer_id, o.company_id
        ), goods AS (
            SELECT s.customer_id, k.company_id,
                   count(*) FILTER (WHERE lt.usage = 'customer'
                       AND lf.usage <> 'customer') AS delivery_count_12,
                   count(*) FILTER (WHERE lt.usage = 'customer'
                       AND lf.usage <> 'customer'
                       AND %(done)s > %(promised)s)
                       AS delivery_late_12,
                   count(*) FILTER (WHERE lf.usage = 'customer'
                       AND lt.usage <> 'customer') AS return_count_12
              FROM stock_picking k
              JOIN scope s ON s.id = k.partner_id
              JOIN zone z ON z.company_id = k.company_id
              JOIN stock_location lf ON lf.id = k.location_id
              JOIN stock_location lt ON lt.id = k.location_dest_id
             WHERE k.state = 'done' AND k.date_done > %(today)s - %(year)s
               AND k.date_done < %(today)s + 1
             GROUP BY s.customer_id, k.company_id
        )
        """,
        zones=zones(),
        ordered=day(SQL("o.date_order"), zone),
        done=day(SQL("k.date_done"), zone),
        promised=day(SQL("COALESCE(k.date_deadline, k.scheduled_date)"), zone),
        today=today,
        year=YEAR_DAYS,
    )


def talk(today) -> SQL:
    """What the customers of ``base`` use to talk with us, and when they last did.
    After ``goods``, for its ``zone``.
    """
    return SQL(
        """
        contacts AS (
            -- of no company: of all
            SELECT b.customer_id, b.company_id, t.channel,
                   count(*) FILTER (WHERE t.date >= %(today)s - %(year)s) AS count,
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
            SELECT c.customer_id, c.company_id, sum(c.count) AS channel_n,
                   %(last_word)s AS date_last_word,
                   (array_agg(channel ORDER BY count DESC, date DESC NULLS LAST)
                       FILTER (WHERE count > 0))[1] AS channel
              FROM contacts c
              JOIN zone z ON z.company_id = c.company_id
             GROUP BY c.customer_id, c.company_id, z.name
        )
        """,
        today=today,
        year=YEAR_DAYS,
        channels=list(TALK_CHANNELS),
        last_word=day(SQL("max(c.date)"), SQL("z.name")),
    )


def changed(today, since) -> SQL:
    """SELECT the ``customer_id`` of those whose facts may be others than those that
    were read: because something was written since, or because the day passed an end of
    a span that facts are counted over.

    :param since: the first day that the facts in the table may be of
    """
    return SQL(
        """
        WITH read AS MATERIALIZED (
            -- a row may be written long before it is committed
            SELECT min(date_read) - interval '1 hour' AS moment
              FROM crm_customer_profile
        ), contact AS (
            SELECT id, commercial_partner_id AS customer_id FROM res_partner
        ), spans AS (
            SELECT unnest(%(spans)s::int[]) AS days
        ), found AS (
            -- invoices, credit notes, other entries on receivable accounts
            SELECT m.commercial_partner_id AS contact_id, m.write_date AS date
              FROM account_move m
             WHERE m.write_date > (SELECT moment FROM read)
               AND m.move_type IN %(sale_types)s
             UNION ALL
            SELECT l.partner_id, m.write_date
              FROM account_move m
              JOIN account_move_line l ON l.move_id = m.id
              JOIN account_account a ON a.id = l.account_id
             WHERE m.write_date > (SELECT moment FROM read)
               AND a.account_type = 'asset_receivable'
             UNION ALL
            SELECT partner_id, write_date FROM sale_order
             WHERE write_date > (SELECT moment FROM read)
             UNION ALL
            SELECT partner_id, write_date FROM stock_picking
             WHERE write_date > (SELECT moment FROM read)
             UNION ALL
            -- a contact that went to another customer, settings of the customer
            SELECT id, write_date FROM res_partner
             WHERE write_date > (SELECT moment FROM read)
             UNION ALL
            -- costs
            SELECT b.partner_id, pp.write_date
              FROM product_product pp
              JOIN crm_customer_product b ON b.product_id = pp.id
             WHERE pp.write_date > (SELECT moment FROM read)
             UNION ALL
            SELECT m.commercial_partner_id, NULL
              FROM account_move m, spans n
             WHERE m.state = 'posted' AND m.move_type IN %(sale_types)s
               AND m.invoice_date > %(since)s - n.days
               AND m.invoice_date <= %(today)s - n.days
             UNION ALL
            SELECT l.partner_id, NULL
              FROM account_move_line l
              JOIN account_account a ON a.id = l.account_id
             WHERE a.account_type = 'asset_receivable' AND l.parent_state = 'posted'
               AND (l.reconciled IS NOT TRUE AND (
                        l.date_maturity >= %(since)s AND l.date_maturity < %(today)s
                        OR l.date >= %(since)s AND l.date <= %(today)s)
                    -- payments of a year ago
                    OR l.date > %(since)s - %(year)s
                       AND l.date <= %(today)s - %(year)s)
             UNION ALL
            SELECT partner_id, NULL FROM stock_picking
             WHERE state = 'done' AND date_done > %(since)s - %(year)s
               AND date_done <= %(today)s - %(year)s
             UNION ALL
            SELECT t.commercial_partner_id, NULL
              FROM crm_touchpoint_kind k
              JOIN crm_touchpoint t ON t.kind_id = k.id
             WHERE t.channel = ANY(%(channels)s)
               AND (t.date >= %(since)s - %(year)s
                    AND t.date < %(today)s - %(year)s OR t.date >= %(since)s)
        )
        SELECT DISTINCT c.customer_id
          FROM found f
          JOIN contact c ON c.id = f.contact_id
         WHERE f.date IS NULL
            OR EXISTS (SELECT FROM crm_customer_profile p
                        WHERE p.partner_id = c.customer_id
                          AND p.date_read - interval '1 hour' < f.date)
        """,
        sale_types=SALE_TYPES,
        today=today,
        since=since,
        # from tomorrow on, and those in which sales are summed
        spans=[0, *SALES_SPANS],
        year=YEAR_DAYS,
        channels=list(TALK_CHANNELS),
    )
