from odoo import api, models
from odoo.tools import SQL

from .crm_case_stage import DONE


class CrmCustomerProfile(models.Model):
    """What service knows of a customer: cases and the ratings they were given.

    Cases opened by machines and archived ones are no burden. Who never had a case is
    unknown to service, not content with it.
    """

    _inherit = "crm.customer.profile"

    @api.model
    def _get_flushed(self):
        return {
            **super()._get_flushed(),
            "crm.case": [
                "active",
                "company_id",
                "date_opened",
                "is_machine",
                "partner_id",
                "sla_due",
                "stage_category",
            ],
            "rating.rating": ["consumed", "rated_on", "rating", "res_id", "res_model"],
        }

    @api.model
    def _get_service_query(self):
        return SQL(
            """
            WITH cases AS (
                SELECT s.customer_id, c.company_id, c.id,
                       c.stage_category <> ALL(%(done)s) AS is_open,
                       c.sla_due < %(now)s AS is_late,
                       c.date_opened > %(now)s - interval '365 days' AS is_12
                  FROM scope s
                  JOIN crm_case c ON c.partner_id = s.id
                 WHERE c.active AND c.is_machine IS NOT TRUE
            ), counts AS (
                SELECT customer_id, company_id,
                       (count(*) FILTER (WHERE is_open))::int AS case_open_count,
                       (count(*) FILTER (WHERE is_open AND is_late))::int
                           AS case_late_count,
                       (count(*) FILTER (WHERE is_12))::int AS case_count_12
                  FROM cases
                 GROUP BY customer_id, company_id
            ), ratings AS (
                SELECT c.customer_id, c.company_id, count(*)::int AS rating_n,
                       (array_agg(r.rating ORDER BY
                           COALESCE(r.rated_on, r.write_date) DESC, r.id DESC))[1]
                           AS rating
                  FROM cases c
                  JOIN rating_rating r
                    ON r.res_id = c.id AND r.res_model = 'crm.case'
                 WHERE r.consumed AND r.rating >= 1
                 GROUP BY c.customer_id, c.company_id
            )
            SELECT n.customer_id, n.company_id, r.rating, r.rating_n,
                   n.case_open_count, n.case_late_count, n.case_count_12
              FROM counts n
         LEFT JOIN ratings r USING (customer_id, company_id)
            """,
            done=list(DONE),
            now=self.env.cr.now(),
        )
