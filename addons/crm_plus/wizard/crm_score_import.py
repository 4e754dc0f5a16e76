from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.form_file import html_items, read_upload
from ..tools.score_file import ScoreFileError, load


class CrmScoreModelImport(models.TransientModel):
    """Begin a scoring model from a template, or from the file of another database.

    It becomes a draft: nothing is scored by it before somebody has looked.
    """

    _name = "crm.score.model.import"
    _description = "New Scoring Model"

    source = fields.Selection(
        [("template", "A template"), ("file", "A file")],
        string="Begin With",
        required=True,
        default="template",
    )
    template = fields.Selection("_selection_template", default="b2b")
    file = fields.Binary(help="As exported from a scoring model.")
    filename = fields.Char()
    leave_out_unknown = fields.Boolean(
        string="Leave Out Rules of Unknown Kinds",
        default=True,
        help="Rules for touchpoints that no app here collects are left out, and named. "
        "Otherwise the file is refused.",
    )
    preview = fields.Html(compute="_compute_preview", sanitize=False)
    is_readable = fields.Boolean(compute="_compute_preview")

    @api.model
    def _selection_template(self):
        return [
            (key, load(text, self.env)["name"])
            for key, text in self.env["crm.score.model"]._get_templates().items()
        ]

    def _get_text(self):
        self.ensure_one()
        if self.source == "template":
            return self.env["crm.score.model"]._get_templates().get(self.template)
        if not self.file:
            return None
        return read_upload(self.file, ScoreFileError, self.env)

    @api.depends("source", "template", "file", "leave_out_unknown")
    def _compute_preview(self):
        Model = self.env["crm.score.model"]
        for wizard in self:
            problems, unknown, values = [], [], {}
            wizard.is_readable = False
            wizard.preview = False
            try:
                text = wizard._get_text()
                if not text:
                    continue
                values, problems, unknown = Model._read_file(text)
            except ScoreFileError as error:
                problems = error.problems
            if not wizard.leave_out_unknown:
                problems = problems + unknown
                unknown = []
            wizard.is_readable = not problems
            wizard.preview = wizard._render_preview(values, problems, unknown)

    def _render_preview(self, values, problems, unknown):
        parts = []
        if problems:
            parts.append(
                Markup("<div class='alert alert-danger mb-2'>%s%s</div>")
                % (self.env._("This file cannot be imported:"), html_items(problems))
            )
        if unknown:
            parts.append(
                Markup("<div class='alert alert-warning mb-2'>%s%s</div>")
                % (self.env._("Left out:"), html_items(unknown))
            )
        rules = values.get("rule_ids", [])
        for dimension, title in (
            ("fit", self.env._("Fit: what they are")),
            ("engagement", self.env._("Engagement: what they do")),
        ):
            names = [
                f"{rule['name']} ({rule['points']:+g})"
                for rule in rules
                if rule["dimension"] == dimension
            ]
            if names:
                parts.append(
                    Markup("<strong>%s</strong>%s") % (title, html_items(names))
                )
        return Markup().join(parts)

    def action_import(self):
        self.ensure_one()
        try:
            text = self._get_text()
        except ScoreFileError as error:
            raise UserError(str(error)) from error
        if not text:
            raise UserError(self.env._("Choose a template or a file."))
        model = self.env["crm.score.model"]._import_file(
            text, leave_out_unknown=self.leave_out_unknown
        )
        return model._get_form_action()
