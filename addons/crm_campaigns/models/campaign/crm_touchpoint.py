from odoo import api, models
from odoo.tools import SQL


class CrmTouchpoint(models.Model):
    _inherit = "crm.touchpoint"

    @api.model
    def _on_harvested(self, touchpoint_ids):
        """Clicks and closed leads move journeys at once: two statements, whatever the
        number of touchpoints, none when no campaign was started."""
        super()._on_harvested(touchpoint_ids)
        # sudo: journeys move by what happens, whoever makes it happen
        Campaign = self.env["crm.campaign"].sudo()
        if not Campaign.search_count([("state", "!=", "draft")], limit=1):
            return
        codes = {
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT DISTINCT k.code
                      FROM crm_touchpoint t
                      JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                     WHERE t.id = ANY(%s)
                       AND k.code IN ('campaign_clicked', 'lead_won', 'lead_lost')
                    """,
                    list(touchpoint_ids),
                )
            )
        }
        self._end_journeys(touchpoint_ids)
        self._enter_campaigns(touchpoint_ids)
        # sudo: journeys go on whoever does something
        self.env["crm.campaign.task"].sudo()._wake_happened(touchpoint_ids)
        if "campaign_clicked" in codes:
            # journeys go on whoever clicks
            self.env["crm.campaign.task"].sudo()._wake(
                SQL(
                    """
                    c.id IN (SELECT res_id FROM crm_touchpoint
                              WHERE id = ANY(%s)
                                AND res_model = 'link.tracker.click')
                    """,
                    list(touchpoint_ids),
                )
            )
        if codes & {"lead_won", "lead_lost"}:
            self._exit_closed_leads(touchpoint_ids)

    @api.model
    def _end_journeys(self, touchpoint_ids):
        """End the journeys of those whom something has happened to that ends them."""
        # sudo: journeys end by what happens, whoever makes it happen
        Participant = self.env["crm.campaign.participant"].sudo()
        Participant.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT p.id
                  FROM crm_touchpoint t
                  JOIN crm_campaign_exit_rel e ON e.crm_touchpoint_kind_id = t.kind_id
                  JOIN crm_campaign_participant p
                    ON p.campaign_id = e.crm_campaign_id AND p.state = 'running'
                   AND (p.lead_id = t.lead_id OR p.partner_id = t.partner_id)
                   AND t.date >= date_trunc('second', p.create_date)
                 WHERE t.id = ANY(%s) AND t.is_machine IS NOT TRUE
                """,
                list(touchpoint_ids),
            )
        )
        if rows:
            Participant._exit({"event": [row[0] for row in rows]})

    @api.model
    def _enter_campaigns(self, touchpoint_ids):
        """Whom something has happened to enters the campaigns that wait for it."""
        # sudo: journeys begin by what happens, whoever makes it happen
        campaigns = (
            self.env["crm.campaign"]
            .sudo()
            .search([("state", "=", "running"), ("entry", "=", "touchpoint")])
        )
        for campaign in campaigns:
            new_ids = campaign._enrol_candidates(
                campaign._get_entry().get_harvested_candidates(touchpoint_ids)
            )
            if new_ids:
                self.env["crm.campaign.task"]._trigger()

    @api.model
    def _exit_closed_leads(self, touchpoint_ids):
        participant_ids = [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT p.id
                      FROM crm_touchpoint t
                      JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                      JOIN crm_campaign_participant p ON p.lead_id = t.lead_id
                     WHERE t.id = ANY(%s)
                       AND k.code IN ('lead_won', 'lead_lost')
                       AND p.state = 'running'
                       AND p.res_model = 'crm.lead'
                    """,
                    list(touchpoint_ids),
                )
            )
        ]
        # sudo: see above
        self.env["crm.campaign.participant"].sudo().browse(
            participant_ids
        )._exit_if_stopped()
