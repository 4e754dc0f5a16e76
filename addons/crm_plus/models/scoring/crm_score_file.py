import base64
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command

from ...tools.form_file import refusal
from ...tools.score_file import (
    ScoreFileError,
    domain_numbers,
    dump,
    load,
    replace_numbers,
    rule_title,
)

TEMPLATES = Path(__file__).parents[2] / "data" / "score_templates"
# What has a place of its own in the file, or none.
MODEL_SKIPPED = {"name", "target", "active", "is_draft"}
RULE_SKIPPED = {"name", "dimension", "points", "domain", "touchpoint_domain"}
DOMAINS = ("domain", "touchpoint_domain")


class CrmScoreModel(models.Model):
    """Scoring models as files: to be kept, compared, and carried to another database.

    The form of the file, and what can be wrong with one, is in ``tools/score_file.py``.
    """

    _name = "crm.score.model"
    _inherit = ["crm.score.model", "crm.score.file.part"]

    export_file = fields.Binary(compute="_compute_export_file")
    export_filename = fields.Char(
        compute="_compute_export_file", export_string_translation=False
    )

    def _compute_export_file(self):
        for model in self:
            text = dump(model._get_file_content())
            model.export_file = base64.b64encode(text.encode())
            model.export_filename = f"{model.name or 'scoring'}.json".replace("/", "-")

    def action_export_file(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/export_file"
            "?download=1&filename_field=export_filename",
            "target": "download",
        }

    # ------------------------------------------------------------
    # Templates
    # ------------------------------------------------------------

    @api.model
    def _get_templates(self):
        """Return ``{key: text of the file}`` of the templates of this app."""
        return {
            path.stem: path.read_text(encoding="utf-8")
            for path in sorted(TEMPLATES.glob("*.json"))
        }

    # ------------------------------------------------------------
    # Export
    # ------------------------------------------------------------

    def _get_file_content(self):
        """Return what a file says of this model, to be turned into text."""
        self.ensure_one()
        self.check_access("read")
        content = {
            "name": self.name,
            "target": self.target,
            "values": self._get_file_values(MODEL_SKIPPED),
        }
        if self.company_id:
            content["company"] = self._get_file_reference(self.company_id)
        if self.team_ids:
            content["teams"] = [
                self._get_file_reference(team) for team in self.team_ids
            ]
        for key, fname in (("groups", "group_ids"), ("thresholds", "threshold_ids")):
            if self[fname]:
                content[key] = [part._get_file_part() for part in self[fname]]
        Rule = self.env["crm.score.rule"].with_context(active_test=False)
        content["rules"] = [
            rule._get_file_rule() for rule in Rule.search([("model_id", "=", self.id)])
        ]
        return content

    # ------------------------------------------------------------
    # Import
    # ------------------------------------------------------------

    @api.model
    def _read_file(self, text):
        """Check a file against this database.

        :return: ``(values to create the model, [problems], [rules of unknown kinds])``;
            what cannot be read at all raises ``ScoreFileError``
        """
        content = load(text, self.env)
        problems, unknown = [], []
        values = {
            "name": content["name"],
            "target": content["target"],
            **self._read_file_values(
                content.get("values", {}), MODEL_SKIPPED, problems, ""
            ),
        }
        if content.get("company"):
            company = self._find_file_reference(
                "res.company", content["company"], problems, ""
            )
            values["company_id"] = company.id
        teams = self.env["crm.team"]
        for reference in content.get("teams", []):
            teams += self._find_file_reference("crm.team", reference, problems, "")
        values["team_ids"] = [Command.set(teams.ids)]
        for key, fname in (("groups", "group_ids"), ("thresholds", "threshold_ids")):
            if not content.get(key):
                continue
            Part = self.env[self._fields[fname].comodel_name]
            values[fname] = [
                Part._read_file_part(part, problems, f"{key} {number + 1}: ")
                for number, part in enumerate(content[key])
            ]
        groups = {
            (group.get("dimension"), group.get("name"))
            for group in values.get("group_ids", [])
        }
        Rule = self.env["crm.score.rule"]
        values["rule_ids"] = []
        for number, rule in enumerate(content.get("rules", [])):
            title = rule_title(number, rule, self.env)
            rule_values = Rule._read_file_rule(rule, problems, f"{title}: ")
            if rule.get("group") and (rule["dimension"], rule["group"]) not in groups:
                problems.append(
                    self.env._(
                        "%(rule)s: no group “%(group)s” of its dimension",
                        rule=title,
                        group=rule["group"],
                    )
                )
            if rule["dimension"] == "engagement" and not rule_values.get("kind_id"):
                unknown.append(
                    self.env._(
                        "%(rule)s: no touchpoints of kind “%(kind)s” here",
                        rule=title,
                        kind=rule["kind"],
                    )
                )
            else:
                values["rule_ids"].append(rule_values)
        return values, problems, unknown

    @api.model
    def _import_file(self, text, leave_out_unknown=False):
        """Create a draft from a file: all of it, or nothing and a clear error.

        :param leave_out_unknown: create the model without the rules whose kind of
            touchpoints is unknown here, instead of refusing the file
        """
        self.browse().check_access("create")
        try:
            values, problems, unknown = self._read_file(text)
        except ScoreFileError as error:
            raise self._get_file_error(error.problems) from error
        if not leave_out_unknown:
            problems = problems + unknown
        if problems:
            raise self._get_file_error(problems)
        rules = values.pop("rule_ids")
        groups = values.pop("group_ids", [])
        thresholds = values.pop("threshold_ids", [])
        try:
            with self.env.cr.savepoint():
                model = self.create([{**values, "is_draft": True, "active": False}])
                by_name = {}
                if groups:
                    Group = self.env[self._fields["group_ids"].comodel_name]
                    inverse = self._fields["group_ids"].inverse_name
                    by_name = {
                        (group.dimension, group.name): group.id
                        for group in Group.create(
                            [{**group, inverse: model.id} for group in groups]
                        )
                    }
                for rule in rules:
                    rule["model_id"] = model.id
                    if "group_id" in rule:
                        key = rule["dimension"], rule["group_id"]
                        rule["group_id"] = by_name[key]
                self.env["crm.score.rule"].create(rules)
                if thresholds:
                    inverse = self._fields["threshold_ids"].inverse_name
                    self.env[self._fields["threshold_ids"].comodel_name].create(
                        [{**threshold, inverse: model.id} for threshold in thresholds]
                    )
        except (ValidationError, UserError) as error:
            raise self._get_file_error([error.args[0]]) from error
        return model

    @api.model
    def _get_file_error(self, problems):
        return UserError(refusal(problems, self.env))


