"""Contracts know what was billed beyond the prepaid hours.

Until 19.0.1.1.0 only the order line knew: the button set its delivered quantity to all
that went beyond, so that is what was billed, in hours where its unit is one of time.
Of several contracts on one line the last one pressed had overwritten the others: the
newest is taken to be it. Never more than was used: more was not delivered by the
button. The script may go when nobody updates from 19.0.1.1.0 any more.
"""

from odoo.tools import SQL


def migrate(cr, version):
    if not version:
        return
    cr.execute(
        SQL(
            """
            WITH hour AS (
                SELECT u.factor, split_part(u.parent_path, '/', 1) AS root
                  FROM uom_uom u
                  JOIN ir_model_data d ON d.model = 'uom.uom' AND d.res_id = u.id
                 WHERE d.module = 'uom' AND d.name = 'product_uom_hour'
            ), billed AS (
                SELECT DISTINCT ON (l.id) c.id AS contract_id,
                       l.qty_delivered * CASE
                           WHEN split_part(u.parent_path, '/', 1) = hour.root
                           THEN u.factor / hour.factor
                           ELSE 1
                       END AS hours
                  FROM crm_case_contract c
                  JOIN sale_order_line l ON l.id = c.sale_line_id
             LEFT JOIN uom_uom u ON u.id = l.product_uom_id
             LEFT JOIN hour ON TRUE
                 WHERE l.qty_delivered_method = 'manual' AND l.qty_delivered > 0
              ORDER BY l.id, c.date_start DESC, c.id DESC
            ), used AS (
                SELECT contract_id, sum(hours) AS hours
                  FROM (
                    SELECT contract_id, hours
                      FROM crm_case_time
                     WHERE is_charged
                     UNION ALL
                    SELECT s.contract_id, a.unit_amount * u.factor / hour.factor
                      FROM account_analytic_line a
                      JOIN crm_case s ON s.id = a.case_id
                      JOIN uom_uom u ON u.id = a.product_uom_id
                      JOIN hour ON split_part(u.parent_path, '/', 1) = hour.root
                     WHERE a.unit_amount > 0
                  ) line
              GROUP BY contract_id
            )
            UPDATE crm_case_contract c
               SET hours_billed = LEAST(billed.hours, used.hours)
              FROM billed
              JOIN used USING (contract_id)
             WHERE c.id = billed.contract_id
               AND COALESCE(c.hours_billed, 0) = 0
            """
        )
    )
