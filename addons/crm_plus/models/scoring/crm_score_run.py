from datetime import timedelta
from time import monotonic

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.scoring import BATCH_SIZE

# A batch that collides with users' changes is tried again so often before the run
# rests.
MAX_COLLISIONS = 5
GC_DAYS = 90


class CrmScoreRun(models.Model):
    """One pass over all leads or customers: what decays, and what no change announces.

    It also is the place where a pass that runs out of time goes on: the scheduler calls
    again, and the open run knows the last id it has scored.
    """

    _name = "crm.score.run"
    _description = "Scoring Run"
    _order = "id desc"
    _rec_name = "target_model"

    target_model = fields.Selection(
        [("crm.lead", "Leads and Opportunities"), ("res.partner", "Customers")],
        string="Scores",
        required=True,
        readonly=True,
    )
    date_start = fields.Datetime(string="Begun", readonly=True)
    date_end = fields.Datetime(string="Done", readonly=True)
    last_id = fields.Integer(readonly=True, export_string_translation=False)
    record_count = fields.Integer(string="Records", readonly=True)
    changed_count = fields.Integer(string="Changed", readonly=True)
    seconds = fields.Float(readonly=True)
    errors = fields.Text(
        readonly=True, help="Rules that do not work, and so gave no points."
    )

    _open_uniq = models.UniqueIndex(
        "(target_model) WHERE date_end IS NULL",
        "All records of a kind are being scored already.",
    )

    @api.model
    def _start(self, target_models):
        """Begin a run for each of these; one under way begins again."""
        cron = self.env.ref(
            "crm_plus.ir_cron_recompute_scores", raise_if_not_found=False
        )
        open_runs = self.search([("date_end", "=", False)])
        of_targets = open_runs.filtered(lambda r: r.target_model in target_models)
        of_targets.filtered("last_id").write({"last_id": 0})
        missing = set(target_models) - set(of_targets.mapped("target_model"))
        runs = self.create([{"target_model": target} for target in sorted(missing)])
        if cron:
            cron._trigger()
        return of_targets + runs

    def _step(self):
        """Score the next batch of records; return how many there were."""
        self.ensure_one()
        started = monotonic()
        table = SQL.identifier(self.env[self.target_model]._table)
        [(count, last_id)] = self.env.execute_query(
            SQL(
                """SELECT count(*), max(id) FROM (
                       SELECT id FROM %s WHERE id > %s ORDER BY id LIMIT %s) batch""",
                table,
                self.last_id,
                BATCH_SIZE,
            )
        )
        values = {"date_start": self.date_start or fields.Datetime.now()}
        if count:
            changed_ids, errors = self.env["crm.score.model"]._recompute(
                self.target_model, id_range=(self.last_id + 1, last_id)
            )
            values.update(
                last_id=last_id,
                record_count=self.record_count + count,
                changed_count=self.changed_count + len(changed_ids),
                errors="\n".join(
                    f"{rule.model_id.name} / {rule.name}: {text}"
                    for rule, text in errors.items()
                ),
            )
        if count < BATCH_SIZE:
            values["date_end"] = fields.Datetime.now()
        values["seconds"] = self.seconds + monotonic() - started
        self.write(values)
        return count

    def _count_remaining(self):
        """Return how many records the open runs have before them."""
        return sum(
            self.env[run.target_model]
            .with_context(active_test=False)
            .search_count([("id", ">", run.last_id)])
            for run in self
        )

    @api.model
    def _get_targets(self):
        """Models with something to score, or with scores that no model gives now."""
        return {
            target
            for target in ("crm.lead", "res.partner")
            if self.env["crm.score.model"].search_count(
                [("target_model", "=", target)], limit=1
            )
            or self.env[target]
            .with_context(active_test=False)
            .search_count([("score_model_id", "!=", False)], limit=1)
        }

    @api.model
    def _cron_recompute(self):
        """Go on with the open runs; begin new ones when there is none."""
        IrCron = self.env["ir.cron"]
        runs = self.search([("date_end", "=", False)], order="id")
        if not runs:
            runs = self.create(
                [{"target_model": target} for target in sorted(self._get_targets())]
            )
        time_left = IrCron._commit_progress(remaining=runs._count_remaining())
        collisions = 0
        for run in runs:
            while not run.date_end and time_left:
                try:
                    count = run._step()
                    # what the batch queued for its commit may collide just as well
                    self.env.cr.flush()
                except psycopg2.OperationalError:
                    self.env.cr.rollback()
                    collisions += 1
                    if collisions > MAX_COLLISIONS:
                        raise
                    continue
                time_left = IrCron._commit_progress(count)

    @api.autovacuum
    def _gc_runs(self):
        limit = fields.Datetime.now() - timedelta(days=GC_DAYS)
        self.search([("date_end", "<", limit)]).unlink()
