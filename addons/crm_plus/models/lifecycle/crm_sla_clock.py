from odoo import models

from .crm_handover import CLOCK


class CrmSlaClock(models.Model):
    _inherit = "crm.sla.clock"

    def _get_alert_user(self):
        """Of a hand-over: who is asked, not who owns the lead until then."""
        if self.kind == CLOCK and self.res_model == "crm.lead":
            handover = self.env["crm.lead"].browse(self.res_id).exists().handover_id
            user = handover.to_user_id or handover.to_team_id.user_id
            if user:
                return user
        return super()._get_alert_user()
