from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ...tools.scoring_sql import tenths
from .crm_score_model import DIGITS, LETTERS


class CrmScoreThreshold(models.Model):
    """A line that scores cross, up or down, and what happens then.

    Crossings are found by the statement that scores (``ScoringEngine``) and kept as
    ``crm.score.change``; the actions are run by the scheduler, at once but apart: one
    that fails does not undo the score, nor hold up who changed the record.
    """

    _name = "crm.score.threshold"
    _description = "Score Threshold"
    _order = "sequence, id"

    model_id = fields.Many2one(
        "crm.score.model",
        string="Scoring Model",
        required=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="model_id.company_id")
    target_model = fields.Char(
        related="model_id.target_model", export_string_translation=False
    )
    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    # where
    measure = fields.Selection(
        [
            ("grade", "Grade"),
            ("fit", "Fit"),
            ("engagement", "Engagement"),
            ("total", "Total"),
        ],
        required=True,
        default="grade",
    )
    min_fit = fields.Selection(
        [(letter, letter) for letter in LETTERS], string="Least Fit", default="B"
    )
    min_engagement = fields.Selection(
        [(digit, digit) for digit in DIGITS], string="Least Engagement", default="2"
    )
    min_points = fields.Float(string="Least Points", default=50, digits=(16, 1))
    direction = fields.Selection(
        [
            ("rise", "When the score rises above it"),
            ("fall", "When the score falls below it"),
            ("both", "Both ways"),
        ],
        string="Acts",
        required=True,
        default="rise",
    )
    # what then
    is_mql = fields.Boolean(
        string="Mark as Marketing-Qualified",
        help="Open leads, once: the mark is kept when the score falls.",
    )
    notify = fields.Selection(
        [
            ("none", "Nothing"),
            ("note", "A note"),
            ("activity", "An activity for the salesperson"),
        ],
        string="Tell",
        required=True,
        default="none",
    )
    segment_id = fields.Many2one(
        "crm.segment",
        string="Add to Segment",
        ondelete="restrict",
        domain="[('target', '=', target_model)]",
        help="The record stays a member whether or not it matches the condition. Not "
        "those of another company than the segment's.",
    )
    server_action_id = fields.Many2one(
        "ir.actions.server",
        string="Run",
        ondelete="restrict",
        domain="[('model_name', '=', target_model)]",
        groups="base.group_system",
    )
    is_assigned = fields.Boolean(
        string="Assign", help="Leads that nobody has, by the assignment rules."
    )
    change_count = fields.Integer(string="Crossings", compute="_compute_change_count")

    def _compute_change_count(self):
        counts = dict(
            self.env["crm.score.change"]._read_group(
                [("threshold_id", "in", self.ids)], ["threshold_id"], ["__count"]
            )
        )
        for threshold in self:
            threshold.change_count = counts.get(threshold, 0)

    @api.constrains("measure", "min_fit", "min_engagement")
    def _check_grade(self):
        for threshold in self:
            if threshold.measure == "grade" and not (
                threshold.min_fit and threshold.min_engagement
            ):
                raise ValidationError(self.env._("Say which grade the threshold is."))

    @api.constrains("segment_id", "server_action_id", "model_id")
    def _check_actions(self):
        for threshold in self:
            target = threshold.target_model
            # sudo: its model is compared; the action itself is for administrators
            action = threshold.sudo().server_action_id
            if (threshold.segment_id and threshold.segment_id.target != target) or (
                action and action.model_name != target
            ):
                raise ValidationError(
                    self.env._(
                        "The segment and the action of “%s” are not of what its model "
                        "scores.",
                        threshold.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        thresholds = super().create(vals_list)
        thresholds._definition_changed()
        return thresholds

    def write(self, vals):
        result = super().write(vals)
        if "model_id" in vals:
            self._definition_changed()
        return result

    def _definition_changed(self):
        """What rules give is kept from now on: score once, so that it is there."""
        self.model_id._rules_changed(set(self.model_id.mapped("target_model")))

    def _reached(self, prefix):
        """SQL condition: the new (or ``old_``) score of a ``result`` row is there."""
        self.ensure_one()
        if self.measure == "grade":
            grade = SQL.identifier(f"{prefix}grade")
            return SQL(
                "(left(%s, 1) <= %s AND right(%s, 1) <= %s)",
                grade,
                self.min_fit,
                grade,
                self.min_engagement,
            )
        column = SQL.identifier(f"{prefix or 'new_'}{self.measure}")
        return SQL("%s * 10 >= %s", column, tenths(self.min_points))

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def _act(self, changes):
        """Do for these crossings what the threshold says."""
        self.ensure_one()
        records = self.env[self.target_model].browse(
            [change._get_record().id for change in changes]
        )
        if self.is_mql and self.target_model == "crm.lead":
            self._mark_mql(records)
        if self.notify == "note":
            records._message_log_batch(
                {change._get_record().id: change._describe() for change in changes}
            )
        elif self.notify == "activity":
            self._create_activities(changes)
        if self.segment_id:
            self.segment_id._pin(records)
        if self.server_action_id:
            self.server_action_id.with_context(
                active_model=records._name,
                active_ids=records.ids,
                active_id=records[:1].id,
            ).run()
        if self.is_assigned and hasattr(records, "_assignment_run"):
            records._assignment_run(reason="score")

    @api.model
    def _mark_mql(self, leads):
        leads = leads.filtered(
            lambda x: x.active and x.won_status == "pending" and not x.date_mql
        )
        if leads:
            leads.write({"date_mql": fields.Datetime.now()})
            # as when the model itself qualifies them
            self.env["crm.score.model"]._on_scores_changed("crm.lead", [], leads.ids)

    def _create_activities(self, changes):
        todo = self.env.ref("mail.mail_activity_data_todo")
        self.env["mail.activity"].create(
            [
                {
                    "activity_type_id": todo.id,
                    "summary": self.name,
                    "note": change._describe(),
                    "res_model_id": self.env["ir.model"]._get_id(record._name),
                    "res_id": record.id,
                    "user_id": record.user_id.id,
                    "date_deadline": fields.Date.context_today(record),
                }
                for change in changes
                # nobody works what is archived: lost leads, too
                if (record := change._get_record()).active and record.user_id.active
            ]
        )

    def action_view_changes(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_score_change_action"
        )
        action["domain"] = [("threshold_id", "=", self.id)]
        return action
