from odoo import api, fields, models
from odoo.tools import SQL


class CrmCampaignTask(models.Model):
    """Steps that wait for something to happen, as the timeline tells it."""

    _inherit = "crm.campaign.task"

    @api.model
    def _get_happened_query(self, condition):
        """SQL of the tasks ``w`` that wait for something, with the kind of what has
        happened first since they were planned, to the lead or the contact.

        :param condition: SQL on the waiting task ``w`` or the touchpoint ``t``
        """
        self.flush_model()
        return SQL(
            """
            SELECT DISTINCT ON (w.id) w.id AS task_id, t.kind_id
              FROM crm_campaign_task w
              JOIN crm_campaign_step ws
                ON ws.id = w.step_id AND ws.kind = 'wait_event'
              JOIN crm_campaign_step_event_rel e
                ON e.crm_campaign_step_id = w.step_id
              JOIN crm_campaign_participant p ON p.id = w.participant_id
              JOIN crm_touchpoint t
                ON t.kind_id = e.crm_touchpoint_kind_id
               AND (t.lead_id = p.lead_id OR t.partner_id = p.partner_id)
               AND t.is_machine IS NOT TRUE
               AND t.date >= date_trunc('second', w.create_date)
             WHERE w.state IN ('planned', 'reserved') AND %s
          ORDER BY w.id, t.date, t.id
            """,
            condition,
        )

    @api.model
    def _wake_happened(self, touchpoint_ids):
        """Let those tasks fall due that wait for one of these touchpoints. Those that
        the scheduler holds at the moment are left out: it looks by itself.
        """
        touchpoint_ids = list(touchpoint_ids)
        Step = self.env["crm.campaign.step"]
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task
                   SET date_planned = %(now)s, write_date = %(now)s
                 WHERE id IN (
                    SELECT id FROM crm_campaign_task
                     WHERE state = 'planned' AND date_planned > %(now)s
                       AND id IN (SELECT task_id FROM (%(happened)s) happened)
                FOR UPDATE SKIP LOCKED)
             RETURNING id
                """,
                now=fields.Datetime.now(),
                happened=self._get_happened_query(
                    SQL(
                        "t.id = ANY(%s) AND %s",
                        touchpoint_ids,
                        Step._get_choosy_sql(touchpoint_ids),
                    )
                ),
            )
        )
        if rows:
            self._invalidate()
            self._trigger()
