from odoo import api, models
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.contact_policy import DEFER


class CrmCampaignParticipant(models.Model):
    _inherit = "crm.campaign.participant"

    @api.model
    def _exit(self, ids_by_reason):
        """Whose journey has ended waits for no mail: its place in the queue is free."""
        super()._exit(ids_by_reason)
        ids = [key for ids in ids_by_reason.values() for key in ids]
        if not ids:
            return
        # sudo: the queue is the system's
        Decision = self.env["crm.contact.decision"].sudo()
        Decision.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT d.id
                  FROM crm_campaign_participant p
                  JOIN crm_campaign_step s ON s.campaign_id = p.campaign_id
                  JOIN crm_contact_decision d
                    ON d.origin_model = 'crm.campaign.step' AND d.origin_id = s.id
                   AND d.res_model = p.res_model AND d.res_id = p.res_id
                 WHERE p.id = ANY(%s) AND p.state <> 'running' AND d.outcome = %s
                """,
                ids,
                DEFER,
            )
        )
        Decision.browse([row[0] for row in rows]).unlink()
