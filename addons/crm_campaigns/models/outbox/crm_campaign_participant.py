from odoo import api, models
from odoo.tools import SQL

from .crm_campaign_request import OVER


class CrmCampaignParticipant(models.Model):
    _inherit = "crm.campaign.participant"

    @api.model
    def _forget_traces(self, ids):
        """Calls that are over go at once, with what was told of these people; what is
        still to be told is, and goes with the others of its age.
        """
        super()._forget_traces(ids)
        Request = self.env["crm.campaign.request"]
        Request.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM crm_campaign_request
                 WHERE task_id IN (SELECT id FROM crm_campaign_task
                                    WHERE participant_id = ANY(%s))
                   AND state IN %s
             RETURNING id
                """,
                ids,
                OVER,
            )
        )
        if rows:
            Request.invalidate_model(flush=False)
            self.env["crm.campaign.request.try"].invalidate_model(flush=False)
