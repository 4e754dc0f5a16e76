import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models

_logger = logging.getLogger(__name__)

# A batch that has more crossings of one threshold than this (the first run of a model,
# a back-fill) acts on none: nobody wants 50,000 activities.
ACT_LIMIT = 200
GC_BATCH_SIZE = 10_000


class CrmScoreChange(models.Model):
    """A threshold that a score crossed: when, from what to what, and by which rules.

    Also the queue of the actions that are to follow. Written by the engine only.
    """

    _name = "crm.score.change"
    _description = "Score Crossing"
    _order = "date desc, id desc"
    _log_access = False

    lead_id = fields.Many2one(
        "crm.lead",
        string="Lead/Opportunity",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    record_name = fields.Char(string="Who", compute="_compute_record_name")
    model_id = fields.Many2one(
        "crm.score.model", string="Scoring Model", readonly=True, ondelete="cascade"
    )
    threshold_id = fields.Many2one(
        "crm.score.threshold",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    user_id = fields.Many2one(related="lead_id.user_id", string="Salesperson")
    date = fields.Datetime(readonly=True)
    direction = fields.Selection(
        [("rise", "Rose above"), ("fall", "Fell below")],
        string="Score",
        readonly=True,
    )
    grade_before = fields.Char(readonly=True)
    grade_after = fields.Char(readonly=True)
    total_before = fields.Float(
        string="Score Before", readonly=True, digits=(16, 1), aggregator=None
    )
    total_after = fields.Float(
        string="Score After", readonly=True, digits=(16, 1), aggregator=None
    )
    moves = fields.Json(
        readonly=True,
        export_string_translation=False,
        help="Tenths of a point by rule: what was won or lost.",
    )
    reason = fields.Text(readonly=True, help="The rules that give more or less now.")
    # actions
    state = fields.Selection(
        [
            ("todo", "Waiting"),
            ("done", "Done"),
            ("skipped", "Left out"),
            ("failed", "Failed"),
        ],
        string="Actions",
        readonly=True,
        help="Left out: the threshold does not act in this direction, or hundreds of "
        "records crossed it in one run.",
    )
    error = fields.Text(readonly=True)

    _todo_idx = models.Index("(id) WHERE state = 'todo'")
    _date_idx = models.Index("(date)")

    @api.depends("threshold_id", "direction")
    def _compute_display_name(self):
        for change in self:
            change.display_name = change.threshold_id.name or change.model_id.name

    @api.depends("lead_id.display_name", "partner_id.display_name")
    def _compute_record_name(self):
        # sudo: named as in any column, for whoever may read the crossing
        for change in self.sudo():
            change.record_name = change._get_record().display_name

    def _get_record(self):
        self.ensure_one()
        return self.lead_id or self.partner_id

    def _describe(self):
        """Say in a sentence what has happened."""
        self.ensure_one()
        text = (
            self.env._(
                "Score rose above “%(name)s”: %(before)s → %(after)s (%(points)s "
                "points)."
            )
            if self.direction == "rise"
            else self.env._(
                "Score fell below “%(name)s”: %(before)s → %(after)s (%(points)s "
                "points)."
            )
        )
        text %= {
            "name": self.threshold_id.name,
            "before": self.grade_before or "-",
            "after": self.grade_after or "-",
            "points": f"{self.total_after:g}",
        }
        return f"{text} {self.reason}" if self.reason else text

    # ------------------------------------------------------------
    # After the scoring
    # ------------------------------------------------------------

    @api.model
    def _follow_up(self, change_ids):
        """Note the reasons of new crossings, and have their actions run."""
        if not change_ids:
            return
        # sudo: whoever changed the record, the crossing is kept
        changes = self.sudo().browse(change_ids)
        names = {
            str(rule.id): rule.name
            for rule in changes.model_id.with_context(active_test=False).rule_ids
        }
        rows = []
        for threshold, crossed in changes.grouped("threshold_id").items():
            is_mass = len(crossed) > ACT_LIMIT
            rows += [
                {
                    "id": change.id,
                    "reason": ", ".join(
                        f"{names.get(key, self.env._('a deleted rule'))} "
                        f"{points / 10:+g}"
                        for key, points in sorted(
                            (change.moves or {}).items(), key=lambda x: -abs(x[1])
                        )
                    ),
                    "state": "skipped"
                    if is_mass or threshold.direction not in (change.direction, "both")
                    else "todo",
                }
                for change in crossed
            ]
        self._write_rows(rows)
        if any(row["state"] == "todo" for row in rows):
            self._trigger()

    @api.model
    def _write_rows(self, rows):
        # sudo: the history is written by the system only
        changes = self.sudo().browse([row["id"] for row in rows])
        for row, change in zip(rows, changes, strict=True):
            change.update({k: v for k, v in row.items() if k != "id"})
        changes.flush_recordset()

    @api.model
    def _trigger(self):
        cron = self.env.ref("crm_plus.ir_cron_score_actions", raise_if_not_found=False)
        if cron:
            cron._trigger()

    def _run_actions(self):
        """Do what the thresholds of these crossings say; keep what fails, with why."""
        for threshold, changes in self.grouped("threshold_id").items():
            if not threshold:
                changes.write({"state": "skipped"})
            elif not changes._try_actions(threshold) and len(changes) > 1:
                # together they failed: each alone, so that the others are done
                for change in changes:
                    change._try_actions(threshold)

    def _try_actions(self, threshold):
        self.env.flush_all()
        try:
            with self.env.cr.savepoint():
                threshold._act(self)
                self.write({"state": "done", "error": False})
        except psycopg2.OperationalError:
            raise
        except Exception as error:
            _logger.info("crm_plus: threshold %s failed", threshold.id, exc_info=True)
            self.write({"state": "failed", "error": str(error)})
            return False
        return True

    @api.model
    def _cron_run_actions(self, batch_size=ACT_LIMIT):
        waiting = [("state", "=", "todo")]
        changes = self.search(waiting, limit=batch_size, order="id")
        changes = changes.try_lock_for_update()
        changes._run_actions()
        self.env["ir.cron"]._commit_progress(
            len(changes), remaining=self.search_count(waiting)
        )

    def action_retry(self):
        """Run the actions of crossings that failed or were left out."""
        self.env["crm.score.model"].check_access("write")
        # sudo: crossings are written by the system only
        self.sudo().filtered(lambda c: c.state != "done").write({"state": "todo"})
        self._trigger()

    def action_open_record(self):
        self.ensure_one()
        record = self._get_record()
        record.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
        }

    @api.autovacuum
    def _gc_changes(self):
        """Drop crossings older than the retention setting (months; 0 keeps all)."""
        # sudo: settings are read by administrators only
        parameters_sudo = self.env["ir.config_parameter"].sudo()
        months = int(
            parameters_sudo.get_param("crm_plus.score_change_retention_months", 24)
        )
        if months <= 0:
            return None
        limit = fields.Datetime.now() - timedelta(days=30.44 * months)
        old = self.search([("date", "<", limit)], limit=GC_BATCH_SIZE, order="id")
        count = len(old)
        old.unlink()
        return count, int(count == GC_BATCH_SIZE)
