import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.modules import module
from odoo.tools import SQL

from .crm_campaign_task_guard import Failures

_logger = logging.getLogger(__name__)

# Mails handed to SMTP before the outcome is noted and the clock is looked at.
SEND_SIZE = 100
# A provider of text messages that has said nothing for so long will say nothing.
ANSWER_TIME = timedelta(minutes=15)
# Mails that wait for SMTP before others are composed: some minutes of sending.
QUEUE_SIZE = 1000
# Mails whose outcome is read at once.
SETTLE_SIZE = 500


class CrmCampaignTask(models.Model):
    """Mails: composed with their tasks, sent by Odoo's queue, settled by traces."""

    _inherit = "crm.campaign.task"

    # ------------------------------------------------------------
    # Composing
    # ------------------------------------------------------------

    def _ask_contact_policy(self, channel):
        """Hook: the tasks whose people may be contacted now. An override has the others
        wait (``_defer``) or skipped (``_skip``), each with the reason.
        """
        return self

    def _get_unwanted(self, channel):
        """Hook: those of these tasks whose messages were made and wait, and would not
        be made now: their people may not be contacted at this moment, or at all.
        Nothing is noted: they are put back, and asked about again.
        """
        return self.browse()

    def _forget_failed_mails(self):
        """Before another attempt: the traces that failed make way for new ones."""
        # sudo: mails are the system's
        traces_sudo = self.sudo().trace_ids
        traces_sudo.mail_mail_id.filtered(lambda mail: mail.state != "sent").unlink()
        traces_sudo.unlink()
        self.invalidate_recordset(["trace_ids", "trace_id"])

    def _on_composed(self):
        """Called in the transaction that made the mails, before it commits."""
        self.env["mailing.trace"].flush_model()
        self.invalidate_recordset(["trace_ids", "trace_id"], flush=False)
        with_trace = self.filtered("trace_ids")
        with_trace._set(state="sending", reason=False)
        # cannot be but for a composer that someone else has changed
        (self - with_trace)._fail(self.env._("No mail was made."), final=True)

    # ------------------------------------------------------------
    # Mails on their way
    # ------------------------------------------------------------

    @api.model
    def _get_room(self):
        """How many more mails may be composed for now: each round looks through those
        that wait, and time must grow with the work. Where mails an hour are limited, no
        more than go out within the next hour: what waits longer is decided and written
        when its time comes. None: a batch of any size.
        """
        per_hour, per_domain = self._get_rates()
        if not per_hour and not per_domain:
            return 0 if self._is_queue_long() else None
        waiting = self._count_waiting()
        total = free = sum(waiting.values())
        if per_domain:
            # those of a domain that has had enough keep nobody else waiting
            sent = self._count_sent()
            free = sum(
                min(count, max(per_domain - sent.get(domain, 0), 0))
                for domain, count in waiting.items()
            )
        room = QUEUE_SIZE - free
        if per_hour:
            room = min(room, per_hour - total)
        return max(room, 0)

    @api.model
    def _count_waiting(self):
        """``{domain: how many}`` composed mails of running campaigns that wait."""
        self.flush_model(["state"])
        self.env["mailing.trace"].flush_model(["crm_campaign_task_id", "email"])
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT lower(split_part(t.email, '@', 2)), count(*)
                      FROM crm_campaign_task k
                      JOIN crm_campaign c ON c.id = k.campaign_id
                      JOIN mailing_trace t
                        ON t.crm_campaign_task_id = k.id AND t.trace_type = 'mail'
                     WHERE k.state = 'sending' AND c.state = 'running'
                  GROUP BY 1
                    """
                )
            )
        )

    def _defer_beyond_rate(self):
        """Where mails an hour to one domain are limited, those of these tasks beyond
        what goes out within an hour wait for theirs; return the others.
        """
        _per_hour, per_domain = self._get_rates()
        if not per_domain:
            return self
        counts = self._count_waiting()
        domains = self._read_participants(SQL("lower(split_part(p.email, '@', 2))"))
        later = {}
        for task_id, domain in domains.items():
            if not domain:
                continue  # no mail is made
            hours = counts.get(domain, 0) // per_domain
            counts[domain] = counts.get(domain, 0) + 1
            if hours:
                later.setdefault((hours, domain), []).append(task_id)
        now = fields.Datetime.now()
        for (hours, domain), ids in later.items():
            self.browse(ids)._defer(
                now + timedelta(hours=hours),
                self.env._(
                    "Waits for its turn: %(count)s mails an hour go to %(domain)s.",
                    count=per_domain,
                    domain=domain,
                ),
            )
        waiting = {task_id for ids in later.values() for task_id in ids}
        return self.browse(i for i in self._ids if i not in waiting)

    @api.model
    def _is_queue_long(self):
        """Whether as many mails wait as are sent within some minutes."""
        [(count,)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*)
                  FROM (
                    SELECT FROM crm_campaign_task k
                      JOIN crm_campaign c ON c.id = k.campaign_id
                      JOIN mailing_trace t
                        ON t.crm_campaign_task_id = k.id AND t.trace_type = 'mail'
                     WHERE k.state = 'sending' AND c.state = 'running'
                     LIMIT %s
                  ) waiting
                """,
                QUEUE_SIZE,
            )
        )
        return count >= QUEUE_SIZE

    @api.model
    def _count_to_send(self):
        return len(self._get_mails_to_send())

    @api.model
    def _get_mails_to_send(self, limit=SEND_SIZE):
        """Composed mails of running campaigns that wait for SMTP, and may go out within
        the limits of mails an hour.
        """
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
              ORDER BY k.id
                 LIMIT %s
                """,
                # behind those of a domain that has had enough, others may go
                limit * 20 if any(self._get_rates()) else limit,
            )
        )
        mail_ids = self._within_rate([row[0] for row in rows])[:limit]
        # sudo: the queue of outgoing mails is the system's
        return self.env["mail.mail"].sudo().browse(mail_ids)

    @api.model
    def _send_mails(self):
        """Send composed mails, one commit each; return how many wait no longer."""
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
        # what was left waiting, all campaigns having been stopped meanwhile for
        # example, is no reason for another round at once
        self.env["mail.mail"].flush_model(["state"])
        [(waiting,)] = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM mail_mail WHERE id = ANY(%s)"
                " AND state = 'outgoing'",
                mails.ids,
            )
        )
        return len(mails) - waiting

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
                SELECT k.id,
                       CASE WHEN t.trace_type = 'mail' OR t.trace_status <> 'outgoing'
                            THEN COALESCE(held.status, t.trace_status)
                            ELSE 'handed' END,
                       t.failure_type, m.id IS NULL, d.outcome, d.smtp_code,
                       m.failure_reason
                  FROM crm_campaign_task k
                  JOIN crm_campaign c ON c.id = k.campaign_id
                  JOIN mailing_trace t ON t.crm_campaign_task_id = k.id
             LEFT JOIN mail_mail m ON m.id = t.mail_mail_id
             LEFT JOIN crm_campaign_delivery d ON d.mail_id = t.mail_mail_id_int
                    -- by hand: those of a stopped campaign are held, and released
             LEFT JOIN (VALUES ('cancel')) held(status)
                    ON held.status = m.state AND c.state = 'running'
                 WHERE k.state = 'sending'
                   AND CASE WHEN t.trace_type = 'mail'
                            THEN m.id IS NULL OR held.status IS NOT NULL
                                 OR t.trace_status
                                 NOT IN ('outgoing', 'process', 'pending')
                            -- the provider has it: few tell that it arrived
                            ELSE t.trace_status <> 'outgoing'
                                 OR k.date_handed < %s END
              ORDER BY k.id
                 LIMIT %s
            FOR UPDATE OF k SKIP LOCKED
                """,
                fields.Datetime.now() - ANSWER_TIME,
                SETTLE_SIZE,
            )
        )
        if not rows:
            return 0
        groups = {}
        for task_id, *facts in rows:
            groups.setdefault(self._get_verdict(*facts), []).append(task_id)
        failures = Failures()
        for (verdict, reason), ids in groups.items():
            self.browse(ids).with_context(
                crm_campaigns_failures=failures
            )._apply_verdict(verdict, reason)
        self._judge(failures)
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
        is_sent = status in ("process", "pending", "sent", "open", "reply", "bounce")
        # handed over by a worker that died: whatever stood in the way of the next one
        if outcome == "unknown" or (outcome == "reserved" and not is_sent):
            return "unknown", self.env._(
                "The connection ended while the mail was handed over: it may have "
                "arrived, and is counted as sent."
            )
        if is_sent:
            return "sent", False
        if status == "handed" or failure_type == "sms_server":
            return "unknown", self.env._(
                "The provider gave no answer: the message may have arrived, and is "
                "counted as sent."
            )
        if status == "cancel":
            return "skip", labels.get(failure_type) or self.env._("Cancelled")
        if status == "error":
            reason = failure or labels.get(failure_type) or self.env._("Unknown error")
            transient = (
                failure_type in ("mail_smtp", "sms_acc", "sms_credit")
                or 400 <= (code or 0) < 500
            )
            return ("retry" if transient else "fail"), reason
        return "gone", self.env._("The mail was deleted before it was sent.")

    def _apply_verdict(self, verdict, reason):
        if verdict == "skip":
            self._skip(reason)
        elif verdict == "gone":
            self._settle_gone(reason)
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

    def _settle_gone(self, reason):
        """The mails of these tasks were deleted: with their records, which ends the
        journey and is no failure of the step, or by somebody alone.
        """
        Participant = self.env["crm.campaign.participant"]
        self.participant_id._exit_if_stopped()
        rest = self
        for why, participants in self.participant_id.grouped("exit_reason").items():
            if why:
                left = rest.filtered(lambda k, p=participants: k.participant_id in p)
                left._skip(Participant._get_exit_text(why))
                rest -= left
        rest._fail(reason, final=True)

    def _put_back(self):
        """Messages that nobody has handed over yet are taken back: their tasks fall due
        now, and whether and what is sent is decided anew.

        :return: those of these tasks that were put back
        """
        tasks = self._lock_unsent()
        if tasks:
            tasks._forget_failed_mails()
            tasks._defer(fields.Datetime.now(), False)
        return tasks

    def _lock_unsent(self):
        """Lock those of these tasks whose message nobody has, and nobody is sending."""
        if not self:
            return self
        self.flush_model()
        self.env["mailing.trace"].flush_model()
        self.env["mail.mail"].flush_model(["state"])
        mail_by_task = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT k.id, m.id
                      FROM crm_campaign_task k
                      JOIN mailing_trace t
                        ON t.crm_campaign_task_id = k.id
                       AND t.trace_status = 'outgoing'
                 LEFT JOIN mail_mail m ON m.id = t.mail_mail_id
                     WHERE k.id = ANY(%s) AND k.state = 'sending'
                       AND k.date_handed IS NULL
                       AND (t.trace_type <> 'mail' OR m.state IN ('outgoing', 'cancel'))
                       AND NOT EXISTS (
                           SELECT FROM crm_campaign_delivery d
                            WHERE d.mail_id = m.id AND d.outcome <> 'refused')
                FOR UPDATE OF k SKIP LOCKED
                    """,
                    self.ids,
                )
            )
        )
        mail_ids = {mail_id for mail_id in mail_by_task.values() if mail_id}
        if mail_ids:
            # sudo: mails are the system's
            Mail_sudo = self.env["mail.mail"].sudo()
            free = set(Mail_sudo.browse(mail_ids).try_lock_for_update()._ids)
            # what a worker has handed over that died since this transaction began is
            # seen by another one only
            with self.env.registry.cursor() as cr:
                cr.execute(
                    "SELECT mail_id FROM crm_campaign_delivery"
                    " WHERE mail_id = ANY(%s) AND outcome <> 'refused'",
                    [list(free)],
                )
                free -= {row[0] for row in cr.fetchall()}
            mail_by_task = {
                task_id: mail_id
                for task_id, mail_id in mail_by_task.items()
                if not mail_id or mail_id in free
            }
        return self.browse(i for i in self._ids if i in mail_by_task)

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
