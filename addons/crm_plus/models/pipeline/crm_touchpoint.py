from odoo import api, models
from odoo.tools import SQL


class CrmTouchpoint(models.Model):
    _inherit = "crm.touchpoint"

    @api.model
    def _set_lead(self, model, res_ids, lead_id):
        """Origins that are found to belong to a lead: so do their touchpoints."""
        self.env.execute_query(
            SQL(
                "UPDATE crm_touchpoint SET lead_id = %s"
                " WHERE res_model = %s AND res_id = ANY(%s) RETURNING id",
                lead_id,
                model,
                list(res_ids),
            )
        )
        self.invalidate_model(["lead_id"], flush=False)
