from datetime import timedelta
from time import monotonic

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.collision import rested, try_again

GC_DAYS = 90
# A run looks for what has changed since the last one began, and so much longer: for
# transactions that were under way then.
OVERLAP = timedelta(hours=1)
# How often all records are scored, whether or not anything about them is known to have
# changed. Other runs do not see touchpoints that were changed around Odoo, or that no
# longer are there, such as those past their retention.
FULL_DAYS = 7


class CrmScoreRun(models.Model):
    """One pass over all leads or customers: what decays, and what no change announces.

    After a change of models or rules, and once a week, all records are scored; else
    those only whose score can have changed (see ``ScoringEngine``). It also is the
    place where a pass that runs out of time goes on: the scheduler calls again, and the
    open run knows the last id it has scored.
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
    is_full = fields.Boolean(
        string="All Records",
        readonly=True,
        default=True,
        help="Else only records whose score can have changed were scored.",
    )
    touchpoint_id = fields.Integer(
        readonly=True,
        export_string_translation=False,
        help="The newest touchpoint at its beginning.",
    )
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
    def _start(self, target_models, is_full=True):
        """Begin a run for each of these; one under way begins again."""
        open_runs = self.search([("date_end", "=", False)])
        of_targets = open_runs.filtered(lambda r: r.target_model in target_models)
        of_targets.filtered("last_id").write({"last_id": 0})
        if is_full:
            of_targets.filtered(lambda r: not r.is_full).write({"is_full": True})
        missing = set(target_models) - set(of_targets.mapped("target_model"))
        runs = self._create_runs(missing, is_full)
        self._trigger()
        return of_targets + runs

    @api.model
    def _trigger(self, at=None):
        cron = self.env.ref(
            "crm_plus.ir_cron_recompute_scores", raise_if_not_found=False
        )
        if cron:
            cron._trigger(at)

    @api.model
    def _create_runs(self, target_models, is_full=False):
        week_ago = fields.Datetime.now() - timedelta(days=FULL_DAYS)
        recently_full = self.search(
            [("is_full", "=", True), ("date_start", ">", week_ago)]
            + [("date_end", "!=", False)]
        ).mapped("target_model")
        return self.create(
            [
                {
                    "target_model": target,
                    "is_full": is_full or target not in recently_full,
                }
                for target in sorted(target_models)
            ]
        )

    def _get_since(self):
        """Return what the run may take as known, ``(moment, touchpoint id)``; None when
        it is to score all.

        Touchpoints are numbered before they can be seen: those of a long transaction
        may be older than the newest that the last run saw. So it is the newest of an
        earlier run.
        """
        self.ensure_one()
        done = self.search(
            [("target_model", "=", self.target_model), ("date_end", "!=", False)]
        )
        if self.is_full or not done:
            return None
        moment = done[0].date_start - OVERLAP
        earlier = done.filtered(lambda run: run.date_start <= moment)
        if not earlier[:1].touchpoint_id:
            return None
        return moment, earlier[0].touchpoint_id

    def _step(self):
        """Score the next batch of records; return how many were looked at."""
        self.ensure_one()
        started = monotonic()
        values = {}
        if not self.date_start:
            [(touchpoint_id,)] = self.env.execute_query(
                SQL("SELECT max(id) FROM crm_touchpoint")
            )
            values = {
                "date_start": fields.Datetime.now(),
                "touchpoint_id": touchpoint_id or 0,
            }
            self._drop_scores_of_no_model()
        count, last_id, is_done, changed_ids, errors = self.env[
            "crm.score.model"
        ]._recompute_next(self.target_model, self.last_id, self._get_since())
        if count:
            values.update(
                last_id=last_id,
                record_count=self.record_count + count,
                changed_count=self.changed_count + len(changed_ids),
                errors="\n".join(
                    f"{record.display_name}: {text}" for record, text in errors.items()
                ),
            )
        if is_done:
            values["date_end"] = fields.Datetime.now()
        values["seconds"] = self.seconds + monotonic() - started
        self.write(values)
        return count

    def _drop_scores_of_no_model(self):
        """Forget what additional models said that are archived now."""
        key = "lead_id" if self.target_model == "crm.lead" else "partner_id"
        self.env.execute_query(
            SQL(
                """DELETE FROM crm_score s
                    WHERE NOT is_main AND %s IS NOT NULL
                      AND NOT EXISTS (
                          SELECT FROM crm_score_model m
                           WHERE m.id = s.model_id AND m.active AND m.is_additional
                      )
                RETURNING id""",
                SQL.identifier(key),
            )
        )
        self.env["crm.score"].invalidate_model(flush=False)

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
            runs = self._create_runs(self._get_targets())
        time_left = IrCron._commit_progress(remaining=runs._count_remaining())
        for run in runs:
            while not run.date_end and time_left:
                # somebody may write on one of these records meanwhile
                count = try_again(self.env, run._step)
                if count is None:
                    self._trigger(rested())
                    return
                time_left = IrCron._commit_progress(count)

    @api.autovacuum
    def _gc_runs(self):
        limit = fields.Datetime.now() - timedelta(days=GC_DAYS)
        self.search([("date_end", "<", limit)]).unlink()
