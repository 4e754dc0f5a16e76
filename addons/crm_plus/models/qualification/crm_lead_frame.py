from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.sql import column_exists, create_column


class CrmLead(models.Model):
    """Qualification: the questions of the lead's frame and what is known of them."""

    _inherit = "crm.lead"

    frame_id = fields.Many2one(
        "crm.frame",
        string="Qualification Frame",
        compute="_compute_frame_id",
        store=True,
        readonly=False,
        precompute=True,
        check_company=True,
        domain="['|', ('team_ids', '=', False), ('team_ids', 'in', team_id)]",
        index="btree_not_null",
        help="The questions by which this lead is qualified.",
    )
    frame_answer_ids = fields.One2many(
        "crm.frame.answer",
        "lead_id",
        string="Qualification Answers",
        domain=[("is_current", "=", True)],
        readonly=True,
        copy=False,
    )
    frame_answered = fields.Integer(
        string="Questions Answered", compute="_compute_frame_progress", store=True
    )
    frame_total = fields.Integer(
        string="Questions", compute="_compute_frame_progress", store=True
    )
    frame_completeness = fields.Float(
        string="Qualification (%)",
        compute="_compute_frame_progress",
        store=True,
        aggregator="avg",
        digits=(5, 1),
        help="Share of the questions of the frame that are answered.",
    )
    is_frame_complete = fields.Boolean(
        string="Qualification Complete",
        compute="_compute_frame_progress",
        store=True,
        help="All required questions are answered.",
    )

    def _auto_init(self):
        # nothing to compute on the leads that are there: they have no frame yet
        for name, sql_type in (
            ("frame_id", "int4"),
            ("frame_answered", "int4"),
            ("frame_total", "int4"),
            ("frame_completeness", "numeric"),
            ("is_frame_complete", "bool"),
        ):
            if not column_exists(self.env.cr, self._table, name):
                create_column(self.env.cr, self._table, name, sql_type)
        return super()._auto_init()

    @api.depends("team_id")
    def _compute_frame_id(self):
        """The team's frame, until questions of another one have been answered."""
        for lead in self:
            frame = lead.team_id.frame_id
            if not lead.frame_id or (
                frame
                and not lead.frame_answered
                and lead.frame_id.team_ids
                and lead.team_id not in lead.frame_id.team_ids
            ):
                lead.frame_id = frame

    @api.depends(
        "frame_id",
        "frame_id.criterion_ids.active",
        "frame_id.criterion_ids.is_required",
        "frame_answer_ids.is_current",
        "frame_answer_ids.criterion_id",
    )
    def _compute_frame_progress(self):
        known = self._get_answered_criteria(self._origin.ids if self.frame_id else [])
        for lead in self:
            criteria = lead.frame_id.criterion_ids
            answered = known.get(lead._origin.id, set()) & set(criteria.ids)
            required = criteria.filtered("is_required")
            lead.frame_total = len(criteria)
            lead.frame_answered = len(answered)
            lead.frame_completeness = (
                100 * len(answered) / len(criteria) if criteria else 0
            )
            lead.is_frame_complete = bool(criteria) and answered.issuperset(
                required.ids
            )

    @api.model
    def _get_answered_criteria(self, lead_ids):
        """Return ``{lead id: set of ids of the criteria that are answered}``."""
        if not lead_ids:
            return {}
        # sudo: whether a question is answered is no secret to who sees the lead
        return {
            lead.id: set(criterion_ids)
            for lead, criterion_ids in self.env["crm.frame.answer"]
            .sudo()
            ._read_group(
                [("lead_id", "in", lead_ids), ("is_current", "=", True)],
                ["lead_id"],
                ["criterion_id:array_agg"],
            )
        }

    # ------------------------------------------------------------
    # Questions, as the form shows them
    # ------------------------------------------------------------

    @api.readonly
    def get_frame_questions(self):
        """The questions of the frame, each with its answer and the former ones."""
        self.ensure_one()
        self.check_access("read")
        answers = self.env["crm.frame.answer"].search(
            [("lead_id", "=", self.id), ("frame_id", "=", self.frame_id.id)]
        )
        by_criterion = answers.grouped("criterion_id")
        return {
            "frame": self.frame_id.name,
            "description": self.frame_id.description,
            "is_editable": self.has_access("write"),
            "questions": [
                {
                    **criterion.read(
                        ["name", "question", "help", "kind", "is_required"]
                    )[0],
                    "choices": criterion._get_choices(),
                    **self._prepare_frame_answers(
                        by_criterion.get(criterion, answers[:0])
                    ),
                }
                for criterion in self.frame_id.criterion_ids
            ],
        }

    def _prepare_frame_answers(self, answers):
        rows = [
            {
                "id": answer.id,
                "text": answer.value,
                # sudo: the name of a colleague of another company
                "user": answer.user_id.sudo().name,
                "date": fields.Datetime.to_string(answer.date),
            }
            for answer in answers
        ]
        current = answers.filtered("is_current")
        value = current and current[current._get_value_field(current.kind)]
        return {
            "value": fields.Date.to_string(value)
            if current.kind == "date"
            else value or (current.kind == "number" and value == 0 and 0.0) or False,
            "answered": bool(current),
            "answer": next((r for r in rows if r["id"] == current.id), False),
            "history": [row for row in rows if row["id"] != current.id],
        }

    def answer_frame_question(self, criterion_id, value):
        """Note the answer to a question; ``False`` takes it back. Former ones stay."""
        self.ensure_one()
        self.check_access("write")
        criterion = self.env["crm.frame.criterion"].browse(criterion_id)
        if criterion.frame_id != self.frame_id:
            raise UserError(
                self.env._("This question does not belong to the frame of the lead.")
            )
        if isinstance(value, str):
            value = value.strip()
        is_empty = value is False or value is None or value == ""
        Answer = self.env["crm.frame.answer"]
        if is_empty:
            Answer._supersede({(self.id, criterion.id)}, self.env.cr.now())
        elif criterion.kind == "choice" and value not in criterion._get_choices():
            raise UserError(
                self.env._(
                    "“%(value)s” is none of the choices of “%(question)s”.",
                    value=value,
                    question=criterion.name,
                )
            )
        else:
            Answer.create(
                {
                    "lead_id": self.id,
                    "criterion_id": criterion.id,
                    Answer._get_value_field(criterion.kind): value,
                }
            )
        return True

    # ------------------------------------------------------------
    # Merge
    # ------------------------------------------------------------

    def _merge_get_fields(self):
        return [*super()._merge_get_fields(), "frame_id"]

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        self.env["crm.frame.answer"]._move_leads(opportunities.ids, self.id)
