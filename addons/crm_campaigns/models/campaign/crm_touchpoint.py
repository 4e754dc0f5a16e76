from odoo import api, models
from odoo.tools import SQL

from ..engagement.crm_touchpoint import CLICKED_KINDS
from .crm_campaign_exit_rule import RULE_CODES


class CrmTouchpoint(models.Model):
    _inherit = "crm.touchpoint"

    @api.model
    def _on_harvested(self, touchpoint_ids):
        """Clicks and closed leads move journeys at once: two statements, whatever the
        number of touchpoints, none when no campaign was started."""
        super()._on_harvested(touchpoint_ids)
        if not self.env["crm.campaign"]._any_started():
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
                       AND k.code IN %s
                    """,
                    list(touchpoint_ids),
                    (*CLICKED_KINDS.values(), "lead_won", "lead_lost", *RULE_CODES),
                )
            )
        }
        # what a campaign is for comes before what ends it
        self._reach_goals(touchpoint_ids)
        # sudo: see above
        self.env["crm.campaign.look"].sudo()._ask_touched(touchpoint_ids)
        self._end_journeys(touchpoint_ids)
        if codes & set(RULE_CODES):
            # sudo: see above
            self.env["crm.campaign.participant"].sudo()._end_by_rules(touchpoint_ids)
        self._enter_campaigns(touchpoint_ids)
        # sudo: journeys go on whoever does something
        self.env["crm.campaign.task"].sudo()._wake_happened(touchpoint_ids)
        if codes & set(CLICKED_KINDS.values()):
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
    def _reach_goals(self, touchpoint_ids):
        """Whom something has happened to that is a goal jumps there."""
        if not self.env["crm.campaign"]._get_watching_ids():
            return
        # sudo: journeys move by what happens, whoever makes it happen
        Step = self.env["crm.campaign.step"].sudo()
        Step.flush_model()
        self.env["crm.campaign.participant"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id, array_agg(DISTINCT p.id)
                  FROM crm_touchpoint t
                  JOIN crm_campaign_step_event_rel e
                    ON e.crm_touchpoint_kind_id = t.kind_id
                  JOIN crm_campaign_step s
                    ON s.id = e.crm_campaign_step_id AND s.kind = 'goal'
                   AND s.goal_by = 'event' AND s.date_halted IS NULL
                  JOIN crm_campaign c
                    ON c.id = s.campaign_id AND c.state = 'running'
                  JOIN crm_campaign_participant p
                    ON p.campaign_id = c.id AND p.state = 'running'
                   AND (p.lead_id = t.lead_id OR p.partner_id = t.partner_id)
                 WHERE t.id = ANY(%s) AND t.is_machine IS NOT TRUE
              GROUP BY s.id, s.position
              ORDER BY s.position DESC
                """,
                list(touchpoint_ids),
            )
        )
        for step_id, participant_ids in rows:
            # few goals
            Step.browse(step_id)._try_look(SQL("p.id = ANY(%s)", participant_ids))

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
            # few campaigns, a statement each
            campaign._try_enrol(
                lambda kind: kind.get_harvested_candidates(touchpoint_ids)
            )

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
