import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.form_condition import read_answer


class CrmCaseFormCondition(models.Model):
    """A field of a team's form that is asked for only after a certain answer."""

    _name = "crm.case.form.condition"
    _description = "Field Asked for under a Condition"
    _order = "team_id, sequence, id"
    _rec_name = "field_label"

    team_id = fields.Many2one(
        "crm.case.team", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    field_label = fields.Char(
        string="Ask for",
        required=True,
        help="One of the team's own fields, as it stands on the form.",
    )
    depends_label = fields.Char(
        string="Only If",
        required=True,
        help="Another one of them, which is asked for before it.",
    )
    answers = fields.Char(
        string="Is",
        help="The answers, with commas between them; empty: whatever is filled in. "
        "Numbers with a point (1.5), days as 2026-12-31, times as 2026-12-31 18:00.",
    )

    _field_uniq = models.Constraint(
        "UNIQUE(team_id, field_label)", "A field has one condition."
    )

    @api.constrains("team_id", "field_label", "depends_label")
    def _check_labels(self):
        for condition in self:
            # as the form has them, by name or label, in their order
            places = {}
            for place, field in enumerate(condition.team_id._get_own_form_fields()):
                places[field["name"].casefold()] = place
                places[field["label"].casefold()] = place
            known = [
                places.get((label or "").strip().casefold())
                for label in (condition.field_label, condition.depends_label)
            ]
            for label, place in zip(
                (condition.field_label, condition.depends_label), known, strict=True
            ):
                if place is None:
                    raise ValidationError(
                        self.env._(
                            "The team has no field “%s”: add it on any of its cases, "
                            "page More Information.",
                            label,
                        )
                    )
            if known[0] <= known[1]:
                raise ValidationError(
                    self.env._(
                        "“%(field)s” comes before “%(other)s” on the form: nothing can "
                        "depend on what is asked for later.",
                        field=condition.field_label,
                        other=condition.depends_label,
                    )
                )


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    form_condition_ids = fields.One2many(
        "crm.case.form.condition", "team_id", string="Conditions of the Form"
    )

    def _get_own_form_fields(self):
        """The fields, without what they wait for."""
        # pylint: disable-next=super-method-mismatch
        return super()._get_form_fields()

    def _get_form_fields(self):
        """Each with the answer that it is asked for after: ``shown_if``, the name of a
        field before it, and ``shown_values``, as JSON, empty for any.
        """
        result = super()._get_form_fields()
        if not self.form_condition_ids:
            return result
        by_label = {}
        places = {}
        for place, field in enumerate(result):
            by_label[field["label"].casefold()] = field
            by_label[field["name"].casefold()] = field
            places[field["name"]] = place
        for condition in self.form_condition_ids:
            field, other = (
                by_label.get(label.strip().casefold())
                for label in (condition.field_label, condition.depends_label)
            )
            # renamed, deleted or moved since: asked for always
            if field and other and places[other["name"]] < places[field["name"]]:
                field["shown_if"] = other["name"]
                field["shown_values"] = json.dumps(
                    self._get_condition_values(other, condition.answers)
                )
        return result

    @api.model
    def _get_condition_values(self, field, answers):
        """The answers as the form posts them, and as :func:`read_answer` reads them."""
        words = [word.strip() for word in (answers or "").split(",") if word.strip()]
        if field["type"] == "boolean":
            return []  # ticked
        keys = {str(label).casefold(): str(key) for key, label in field["options"]}
        return [
            read_answer(field["type"], keys.get(word.casefold(), word))
            for word in words
        ]
