from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date
from odoo.tools.misc import formatLang


class CrmFrameAnswer(models.Model):
    """What is known about a question on a lead, since when and from whom.

    Rows are never changed: a new answer makes the former one history.
    """

    _name = "crm.frame.answer"
    _description = "Qualification Answer"
    _order = "date desc, id desc"
    _rec_name = "value"

    lead_id = fields.Many2one("crm.lead", required=True, ondelete="cascade", index=True)
    criterion_id = fields.Many2one(
        "crm.frame.criterion",
        string="Question",
        required=True,
        ondelete="restrict",
        index=True,
    )
    frame_id = fields.Many2one(related="criterion_id.frame_id", store=True)
    kind = fields.Selection(related="criterion_id.kind", string="Kind of Answer")
    value_text = fields.Text(string="Text")
    value_number = fields.Float(string="Number", digits=(16, 2))
    value_date = fields.Date(string="Day")
    value_yesno = fields.Selection([("yes", "Yes"), ("no", "No")], string="Yes or No")
    value = fields.Char(string="Answer", compute="_compute_value")
    user_id = fields.Many2one(
        "res.users",
        string="Answered by",
        readonly=True,
        default=lambda self: self.env.user,
    )
    date = fields.Datetime(
        string="Answered On", readonly=True, default=lambda self: self.env.cr.now()
    )
    date_end = fields.Datetime(string="Held Until", readonly=True)
    is_current = fields.Boolean(string="Current", readonly=True, default=True)

    _current_uniq = models.UniqueIndex("(lead_id, criterion_id) WHERE is_current")

    @api.depends("value_text", "value_number", "value_date", "value_yesno", "kind")
    @api.depends_context("lang")
    def _compute_value(self):
        yesno = dict(self._fields["value_yesno"]._description_selection(self.env))
        for answer in self:
            if answer.kind == "number":
                answer.value = formatLang(self.env, answer.value_number)
            elif answer.kind == "date":
                answer.value = format_date(self.env, answer.value_date)
            elif answer.kind == "yesno":
                answer.value = yesno.get(answer.value_yesno)
            else:
                answer.value = answer.value_text

    @api.constrains(
        "criterion_id", "value_text", "value_number", "value_date", "value_yesno"
    )
    def _check_value(self):
        for answer in self:
            if answer.kind == "number":
                continue  # nought is an answer
            fname = self._get_value_field(answer.kind)
            value = answer[fname]
            if not (value.strip() if isinstance(value, str) else value):
                raise ValidationError(
                    self.env._(
                        "“%s” has no answer of its kind.", answer.criterion_id.name
                    )
                )

    @api.model
    def _get_value_field(self, kind):
        return {
            "number": "value_number",
            "date": "value_date",
            "yesno": "value_yesno",
        }.get(kind, "value_text")

    @api.model_create_multi
    def create(self, vals_list):
        now = self.env.cr.now()
        if not self.env.su:
            # who and when are facts
            vals_list = [
                {**vals, "user_id": self.env.uid, "date": now, "is_current": True}
                for vals in vals_list
            ]
        self._supersede(
            {
                (vals.get("lead_id"), vals.get("criterion_id"))
                for vals in vals_list
                if vals.get("is_current", True)
            },
            now,
        )
        return super().create(vals_list)

    @api.model
    def _supersede(self, pairs, date):
        """End the current answers to these (lead id, criterion id)."""
        # sudo: nobody may change answers but to make them history; whoever may not
        # answer fails when the new one is created
        former = self.sudo().search(
            [
                ("lead_id", "in", [pair[0] for pair in pairs]),
                ("criterion_id", "in", [pair[1] for pair in pairs]),
                ("is_current", "=", True),
            ]
        )
        former = former.filtered(
            lambda answer: (answer.lead_id.id, answer.criterion_id.id) in pairs
        )
        former.write({"is_current": False, "date_end": date})
        former.flush_recordset()  # before the unique index sees the new rows

    @api.model
    def _move_leads(self, from_ids, to_id):
        """Give the answers of merged leads to the one that stays: the newest holds,
        each former one until the next was given.
        """
        # sudo: the others may be out of the user's sight, who may not write answers
        answers = self.sudo()
        moved = answers.search([("lead_id", "in", from_ids)])
        if not moved:
            return
        current = answers.search(
            [("lead_id", "in", [*from_ids, to_id]), ("is_current", "=", True)]
        )  # newest first
        following = {}
        former = answers.browse()
        for answer in current:
            newer = following.get(answer.criterion_id)
            if newer:
                answer.write({"is_current": False, "date_end": newer.date})
                former += answer
            following[answer.criterion_id] = answer
        former.flush_recordset()  # in one statement, and before the index sees the move
        moved.write({"lead_id": to_id})
