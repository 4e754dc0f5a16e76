from odoo import api, fields, models
from odoo.tools import SQL


class CrmCampaignTask(models.Model):
    """Steps that wait for a condition, and what a goal stops."""

    _inherit = "crm.campaign.task"

    # ------------------------------------------------------------
    # Waiting
    # ------------------------------------------------------------

    @api.model
    def _wake_watching(self, step, condition):
        """Let those fall due who wait at a step and meet an SQL condition on their
        participant ``p``; when their time would be up is kept. Those that the scheduler
        holds at the moment are left out: it looks by itself.
        """
        self.flush_model()
        self.env["crm.campaign.participant"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task
                   SET date_deadline = COALESCE(date_deadline, date_planned),
                       date_planned = %(now)s, write_date = %(now)s
                 WHERE id IN (
                    SELECT k.id
                      FROM crm_campaign_task k
                      JOIN crm_campaign_participant p ON p.id = k.participant_id
                     WHERE k.step_id = %(step)s AND k.state = 'planned'
                       AND k.date_planned > %(now)s AND %(condition)s
                FOR UPDATE OF k SKIP LOCKED)
             RETURNING id
                """,
                now=fields.Datetime.now(),
                step=step.id,
                condition=condition,
            )
        )
        if rows:
            self._invalidate()
            self._trigger()

    def _wait_on(self):
        """Those of these tasks that were woken for nothing, and whose time is not up,
        wait on; return the others. It does not count as an attempt.
        """
        if not self:
            return self
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task
                   SET state = 'planned', date_planned = date_deadline,
                       attempts = GREATEST(attempts - 1, 0), write_date = %(now)s
                 WHERE id = ANY(%(ids)s) AND date_deadline > %(now)s
             RETURNING id
                """,
                ids=self.ids,
                now=now,
            )
        )
        waiting = {row[0] for row in rows}
        if waiting:
            self._invalidate()
        return self.browse(i for i in self._ids if i not in waiting)

    # ------------------------------------------------------------
    # What lies before a goal
    # ------------------------------------------------------------

    @api.model
    def _get_behind_condition(self):
        """SQL of whether step ``s`` lies before the goal that participant ``p`` has
        jumped to: all that began with the same first step and does not come after it.
        """
        return SQL(
            """
            (p.jump_step_id IS NOT NULL AND EXISTS (
                SELECT FROM crm_campaign_step g
                 WHERE g.id = p.jump_step_id
                   AND s.parent_path NOT LIKE g.parent_path || '%%'
                   AND split_part(s.parent_path, '/', 1)
                       = split_part(g.parent_path, '/', 1)))
            """
        )

    def _skip_behind(self):
        """A goal was reached while these tasks were on their way."""
        if not self:
            return
        goals = self.participant_id.jump_step_id
        for goal in goals:
            tasks = self.filtered(lambda k, g=goal: k.participant_id.jump_step_id == g)
            tasks._set(
                state="skipped",
                reason=goal._get_goal_reason(),
                date_done=fields.Datetime.now(),
            )
        self._plan_next()

    def _stop_before_goal(self):
        """Skip what lies before the goal that the participants of these tasks have just
        jumped to, but what the scheduler is doing at the moment: nothing follows from
        it.
        """
        goal = self.step_id
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task
                   SET state = 'skipped', reason = %(reason)s, date_done = %(now)s,
                       write_date = %(now)s
                 WHERE id IN (
                    SELECT k.id
                      FROM crm_campaign_task k
                      JOIN crm_campaign_step s ON s.id = k.step_id
                      JOIN crm_campaign_participant p ON p.id = k.participant_id
                     WHERE k.participant_id IN (
                           SELECT participant_id FROM crm_campaign_task
                            WHERE id = ANY(%(ids)s))
                       AND k.state IN ('planned', 'reserved')
                       AND k.is_replay IS NOT TRUE
                       AND %(behind)s
                FOR UPDATE OF k SKIP LOCKED)
             RETURNING id
                """,
                reason=goal._get_goal_reason(),
                now=fields.Datetime.now(),
                ids=self.ids,
                behind=self._get_behind_condition(),
            )
        )
        if rows:
            self._invalidate()
