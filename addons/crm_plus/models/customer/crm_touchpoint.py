from odoo import api, models
from odoo.tools import SQL


class CrmTouchpoint(models.Model):
    _inherit = "crm.touchpoint"

    @api.model
    def _get_profile_kinds(self):
        """Hook: codes of kinds that change the facts of a customer at once. Others
        (messages, calls) are seen by the nightly run; invoices and payments are watched
        where they are made.
        """
        return {"order_confirmed", "delivery_done", "return_done"}

    @api.model
    def _on_harvested(self, touchpoint_ids):
        super()._on_harvested(touchpoint_ids)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT t.commercial_partner_id
                  FROM crm_touchpoint t
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE t.id = ANY(%s) AND k.code = ANY(%s)
                   AND t.commercial_partner_id IS NOT NULL
                """,
                list(touchpoint_ids),
                list(self._get_profile_kinds()),
            )
        )
        self.env["crm.customer.profile"]._queue_rebuild(
            self.env["res.partner"].browse(row[0] for row in rows)
        )
