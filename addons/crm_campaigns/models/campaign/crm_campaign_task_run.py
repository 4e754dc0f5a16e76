import logging
import math
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.collision import COLLISIONS

from .crm_campaign_task_guard import Failures
from .crm_campaign_task_outcome import MAX_ATTEMPTS

_logger = logging.getLogger(__name__)


class CrmCampaignTask(models.Model):
    """The scheduler: what is due is reserved and done, a batch of a step at a time."""

    _inherit = "crm.campaign.task"

    @api.model
    def _cron_run(self):
        """One bounded round. One that gets in the way of others is begun anew: what it
        did is committed, and the rest is as it was.
        """
        if self._is_halted():
            return
        try:
            self._run_round()
        except COLLISIONS as error:
            self.env.cr.rollback()
            self._invalidate()
            _logger.info("crm_campaigns: round begun anew: %s", error)
            self._trigger()

    @api.model
    def _run_round(self):
        """Enrol, a batch of each step that is due, send, note what became of it."""
        IrCron = self.env["ir.cron"]
        processed, is_looking = self.env["crm.campaign"]._enrol_changed()
        self._look()
        is_limited = any(self._get_rates())
        room = self._get_room()
        for step in self._get_due_steps():
            if not step._get_kind().fills_queue:
                processed += self._run_step(step)
            elif room is None or room > 0:
                processed += self._run_step(step, room)
                if is_limited:
                    room = self._get_room()
        processed += self._send_mails() + self._settle()
        due = len(self._get_due_steps())
        IrCron._commit_progress(
            processed,
            # what is due but locked belongs to another worker
            remaining=(due + self._count_to_send() + is_looking) if processed else 0,
        )
        self._trigger_next(busy=not processed and bool(due))

    @api.model
    def _look(self):
        """Conditions, goals and rules to end; what waits for them is not held up by one
        that does not work.
        """
        try:
            self.env["crm.campaign.look"]._look()
        except Exception:
            self.env.cr.rollback()
            self._invalidate()
            _logger.warning("crm_campaigns: looking was interrupted", exc_info=True)
            self._trigger(at=fields.Datetime.now() + timedelta(minutes=1))

    @api.model
    def _run_step(self, step, limit=None):
        """Reserve and do one batch of a step; return how many were reserved.

        What a worker has died of is done in small parts, in the same round.

        :param limit: no more than so many
        """
        size = step._get_kind().batch_size
        if limit is not None:
            size = min(size, limit)
        done = 0
        while done < size:
            attempts = self._reserve(step, size)
            if not self.browse(attempts)._execute(attempts):
                # put off: not to be begun again and again in this run of the job
                break
            done += len(attempts)
            if max(attempts.values(), default=1) == 1:
                break
        return done

    @api.model
    def _trigger_next(self, busy=False):
        """Come back when the next task falls due; soon if others hold what is due."""
        now = fields.Datetime.now()
        at = now + timedelta(minutes=1)
        if not busy:
            at = self._get_next_date()
            if not at or at <= now:
                return
        self._trigger_once(at)

    @api.model
    def _trigger_once(self, at):
        """Come back at that moment, unless somebody asked for an earlier one."""
        cron = self.env.ref(
            "crm_campaigns.ir_cron_run_campaigns", raise_if_not_found=False
        )
        if not cron:
            return
        # sudo: whatever moves a journey wakes the scheduler
        waiting = (
            self.env["ir.cron.trigger"]
            .sudo()
            .search_count(
                [
                    ("cron_id", "=", cron.id),
                    ("call_at", ">", fields.Datetime.now()),
                    ("call_at", "<=", at),
                ],
                limit=1,
            )
        )
        if not waiting:
            # sudo: whatever plans a step wakes the scheduler
            cron.sudo()._trigger(at=at)

    @api.model
    def _get_next_date(self):
        """When the next task of a running campaign falls due: one row of the queue of
        each step is looked at.
        """
        [(date,)] = self.env.execute_query(
            SQL(
                """
                SELECT min(k.date_planned)
                  FROM crm_campaign_step s
                  JOIN crm_campaign c ON c.id = s.campaign_id
            CROSS JOIN LATERAL (
                    SELECT date_planned FROM crm_campaign_task
                     WHERE step_id = s.id AND state IN ('planned', 'reserved')
                  ORDER BY date_planned, id LIMIT 1
                  ) k
                 WHERE c.state = 'running' AND s.date_halted IS NULL
                """
            )
        )
        return date

    @api.model
    def _get_due_steps(self):
        """Steps with something to do now: planned and due, or left by a worker that
        died (a live one holds their lock). Those who are farthest go first.
        """
        self.flush_model()
        self.env["crm.campaign"].flush_model(["state"])
        self.env["crm.campaign.step"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id
                  FROM crm_campaign_step s
                  JOIN crm_campaign c ON c.id = s.campaign_id
                 WHERE c.state = 'running' AND s.date_halted IS NULL
                   AND EXISTS (
                       SELECT FROM crm_campaign_task
                        WHERE step_id = s.id AND state IN ('planned', 'reserved')
                          AND date_planned <= %s)
              ORDER BY s.position DESC, s.id
                """,
                fields.Datetime.now(),
            )
        )
        return self.env["crm.campaign.step"].browse(row[0] for row in rows)

    @api.model
    def _reserve(self, step, limit=None):
        """Mark due tasks of a step as begun and commit, so that the attempt is on
        record whatever happens next; park those that were begun too often.

        Where the first one was left by a worker that died, fewer are taken each time:
        if one of them kills whoever does it, it is alone at last, and parked alone.

        :return: ``{task id: number of this attempt}``
        """
        self.flush_model()
        self._expect_cached()
        now = fields.Datetime.now()
        size = limit or step._get_kind().batch_size
        reserved = dict(
            self.env.execute_query(
                SQL(
                    # materialized: a subquery may run again for each row of a join,
                    # and skip then what it has locked itself. By its place in the
                    # table, which the lock keeps: joined, it would be read in whole
                    """
                    WITH head AS MATERIALIZED (
                        SELECT CASE state WHEN 'reserved' THEN attempts ELSE 0 END
                               AS deaths
                          FROM crm_campaign_task
                         WHERE step_id = %(step)s AND state IN ('planned', 'reserved')
                           AND date_planned <= %(now)s
                      ORDER BY date_planned, id
                         LIMIT 1
                    FOR UPDATE SKIP LOCKED
                    ), due AS MATERIALIZED (
                        SELECT ctid AS place FROM crm_campaign_task
                         WHERE step_id = %(step)s AND state IN ('planned', 'reserved')
                           AND date_planned <= %(now)s
                      ORDER BY date_planned, id
                         LIMIT COALESCE((
                               SELECT GREATEST(%(limit)s / %(shrink)s ^ deaths, 1)
                                 FROM head)::int, 1)
                    FOR UPDATE SKIP LOCKED
                    )
                    UPDATE crm_campaign_task t
                       SET state = 'reserved', date_reserved = %(now)s,
                           date_due = COALESCE(t.date_due, t.date_planned),
                           attempts = t.attempts + 1, write_date = %(now)s
                     WHERE t.ctid = ANY(ARRAY(SELECT place FROM due))
                 RETURNING t.id, t.attempts
                    """,
                    now=now,
                    step=step.id,
                    limit=size,
                    # a batch is down to one at the last of the attempts
                    shrink=math.ceil(size ** (1 / (MAX_ATTEMPTS - 1))),
                )
            )
        )
        if not reserved:
            return reserved
        self._invalidate()
        worn_out = [i for i, attempts in reserved.items() if attempts > MAX_ATTEMPTS]
        self.browse(worn_out)._fail(
            self.env._("Begun %s times and interrupted each time.", MAX_ATTEMPTS),
            final=True,
        )
        for task_id in worn_out:
            del reserved[task_id]
        self.env["ir.cron"]._commit_progress()
        return reserved

    @api.model
    def _expect_cached(self):
        """Until this transaction ends, let the database look rows up one by one: what a
        batch is about was written a moment ago, and is in memory. By default it takes
        that for slow, and reads whole tables for each statement of a batch, with others
        that help it: the more people are in campaigns, the longer.
        """
        self.env.execute_query(
            SQL(
                """
                SELECT set_config('random_page_cost', '1', TRUE),
                       set_config('jit', 'off', TRUE),
                       set_config('max_parallel_workers_per_gather', '0', TRUE),
                       set_config('work_mem', GREATEST(
                           pg_size_bytes(current_setting('work_mem')),
                           pg_size_bytes('64MB')) / 1024 || 'kB', TRUE)
                """
            )
        )

    def _execute(self, attempts):
        """Do these reserved tasks of one step, and commit.

        All at once; a batch that fails is halved until the task that makes it fail is
        alone and keeps its error: one in 500 costs ten batches, not 500. Transactions
        and not savepoints: what a step does may commit by itself, as Odoo's mailings
        do.

        :param attempts: what ``_reserve`` returned
        :return: whether all were tried
        """
        todo = [self]
        while todo:
            tasks = todo.pop()
            try:
                tasks._execute_batch(attempts)
            except COLLISIONS as error:
                # others were at the same rows, a mailing's for example: that says
                # nothing of these tasks, and is no attempt
                self.env.cr.rollback()
                self._invalidate()
                _logger.info("crm_campaigns: batch put off: %s", error)
                for waiting in [tasks, *todo]:
                    waiting._lock_reserved(attempts)._defer(
                        fields.Datetime.now(), False
                    )
                self.env["ir.cron"]._commit_progress()
                self._trigger()
                return False
            except psycopg2.OperationalError as error:
                # a lost connection, for example: the rest again at the next round
                self.env.cr.rollback()
                _logger.info("crm_campaigns: batch put off: %s", error)
                self._trigger()
                return False
            except Exception as error:
                self.env.cr.rollback()
                self._invalidate()
                if len(tasks) > 1:
                    _logger.info("crm_campaigns: batch failed, halved", exc_info=True)
                    middle = len(tasks) // 2
                    todo += [tasks[middle:], tasks[:middle]]
                    continue
                tasks._lock_reserved(attempts)._fail(
                    str(error) or error.__class__.__name__
                )
                self.env["ir.cron"]._commit_progress()
                if tasks.step_id.date_halted:
                    for waiting in todo:
                        waiting._lock_reserved(attempts)._defer(
                            fields.Datetime.now(), False
                        )
                    self.env["ir.cron"]._commit_progress()
                    return False
        return True

    def _execute_batch(self, attempts):
        self._expect_cached()
        tasks = self._lock_reserved(attempts)
        if tasks:
            failures = Failures()
            tasks.with_context(crm_campaigns_failures=failures)._run()
            self._judge(failures)
        self.env["ir.cron"]._commit_progress()

    def _lock_reserved(self, attempts):
        """Lock until the transaction ends what is still ours: neither held nor taken
        over by another worker meanwhile."""
        if not self:
            return self
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id, attempts FROM crm_campaign_task
                 WHERE id = ANY(%s) AND state = 'reserved'
            FOR UPDATE SKIP LOCKED
                """,
                self.ids,
            )
        )
        ours = {task_id for task_id, number in rows if number == attempts[task_id]}
        return self.browse(i for i in self._ids if i in ours)

    def _run(self):
        """Do tasks of one step, for those who have no reason to leave."""
        step = self[:1].step_id
        Participant = self.env["crm.campaign.participant"]
        reasons = {}
        for participant_id, reason in self.env.execute_query(
            Participant._get_leaving_query(
                step.campaign_id._get_model(),
                SQL(
                    "p.id IN (SELECT participant_id FROM crm_campaign_task"
                    " WHERE id = ANY(%s))",
                    self.ids,
                ),
                step.campaign_id,
            )
        ):
            reasons.setdefault(reason, []).append(participant_id)
        Participant._exit(reasons)
        step.campaign_id._exit_by_condition(
            SQL(
                "p.id IN (SELECT participant_id FROM crm_campaign_task"
                " WHERE id = ANY(%s))",
                self.ids,
            )
        )
        going = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT k.id, %s
                      FROM crm_campaign_task k
                      JOIN crm_campaign_step s ON s.id = k.step_id
                      JOIN crm_campaign_participant p ON p.id = k.participant_id
                     WHERE k.id = ANY(%s) AND k.state = 'reserved'
                       AND (p.state = 'running'
                            OR (k.is_replay AND p.state = 'done'))
                    """,
                    self._get_behind_condition(),
                    self.ids,
                )
            )
        )
        tasks = self.browse(i for i in self._ids if i in going)
        (self - tasks)._skip_ended()
        behind = self.browse(i for i in tasks._ids if going[i])
        behind._skip_behind()
        tasks -= behind
        if step.expire_hours:
            tasks = tasks._skip_expired(step.expire_hours)
        kind = step._get_kind()
        if kind.is_by_record:
            tasks = tasks._defer_doubles()
        if tasks:
            kind.run(tasks)

    def _defer_doubles(self):
        """Of a record that entered more than once, the first of these tasks goes on;
        the others wait for the next batch. Return those that go on.
        """
        first = {}
        for task_id, res_id in sorted(self._get_subjects().items()):
            first.setdefault(res_id, task_id)
        if len(first) == len(self):
            return self
        first_ids = set(first.values())
        self.browse(i for i in self._ids if i not in first_ids)._defer(
            fields.Datetime.now(), False
        )
        return self.browse(i for i in self._ids if i in first_ids)

    def _skip_expired(self, hours):
        """Skip those of these tasks that come too late; return the others."""
        late = self._read_participants(
            SQL(
                "COALESCE(k.date_due, k.date_planned) < %s AND k.is_replay IS NOT TRUE",
                fields.Datetime.now() - timedelta(hours=hours),
            )
        )
        expired = self.browse(task_id for task_id in self._ids if late[task_id])
        expired._skip(self.env._("Too late: it was due over %s hours ago.", hours))
        return self - expired

    def _skip_ended(self):
        """The journeys of these tasks have ended before."""
        if not self:
            return
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task
                   SET state = 'skipped', reason = %(reason)s, date_done = %(now)s
                 WHERE id = ANY(%(ids)s) AND state = 'reserved'
             RETURNING id
                """,
                reason=self.env._("The journey has ended before."),
                now=fields.Datetime.now(),
                ids=self.ids,
            )
        )
        self._invalidate()
