from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

# A mail names a few.
OFFER_COUNT = 3


class ResPartner(models.Model):
    """What a mail may offer a customer: bought by those who buy the same, not by them
    yet, and in stock now.
    """

    _inherit = "res.partner"

    stocked_offer = fields.Char(
        string="To Offer from Stock",
        compute="_compute_stocked_offer",
        search="_search_stocked_offer",
        # what customers buy is not for customers to read
        groups="crm_plus.crm_plus_group_user",
        help="The products that go best with what the customer buys, that they have "
        "not bought yet, and that are in stock; for mails and conditions.",
    )

    @api.depends_context("company")
    def _compute_stocked_offer(self):
        products = self._get_stocked_products()
        rows = self.env.execute_query(
            SQL(
                "%s ORDER BY 1, 3 DESC, 2",
                self._get_offer_query(self.commercial_partner_id.ids, products),
            )
        )
        by_partner = {}
        for partner_id, product_id, _lift in rows:
            by_partner.setdefault(partner_id, []).append(product_id)
        names = {product.id: product.name for product in products}
        for partner in self:
            offered = by_partner.get(partner.commercial_partner_id.id, [])
            partner.stocked_offer = ", ".join(
                names[product_id] for product_id in offered[:OFFER_COUNT]
            )

    def _search_stocked_offer(self, operator, value):
        if operator not in ("in", "not in") or set(value) - {False, ""}:
            return NotImplemented
        offers = self._get_offer_query(None, self._get_stocked_products())
        has_offer = Domain(
            "commercial_partner_id",
            "in",
            SQL("(SELECT offer.partner_id FROM (%s) offer)", offers),
        )
        return has_offer if operator == "not in" else ~has_offer

    @api.model
    def _get_stocked_products(self):
        """Products that are offered to somebody, and in stock."""
        self.env["crm.customer.affinity"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT DISTINCT product_id FROM crm_customer_affinity
                    WHERE company_id = %s AND basis = 'product'""",
                self.env.company.id,
            )
        )
        # sudo: whether there is any, not how much
        products_sudo = self.env["product.product"].sudo()
        products_sudo = products_sudo.browse(row[0] for row in rows).exists()
        return products_sudo.filtered(
            lambda product: (
                product.active
                and product.sale_ok
                and product.is_storable
                and product.free_qty > 0
            )
        )

    @api.model
    def _get_offer_query(self, partner_ids, products):
        """SQL of customer, product and lift; of all customers if none are given."""
        self.env["crm.customer.product"].flush_model()
        self.env["crm.customer.affinity"].flush_model()
        return SQL(
            """
            SELECT b.partner_id, a.product_id, max(a.lift) AS lift
              FROM crm_customer_product b
              JOIN crm_customer_affinity a
                ON a.basis = 'product' AND a.with_product_id = b.product_id
               AND a.company_id = b.company_id
             WHERE b.company_id = %(company)s AND a.product_id = ANY(%(products)s)
               AND %(partners)s
               AND NOT EXISTS (
                   SELECT FROM crm_customer_product o
                    WHERE o.partner_id = b.partner_id AND o.company_id = b.company_id
                      AND o.product_id = a.product_id)
          GROUP BY b.partner_id, a.product_id
            """,
            company=self.env.company.id,
            products=products.ids,
            partners=(
                SQL("TRUE")
                if partner_ids is None
                else SQL("b.partner_id = ANY(%s)", partner_ids)
            ),
        )

    @api.model
    def mail_allowed_qweb_expressions(self):
        return (*super().mail_allowed_qweb_expressions(), "object.stocked_offer")