class CrmScoreRule(models.Model):
    _name = "crm.score.rule"
    _inherit = ["crm.score.rule", "crm.score.file.part"]

    def _get_file_rule(self):
        self.ensure_one()
        content = {
            "name": self.name,
            "dimension": self.dimension,
            "points": self.points,
        }
        if self.dimension == "engagement":
            content["kind"] = self.kind_id.code
        if self.group_id:
            content["group"] = self.group_id.name
        for fname in DOMAINS:
            text = self[fname] or "[]"
            if text.strip() != "[]":
                content[fname] = text
        records = self._get_file_records()
        if records:
            content["records"] = records
        return {**content, **self._get_file_part(RULE_SKIPPED)}

    def _get_file_records(self):
        """Return what the numbers in the conditions stand for: ``{path: {number:
        reference}}``.
        """
        records = {}
        for fname in DOMAINS:
            for path, numbers in domain_numbers(self[fname]).items():
                comodel = self._get_path_comodel(fname, path)
                if comodel is None:
                    continue
                # sudo: names of what the condition says
                for record in self.env[comodel].sudo().browse(numbers).exists():
                    records.setdefault(path, {})[str(record.id)] = {
                        "model": comodel,
                        **self._get_file_reference(record),
                    }
        return records

    def _get_path_comodel(self, fname, path):
        """Return the model whose records the path names by number; None if it does
        not.
        """
        target = self.target_model if fname == "domain" else "crm.touchpoint"
        Model = self.env[target]
        field = None
        names = path.split(".")
        for i, name in enumerate(names):
            field = Model._fields.get(name)
            if field is None:
                return None
            if name == "id" and i == len(names) - 1:
                return Model._name
            if field.relational:
                Model = self.env[field.comodel_name]
        return Model._name if field.relational else None

    @api.model
    def _read_file_rule(self, content, problems, title):
        """Return the values of a rule; without ``kind_id`` if its kind is unknown."""
        skipped = {"kind", "group", "records", *RULE_SKIPPED}
        values = self._read_file_part(content, problems, title, skipped)
        for name in RULE_SKIPPED:
            if name in content:
                values[name] = content[name]
        if content.get("group"):
            values["group_id"] = content["group"]
        if content["dimension"] == "engagement":
            kind = (
                self.env["crm.touchpoint.kind"]
                .with_context(active_test=False)
                .search([("code", "=", content["kind"])])
            )
            values["kind_id"] = kind.id
        mapping = self._read_file_records(content, problems, title)
        for fname in DOMAINS:
            if fname in content:
                values[fname] = replace_numbers(content[fname], mapping)
        return values

    @api.model
    def _read_file_records(self, content, problems, title):
        mapping = {}
        for path, references in content.get("records", {}).items():
            if not isinstance(references, dict):
                problems.append(title + self.env._("“%s” is not an object", path))
                continue
            for number, reference in references.items():
                model_name = isinstance(reference, dict) and reference.get("model")
                if not number.isdigit() or model_name not in self.env:
                    problems.append(
                        title + self.env._("“%s” names no record", f"{path} {number}")
                    )
                    continue
                record = self._find_file_reference(
                    model_name, reference, problems, title
                )
                mapping.setdefault(path, {})[int(number)] = record.id
        return mapping
