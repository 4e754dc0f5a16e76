from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.mail_filter import Condition

PARTS = [
    ("from", "Sender"),
    ("to", "Recipients, also in copy"),
    ("subject", "Subject"),
    ("body", "Text"),
    ("header", "Header"),
]
PATTERN_OPERATORS = ("pattern", "not_pattern")


class CrmCaseMailFilterCondition(models.Model):
    _name = "crm.case.mail.filter.condition"
    _description = "Condition of a Mail Filter"
    _inherit = "crm.cached.mixin"
    _order = "sequence, id"
    _rec_name = "value"

    filter_id = fields.Many2one(
        "crm.case.mail.filter", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    part = fields.Selection(
        PARTS, string="Part of the Mail", required=True, default="subject"
    )
    header = fields.Char(help="Name of the header, e.g. X-Spam-Flag.")
    operator = fields.Selection(
        [
            ("contains", "contains"),
            ("not_contains", "does not contain"),
            ("pattern", "matches the pattern"),
            ("not_pattern", "does not match the pattern"),
        ],
        required=True,
        default="contains",
    )
    value = fields.Text(
        required=True,
        help="Words, of several lines one is enough; or a regular expression as "
        "PostgreSQL knows it. Capitals do not matter.",
    )

    @api.constrains("part", "header", "operator", "value")
    def _check_complete(self):
        for line in self:
            if line.part == "header" and not (line.header or "").strip():
                raise ValidationError(
                    self.env._("Say which header is looked at, e.g. X-Spam-Flag.")
                )
            if not line.value.strip():
                raise ValidationError(self.env._("Say what the mail contains."))
            if line.operator in PATTERN_OPERATORS:
                self.env["crm.case.mail.filter"]._check_pattern(line.value)

    def _as_tuple(self):
        self.ensure_one()
        return Condition(
            self.id, self.part, (self.header or "").strip(), self.operator, self.value
        )

    def _get_label(self):
        """The condition in words."""
        self.ensure_one()
        labels = {
            name: dict(self._fields[name]._description_selection(self.env))
            for name in ("part", "operator")
        }
        part = self.header if self.part == "header" else labels["part"][self.part]
        return f"{part} {labels['operator'][self.operator]} “{self.value}”"
