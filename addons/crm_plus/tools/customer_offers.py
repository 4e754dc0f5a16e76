"""What to offer a customer next, as SQL: what is due again, what similar ones buy."""

from odoo.tools import SQL

# What is due within so many days is offered already.
DUE_AHEAD_DAYS = 14


def offers_query(partner_id, company_id, today, limit) -> SQL:
    """SELECT a row a product, what is due first, then what similar customers buy most.

    ``kind`` is ``due``: bought often enough to have a rhythm, and its turn; or
    ``similar``: never bought, and bought by many of a group (``basis``, ``group_id``:
    see ``crm.customer.affinity``) that the customer belongs to; of several groups the
    one with the greatest lift speaks, ``other_count`` more agree. Left out is what
    stands on an open quotation or is ordered and not invoiced yet.

    :param partner_id: a commercial partner
    :param limit: so many of each kind
    """
    return SQL(
        """
        WITH me AS (
            SELECT p.id AS partner_id, p.industry_id, c.id AS profile_id, c.label_id
              FROM res_partner p
         LEFT JOIN crm_customer_profile c
                ON c.partner_id = p.id AND c.company_id = %(company)s
             WHERE p.id = %(partner)s
        ), contact AS MATERIALIZED (
            SELECT id FROM res_partner WHERE commercial_partner_id = %(partner)s
        ), yardstick AS (
            SELECT offer_min_count, offer_min_lift, offer_months
              FROM crm_customer_yardstick WHERE company_id = %(company)s
        ), bought AS MATERIALIZED (
            SELECT b.*
              FROM crm_customer_product b
              JOIN me ON me.profile_id = b.profile_id
             WHERE b.invoice_count > 0
        ), asked AS (
            SELECT l.product_id
              FROM sale_order o
              JOIN sale_order_line l ON l.order_id = o.id
             WHERE o.partner_id IN (SELECT id FROM contact)
               AND o.company_id = %(company)s AND l.product_id IS NOT NULL
               AND (o.state IN ('draft', 'sent')
                    OR o.state = 'sale' AND l.qty_invoiced < l.product_uom_qty
                       AND l.invoice_status <> 'invoiced')
        ), due AS (
            SELECT 'due'::varchar AS kind, b.product_id,
                   row_number() OVER (ORDER BY b.date_next, b.product_id) AS rank,
                   b.date_next, b.date_last, b.interval_median::float8, b.interval_n,
                   b.quantity_usual::float8 AS quantity
              FROM bought b
             WHERE b.date_next <= %(today)s + %(ahead)s
               AND b.date_given_up >= %(today)s
        ), reason AS (
            SELECT a.*, COALESCE(a.with_product_id, a.label_id, a.industry_id,
                                 a.segment_id) AS group_id,
                   row_number() OVER of_product AS number,
                   count(*) OVER (PARTITION BY a.product_id) AS reason_count
              FROM crm_customer_affinity a
        CROSS JOIN me
              JOIN yardstick y ON a.buyer_count >= y.offer_min_count
                              AND a.lift >= y.offer_min_lift
             WHERE a.company_id = %(company)s
               AND (a.with_product_id IN (
                        SELECT product_id FROM bought
                         WHERE date_last
                               > %(today)s - make_interval(months => y.offer_months))
                    OR a.label_id = me.label_id
                    OR a.industry_id = me.industry_id
                    OR a.segment_id IN (
                        SELECT m.segment_id FROM crm_segment_member m
                         WHERE m.res_model = 'res.partner' AND m.date_left IS NULL
                           AND m.partner_id IN (SELECT id FROM contact)))
               AND NOT EXISTS (SELECT FROM bought b WHERE b.product_id = a.product_id)
            WINDOW of_product AS (
                PARTITION BY a.product_id
                ORDER BY a.lift DESC, a.buyer_count DESC, a.id)
        ), alike AS (
            SELECT 'similar'::varchar AS kind, product_id,
                   row_number() OVER (ORDER BY share DESC, lift DESC, product_id)
                       AS rank,
                   basis, group_id, buyer_count, group_count, share::float8,
                   lift::float8, reason_count - 1 AS other_count
              FROM reason
             WHERE number = 1 AND product_id NOT IN (SELECT product_id FROM asked)
        )
        SELECT o.kind, o.product_id, d.date_next, d.date_last, d.interval_median,
               d.interval_n, d.quantity, s.basis, s.group_id, s.buyer_count,
               s.group_count, s.share, s.lift, s.other_count
          FROM (
            SELECT kind, product_id, rank FROM due
             WHERE product_id NOT IN (SELECT product_id FROM asked)
             UNION ALL
            SELECT kind, product_id, rank FROM alike
          ) o
     LEFT JOIN due d USING (kind, product_id)
     LEFT JOIN alike s USING (kind, product_id)
          JOIN product_product pp ON pp.id = o.product_id AND pp.active
          JOIN product_template pt ON pt.id = pp.product_tmpl_id
         WHERE o.rank <= %(limit)s AND pt.active AND pt.sale_ok
           AND (pt.company_id IS NULL OR pt.company_id = %(company)s)
         ORDER BY o.kind, o.rank
        """,
        partner=partner_id,
        company=company_id,
        today=SQL("%s::date", today),
        ahead=DUE_AHEAD_DAYS,
        limit=limit,
    )
