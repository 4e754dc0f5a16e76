from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, hmac


class CrmCaseQuota(models.Model):
    """How often a stranger has knocked in an hour.

    One row a counter and hour, counted up by the database itself: two requests at once
    count as two. Who it was is kept as a hash only, and for a day.
    """

    _name = "crm.case.quota"
    _description = "Rate Limit of Cases"
    _log_access = False

    key = fields.Char(required=True)
    hour = fields.Datetime(required=True)
    count = fields.Integer(required=True)

    _key_uniq = models.Constraint("UNIQUE(key, hour)", "One counter an hour.")

    @api.model
    def _take(self, scope, who, limit):
        """Count once more; return whether that is within ``limit`` an hour."""
        if not who:
            return True
        hour = fields.Datetime.now().replace(minute=0, second=0, microsecond=0)
        # sudo: the secret of the database
        key = hmac(self.env(su=True), "crm_helpdesk.quota", (scope, who))
        [(count,)] = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_case_quota AS q (key, hour, count)
                     VALUES (%s, %s, 1)
                ON CONFLICT (key, hour) DO UPDATE SET count = q.count + 1
                  RETURNING count
                """,
                key,
                hour,
            )
        )
        return count <= limit

    @api.autovacuum
    def _gc_quota(self):
        self.env.cr.execute(
            SQL(
                "DELETE FROM crm_case_quota WHERE hour < %s",
                fields.Datetime.now() - timedelta(days=1),
            )
        )
