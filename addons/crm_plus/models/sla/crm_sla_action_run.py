"""Queue and log of what policies do when a promise is nearly or really late."""

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY as COLLISIONS
from odoo.tools import SQL

from .crm_sla_action import EVENTS

_logger = logging.getLogger(__name__)

# a mail or an activity each: a batch takes a few seconds
BATCH_SIZE = 100
FAILURES_MAX = 3
RETRY_AFTER = timedelta(minutes=15)
GC_SIZE = 10_000
RETENTION_DAYS = 365


class CrmSlaActionRun(models.Model):
    """One action for one promise: waiting, then done, skipped or failed.

    The row is inserted in the transaction of the alert; its unique key makes a second
    alert of the same promise a no-op. A promise that was planned anew for a later due
    is another promise. What fails is tried again alone, then kept with its error.
    """

    _name = "crm.sla.action.run"
    _description = "Response Time Action Run"
    _order = "id desc"
    _rec_name = "action_id"

    action_id = fields.Many2one(
        "crm.sla.action", required=True, readonly=True, index=True, ondelete="cascade"
    )
    clock_id = fields.Many2one(
        "crm.sla.clock",
        string="Response Time",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    policy_id = fields.Many2one(related="action_id.policy_id")
    company_id = fields.Many2one(related="clock_id.company_id")
    res_name = fields.Char(related="clock_id.res_name", string="Document")
    user_id = fields.Many2one(related="clock_id.user_id")
    event = fields.Selection(EVENTS, required=True, readonly=True)
    date_due = fields.Datetime(string="Due", required=True, readonly=True)
    # what became of it
    state = fields.Selection(
        [
            ("waiting", "Waiting"),
            ("done", "Done"),
            ("skipped", "Not Needed"),
            ("failed", "Failed"),
        ],
        required=True,
        readonly=True,
        default="waiting",
    )
    date_done = fields.Datetime(string="Done", readonly=True)
    result = fields.Char(readonly=True, help="What was done, and for whom.")
    failures = fields.Integer(readonly=True)
    error = fields.Text(readonly=True)
    date_retry = fields.Datetime(string="Next Try", readonly=True)

    _promise_uniq = models.Constraint(
        "UNIQUE(action_id, clock_id, event, date_due)",
        "An action is run once for each promise.",
    )
    _queue_idx = models.Index("(id) WHERE state = 'waiting'")

    # ------------------------------------------------------------
    # Queue
    # ------------------------------------------------------------

    @api.model
    def _enqueue(self, events):
        """Queue the actions of clocks that warn or breach now, in one statement.

        :param events: ``[(clock, event)]``
        """
        rows = [
            SQL("(%s, %s, %s, %s)", action.id, clock.id, event, clock.date_due)
            for clock, event in events
            for action in clock.policy_id.action_ids
            if action.event == event and action.kind in (False, clock.kind)
        ]
        if not rows:
            return
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_sla_action_run
                       (action_id, clock_id, event, date_due, state, failures,
                        create_uid, write_uid, create_date, write_date)
                SELECT v.action_id, v.clock_id, v.event, v.date_due, 'waiting', 0,
                       %(uid)s, %(uid)s, %(now)s, %(now)s
                  FROM (VALUES %(rows)s) AS v(action_id, clock_id, event, date_due)
                ON CONFLICT DO NOTHING
                """,
                uid=self.env.uid,
                now=self.env.cr.now(),
                rows=SQL(", ").join(rows),
            )
        )
        self.invalidate_model(flush=False)

    @api.model
    def _get_queue_domain(self):
        return Domain("state", "=", "waiting") & (
            Domain("date_retry", "=", False)
            | Domain("date_retry", "<=", fields.Datetime.now())
        )

    @api.model
    def _process(self, batch_size=BATCH_SIZE):
        """Run one batch; returns how many were handled."""
        domain = self._get_queue_domain()
        runs = self.search(domain, limit=batch_size, order="id").try_lock_for_update()
        runs = runs.filtered_domain(domain)
        gone = runs.filtered(lambda run: run.clock_id.date_stop)
        gone.write(
            {
                "state": "skipped",
                "date_done": fields.Datetime.now(),
                "result": self.env._("The clock has stopped meanwhile."),
            }
        )
        for (_action, _model), group in (
            (runs - gone)
            .grouped(lambda run: (run.action_id, run.clock_id.res_model))
            .items()
        ):
            group._run()
        return len(runs)

    def _run(self):
        """Run one action for a set; what fails is set aside alone, with its error."""
        try:
            with self.env.cr.savepoint():
                self._apply()
        except COLLISIONS:
            raise  # serialisation, lock timeout: the whole batch comes again
        except Exception:  # noqa: BLE001 - found out one by one
            if len(self) == 1:
                self._run_alone()
                return
            _logger.info("Action fails for %s clocks, trying each alone", len(self))
            for run in self:
                run._run_alone()

    def _run_alone(self):
        try:
            with self.env.cr.savepoint():
                self._apply()
        except COLLISIONS:
            raise
        except Exception as error:  # kept where a person sees it
            _logger.warning("Response time action %s fails", self.id, exc_info=True)
            failures = self.failures + 1
            self.write(
                {
                    "failures": failures,
                    "error": str(error),
                    "state": "failed" if failures >= FAILURES_MAX else "waiting",
                    "date_retry": fields.Datetime.now() + RETRY_AFTER,
                }
            )
            self.env["crm.sla.clock"]._wake(self.date_retry)

    def _apply(self):
        clocks = self.clock_id
        existing = set(
            self.env[clocks[:1].res_model].browse(clocks.mapped("res_id")).exists().ids
        )
        there = clocks.filtered(lambda clock: clock.res_id in existing)
        done = self.action_id._run_on(there) if there else {}
        by_result = self.grouped(lambda run: done.get(run.clock_id.id, False))
        for result, runs in by_result.items():
            # results are few: one write for each
            runs.write(
                {
                    "state": "done",
                    "date_done": fields.Datetime.now(),
                    "result": result or self.env._("The record is gone."),
                    "error": False,
                    "date_retry": False,
                }
            )

    def action_retry(self):
        """Try failed ones again, from the start."""
        self.check_access("read")
        self.env["crm.sla.policy"].check_access("write")
        failed = self.filtered(lambda run: run.state == "failed")
        # the log is nobody's to write; policies' managers may ask for another try
        failed.sudo().write({"state": "waiting", "failures": 0, "date_retry": False})
        self.env["crm.sla.clock"]._wake()

    @api.autovacuum
    def _gc_runs(self):
        """Forget what was done long ago."""
        days = int(
            self.env["ir.config_parameter"]
            .sudo()  # a system parameter
            .get_param("crm_plus.sla_action_retention_days", RETENTION_DAYS)
        )
        # 0 keeps all; less would be in the future, and drop all
        if days <= 0:
            return 0, 0
        limit = fields.Datetime.now() - timedelta(days=days)
        runs = self.search(
            [("state", "!=", "waiting"), ("create_date", "<", limit)], limit=GC_SIZE
        )
        runs.unlink()
        return len(runs), int(len(runs) == GC_SIZE)
