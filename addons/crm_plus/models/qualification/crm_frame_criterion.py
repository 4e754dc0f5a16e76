from odoo import api, fields, models
from odoo.exceptions import ValidationError

KINDS = [
    ("text", "Text"),
    ("choice", "Choice"),
    ("number", "Number"),
    ("date", "Date"),
    ("yesno", "Yes or No"),
]


class CrmFrameCriterion(models.Model):
    _name = "crm.frame.criterion"
    _description = "Qualification Question"
    _order = "sequence, id"

    frame_id = fields.Many2one(
        "crm.frame", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(default=10)
    active = fields.Boolean(
        default=True,
        help="Questions that have been answered are archived instead of deleted: the "
        "answers stay.",
    )
    name = fields.Char(
        required=True, translate=True, help="What is to be found out, in a word."
    )
    question = fields.Char(translate=True, help="How the seller may ask it.")
    help = fields.Text(
        translate=True, help="What a good answer looks like; shown below the question."
    )
    kind = fields.Selection(KINDS, string="Answer", required=True, default="text")
    choices = fields.Text(
        help="One a line. Answers keep their wording when the choices change."
    )
    is_required = fields.Boolean(
        string="Required",
        default=True,
        help="The qualification is complete when all required questions are answered.",
    )

    @api.constrains("kind", "choices")
    def _check_choices(self):
        for criterion in self:
            if criterion.kind == "choice" and not criterion._get_choices():
                raise ValidationError(
                    self.env._(
                        "“%s” needs choices to choose from, one a line.", criterion.name
                    )
                )

    def _get_choices(self):
        self.ensure_one()
        lines = (self.choices or "").splitlines()
        return [line.strip() for line in lines if line.strip()]

    @api.ondelete(at_uninstall=False)
    def _unlink_except_answered(self):
        # sudo: answers on leads that the user may not see count as well
        answered = self.env["crm.frame.answer"].sudo()
        if answer := answered.search([("criterion_id", "in", self.ids)], limit=1):
            raise ValidationError(
                self.env._(
                    "“%s” has been answered. Archive the question instead: the answers "
                    "stay.",
                    answer.criterion_id.name,
                )
            )
