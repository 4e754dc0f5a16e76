from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..models.scoring.crm_score_model import DIGITS, LETTERS
from ..tools.score_preview import SAMPLE_SIZE, ScoreMoves, preview_scores, rank

# Records shown by name for each kind of move; the counts are of all.
EXAMPLES = 20
# Records that a button opens at most: their ids travel in the action.
OPEN_LIMIT = 5000

MOVES = [
    ("qualified", "Newly marketing-qualified"),
    ("unqualified", "Not marketing-qualified any more"),
    ("up", "Up"),
    ("down", "Down"),
]


class CrmScoreCompare(models.TransientModel):
    """Who would move if a scoring model were in use as it stands: nothing is changed.

    Both sides are scored now: what only time has done since the last run is no move.
    """

    _name = "crm.score.compare"
    _description = "Compare Scoring Models"

    model_id = fields.Many2one(
        "crm.score.model", string="Scoring Model", required=True, ondelete="cascade"
    )
    target = fields.Selection(related="model_id.target", related_sudo=False)
    is_draft = fields.Boolean(related="model_id.is_draft", related_sudo=False)
    is_outdated = fields.Boolean(related="model_id.is_outdated", related_sudo=False)
    record_count = fields.Integer(string="Compared", readonly=True)
    is_sample = fields.Boolean(readonly=True)
    sample_size = fields.Integer(default=SAMPLE_SIZE, readonly=True)
    moved_count = fields.Integer(string="Would Move", readonly=True)
    up_count = fields.Integer(string="Up", readonly=True)
    down_count = fields.Integer(string="Down", readonly=True)
    qualified_count = fields.Integer(string="Newly Marketing-Qualified", readonly=True)
    unqualified_count = fields.Integer(
        string="No Longer Marketing-Qualified",
        readonly=True,
        help="Good enough for the models in use, not for this one. Who has the mark "
        "keeps it.",
    )
    error = fields.Text(
        string="Rules That Do Not Work", readonly=True, help="They gave no points."
    )
    matrix = fields.Html(readonly=True, sanitize=False)
    line_ids = fields.One2many("crm.score.compare.line", "compare_id", readonly=True)

    # ------------------------------------------------------------
    # Compare
    # ------------------------------------------------------------

    def _get_records_domain(self):
        """Hook: who is compared. Leads that are closed are not worked any more."""
        if self.target == "lead":
            return Domain("won_status", "=", "pending")
        return Domain.TRUE

    def _get_models(self):
        """Return the scoring models in use, and those if this one were."""
        # sudo: models of other companies score records of theirs
        Model = self.env["crm.score.model"].sudo()
        model = self.model_id.sudo()
        used = Model.search([("target", "=", self.target), ("active", "=", True)])
        tried = used - model.draft_of_id - model + model
        return used, tried.sorted(lambda m: (m.sequence, m.draft_of_id.id or m.id))

    def _moves(self):
        """Score twice and compare; bounded, and of records that the user may see."""
        self.ensure_one()
        self.model_id.check_access("write")
        Target = self.env[self.model_id.target_model]
        records = Target.search(
            self._get_records_domain(), order="id DESC", limit=SAMPLE_SIZE
        )
        used, tried = self._get_models()
        now = fields.Datetime.now()
        # an additional model does not touch the main score: its own is compared
        model, origin = self.model_id, self.model_id.draft_of_id
        own = (origin, model) if model.is_additional else (None, None)
        before, _errors = preview_scores(
            self.env, Target._name, records.ids, used, now, own[0]
        )
        after, errors = preview_scores(
            self.env, Target._name, records.ids, tried, now, own[1]
        )
        by_id = {model.id: model for model in used + tried}

        def qualifies(model_id, grade, total):
            scoring_model = model_id and by_id[model_id]
            return (
                bool(scoring_model)
                and not scoring_model.is_additional
                and scoring_model._is_qualified(grade, total)
            )

        return ScoreMoves(before, after, qualifies), errors

    def _compare(self):
        """Fill in the comparison."""
        self.ensure_one()
        moves, errors = self._moves()
        ids = self._ids_by_move(moves)
        self.write(
            {
                "record_count": len(moves.before),
                "is_sample": len(moves.before) == SAMPLE_SIZE,
                "moved_count": moves.moved_count,
                **{f"{move}_count": len(ids[move]) for move, _label in MOVES},
                "error": "\n".join(
                    f"{rule.name}: {text}" for rule, text in errors.items()
                ),
                "matrix": self._render_moves(moves.counts),
            }
        )
        self.env["crm.score.compare.line"].create(
            [
                {
                    "compare_id": self.id,
                    "move": move,
                    "res_id": record_id,
                    "grade_before": moves.before[record_id].grade,
                    "grade_after": moves.after[record_id].grade,
                    "total_before": moves.before[record_id].total,
                    "total_after": moves.after[record_id].total,
                }
                for move, _label in MOVES
                for record_id in ids[move][:EXAMPLES]
            ]
        )

    @api.model
    def _ids_by_move(self, moves):
        return {
            "qualified": moves.newly_qualified_ids(),
            "unqualified": moves.no_longer_qualified_ids(),
            "up": moves.rising_ids(),
            "down": moves.falling_ids(),
        }

    def _render_moves(self, counts):
        """Return the moves as a table: from the grade of the row to that of the
        column.
        """
        grades = sorted(
            {
                *(letter + digit for letter in LETTERS for digit in DIGITS),
                *(grade for pair in counts for grade in pair if not grade),
            },
            key=lambda grade: grade or "Z",
        )
        used = [
            grade
            for grade in grades
            if any(n and grade in pair for pair, n in counts.items())
        ]
        label = self.env._("none")
        head = Markup().join(
            Markup("<th class='text-end'>%s</th>") % (grade or label) for grade in used
        )
        rows = Markup().join(
            Markup("<tr><th>%s</th>%s</tr>")
            % (
                old or label,
                Markup().join(
                    Markup("<td class='text-end %s'>%s</td>")
                    % (
                        self._move_class(old, new) if counts.get((old, new)) else "",
                        counts.get((old, new)) or "",
                    )
                    for new in used
                ),
            )
            for old in used
        )
        return Markup(
            "<table class='table table-sm table-bordered w-auto o_crm_plus_moves'>"
            "<thead><tr><th>%s</th>%s</tr></thead><tbody>%s</tbody></table>"
        ) % (self.env._("Now ↓ Then →"), head, rows)

    @api.model
    def _move_class(self, old, new):
        if old == new:
            return "table-light text-muted"
        if rank(new) == rank(old):
            return ""
        return "table-success" if rank(new) < rank(old) else "table-danger"

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_view_move(self):
        """Open all records of the move named in the context, compared anew."""
        self.ensure_one()
        move = self.env.context.get("crm_plus_move")
        if move not in dict(MOVES):
            raise UserError(self.env._("Nothing to open."))
        moves, _errors = self._moves()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Would move: %s", self.model_id.name),
            "res_model": self.model_id.target_model,
            "views": [(False, "list"), (False, "form")],
            "domain": [("id", "in", self._ids_by_move(moves)[move][:OPEN_LIMIT])],
            "context": {"create": False},
        }

    def action_apply(self):
        self.ensure_one()
        return self.model_id.action_apply_draft()


class CrmScoreCompareLine(models.TransientModel):
    _name = "crm.score.compare.line"
    _description = "Record That Would Move"
    _order = "id"

    compare_id = fields.Many2one(
        "crm.score.compare", required=True, index=True, ondelete="cascade"
    )
    move = fields.Selection(MOVES, required=True)
    res_model = fields.Char(related="compare_id.model_id.target_model")
    res_id = fields.Many2oneReference(model_field="res_model", required=True)
    name = fields.Char(string="Record", compute="_compute_name")
    grade_before = fields.Char(string="Now")
    grade_after = fields.Char(string="Then")
    total_before = fields.Float(string="Score Now", digits=(16, 1))
    total_after = fields.Float(string="Score Then", digits=(16, 1))

    @api.depends("res_model", "res_id")
    def _compute_name(self):
        for model_name, lines in self.grouped("res_model").items():
            records = self.env[model_name].browse(lines.mapped("res_id")).exists()
            names = {record.id: record.display_name for record in records}
            for line in lines:
                line.name = names.get(line.res_id)

    def action_open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "views": [(False, "form")],
        }
