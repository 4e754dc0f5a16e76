"""Fields of records to plain values for a file, and back."""

import ast

from odoo import models
from odoo.fields import Command
from odoo.tools import html_sanitize

from odoo.addons.crm_plus.tools.score_file import domain_numbers, replace_numbers

SCALARS = {
    "boolean",
    "char",
    "date",
    "datetime",
    "float",
    "html",
    "integer",
    "monetary",
    "selection",
    "text",
}
NUMBERS = {"float", "integer", "monetary"}
# what PostgreSQL takes for a whole number
MAX_INTEGER = 2**31 - 1
# Matters of one database: who imports decides.
NEVER = {"res.company", "res.currency"}
# Known by a code that does not change, or by nothing else.
CODES = {"crm.touchpoint.kind": "code", "ir.model": "model"}
# Conditions on others than the records that enter: their model, or the field that
# tells it.
CONDITIONS = {
    ("crm.campaign", "entry_event_domain"): "crm.touchpoint",
    ("crm.campaign.step", "condition"): "condition_model",
    ("crm.campaign.step", "event_domain"): "crm.touchpoint",
}
# Found by their external id only: a name says nothing of what the code does.
BY_XML_ID = {"ir.actions.server"}


class RecordFile:
    """The settings of records, written down so that another database understands them.

    What: fields are found, not listed, so what a record learns later, in any addon, is
    in the file too: all that a copy takes over, but for companies and what the user may
    not read. What is as it is by default is left out.

    How to use: ``get_values(record, skipped)`` gives plain values;
    ``read_values(Model, content, skipped, title)`` gives values for ``create``, adds to
    ``problems`` what is wrong with the file and to ``missing`` what is not there in
    this database.

    How it works: records are told by name and external id, kinds of touchpoints by
    code, fields by model and name, steps of the journey by their key; whole numbers in
    a condition that stand for records come with what they stand for.

    :param step_keys: ``{key of a step: its id}`` when reading, the other way round when
        writing
    """

    def __init__(self, env, step_keys=None):
        self.env = env
        self.problems = []
        self.missing = []
        self.step_keys = step_keys or {}
        self.references = env["crm.score.file.part"]

    def get_fields(self, Model, skipped=()):
        return {
            name: field
            for name, field in Model._fields.items()
            if field.store
            and field.copy
            and not field.related
            and name not in models.MAGIC_COLUMNS
            and name not in skipped
            and (field.type in SCALARS or field.type in ("reference", *RELATIONS))
            and getattr(field, "comodel_name", None) not in NEVER
            and Model._has_field_access(field, "read")
        }

    # ------------------------------------------------------------
    # To a file
    # ------------------------------------------------------------

    def get_values(self, record, skipped=()):
        names = self.get_fields(record, skipped)
        defaults = record.browse().default_get([*names])
        values = {}
        for name, field in names.items():
            value = self._get_value(record, field)
            if value != self._get_default(record, field, defaults.get(name)):
                values[name] = value
        return values

    def _get_default(self, record, field, default):
        """A default as a file would say it."""
        if field.type == "one2many":
            # none has any that matters
            return []
        if field.type == "many2many":
            ids = [i for *_command, ids in default or () for i in ids or ()]
            chosen = record.env[field.comodel_name].browse(ids)
            return [self._get_reference(one) for one in chosen]
        return self._get_value(record.new({field.name: default}), field)

    def _get_value(self, record, field):
        value = record[field.name]
        if field.type == "boolean":
            return bool(value)
        if field.type in NUMBERS:
            return value or 0
        if field.type in ("date", "datetime"):
            return field.to_string(value) or False
        if field.type in SCALARS:
            return self._get_text(record, field, value or "")
        if field.type == "one2many":
            return [self.get_values(line, {field.inverse_name}) for line in value]
        if field.type == "many2many":
            return [self._get_reference(one) for one in value]
        if not value:
            return False
        reference = self._get_reference(value)
        if field.type == "reference":
            reference = {"model": value._name, **reference}
        return reference

    def _get_text(self, record, field, text):
        """A text; of a condition that names records, with what they are."""
        text = str(text)
        model = CONDITIONS.get((record._name, field.name), "model_name")
        if model in record._fields:
            model = record[model]
        records = self.get_records(model, text)
        return {"domain": text, "records": records} if records else text

    def get_records(self, model, text):
        """What the whole numbers of a condition on a model stand for: ``{path:
        {number: reference}}``.
        """
        records = {}
        for path, numbers in _get_domain_numbers(text).items():
            comodel = self._get_comodel(model, path)
            if comodel is None:
                continue
            # sudo: names of what the condition says
            for one in self.env[comodel].sudo().browse(numbers).exists():
                records.setdefault(path, {})[str(one.id)] = {
                    "model": comodel,
                    **self.references._get_file_reference(one),
                }
        return records

    def _get_comodel(self, model, path):
        """The model whose records a path of a condition names by number, or None."""
        Model = self.env.get(model)
        names = path.split(".")
        for i, name in enumerate(names):
            field = Model._fields.get(name) if Model is not None else None
            if field is None:
                return None
            if name == "id":
                return Model._name if i == len(names) - 1 else None
            Model = self.env[field.comodel_name] if field.relational else None
        return Model._name if Model is not None else None

    def _get_reference(self, record):
        name = record._name
        # sudo: what the journey's reader may read names it
        record_sudo = record.sudo()
        if name == "crm.campaign.step":
            return {"step": self.step_keys.get(record.id, "")}
        if name == "ir.model.fields":
            return {"model": record_sudo.model, "field": record_sudo.name}
        if name in CODES:
            return record_sudo[CODES[name]]
        return self.references._get_file_reference(record)

    # ------------------------------------------------------------
    # From a file
    # ------------------------------------------------------------

    def read_values(self, Model, content, skipped=(), title=""):
        known = self.get_fields(Model, skipped)
        values = {}
        for name, value in content.items():
            field = known.get(name)
            if field is None:
                self.problems.append(title + self._not_known(name))
                continue
            try:
                values[name] = self._read_value(field, value, title)
            except _NotHereError:
                continue
            except _WrongError:
                self.problems.append(
                    title
                    + self.env._(
                        "“%(name)s” cannot be %(value)s",
                        name=name,
                        value=repr(value)[:200],
                    )
                )
        return values

    def _not_known(self, name):
        return self.env._("“%s” is not known here", name)

    def _read_value(self, field, value, title):
        if field.type in SCALARS:
            return self._read_scalar(field, value, title)
        if field.type == "one2many":
            return [
                Command.create(line) for line in self._read_lines(field, value, title)
            ]
        if field.type == "many2many":
            if not isinstance(value, list):
                raise _WrongError
            found = self.env[field.comodel_name]
            for one in value:
                try:
                    found += self._find(field.comodel_name, one, title)
                except _NotHereError:
                    continue
            return [Command.set(found.ids)]
        if value is False or value is None:
            return False
        if field.type == "reference":
            model = value.get("model") if isinstance(value, dict) else None
            if not isinstance(model, str) or model not in self.env:
                raise _WrongError
            value = {key: one for key, one in value.items() if key != "model"}
            return f"{model},{self._find(model, value, title).id}"
        return self._find(field.comodel_name, value, title).id

    def _read_scalar(self, field, value, title):
        if isinstance(value, dict) and field.type in ("char", "text"):
            return self._read_domain(value, title)
        if field.type == "boolean":
            is_right = isinstance(value, bool)
        elif value is False or value is None:
            return False
        elif field.type in NUMBERS:
            is_right = type(value) in (
                (int,) if field.type == "integer" else (int, float)
            )
            is_right = is_right and abs(value) <= MAX_INTEGER
        elif field.type == "html":
            is_right = isinstance(value, str)
            value = html_sanitize(value) if is_right else value
        else:
            is_right = self.references._is_file_value(field, value)
        if not is_right or (isinstance(value, str) and "\0" in value):
            raise _WrongError
        return value

    def _read_domain(self, content, title):
        text, records = content.get("domain"), content.get("records")
        if not isinstance(text, str) or not isinstance(records, dict):
            raise _WrongError
        if content.keys() - {"domain", "records"} or not _is_domain(text):
            raise _WrongError
        return replace_numbers(text, self._read_records(records, title))

    def read_records(self, records, title):
        """``{path: {number in the file: number here}}`` of the blocks of a mail."""
        try:
            return self._read_records(records, title)
        except _WrongError:
            self.problems.append(title + self.env._("“%s” names no record", "records"))
            return {}

    def _read_records(self, records, title):
        mapping = {}
        for path, references in records.items():
            if not isinstance(references, dict):
                raise _WrongError
            for number, reference in references.items():
                model = reference.get("model") if isinstance(reference, dict) else None
                if not number.isdigit() or model not in self.env:
                    raise _WrongError
                reference = {k: v for k, v in reference.items() if k != "model"}
                try:
                    found = self._find(model, reference, title).id
                except _NotHereError:
                    # nobody has it
                    found = 0
                mapping.setdefault(path, {})[int(number)] = found
        return mapping

    def _read_lines(self, field, value, title):
        """The lines of a step; one whose subject is not here is left out."""
        if not isinstance(value, list) or not all(isinstance(x, dict) for x in value):
            raise _WrongError
        Line = self.env[field.comodel_name]
        skipped = {field.inverse_name}
        known = self.get_fields(Line, skipped)
        lines = []
        for number, content in enumerate(value, 1):
            line_title = f"{title}{field.name} {number}: "
            values = self.read_values(Line, content, skipped, line_title)
            if not any(
                known[name].required and name not in values
                for name in content.keys() & known.keys()
            ):
                lines.append(values)
        return lines

    def _find(self, model, reference, title):
        """The record that a file names; ``_NotHereError``, noted, if there is none."""
        if model == "crm.campaign.step":
            key = reference.get("step") if isinstance(reference, dict) else None
            if key not in self.step_keys:
                raise _WrongError
            return self.env[model].browse(self.step_keys[key])
        if model == "ir.model.fields":
            return self._find_field(reference, title)
        if model in CODES:
            return self._find_by_code(model, reference, title)
        if not isinstance(reference, dict) or not reference:
            raise _WrongError
        if reference.keys() - {"name", "xml_id"} or not all(
            isinstance(one, str) for one in reference.values()
        ):
            raise _WrongError
        return self._find_named(model, reference, title)

    def _find_by_code(self, model, code, title):
        if not isinstance(code, str):
            raise _WrongError
        # sudo: codes are no secret
        Model_sudo = self.env[model].sudo().with_context(active_test=False)
        found = Model_sudo.search([(CODES[model], "=", code)], limit=1)
        return found.sudo(False) or self._note_missing(model, code, title)

    def _find_named(self, model, reference, title):
        name = reference.get("name") or reference.get("xml_id")
        notes = []
        found = None
        if self.env[model].has_access("read"):
            if model in BY_XML_ID:
                reference = {"xml_id": reference.get("xml_id", "")}
            found = self.references._find_file_reference(model, reference, notes, title)
        if found:
            return found
        if not notes or model in BY_XML_ID:
            return self._note_missing(model, name, title)
        # it tells whether there is none, or several
        self.missing += notes
        raise _NotHereError

    def _find_field(self, reference, title):
        model, name = (
            (reference.get("model"), reference.get("field"))
            if isinstance(reference, dict)
            else (None, None)
        )
        if not isinstance(model, str) or not isinstance(name, str):
            raise _WrongError
        # sudo: names of fields are no secret; whoever may not read one is refused later
        field = self.env["ir.model.fields"].sudo()._get(model, name)
        return field.sudo(False) or self._note_missing(
            "ir.model.fields", f"{model}.{name}", title
        )

    def _note_missing(self, model, name, title):
        # sudo: names of models are no secret
        label = self.env["ir.model"].sudo()._get(model).name or model
        self.missing.append(
            title
            + self.env._("no %(model)s named “%(name)s” here", model=label, name=name)
        )
        raise _NotHereError


RELATIONS = ("many2many", "many2one", "one2many")


class _NotHereError(Exception):
    """What a file names is not in this database; that is noted."""


class _WrongError(Exception):
    """A value that the field cannot have."""


def _is_domain(text):
    try:
        return isinstance(ast.parse(text.strip(), mode="eval").body, ast.List)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _get_domain_numbers(text):
    return domain_numbers(text) if text.startswith("[") and _is_domain(text) else {}
