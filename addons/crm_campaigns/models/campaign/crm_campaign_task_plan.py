from odoo import api, fields, models
from odoo.tools import SQL


class CrmCampaignTask(models.Model):
    """What is planned: the first steps of those who enter, what follows a step that was
    done, and what an event lets fall due before its time.
    """

    _inherit = "crm.campaign.task"

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    @api.model
    def _plan_roots(self, participant_ids, are_new=False):
        """Plan the first steps of participants.

        :param are_new: nothing is planned for them yet
        """
        return self._plan(
            SQL(
                """
                -- first of all those few: not all participants of all campaigns
                WITH entered AS MATERIALIZED (
                    SELECT p.id, p.campaign_id, p.version_id, p.date_entered
                      FROM unnest(%s::int[]) new(id)
                      JOIN crm_campaign_participant p
                        ON p.id = new.id AND p.state = 'running'
                     -- whoever was moved goes on where they were
                     WHERE p.date_moved IS NULL
                )
                SELECT p.id AS participant_id, p.campaign_id, s.id AS step_id,
                       1 AS occurrence, s.delay_minutes, p.date_entered AS since
                  FROM entered p
                  JOIN crm_campaign_step s
                    ON s.version_id = p.version_id AND s.parent_id IS NULL
                """,
                list(participant_ids),
            ),
            may_be_planned=not are_new,
        )

    def _plan_next(self):
        """Plan what follows these tasks, by the way each of them went; those without
        anything to follow have reached the end.
        """
        if not self:
            return
        planned = self._plan(self._get_next_query(SQL("k.id = ANY(%s)", self.ids)))
        if len(planned) == len(self):
            return  # all of them go on
        tasks = self._get_done_next()
        while tasks:
            self._plan(tasks._get_next_query(SQL("k.id = ANY(%s)", tasks.ids)))
            tasks = tasks._get_done_next()
        self.env["crm.campaign.participant"]._complete(
            SQL(
                "p.id IN (SELECT participant_id FROM crm_campaign_task"
                " WHERE id = ANY(%s))",
                self.ids,
            )
        )

    def _get_done_next(self):
        """What follows these tasks, but was done before their participants were moved
        to another version, where it comes later: they go on after it.
        """
        if not self.env["crm.campaign"]._any_next_version():
            return self.browse()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT x.id
                  FROM crm_campaign_task k
                  JOIN crm_campaign_participant p
                    ON p.id = k.participant_id AND p.state = 'running'
                  JOIN crm_campaign_step s
                    ON s.parent_id = k.step_id
                   AND s.branch = COALESCE(k.outcome, 'next')
                   AND s.way_id IS NOT DISTINCT FROM k.way_id
                  JOIN crm_campaign_task x
                    ON x.participant_id = k.participant_id AND x.step_id = s.id
                   AND x.occurrence = k.occurrence
                 WHERE k.id = ANY(%s) AND k.is_replay IS NOT TRUE
                   AND x.state IN ('done', 'unknown', 'skipped', 'failed')
                   AND x.date_done <= p.date_moved
                """,
                self.ids,
            )
        )
        return self.browse(row[0] for row in rows)

    @api.model
    def _plan_missing(self, campaigns):
        """Steps added while the campaigns were stopped reach those who wait inside."""
        self._plan(
            self._get_next_query(
                SQL(
                    # what they have passed before they were moved, they have passed
                    "k.campaign_id = ANY(%s)"
                    " AND (p.date_moved IS NULL OR k.date_done > p.date_moved)",
                    campaigns.ids,
                )
            )
        )
        running = (
            self.env["crm.campaign.participant"]
            .search(
                [("campaign_id", "in", campaigns.ids), ("state", "=", "running")],
                order="id",
            )
            .ids
        )
        self._plan_roots(running)
        self.env["crm.campaign.participant"]._complete(
            SQL("p.campaign_id = ANY(%s)", campaigns.ids)
        )

    @api.model
    def _get_next_query(self, condition):
        return SQL(
            """
            SELECT k.participant_id, k.campaign_id, s.id AS step_id, k.occurrence,
                   s.delay_minutes, NULL::timestamp AS since
              FROM crm_campaign_task k
              JOIN crm_campaign_participant p
                ON p.id = k.participant_id AND p.state = 'running'
              JOIN crm_campaign_step done ON done.id = k.step_id
              JOIN crm_campaign_step s
                ON s.parent_id = k.step_id AND s.branch = COALESCE(k.outcome, 'next')
               AND s.way_id IS NOT DISTINCT FROM k.way_id
             WHERE %s
               AND k.is_replay IS NOT TRUE
               AND (k.state IN ('done', 'unknown')
                    OR (k.state IN ('skipped', 'failed')
                        AND done.on_failure = 'continue'))
               AND NOT %s
            """,
            condition,
            self._get_behind_condition(),
        )

    @api.model
    def _plan(self, rows, may_be_planned=True):
        """Plan the steps that ``rows`` select; what is planned stays as it is.

        :return: ids of the participants for whom something was planned
        """
        self.flush_model()
        self.env["crm.campaign.participant"].flush_model()
        self.env["crm.campaign.step"].flush_model()
        planned = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_campaign_task (
                    participant_id, campaign_id, step_id, occurrence, state,
                    date_planned, attempts, create_date, write_date
                )
                SELECT n.participant_id, n.campaign_id, n.step_id, n.occurrence,
                       'planned', GREATEST(n.since, %(now)s)
                       + n.delay_minutes * interval '1 minute'
                       + COALESCE(ns.delay_months, 0) * interval '1 month', 0,
                       %(now)s, %(now)s
                  FROM (%(rows)s) n
                  JOIN crm_campaign_step ns ON ns.id = n.step_id
              ORDER BY n.participant_id, n.step_id
                %(conflict)s
             RETURNING id, step_id, participant_id
                """,
                conflict=SQL(
                    "ON CONFLICT (participant_id, step_id, occurrence) DO NOTHING"
                    if may_be_planned
                    else ""
                ),
                rows=rows,
                now=fields.Datetime.now(),
            )
        )
        if not planned:
            return set()
        self._invalidate()
        # somebody may have done already what a step waits for
        ids_by_step = {}
        for task_id, step_id, _participant_id in planned:
            ids_by_step.setdefault(step_id, []).append(task_id)
        for step in self.env["crm.campaign.step"].browse(ids_by_step):
            step._get_kind().on_planned(self.browse(ids_by_step[step.id]))
        return {row[2] for row in planned}

    # ------------------------------------------------------------
    # Events
    # ------------------------------------------------------------

    def _wake_clicked(self):
        """Let those of these tasks fall due that wait for a click which was made."""
        if not self:
            return self
        return self._wake(SQL("w.id = ANY(%s)", self.ids))

    @api.model
    def _wake(self, condition):
        """Move waiting tasks whose mail a person has clicked; set their way to yes.

        Tasks that the scheduler holds at the moment are left out: it looks at the
        clicks itself.

        :param condition: SQL on the waiting task ``w`` or the click ``c``
        """
        self._flush_clicks()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task t
                   SET outcome = 'yes', date_planned = %(now)s, write_date = %(now)s
                 WHERE t.id IN (
                    SELECT o.id
                      FROM crm_campaign_task o
                     WHERE o.state = 'planned'
                       AND o.outcome IS NULL
                       AND o.id IN (SELECT task_id FROM (%(clicked)s) clicked)
                FOR UPDATE SKIP LOCKED)
             RETURNING t.id
                """,
                clicked=self._get_clicked_query(condition),
                now=fields.Datetime.now(),
            )
        )
        if rows:
            self._invalidate()
            self._trigger()
        return self.browse([row[0] for row in rows])

    @api.model
    def _flush_clicks(self):
        self.flush_model()
        self.env["link.tracker.click"].flush_model()
        self.env["mailing.trace"].flush_model(["crm_campaign_task_id"])
        self.env["link.tracker"].flush_model(["url"])
        self.env["crm.campaign.step"].flush_model(
            ["kind", "clicked_step_id", "link_pattern"]
        )

    @api.model
    def _get_clicked_query(self, condition):
        """SQL of the tasks ``w`` that wait for a click, with the first click ``c`` that
        a person made on the mail that they wait for."""
        return SQL(
            """
            SELECT w.id AS task_id, min(c.id) AS click_id
              FROM crm_campaign_task w
              JOIN crm_campaign_step ws
                ON ws.id = w.step_id AND ws.kind = 'wait_click'
              JOIN crm_campaign_task mk
                ON mk.participant_id = w.participant_id
               AND mk.step_id = ws.clicked_step_id
              JOIN mailing_trace tr ON tr.crm_campaign_task_id = mk.id
              JOIN link_tracker_click c
                ON c.mailing_trace_id = tr.id AND c.machine_reason IS NULL
              JOIN link_tracker lt
                ON lt.id = c.link_id
               AND (ws.link_pattern IS NULL OR lt.url LIKE ws.link_pattern)
             WHERE w.state IN ('planned', 'reserved') AND %s
          GROUP BY w.id
            """,
            condition,
        )

    @api.model
    def _trigger(self, at=None):
        cron = self.env.ref(
            "crm_campaigns.ir_cron_run_campaigns", raise_if_not_found=False
        )
        if cron:
            # sudo: whatever moves a journey wakes the scheduler
            cron.sudo()._trigger(at=at)
