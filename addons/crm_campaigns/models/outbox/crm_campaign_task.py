from odoo import fields, models
from odoo.tools import SQL


class CrmCampaignTask(models.Model):
    """Steps that call other systems: what waits for the answer, and its story."""

    _inherit = "crm.campaign.task"

    def _wake_answered(self):
        """Let those of these tasks fall due that wait for the answer which has come."""
        if not self:
            return
        self.flush_model()
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task
                   SET date_planned = %(now)s, write_date = %(now)s
                 WHERE id IN (
                    SELECT id FROM crm_campaign_task
                     WHERE id = ANY(%(ids)s) AND state = 'planned'
                       AND date_waiting IS NOT NULL AND date_planned > %(now)s
                FOR UPDATE SKIP LOCKED)
             RETURNING id
                """,
                now=now,
                ids=self.ids,
            )
        )
        if rows:
            self._invalidate()
            self._trigger()

    def _get_journey_events(self):
        events = super()._get_journey_events()
        if self.kind != "web_service":
            return events
        # sudo: who may see the journey may see whether the call has arrived
        request_sudo = (
            self.env["crm.campaign.request"].sudo().search([("task_id", "=", self.id)])
        )
        if request_sudo:
            events.append(request_sudo._get_journey_event())
        return events
