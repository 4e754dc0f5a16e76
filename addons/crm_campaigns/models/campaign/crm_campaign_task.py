import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.modules import module
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

# Due tasks reserved at once: rendering 500 mails takes some seconds and little memory.
BATCH_SIZE = 500
# Mails handed to SMTP before the outcome is noted and the clock is looked at.
SEND_SIZE = 100
# A task that was begun so often without an end is parked where a person sees it.
MAX_ATTEMPTS = 4
# Pause after the first, second, … attempt that failed.
RETRY_MINUTES = (5, 30, 120)


class CrmCampaignTask(models.Model):
    """One step for one participant.

    How nothing happens twice, and nothing gets lost:

    1. *Planned*. (participant, step, occurrence) is unique, so planning twice adds
       nothing.
    2. *Reserved*. The scheduler marks due tasks and commits, before anything happens.
       Each reservation counts as an attempt: a task that kills its worker is parked
       after some.
    3. *Done*. The worker locks what it reserved, does it, plans what follows, and
       commits it all at once. If it dies before, its lock goes with it, and the tasks
       are free for the next run, which finds them reserved but not locked.
    4. Mails have one state more: *being sent* means that the mail and its trace exist,
       made by that same commit; a trace names its task, and a task has one trace at
       most. From there Odoo's outgoing queue takes over, guarded by
       ``crm.campaign.delivery``. What became of them is read from the traces.
    """

    _name = "crm.campaign.task"
    _description = "Campaign Task"
    _order = "date_planned, id"

    participant_id = fields.Many2one(
        "crm.campaign.participant",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    campaign_id = fields.Many2one(
        "crm.campaign", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="campaign_id.company_id")
    step_id = fields.Many2one(
        "crm.campaign.step", required=True, readonly=True, ondelete="restrict"
    )
    kind = fields.Selection(related="step_id.kind")
    occurrence = fields.Integer(required=True, readonly=True, default=1)
    is_replay = fields.Boolean(
        string="Sent Again",
        readonly=True,
        help="Done once more because a person asked for it; nothing follows from it.",
    )
    # how far
    state = fields.Selection(
        [
            ("planned", "Planned"),
            ("reserved", "In progress"),
            ("sending", "Being sent"),
            ("done", "Done"),
            ("skipped", "Skipped"),
            ("failed", "Failed"),
            ("unknown", "Outcome unknown"),
        ],
        required=True,
        readonly=True,
        default="planned",
    )
    outcome = fields.Selection(
        [("next", "Then"), ("yes", "If so"), ("no", "If not")],
        readonly=True,
        help="Which way the journey went on.",
    )
    reason = fields.Text(string="Why", readonly=True)
    date_planned = fields.Datetime(string="Planned for", required=True, readonly=True)
    date_reserved = fields.Datetime(string="Begun", readonly=True)
    date_done = fields.Datetime(string="Done On", readonly=True)
    attempts = fields.Integer(readonly=True, default=0)
    # mail
    trace_ids = fields.One2many(
        "mailing.trace", "crm_campaign_task_id", readonly=True, string="Mail"
    )
    trace_id = fields.Many2one("mailing.trace", compute="_compute_trace_id")

    _occurrence_uniq = models.Constraint(
        "UNIQUE(participant_id, step_id, occurrence)",
        "A step is planned once for each participant.",
    )
    # the queue of each running campaign
    _due_idx = models.Index("(campaign_id, date_planned, id) WHERE state = 'planned'")
    # what is on its way, or was left by a worker that died
    _active_idx = models.Index("(state, id) WHERE state IN ('reserved', 'sending')")
    _attention_idx = models.Index(
        "(campaign_id, state) WHERE state IN ('failed', 'unknown')"
    )
    _step_idx = models.Index("(step_id, state)")

    @api.depends("participant_id", "step_id")
    def _compute_display_name(self):
        for task in self:
            task.display_name = (
                f"{task.step_id.name}: {task.participant_id.display_name}"
            )

    @api.depends("trace_ids")
    def _compute_trace_id(self):
        for task in self:
            task.trace_id = task.trace_ids[:1]

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    @api.model
    def _plan_roots(self, participant_ids):
        """Plan the first steps of new participants."""
        return self._plan(
            SQL(
                """
                SELECT p.id AS participant_id, p.campaign_id, s.id AS step_id,
                       1 AS occurrence, s.delay_minutes
                  FROM crm_campaign_participant p
                  JOIN crm_campaign_step s
                    ON s.campaign_id = p.campaign_id AND s.parent_id IS NULL
                 WHERE p.id = ANY(%s)
                """,
                list(participant_ids),
            )
        )

    def _plan_next(self):
        """Plan what follows these tasks, by the way each of them went."""
        if not self:
            return self
        planned = self._plan(self._get_next_query(SQL("k.id = ANY(%s)", self.ids)))
        self.env["crm.campaign.participant"]._complete(self.participant_id.ids)
        return planned

    @api.model
    def _plan_missing(self, campaigns):
        """Steps added while the campaigns were stopped reach those who wait inside."""
        planned = self._plan(
            self._get_next_query(SQL("k.campaign_id = ANY(%s)", campaigns.ids))
        )
        running = (
            self.env["crm.campaign.participant"]
            .search(
                [("campaign_id", "in", campaigns.ids), ("state", "=", "running")],
                order="id",
            )
            .ids
        )
        planned += self._plan_roots(running)
        self.env["crm.campaign.participant"]._complete(running)
        return planned

    @api.model
    def _get_next_query(self, condition):
        return SQL(
            """
            SELECT k.participant_id, k.campaign_id, s.id AS step_id, k.occurrence,
                   s.delay_minutes
              FROM crm_campaign_task k
              JOIN crm_campaign_participant p
                ON p.id = k.participant_id AND p.state = 'running'
              JOIN crm_campaign_step done ON done.id = k.step_id
              JOIN crm_campaign_step s
                ON s.parent_id = k.step_id AND s.branch = COALESCE(k.outcome, 'next')
             WHERE %s
               AND k.is_replay IS NOT TRUE
               AND (k.state IN ('done', 'unknown')
                    OR (k.state IN ('skipped', 'failed')
                        AND done.on_failure = 'continue'))
            """,
            condition,
        )

    @api.model
    def _plan(self, rows):
        """Plan the steps that ``rows`` select; what is planned stays as it is."""
        self.flush_model()
        self.env["crm.campaign.participant"].flush_model()
        self.env["crm.campaign.step"].flush_model()
        now = fields.Datetime.now()
        planned = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_campaign_task (
                    participant_id, campaign_id, step_id, occurrence, state,
                    date_planned, attempts,
                    create_uid, create_date, write_uid, write_date
                )
                SELECT n.participant_id, n.campaign_id, n.step_id, n.occurrence,
                       'planned', %(now)s + n.delay_minutes * interval '1 minute', 0,
                       %(uid)s, %(now)s, %(uid)s, %(now)s
                  FROM (%(rows)s) n
              ORDER BY n.participant_id, n.step_id
           ON CONFLICT (participant_id, step_id, occurrence) DO NOTHING
             RETURNING id
                """,
                rows=rows,
                now=now,
                uid=self.env.uid,
            )
        )
        tasks = self.browse([row[0] for row in planned])
        if tasks:
            self._invalidate()
            # somebody may have clicked already, while another step came in between
            tasks._wake_clicked()
        return tasks

    @api.model
    def _invalidate(self):
        self.invalidate_model(flush=False)
        self.env["crm.campaign.participant"].invalidate_model(
            ["task_ids", "current_step", "journey"], flush=False
        )

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
        self.env["crm.campaign.step"].flush_model(["kind", "mail_step_id"])

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
               AND mk.step_id = ws.mail_step_id
              JOIN mailing_trace tr ON tr.crm_campaign_task_id = mk.id
              JOIN link_tracker_click c
                ON c.mailing_trace_id = tr.id AND c.machine_reason IS NULL
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

    # ------------------------------------------------------------
    # Execution
    # ------------------------------------------------------------

    @api.model
    def _cron_run(self):
        """One bounded round: enrol, do what is due, send, note what became of it."""
        IrCron = self.env["ir.cron"]
        self.env["crm.campaign"]._enrol_changed()
        IrCron._commit_progress()
        attempts = self._reserve()
        count = len(attempts)
        tasks = self.browse(attempts)
        for batch in tasks.grouped("step_id").values():
            batch._execute(attempts)
        sent = self._send_mails()
        settled = self._settle()
        due = self.search_count(self._get_due_domain(), limit=BATCH_SIZE)
        processed = count + sent + settled
        IrCron._commit_progress(
            processed,
            # what is due but locked belongs to another worker
            remaining=(due + self._count_to_send()) if processed else 0,
        )
        self._trigger_next(busy=not processed and bool(due))

    @api.model
    def _trigger_next(self, busy=False):
        """Come back when the next task falls due; soon if others hold what is due."""
        cron = self.env.ref(
            "crm_campaigns.ir_cron_run_campaigns", raise_if_not_found=False
        )
        if not cron:
            return
        now = fields.Datetime.now()
        at = now + timedelta(minutes=1)
        if not busy:
            first = self.search(
                [("state", "=", "planned"), ("campaign_id.state", "=", "running")],
                order="date_planned, id",
                limit=1,
            )
            if not first or first.date_planned <= now:
                return
            at = first.date_planned
        waiting = self.env["ir.cron.trigger"].search_count(
            [("cron_id", "=", cron.id), ("call_at", ">", now), ("call_at", "<=", at)],
            limit=1,
        )
        if not waiting:
            cron._trigger(at=at)

    @api.model
    def _get_due_domain(self):
        return [
            ("campaign_id.state", "=", "running"),
            "|",
            "&",
            ("state", "=", "planned"),
            ("date_planned", "<=", fields.Datetime.now()),
            # left by a worker that died: a live one holds their lock
            ("state", "=", "reserved"),
        ]

    @api.model
    def _reserve(self, limit=BATCH_SIZE):
        """Mark due tasks as begun and commit, so that the attempt is on record whatever
        happens next; park those that were begun too often.

        :return: ``{task id: number of this attempt}``
        """
        domain = self._get_due_domain()
        tasks = self.search(domain, limit=limit).try_lock_for_update()
        worn_out = tasks.filtered(lambda task: task.attempts >= MAX_ATTEMPTS)
        worn_out._fail(
            self.env._("Begun %s times and interrupted each time.", MAX_ATTEMPTS),
            final=True,
        )
        tasks -= worn_out
        now = fields.Datetime.now()
        for attempts, batch in tasks.grouped("attempts").items():
            batch.write(
                {"state": "reserved", "date_reserved": now, "attempts": attempts + 1}
            )
        reserved = {task.id: task.attempts for task in tasks}
        self.env["ir.cron"]._commit_progress()
        return reserved

    def _execute(self, attempts):
        """Do these reserved tasks of one step, and commit.

        All at once; if that fails, one by one, and the error stays with the task that
        made it. Transactions and not savepoints: what a step does may commit by itself,
        as Odoo's mailings do.

        :param attempts: what ``_reserve`` returned
        """
        try:
            tasks = self._lock_reserved(attempts)
            if tasks:
                tasks._run()
            self.env["ir.cron"]._commit_progress()
        except psycopg2.OperationalError as error:
            self._put_off(error)
        except Exception:
            self.env.cr.rollback()
            _logger.info("crm_campaigns: batch failed, one by one now", exc_info=True)
            for task in self:
                task._execute_alone(attempts)

    def _execute_alone(self, attempts):
        try:
            task = self._lock_reserved(attempts)
            if task:
                task._run()
            self.env["ir.cron"]._commit_progress()
        except psycopg2.OperationalError as error:
            self._put_off(error)
        except Exception as error:  # noqa: BLE001 whatever a step may raise
            self.env.cr.rollback()
            text = str(error) or error.__class__.__name__
            self._lock_reserved(attempts)._fail(text)
            self.env["ir.cron"]._commit_progress()

    def _lock_reserved(self, attempts):
        """Lock until the transaction ends what is still ours: neither held nor taken
        over by another worker meanwhile."""
        return self.try_lock_for_update().filtered(
            lambda task: (task.state, task.attempts) == ("reserved", attempts[task.id])
        )

    def _put_off(self, error):
        """Serialisation, a lost connection: the whole batch again at the next round."""
        self.env.cr.rollback()
        _logger.info("crm_campaigns: batch put off: %s", error)
        self._trigger()

    def _run(self):
        """Do tasks of one step, for those who have no reason to leave."""
        going_on = self.participant_id._exit_if_stopped()
        tasks = self.filtered(
            lambda task: (
                task.participant_id in going_on
                or (task.is_replay and task.participant_id.state == "done")
            )
        )
        gone = (self - tasks).filtered(lambda task: task.state == "reserved")
        gone.write(
            {
                "state": "skipped",
                "reason": self.env._("The journey has ended before."),
                "date_done": fields.Datetime.now(),
            }
        )
        if tasks:
            getattr(tasks, f"_run_{tasks.step_id.kind}")(tasks)

    # ------------------------------------------------------------
    # Outcomes
    # ------------------------------------------------------------

    def _done(self, outcome="next", reason=None):
        """These tasks are done; what follows is planned."""
        if not self:
            return
        values = {
            "state": "done",
            "outcome": outcome,
            "date_done": fields.Datetime.now(),
        }
        if reason is not None:
            values["reason"] = reason
        self.write(values)
        self._plan_next()

    def _skip(self, reason):
        """These tasks had no effect; the step says whether the journey goes on."""
        if not self:
            return
        self.write(
            {"state": "skipped", "reason": reason, "date_done": fields.Datetime.now()}
        )
        stopping = self.filtered(
            lambda task: not task.is_replay and task.step_id.on_failure == "stop"
        )
        self.env["crm.campaign.participant"]._exit(
            {"undeliverable": stopping.participant_id.ids}
        )
        (self - stopping)._plan_next()

    def _fail(self, reason, final=False):
        """These tasks failed: again later, or parked where a person sees them."""
        now = fields.Datetime.now()
        again = self.browse()
        if not final:
            again = self.filtered(lambda task: task.attempts < MAX_ATTEMPTS)
        for attempts, tasks in again.grouped("attempts").items():
            wait = RETRY_MINUTES[min(attempts, len(RETRY_MINUTES)) - 1]
            tasks.write(
                {
                    "state": "planned",
                    "reason": reason,
                    "date_planned": now + timedelta(minutes=wait),
                }
            )
        failed = self - again
        if not failed:
            return
        failed.write({"state": "failed", "reason": reason, "date_done": now})
        failed._plan_next()

    # ------------------------------------------------------------
    # What people do
    # ------------------------------------------------------------

    def action_retry(self):
        """Try failed tasks again; the journey goes on from there."""
        self.campaign_id.check_access("write")
        failed = self.filtered(lambda task: task.state == "failed")
        if not failed:
            raise UserError(self.env._("Only failed tasks can be tried again."))
        # sudo: tasks and participants are written by the system only
        failed_sudo = failed.sudo()
        Participant = self.env["crm.campaign.participant"].sudo()
        for task_sudo in failed_sudo:
            participant = task_sudo.participant_id
            if participant.state == "failed":
                again = Participant.search_count(
                    [
                        ("campaign_id", "=", participant.campaign_id.id),
                        ("state", "=", "running"),
                        "|",
                        "&",
                        ("res_model", "=", participant.res_model),
                        ("res_id", "=", participant.res_id),
                        ("email", "=", participant.email or ""),
                    ],
                    limit=1,
                )
                if again:
                    raise UserError(
                        self.env._(
                            "%s is on the way in this campaign again.",
                            participant.who,
                        )
                    )
                participant.write({"state": "running", "date_left": False})
        failed_sudo.write(
            {
                "state": "planned",
                "attempts": 0,
                "date_planned": fields.Datetime.now(),
                "date_done": False,
            }
        )
        self._trigger()

    def action_send_again(self):
        """Send mails again of which nobody knows whether they arrived."""
        self.campaign_id.check_access("write")
        unknown = self.filtered(lambda task: task.state == "unknown")
        if not unknown:
            raise UserError(
                self.env._("Only mails with an unknown outcome can be sent again.")
            )
        # sudo: tasks are written by the system only
        last = dict(
            self.sudo()._read_group(
                [
                    ("participant_id", "in", unknown.participant_id.ids),
                    ("step_id", "in", unknown.step_id.ids),
                ],
                ["participant_id"],
                ["occurrence:max"],
            )
        )
        # tasks are the engine's own rows
        self.sudo().create(
            [
                {
                    "participant_id": task.participant_id.id,
                    "campaign_id": task.campaign_id.id,
                    "step_id": task.step_id.id,
                    "occurrence": last[task.participant_id] + 1,
                    "is_replay": True,
                    "date_planned": fields.Datetime.now(),
                }
                for task in unknown
            ]
        )
        # tasks are the engine's own rows
        unknown.sudo().write(
            {
                "state": "done",
                "reason": self.env._("Outcome unknown; sent again by hand."),
            }
        )
        self._trigger()

    def action_accept(self):
        """Take mails with an unknown outcome for sent."""
        self.campaign_id.check_access("write")
        # sudo: tasks are written by the system only
        self.filtered(lambda task: task.state == "unknown").sudo().write(
            {"state": "done", "reason": self.env._("Outcome unknown; taken for sent.")}
        )

    # ------------------------------------------------------------
    # Mails on their way
    # ------------------------------------------------------------

    @api.model
    def _count_to_send(self):
        return len(self._get_mails_to_send())

    @api.model
    def _get_mails_to_send(self, limit=SEND_SIZE):
        """Composed mails of running campaigns that wait for SMTP."""
        self.flush_model(["state"])
        self.env["mailing.trace"].flush_model(["crm_campaign_task_id", "mail_mail_id"])
        self.env["mail.mail"].flush_model(["state"])
        self.env["crm.campaign"].flush_model(["state"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.id
                  FROM crm_campaign_task k
                  JOIN crm_campaign c ON c.id = k.campaign_id AND c.state = 'running'
                  JOIN mailing_trace t ON t.crm_campaign_task_id = k.id
                  JOIN mail_mail m ON m.id = t.mail_mail_id AND m.state = 'outgoing'
                 WHERE k.state = 'sending'
              ORDER BY m.id
                 LIMIT %s
                """,
                limit,
            )
        )
        # sudo: the queue of outgoing mails is the system's
        return self.env["mail.mail"].sudo().browse([row[0] for row in rows])

    @api.model
    def _send_mails(self):
        """Send composed mails, one commit each; return how many were tried."""
        mails = self._get_mails_to_send()
        if not mails:
            return 0
        try:
            mails.send(auto_commit=not module.current_test)
        except Exception:
            # what was sent is committed; the rest waits for the next round
            self.env.cr.rollback()
            _logger.warning("crm_campaigns: sending was interrupted", exc_info=True)
            self._trigger(at=fields.Datetime.now() + timedelta(minutes=1))
            return 0
        return len(mails)

    @api.model
    def _settle(self):
        """Read from the traces what became of mails, and let the journeys go on.

        :return: number of tasks settled
        """
        self.flush_model()
        self.env["mailing.trace"].flush_model()
        self.env["mail.mail"].flush_model(["state"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT k.id, t.trace_status, t.failure_type, m.id IS NULL, d.outcome,
                       d.smtp_code, m.failure_reason
                  FROM crm_campaign_task k
                  JOIN mailing_trace t ON t.crm_campaign_task_id = k.id
             LEFT JOIN mail_mail m ON m.id = t.mail_mail_id
             LEFT JOIN crm_campaign_delivery d ON d.mail_id = t.mail_mail_id_int
                 WHERE k.state = 'sending'
                   AND (t.trace_status NOT IN ('outgoing', 'process', 'pending')
                        OR m.id IS NULL)
              ORDER BY k.id
                 LIMIT %s
            FOR UPDATE OF k SKIP LOCKED
                """,
                BATCH_SIZE,
            )
        )
        if not rows:
            return 0
        groups = {}
        for task_id, *facts in rows:
            groups.setdefault(self._get_verdict(*facts), []).append(task_id)
        for (verdict, reason), ids in groups.items():
            self.browse(ids)._apply_verdict(verdict, reason)
        self.env["crm.touchpoint"]._queue_harvest(
            "campaign_sent", self.browse([row[0] for row in rows]).trace_ids.ids
        )
        self.env["ir.cron"]._commit_progress()
        return len(rows)

    @api.model
    def _get_verdict(self, status, failure_type, is_gone, outcome, code, failure):
        """What a trace says of its task: a verdict and the reason to show."""
        labels = dict(
            self.env["mailing.trace"]
            ._fields["failure_type"]
            ._description_selection(self.env)
        )
        if status in ("sent", "open", "reply", "bounce"):
            if outcome == "unknown":
                return "unknown", self.env._(
                    "The connection ended while the mail was handed over: it may have "
                    "arrived, and is counted as sent."
                )
            return "sent", False
        if status == "cancel":
            return "skip", labels.get(failure_type) or self.env._("Cancelled")
        if status == "error":
            reason = failure or labels.get(failure_type) or self.env._("Unknown error")
            transient = failure_type == "mail_smtp" or 400 <= (code or 0) < 500
            return ("retry" if transient else "fail"), reason
        return "fail", self.env._("The mail was deleted before it was sent.")

    def _apply_verdict(self, verdict, reason):
        if verdict == "skip":
            self._skip(reason)
        elif verdict in ("retry", "fail"):
            self._fail(reason, final=verdict == "fail")
        else:
            self.flush_model()
            self.env.execute_query(
                SQL(
                    """
                    UPDATE crm_campaign_task k
                       SET state = %(state)s, outcome = 'next', reason = %(reason)s,
                           date_done = COALESCE(t.sent_datetime, %(now)s),
                           write_date = %(now)s
                      FROM mailing_trace t
                     WHERE t.crm_campaign_task_id = k.id AND k.id = ANY(%(ids)s)
                 RETURNING k.id
                    """,
                    state="unknown" if verdict == "unknown" else "done",
                    reason=reason or None,
                    now=fields.Datetime.now(),
                    ids=self.ids,
                )
            )
            self._invalidate()
            self._plan_next()

    def _hold_mails(self):
        """Keep mails of a stopped campaign from being sent by anyone."""
        mails = self._get_mails_in_state("outgoing").try_lock_for_update()
        mails.write({"state": "cancel"})

    def _release_mails(self):
        self._get_mails_in_state("cancel").write({"state": "outgoing"})

    def _get_mails_in_state(self, state):
        # sudo: the queue of outgoing mails is the system's
        traces_sudo = self.sudo().trace_ids.filtered(
            lambda trace: trace.trace_status == "outgoing"
        )
        return traces_sudo.mail_mail_id.filtered(lambda mail: mail.state == state)

    # ------------------------------------------------------------
    # The story
    # ------------------------------------------------------------

    def _get_journey_events(self):
        """Hook: what happened at this step, see the participant."""
        self.ensure_one()
        name = self.step_id.name
        icons = {
            "mail": "fa-paper-plane",
            "wait": "fa-clock-o",
            "wait_click": "fa-mouse-pointer",
            "activity": "fa-phone",
        }
        icon = icons.get(self.step_id.kind, "fa-circle-o")
        date = self.date_done or self.date_planned
        why = f": {self.reason}" if self.reason else ""
        texts = {
            "planned": self.env._("%(step)s · planned", step=name) + why,
            "reserved": self.env._("%(step)s · in progress", step=name),
            "sending": self.env._("%(step)s · being sent", step=name),
            "skipped": self.env._("%(step)s · skipped", step=name) + why,
            "failed": self.env._("%(step)s · failed", step=name) + why,
            "unknown": self.env._("%(step)s · outcome unknown", step=name) + why,
        }
        text = texts.get(self.state) or self._get_done_text()
        colours = {
            "failed": "text-danger",
            "unknown": "text-warning",
            "skipped": "text-muted",
            "planned": "text-muted",
        }
        return [
            {
                "date": date,
                "icon": f"{icon} {colours.get(self.state, 'text-success')}",
                "text": text,
                "order": self.id,
            },
            *self._get_mail_events(),
        ]

    def _get_done_text(self):
        name = self.step_id.name
        why = f": {self.reason}" if self.reason else ""
        if self.step_id.kind == "mail":
            return self.env._("%(step)s · sent", step=name) + why
        if self.step_id.kind == "wait_click":
            if self.outcome == "yes":
                return self.env._("%(step)s · clicked", step=name) + why
            return self.env._("%(step)s · no click in time", step=name) + why
        return self.env._("%(step)s · done", step=name) + why

    def _get_mail_events(self):
        """What became of the mail, from the timeline: machines are named as such."""
        # sudo: who may see the journey may see what its mails led to
        trace = self.sudo().trace_id
        if not trace:
            return []
        # of the one mail that this task has sent, which the reader may see
        touchpoints = (
            self.env["crm.touchpoint"]
            .sudo()
            .search(
                [
                    "|",
                    "&",
                    ("res_model", "=", "mailing.trace"),
                    ("res_id", "=", trace.id),
                    "&",
                    ("res_model", "=", "link.tracker.click"),
                    ("res_id", "in", trace.links_click_ids.ids),
                    ("kind_id.code", "!=", "campaign_sent"),
                ]
            )
        )
        return [
            {
                "date": touchpoint.date,
                "icon": f"{touchpoint.icon} text-muted",
                "text": (
                    self.env._("%s (by a machine)", touchpoint.display_name)
                    if touchpoint.is_machine
                    and touchpoint.kind_id.code != "campaign_bounced"
                    else touchpoint.display_name
                ),
                "order": self.id + 0.5,
            }
            for touchpoint in touchpoints
        ]
