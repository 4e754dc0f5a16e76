from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools import outbound

# Calls of one round of the scheduler, which then looks at the clock.
ROUND_SIZE = 200
# After the time for the answer: nobody calls again what a slow worker may still note.
GRACE = timedelta(minutes=1)
MAX_TRIES = len(outbound.PAUSES) + 1
GC_SIZE = 10_000
KEEP_DAYS = 30
# What was given up is for people to look at; some day nobody will.
KEEP_PARKED_DAYS = 365


class CrmCampaignRequest(models.Model):
    """The scheduler of the outbox: call by call, each with commits of its own."""

    _inherit = "crm.campaign.request"

    @api.model
    def _cron_send(self):
        """One bounded round."""
        IrCron = self.env["ir.cron"]
        if self.env["crm.campaign.task"]._is_halted():
            return
        allowed = self.env["crm.campaign.endpoint"]._get_allowed()
        with outbound.Caller(allowed) as caller:
            for _i in range(ROUND_SIZE):
                request = self._reserve()
                if not request:
                    break
                request._call(caller)
                if not IrCron._commit_progress(1):
                    break
        date = self._get_next_date()
        is_due = bool(date) and date <= fields.Datetime.now()
        IrCron._commit_progress(remaining=int(is_due))
        if date and not is_due:
            self._trigger(at=date)
            IrCron._commit_progress()

    @api.model
    def _get_queue_query(self):
        """SQL of the first call ``r`` of each service that may be called now, as far as
        the campaign runs.
        """
        self.flush_model()
        self.env["crm.campaign.endpoint"].flush_model()
        self.env["crm.campaign"].flush_model(["state"])
        return SQL(
            """
            SELECT r.id, GREATEST(r.date_next, e.date_free) AS date, e.timeout
              FROM crm_campaign_endpoint e
        CROSS JOIN LATERAL (
                SELECT q.id, q.date_next
                  FROM crm_campaign_request q
                  JOIN crm_campaign c ON c.id = q.campaign_id AND c.state = 'running'
                 WHERE q.endpoint_id = e.id AND q.state = 'waiting'
              ORDER BY q.date_next, q.id
                 LIMIT 1
            FOR UPDATE OF q SKIP LOCKED
              ) r
             WHERE e.active AND e.date_paused IS NULL
            """
        )

    @api.model
    def _get_next_date(self):
        """When the next call is due."""
        [(date,)] = self.env.execute_query(
            SQL("SELECT min(date) FROM (%s) queue", self._get_queue_query())
        )
        return date

    @api.model
    def _reserve(self):
        """Put the next call that is due on record as tried, and commit: whatever
        happens to this worker, it counts, and nobody else makes the call meanwhile.
        """
        now = fields.Datetime.now()
        while rows := self.env.execute_query(
            SQL(
                """
                WITH queue AS MATERIALIZED (%(queue)s)
                UPDATE crm_campaign_request r
                   SET attempts = r.attempts + 1, write_date = %(now)s,
                       date_next = %(now)s + %(grace)s
                                   + queue.timeout * interval '1 second'
                  FROM queue
                 WHERE r.id = queue.id AND queue.id = (
                     SELECT id FROM queue WHERE date <= %(now)s
                   ORDER BY date, id LIMIT 1)
             RETURNING r.id
                """,
                queue=self._get_queue_query(),
                now=now,
                grace=GRACE,
            )
        ):
            self.invalidate_model(flush=False)
            request = self.browse(rows[0])
            if request.attempts > MAX_TRIES:
                request._park(
                    self.env._("Begun %s times and interrupted each time.", MAX_TRIES)
                )
                self.env["ir.cron"]._commit_progress()
                continue
            self.env["crm.campaign.request.try"].create(
                {
                    "request_id": request.id,
                    "endpoint_id": request.endpoint_id.id,
                    "method": request.endpoint_id.method,
                    "date": now,
                }
            )
            self.env["ir.cron"]._commit_progress()
            return request
        return self.browse()

    def _call(self, caller):
        """Call, and note what came of it."""
        self._note(self.endpoint_id._send(caller, self.key, self.body))

    def _note(self, answer):
        """What came of the try that was begun last."""
        self.ensure_one()
        endpoint = self.endpoint_id
        reason = endpoint._get_answer_text(answer)
        self.try_ids[:1].write(
            {
                "outcome": "ok" if answer.is_ok else "failed",
                "status": answer.status,
                "milliseconds": round(answer.seconds * 1000),
                "reason": reason,
                "answer": answer.text,
            }
        )
        now = fields.Datetime.now()
        pause = None if answer.is_final else outbound.get_pause(self.attempts)
        self.write({"status": answer.status, "reason": reason})
        if answer.is_ok:
            self.write({"state": "delivered", "date_next": False, "date_done": now})
            self.task_id._wake_answered()
        elif self.state != "waiting":
            # somebody has cancelled it while it was on its way
            pass
        elif pause:
            rest = outbound.parse_retry_after(answer.retry_after, now)
            if rest and rest > now:
                # it is the service that asks for a rest, not this call
                endpoint.date_free = rest
            self.date_next = max(now + pause, rest or now)
        else:
            self._park(reason)
        if not answer.is_ok and not endpoint.date_paused and endpoint._is_failing():
            endpoint._pause(reason)

    def _park(self, reason):
        """Given up, until somebody says otherwise."""
        self.write(
            {
                "state": "parked",
                "reason": reason,
                "date_next": False,
                "date_done": fields.Datetime.now(),
            }
        )
        self.task_id._wake_answered()

    # ------------------------------------------------------------
    # What is over
    # ------------------------------------------------------------

    @api.autovacuum
    def _gc_requests(self):
        """Forget calls that are over, with what was sent and answered."""
        # sudo: how long it is kept is no secret
        get_param = self.env["ir.config_parameter"].sudo().get_param
        days = int(get_param("crm_campaigns.outbox_days") or KEEP_DAYS)
        now = fields.Datetime.now()
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM crm_campaign_request
                 WHERE id IN (
                     SELECT id FROM crm_campaign_request
                      WHERE state <> 'waiting'
                        AND (state <> 'parked' AND date_done < %s OR date_done < %s)
                      LIMIT %s)
             RETURNING id
                """,
                now - timedelta(days=days),
                now - timedelta(days=max(days, KEEP_PARKED_DAYS)),
                GC_SIZE,
            )
        )
        self.invalidate_model(flush=False)
        self.env["crm.campaign.request.try"].invalidate_model(flush=False)
        return len(rows), int(len(rows) == GC_SIZE)
