from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.mail_filter import Extract

TARGETS = [
    ("customer", "Customer's e-mail"),
    ("customer_name", "Customer's name"),
    ("subject", "Subject"),
    ("order", "Order, by its number"),
    ("invoice", "Invoice, by its number"),
    ("lot", "Lot or serial number"),
    ("product", "Product, by its reference or barcode"),
    ("category", "Category, by its name"),
    ("tag", "Tag, by its name"),
    ("own", "Own field of the team"),
]


class CrmCaseMailFilterExtract(models.Model):
    """Something that stands in the mail and belongs into a field of the case."""

    _name = "crm.case.mail.filter.extract"
    _description = "What a Mail Filter Reads"
    _inherit = "crm.case.mail.filter.line"
    _rec_name = "pattern"

    part = fields.Selection(default="body")
    header = fields.Char(help="Name of the header, e.g. X-Order.")
    pattern = fields.Char(
        required=True,
        help="A regular expression as PostgreSQL knows it; what is in its first "
        "brackets is taken. Capitals do not matter; ^ and $ are the ends of a line.",
    )
    target = fields.Selection(TARGETS, string="Is the", required=True, default="order")
    own_field = fields.Char(
        help="Name of the team's own field, as it stands on the form.",
    )

    @api.constrains("part", "header", "pattern", "target", "own_field")
    def _check_complete(self):
        for line in self:
            if line.part == "header" and not line._get_header():
                raise ValidationError(
                    self.env._("Say which header is read, e.g. X-Order.")
                )
            if line.target == "own" and not (line.own_field or "").strip():
                raise ValidationError(
                    self.env._("Say which of the team's own fields is filled in.")
                )
            self.env["crm.case.mail.filter"]._check_pattern(line.pattern)

    def _as_tuple(self):
        self.ensure_one()
        return Extract(
            self.id,
            self.part,
            self._get_header(),
            self.pattern,
            self.target,
            (self.own_field or "").strip(),
        )

    def _get_label(self):
        self.ensure_one()
        if self.target == "own":
            return self.own_field or ""
        labels = dict(self._fields["target"]._description_selection(self.env))
        return labels.get(self.target, "")
