from odoo import api, fields, models
from odoo.tools import SQL

# So many customers are plenty to learn from; more only take longer.
AFFINITY_MAX_CUSTOMERS = 20_000
# Of what a customer bought so many products, the latest, are put side by side: the work
# grows with their square.
AFFINITY_PRODUCTS_EACH = 30
# The most bought products of a company that are looked at.
AFFINITY_MAX_PRODUCTS = 2000
# What is kept for a product, label, industry or segment: nobody offers more.
AFFINITY_KEPT = 30
# The count must exceed what chance would give by so many standard deviations.
AFFINITY_MIN_DEVIATIONS = 2


class CrmCustomerAffinity(models.Model):
    """Which product is bought by whom more than by others: what to offer next.

    A group are the customers that bought a certain product, have a certain label, are
    of a certain industry or in a certain segment. Of a group of ``group_count``
    customers, ``buyer_count`` (n) bought the product; of all ``population`` customers
    ``product_count`` did. Lift is the ratio of the two shares. Rows are kept where n,
    lift (both set on the yardstick of the company) and more than chance allow it.

    Written each night, all rows of a company anew; counted are the customers with an
    invoice in the last months (yardstick), 20,000 of them at most.
    """

    _name = "crm.customer.affinity"
    _description = "Bought by Similar Customers"
    _order = "lift desc, buyer_count desc, id"
    _rec_name = "product_id"
    # nobody edits it, and the system writes them all
    _log_access = False

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    # the group
    basis = fields.Selection(
        [
            ("product", "Bought a Product"),
            ("label", "Customer Label"),
            ("industry", "Industry"),
            ("segment", "Segment"),
        ],
        string="Customers by",
        required=True,
        readonly=True,
    )
    with_product_id = fields.Many2one(
        "product.product",
        string="Who Bought",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    label_id = fields.Many2one(
        "crm.customer.label",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    industry_id = fields.Many2one(
        "res.partner.industry",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    segment_id = fields.Many2one(
        "crm.segment", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    # what they buy
    product_id = fields.Many2one(
        "product.product",
        string="Also Bought",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    # how surely
    buyer_count = fields.Integer(
        string="Buyers (n)",
        readonly=True,
        aggregator=None,
        help="Customers of the group that bought it.",
    )
    group_count = fields.Integer(
        string="Customers in the Group", readonly=True, aggregator=None
    )
    share = fields.Float(
        string="Share (%)",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        help="Buyers / customers in the group.",
    )
    product_count = fields.Integer(
        string="Buyers of All", readonly=True, aggregator=None
    )
    population = fields.Integer(string="All Customers", readonly=True, aggregator=None)
    lift = fields.Float(
        readonly=True,
        digits=(16, 2),
        aggregator="avg",
        help="Share among the group / share among all customers.",
    )

    @api.model
    def _renew(self, yardstick, today):
        """Count the company of ``yardstick`` anew."""
        self.env["crm.customer.product"].flush_model()
        self.env["crm.customer.profile"].flush_model(["label_id"])
        self.env["res.partner"].flush_model(["industry_id", "commercial_partner_id"])
        self.env["crm.segment.member"].flush_model()
        # tables of their own, since planners know nothing of the size of expressions
        for name, query in (
            ("crm_affinity_buyer", self._get_buyer_query(yardstick, today)),
            ("crm_affinity_person", self._get_person_query(yardstick)),
        ):
            table = SQL.identifier(name)
            self.env.cr.execute(SQL("DROP TABLE IF EXISTS %s", table))
            self.env.cr.execute(
                SQL("CREATE TEMPORARY TABLE %s ON COMMIT DROP AS %s", table, query)
            )
            self.env.cr.execute(SQL("ANALYZE %s", table))
        with self.env["crm.customer.profile"]._scan(None):
            self.env.cr.execute(self._get_affinity_query(yardstick))
        [[yardstick.offer_population]] = self.env.execute_query(
            SQL("SELECT count(DISTINCT profile_id) FROM crm_affinity_buyer")
        )
        self.invalidate_model(flush=False)

    def _get_buyer_query(self, yardstick, today):
        """Who (of some) bought what lately."""
        return SQL(
            """
            WITH bought AS (
                SELECT b.profile_id, b.partner_id, b.product_id,
                       row_number() OVER (PARTITION BY b.profile_id
                           ORDER BY b.date_last DESC, b.product_id) AS rank
                  FROM crm_customer_product b
                  JOIN product_product pp ON pp.id = b.product_id AND pp.active
                  JOIN product_template pt ON pt.id = pp.product_tmpl_id AND pt.sale_ok
                 WHERE b.company_id = %(company)s AND b.invoice_count > 0
                   AND b.quantity > 0
                   AND b.date_last
                       > %(today)s::date - make_interval(months => %(months)s)
            ), sample AS (
                SELECT profile_id
                  FROM (SELECT DISTINCT profile_id FROM bought) everybody
                 -- the same ones each night, and no pattern in them
                 ORDER BY md5(profile_id::varchar)
                 LIMIT %(limit)s
            )
            SELECT b.profile_id, b.partner_id, b.product_id
              FROM bought b
              JOIN sample USING (profile_id)
             WHERE b.rank <= %(each)s
            """,
            company=yardstick.company_id.id,
            today=today,
            months=yardstick.offer_months,
            limit=AFFINITY_MAX_CUSTOMERS,
            each=AFFINITY_PRODUCTS_EACH,
        )

    def _get_person_query(self, yardstick):
        """In which groups they are; a group by products is that of its buyers."""
        return SQL(
            """
            WITH person AS (
                SELECT DISTINCT profile_id, partner_id FROM crm_affinity_buyer
            )
            SELECT n.profile_id, 'label'::varchar AS basis, c.label_id AS group_id
              FROM person n
              JOIN crm_customer_profile c ON c.id = n.profile_id
             WHERE c.label_id IS NOT NULL
             UNION ALL
            SELECT n.profile_id, 'industry', p.industry_id
              FROM person n
              JOIN res_partner p ON p.id = n.partner_id
             WHERE p.industry_id IS NOT NULL
             UNION ALL
            SELECT DISTINCT n.profile_id, 'segment', m.segment_id
              FROM person n
              JOIN res_partner p ON p.commercial_partner_id = n.partner_id
              JOIN crm_segment_member m ON m.res_id = p.id
                   AND m.res_model = 'res.partner' AND m.date_left IS NULL
              JOIN crm_segment g ON g.id = m.segment_id
             WHERE g.active AND (g.company_id IS NULL OR g.company_id = %(company)s)
            """,
            company=yardstick.company_id.id,
        )

    def _get_affinity_query(self, yardstick):
        return SQL(
            """
            WITH product AS MATERIALIZED (
                SELECT product_id, count(*) AS n
                  FROM crm_affinity_buyer
                 GROUP BY product_id
                HAVING count(*) >= %(min_count)s
                 ORDER BY count(*) DESC, product_id
                 LIMIT %(products)s
            ), buyer AS MATERIALIZED (
                SELECT b.profile_id, b.product_id
                  FROM crm_affinity_buyer b
                  JOIN product USING (product_id)
            ), pair AS MATERIALIZED (
                SELECT a.product_id AS one_id, b.product_id AS other_id, count(*) AS n
                  FROM buyer a
                  JOIN buyer b USING (profile_id)
                 WHERE a.product_id < b.product_id
                 GROUP BY a.product_id, b.product_id
                HAVING count(*) >= %(min_count)s
            ), counted AS (
                SELECT 'product'::varchar AS basis, one_id AS group_id,
                       other_id AS product_id, n
                  FROM pair
                 UNION ALL
                SELECT 'product', other_id, one_id, n FROM pair
                 UNION ALL
                SELECT p.basis, p.group_id, b.product_id, count(*)
                  FROM crm_affinity_person p
                  JOIN buyer b USING (profile_id)
                 GROUP BY p.basis, p.group_id, b.product_id
                HAVING count(*) >= %(min_count)s
            ), size AS (
                SELECT 'product'::varchar AS basis, product_id AS group_id, n
                  FROM product
                 UNION ALL
                SELECT basis, group_id, count(*)
                  FROM crm_affinity_person GROUP BY basis, group_id
            ), total AS (
                SELECT count(DISTINCT profile_id) AS n FROM crm_affinity_buyer
            ), rated AS (
                SELECT c.basis, c.group_id, c.product_id, c.n AS buyer_count,
                       s.n AS group_count, p.n AS product_count, t.n AS population,
                       c.n::float8 * t.n / (s.n::float8 * p.n) AS lift,
                       s.n::float8 * p.n / t.n AS chance
                  FROM counted c
                  JOIN size s USING (basis, group_id)
                  JOIN product p USING (product_id)
            CROSS JOIN total t
            ), ranked AS (
                SELECT r.*, row_number() OVER (
                           PARTITION BY basis, group_id
                           ORDER BY buyer_count - chance DESC, product_id) AS rank
                  FROM rated r
                 WHERE lift >= %(min_lift)s
                   AND buyer_count - chance >= %(deviations)s * sqrt(
                       chance * (1 - product_count::float8 / population))
            ), gone AS (
                DELETE FROM crm_customer_affinity WHERE company_id = %(company)s
            )
            INSERT INTO crm_customer_affinity (
                company_id, basis, with_product_id, label_id, industry_id, segment_id,
                product_id, buyer_count, group_count, share, product_count, population,
                lift
            )
            SELECT %(company)s, basis,
                   CASE WHEN basis = 'product' THEN group_id END,
                   CASE WHEN basis = 'label' THEN group_id END,
                   CASE WHEN basis = 'industry' THEN group_id END,
                   CASE WHEN basis = 'segment' THEN group_id END,
                   product_id, buyer_count, group_count,
                   100.0 * buyer_count / group_count, product_count, population, lift
              FROM ranked
             WHERE rank <= %(kept)s
            """,
            company=yardstick.company_id.id,
            min_count=yardstick.offer_min_count,
            min_lift=yardstick.offer_min_lift,
            deviations=AFFINITY_MIN_DEVIATIONS,
            products=AFFINITY_MAX_PRODUCTS,
            kept=AFFINITY_KEPT,
        )
