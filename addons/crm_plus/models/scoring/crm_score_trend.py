from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.collision import rested, succeeds
from .crm_score_mixin import SCORE_READERS

GRADES_HOT = ("A1", "A2", "B1", "B2")


class CrmScorePast(models.Model):
    """What the score of a record was one to two weeks ago.

    Two columns that move up once a week, written where they differ. Not computed from
    the history of grades: a lead may warm for days within a grade, and that is what a
    seller wants to see before it gets there. Nor computed from the touchpoints: a
    filter would score every lead twice.
    """

    _name = "crm.score.past"
    _description = "Past Score"
    # nobody edits it, and the system writes them all
    _log_access = False

    lead_id = fields.Many2one("crm.lead", readonly=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", readonly=True, ondelete="cascade")
    total = fields.Float(
        string="One to Two Weeks Ago", readonly=True, digits=(16, 1), aggregator="avg"
    )
    total_next = fields.Float(
        string="At Most a Week Ago", readonly=True, digits=(16, 1), aggregator="avg"
    )

    _lead_uniq = models.UniqueIndex("(lead_id) WHERE lead_id IS NOT NULL")
    _partner_uniq = models.UniqueIndex("(partner_id) WHERE partner_id IS NOT NULL")

    @api.model
    def _cron_keep(self):
        """Remember what the scores are; once a week.

        Both at once or neither: what moves up twice has lost a week.
        """
        # somebody may merge two of these leads meanwhile
        if not succeeds(self.env, self._keep_all):
            cron = self.env.ref(
                "crm_plus.ir_cron_keep_scores", raise_if_not_found=False
            )
            if cron:
                cron._trigger(rested())

    @api.model
    def _keep_all(self):
        for model_name in ("crm.lead", "res.partner"):
            self._keep(model_name)

    @api.model
    def _keep(self, model_name):
        Target = self.env[model_name].with_context(active_test=False)
        key = SQL.identifier(Target._score_past_key)
        # sudo of the query: all scores, whoever's
        query = Target.sudo()._search(Domain("score_grade", "!=", False))
        query.order = None
        self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_score_past AS past (%(key)s, total_next)
                %(scores)s
                ON CONFLICT (%(key)s) WHERE %(key)s IS NOT NULL DO UPDATE
                   SET total = past.total_next, total_next = EXCLUDED.total_next
                 WHERE past.total IS DISTINCT FROM past.total_next
                    OR past.total_next IS DISTINCT FROM EXCLUDED.total_next
             RETURNING past.id
                """,
                key=key,
                scores=query.select(
                    SQL.identifier(Target._table, "id"),
                    Target._field_to_sql(Target._table, "score_total", query),
                ),
            )
        )
        self.invalidate_model(["total", "total_next"], flush=False)


class CrmScoreMixin(models.AbstractModel):
    """What sellers filter by: who is hot, who warms, who cools."""

    _inherit = "crm.score.mixin"

    is_hot = fields.Boolean(
        compute="_compute_is_hot",
        search="_search_is_hot",
        groups=SCORE_READERS,
        help="As good as the scoring model asks for marketing-qualified leads; A1 to "
        "B2 where it does not say.",
    )
    score_trend = fields.Float(
        compute="_compute_score_trend",
        search="_search_score_trend",
        digits=(16, 1),
        groups=SCORE_READERS,
        help="Points more or less than one to two weeks ago.",
    )

    @property
    def _score_past_key(self):
        return "lead_id" if self._name == "crm.lead" else "partner_id"

    @api.depends("score_model_id", "score_grade", "score_total")
    def _compute_is_hot(self):
        for record in self:
            # sudo: sellers see by what their leads are graded
            model = record.sudo().score_model_id
            record.is_hot = bool(model) and model._is_hot(
                record.score_grade, record.score_total
            )

    @api.model
    def _search_is_hot(self, operator, value):
        if operator != "in":
            return NotImplemented
        # sudo: sellers see by what their leads are graded
        Model = self.env["crm.score.model"].sudo().with_context(active_test=False)
        models_ = Model.search(
            [("target_model", "=", self._name), ("is_draft", "=", False)]
        )
        domain = Domain.OR(
            Domain("score_model_id", "=", model.id) & model._get_hot_domain()
            for model in models_
        )
        return domain if True in value else ~domain

    def _compute_score_trend(self):
        past = dict(
            self.env.execute_query(
                SQL(
                    """SELECT %(key)s, total FROM crm_score_past
                        WHERE %(key)s = ANY(%(ids)s) AND total IS NOT NULL""",
                    key=SQL.identifier(self._score_past_key),
                    ids=self._origin.ids,
                )
            )
        )
        for record in self:
            before = past.get(record._origin.id)
            record.score_trend = (
                0
                if before is None or not record.score_grade
                else record.score_total - before
            )

    @api.model
    def _search_score_trend(self, operator, value):
        operators = {name: SQL(name) for name in (">", ">=", "<", "<=")}
        if operator not in operators or isinstance(value, bool):
            return NotImplemented
        # sudo: the caller's own query applies the rights
        Target = self.sudo().with_context(active_test=False)
        query = Target._search(Domain("score_grade", "!=", False))
        query.order = None
        past = query.make_alias(Target._table, "past")
        query.add_join(
            "JOIN",
            past,
            "crm_score_past",
            SQL(
                "%s = %s",
                SQL.identifier(past, self._score_past_key),
                SQL.identifier(Target._table, "id"),
            ),
        )
        query.add_where(
            SQL(
                "%s - %s %s %s",
                Target._field_to_sql(Target._table, "score_total", query),
                SQL.identifier(past, "total"),
                operators[operator],
                value,
            )
        )
        return Domain("id", "in", query)


class CrmScoreModel(models.Model):
    _inherit = "crm.score.model"

    def _is_hot(self, grade, total):
        self.ensure_one()
        if self.target == "lead" and self.mql_rule == "total":
            return total >= self.mql_min_total
        return grade in self._get_hot_grades()

    def _get_hot_grades(self):
        if self.target != "lead" or self.mql_rule != "grade":
            return GRADES_HOT
        return [
            letter + digit
            for letter in "ABCD"
            for digit in "1234"
            if self._is_qualified_grade(letter, digit)
        ]

    def _get_hot_domain(self):
        self.ensure_one()
        if self.target == "lead" and self.mql_rule == "total":
            return Domain("score_total", ">=", self.mql_min_total)
        return Domain("score_grade", "in", self._get_hot_grades())
