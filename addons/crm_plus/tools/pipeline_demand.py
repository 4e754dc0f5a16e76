"""What the open deals ask for, as SQL: the one definition that all reports use."""

from odoo.tools import SQL

from .company_time import ZONES_DEPENDS, day, zones

# what demand_query reads, for the _depends of a report
DEMAND_DEPENDS = {
    "crm.lead": [
        "active",
        "won_status",
        "is_junk",
        "type",
        "probability",
        "date_deadline",
        "partner_id",
        "user_id",
        "team_id",
        "company_id",
        "stage_id",
    ],
    "crm.lead.product.line": [
        "lead_id",
        "product_id",
        "quantity",
        "product_uom_id",
        "date_expected",
        "warehouse_id",
        "amount_company",
    ],
    "sale.order": [
        "opportunity_id",
        "state",
        "warehouse_id",
        "commitment_date",
        "company_id",
        "currency_rate",
    ],
    "sale.order.line": [
        "order_id",
        "product_id",
        "product_uom_qty",
        "product_uom_id",
        "price_subtotal",
        "display_type",
        "is_downpayment",
    ],
    "product.product": ["product_tmpl_id"],
    "product.template": ["uom_id", "categ_id"],
    "uom.uom": ["factor"],
    "stock.warehouse": ["company_id", "sequence", "active"],
    **ZONES_DEPENDS,
    "res.company": ["currency_id", *ZONES_DEPENDS["res.company"]],
}


def demand_query(company) -> SQL:
    """Return the SELECT of one row a wanted product of an open deal.

    A deal is asked once: what its latest open quotation offers; without one, its lines
    of interest - unless an order is confirmed, whose goods are in the warehouse's books
    already. Quantities are in the unit of the product, amounts untaxed and in the
    company's currency.

    :param company: stands in for deals of no company
    """
    return SQL(
        """
        WITH deal AS (
            SELECT l.id, l.user_id, l.team_id, l.company_id, l.partner_id, l.stage_id,
                   l.probability, l.date_deadline,
                   COALESCE(l.company_id, %(company)s) AS of_company_id
              FROM crm_lead AS l
             WHERE l.active
               AND l.type = 'opportunity'
               AND l.won_status = 'pending'
               AND l.is_junk IS NOT TRUE
        ), quotation AS (
            SELECT DISTINCT ON (o.opportunity_id)
                   o.id, o.opportunity_id, o.warehouse_id, o.currency_rate,
                   %(promised)s AS date_promised
              FROM sale_order AS o
              JOIN (%(zones)s) AS z ON z.company_id = o.company_id
             WHERE o.state IN ('draft', 'sent')
               AND o.opportunity_id IS NOT NULL
             ORDER BY o.opportunity_id, o.id DESC
        ), usual_warehouse AS (
            SELECT DISTINCT ON (w.company_id) w.company_id, w.id
              FROM stock_warehouse AS w
             WHERE w.active
             ORDER BY w.company_id, w.sequence, w.id
        ), wanted AS (
            SELECT 2 * i.id AS id, i.lead_id, i.product_id, i.warehouse_id,
                   'interest' AS source, i.quantity, i.product_uom_id,
                   i.date_expected AS date_expected, i.amount_company AS amount
              FROM crm_lead_product_line AS i
             WHERE NOT EXISTS (SELECT 1
                                 FROM sale_order AS o
                                WHERE o.opportunity_id = i.lead_id
                                  AND o.state <> 'cancel')
            UNION ALL
            SELECT 2 * s.id + 1, q.opportunity_id, s.product_id, q.warehouse_id,
                   'quotation', s.product_uom_qty, s.product_uom_id,
                   q.date_promised,
                   s.price_subtotal / COALESCE(NULLIF(q.currency_rate, 0), 1)
              FROM quotation AS q
              JOIN sale_order_line AS s ON s.order_id = q.id
             WHERE s.product_id IS NOT NULL
               AND s.display_type IS NULL
               AND s.is_downpayment IS NOT TRUE
               AND s.product_uom_qty > 0
        )
        SELECT w.id, w.lead_id, w.source, w.product_id, t.id AS product_tmpl_id,
               t.categ_id, t.uom_id AS product_uom_id,
               COALESCE(w.warehouse_id, u.id) AS warehouse_id,
               d.user_id, d.team_id, d.company_id, d.of_company_id, d.stage_id,
               p.commercial_partner_id AS partner_id, d.probability,
               COALESCE(w.date_expected, d.date_deadline) AS date_expected,
               w.quantity * uw.factor / up.factor AS quantity,
               w.quantity * uw.factor / up.factor * d.probability / 100
                   AS quantity_weighted,
               w.amount, w.amount * d.probability / 100 AS amount_weighted,
               c.currency_id
          FROM wanted AS w
          JOIN deal AS d ON d.id = w.lead_id
          JOIN product_product AS pp ON pp.id = w.product_id
          JOIN product_template AS t ON t.id = pp.product_tmpl_id
          JOIN uom_uom AS uw ON uw.id = w.product_uom_id
          JOIN uom_uom AS up ON up.id = t.uom_id
          JOIN res_company AS c ON c.id = d.of_company_id
          LEFT JOIN usual_warehouse AS u ON u.company_id = d.of_company_id
          LEFT JOIN res_partner AS p ON p.id = d.partner_id
        """,
        company=company.id,
        zones=zones(),
        promised=day(SQL("o.commitment_date"), SQL("z.name")),
    )
