from odoo import api, models
from odoo.tools import SQL

from .crm_case_stage import DONE


class CrmCustomerProfile(models.Model):
    _inherit = "crm.customer.profile"

    @api.model
    def _get_service_query(self):
        """What cases say of customers: open ones, late ones, the last rating."""
        self.env["crm.case"].flush_model(
            ["active", "partner_id", "company_id", "stage_category", "sla_due"]
        )
        self.env["rating.rating"].flush_model(
            ["res_model", "res_id", "consumed", "rating", "rated_on"]
        )
        return SQL(
            """
            SELECT customer_id, company_id,
                   (array_agg(rating ORDER BY date_rated DESC, rating_id DESC)
                       FILTER (WHERE rating IS NOT NULL))[1] AS rating,
                   count(rating)::int AS rating_n,
                   count(DISTINCT case_id) FILTER (WHERE is_open)::int
                       AS case_open_count,
                   count(DISTINCT case_id) FILTER (WHERE is_open AND is_late)::int
                       AS case_late_count
              FROM (
                SELECT s.customer_id, c.company_id, c.id AS case_id,
                       r.id AS rating_id, r.rating::float8,
                       COALESCE(r.rated_on, r.write_date) AS date_rated,
                       c.active AND c.stage_category <> ALL(%(done)s) AS is_open,
                       c.sla_due < now() AT TIME ZONE 'utc' AS is_late
                  FROM scope s
                  JOIN crm_case c ON c.partner_id = s.id
             LEFT JOIN rating_rating r
                    ON r.res_model = 'crm.case' AND r.res_id = c.id
                   AND r.consumed AND r.rating >= 1
              ) rows
             GROUP BY customer_id, company_id
            """,
            done=list(DONE),
        )
