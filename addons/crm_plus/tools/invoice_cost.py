"""What the goods of an invoice line cost, as Invoice Analysis reckons it, in SQL."""

from odoo.tools import SQL

# after ``account_move_line l``
LINE_COST_JOINS = SQL(
    """
    LEFT JOIN product_product pp ON pp.id = l.product_id
    LEFT JOIN product_template pt ON pt.id = pp.product_tmpl_id
    LEFT JOIN uom_uom ul ON ul.id = l.product_uom_id
    LEFT JOIN uom_uom ut ON ut.id = pt.uom_id
    """
)
# Positive; NULL for a product without a cost, which is not known rather than nothing.
LINE_COST = SQL(
    """
    l.quantity * COALESCE(ul.factor, 1) / NULLIF(COALESCE(ut.factor, 1), 0)
    * NULLIF((pp.standard_price ->> l.company_id::text)::numeric, 0)
    """
)
LINE_COST_DEPENDS = {
    "account.move.line": [
        "balance",
        "display_type",
        "move_id",
        "product_id",
        "product_uom_id",
        "quantity",
    ],
    "product.product": ["product_tmpl_id", "standard_price"],
    "product.template": ["uom_id"],
    "uom.uom": ["factor"],
}
