from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.mail_filter import Condition

PATTERN_OPERATORS = ("pattern", "not_pattern")


class CrmCaseMailFilterCondition(models.Model):
    _name = "crm.case.mail.filter.condition"
    _description = "Condition of a Mail Filter"
    _inherit = "crm.case.mail.filter.line"
    _rec_name = "value"

    part = fields.Selection(default="subject")
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
            if line.part == "header" and not line._get_header():
                raise ValidationError(
                    self.env._("Say which header is looked at, e.g. X-Spam-Flag.")
                )
            if not line.value.strip():
                raise ValidationError(self.env._("Say what the mail contains."))
            if line.operator in PATTERN_OPERATORS:
                self.env["crm.case.mail.filter"]._check_pattern(line.value)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_last(self):
        """Filters that keep mails from opening cases say which ones: see there."""
        if self.env.context.get("crm_helpdesk_conditions"):
            return
        for record in self.filter_id:
            if record.outcome != "open" and record.condition_ids <= self:
                raise ValidationError(
                    self.env._(
                        "Without conditions “%s” would keep any mail from opening a "
                        "case: delete or archive the filter, or say which mails are "
                        "meant.",
                        record.name,
                    )
                )

    def _as_tuple(self):
        self.ensure_one()
        return Condition(
            self.id, self.part, self._get_header(), self.operator, self.value
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
