from odoo import api, models
from odoo.tools import SQL


class CrmCampaignParticipant(models.Model):
    """Journeys follow leads and contacts that are merged: the record is another one,
    the person the same.
    """

    _inherit = "crm.campaign.participant"

    @api.model
    def _move_records(self, model, res_ids, res_id):
        """The records ``res_ids`` are now the record ``res_id``.

        Enrolments are numbered on. Where both are on their way in the same campaign,
        the one that is farther goes on, by the date it entered.
        """
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM (
                    SELECT id, row_number() OVER (
                               PARTITION BY campaign_id, parallel
                                   ORDER BY date_entered, id) AS place
                      FROM crm_campaign_participant
                     WHERE res_model = %(model)s AND res_id = ANY(%(all_ids)s)
                       AND state = 'running'
                ) running
                 WHERE place > 1
                """,
                model=model,
                all_ids=[*res_ids, res_id],
            )
        )
        self._exit({"merged": [row[0] for row in rows]})
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_participant p
                   SET res_id = %(res_id)s, number = n.number,
                       lead_id = CASE WHEN %(model)s = 'crm.lead' THEN %(res_id)s
                                      ELSE p.lead_id END,
                       partner_id = CASE WHEN %(model)s = 'res.partner'
                                         THEN %(res_id)s ELSE p.partner_id END
                  FROM (
                    SELECT o.id,
                           COALESCE((
                               SELECT max(k.number) FROM crm_campaign_participant k
                                WHERE k.campaign_id = o.campaign_id
                                  AND k.res_model = %(model)s
                                  AND k.res_id = %(res_id)s), 0)
                           + row_number() OVER (
                               PARTITION BY o.campaign_id
                                   ORDER BY o.date_entered, o.id) AS number
                      FROM crm_campaign_participant o
                     WHERE o.res_model = %(model)s AND o.res_id = ANY(%(ids)s)
                  ) n
                 WHERE p.id = n.id
             RETURNING p.id
                """,
                model=model,
                ids=list(res_ids),
                res_id=res_id,
            )
        )
        self.invalidate_model(flush=False)
