from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.fields import Command

from ...tools.score_number import MAX_DAYS, MAX_INTEGER, MAX_POINTS, is_number

SCALARS = {
    "boolean",
    "char",
    "date",
    "datetime",
    "float",
    "integer",
    "selection",
    "text",
}


class CrmScoreFilePart(models.AbstractModel):
    """Values and references of a record, to a file and from one.

    Fields are found, not listed: what a scoring model learns later is in its files too.
    """

    _name = "crm.score.file.part"
    _description = "Part of a Scoring File"

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_numbers(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_numbers(vals)
        return super().write(vals)

    @api.model
    def _check_numbers(self, vals):
        """Whatever the database cannot add up stops here: no constraint would see it,
        since NaN cannot be rounded, and too many points overflow when leads are scored.
        """
        for name, value in vals.items():
            field = self._fields.get(name)
            if field is None or field.type not in ("float", "integer") or not value:
                continue
            limit = self._get_number_limit(field)
            if isinstance(value, (int, float)) and not is_number(value, limit):
                raise ValidationError(
                    self.env._(
                        "“%(field)s” of a scoring model must be a number from %(low)s "
                        "to %(high)s.",
                        field=field._description_string(self.env),
                        low=-limit,
                        high=limit,
                    )
                )

    @api.model
    def _get_number_limit(self, field):
        if field.type == "integer":
            return MAX_INTEGER
        return MAX_DAYS if field.name.endswith("_days") else MAX_POINTS

    @api.model
    def _get_file_fields(self, skipped):
        return {
            name: field
            for name, field in self._fields.items()
            if field.store
            and field.copy
            and field.type in SCALARS
            and name not in models.MAGIC_COLUMNS
            and not field.related
            and name not in skipped
        }

    def _get_file_values(self, skipped):
        """Return the plain values; what is empty, and is so by default, is left out."""
        self.ensure_one()
        names = self._get_file_fields(skipped)
        defaults = self.default_get([*names])
        return {
            name: field.convert_to_read(self[name], self)
            if field.type not in ("date", "datetime")
            else field.to_string(self[name]) or False
            for name, field in names.items()
            if self[name] or defaults.get(name)
        }

    @api.model
    def _read_file_values(self, content, skipped, problems, title):
        """Return values of a file for ``create``; notes what does not fit."""
        known = self._get_file_fields(skipped)
        values = {}
        for name, value in content.items():
            field = known.get(name)
            if field is None:
                problems.append(title + self.env._("“%s” is not known here", name))
            elif not self._is_file_value(field, value):
                problems.append(
                    title
                    + self.env._(
                        "“%(name)s” cannot be %(value)s", name=name, value=repr(value)
                    )
                )
            else:
                values[name] = value
        return values

    @api.model
    def _is_file_value(self, field, value):
        if field.type == "boolean":
            return isinstance(value, bool)
        if value is False or value is None:
            return True
        if field.type in ("float", "integer"):
            return is_number(value, self._get_number_limit(field))
        if field.type == "selection":
            return value in field.get_values(self.env)
        if field.type in ("date", "datetime"):
            try:
                return bool(field.to_date(value))
            except (TypeError, ValueError, AttributeError):
                return False
        return isinstance(value, str)

    @api.model
    def _get_file_reference(self, record):
        """Return what finds the record in another database: name and external id."""
        # sudo: the name of what the reader's scoring model names
        record = record.sudo()
        reference = {"name": record.display_name}
        xml_id = record.get_external_id()[record.id]
        if xml_id and not xml_id.startswith("__export__."):
            reference["xml_id"] = xml_id
        return reference

    @api.model
    def _find_file_reference(self, model_name, reference, problems, title):
        """Return the record of a reference; none, and a note, if it is not here."""
        Model = self.env[model_name]
        if isinstance(reference, str):
            reference = {"name": reference}
        if not isinstance(reference, dict):
            reference = {}
        xml_id, name = reference.get("xml_id"), reference.get("name")
        found = Model
        if isinstance(xml_id, str) and "." in xml_id:
            record = self.env.ref(xml_id, raise_if_not_found=False)
            if record and record._name == model_name:
                found = record.with_env(self.env)._filtered_access("read")
        if not found and isinstance(name, str) and name:
            found = Model.search([("display_name", "=", name)], limit=2)
        if len(found) == 1:
            return found
        label = self.env["ir.model"]._get(model_name).name
        text = (
            self.env._("several %(model)s are named “%(name)s” here")
            if found
            else self.env._("no %(model)s named “%(name)s” here")
        )
        problems.append(title + text % {"model": label, "name": name or xml_id or "?"})
        return Model

    @api.model
    def _get_file_links(self, skipped=()):
        """Return the relations that a part of a scoring model has besides its model."""
        return {
            name: field
            for name, field in self._fields.items()
            if field.store
            and field.copy
            and field.type in ("many2one", "many2many")
            and name not in models.MAGIC_COLUMNS
            and not field.related
            and field.comodel_name != "crm.score.model"
            and self._has_field_access(field, "read")
            and name not in ("kind_id", "group_id", *skipped)
        }

    def _get_file_part(self, skipped=()):
        """Return a part of the model as an object of the file."""
        self.ensure_one()
        content = self._get_file_values(set(skipped))
        for name, field in self._get_file_links().items():
            if field.type == "many2one" and self[name]:
                content[name] = self._get_file_reference(self[name])
            elif self[name]:
                content[name] = [self._get_file_reference(r) for r in self[name]]
        return content

    @api.model
    def _read_file_part(self, content, problems, title, skipped=()):
        """Return the values of a part, without those in ``skipped``."""
        links = self._get_file_links()
        values = self._read_file_values(
            {
                name: value
                for name, value in content.items()
                if name not in links and name not in skipped
            },
            set(skipped),
            problems,
            title,
        )
        for name, field in links.items():
            if not content.get(name):
                continue
            references = content[name]
            if field.type == "many2one":
                references = [references]
            found = self.env[field.comodel_name]
            for reference in references:
                found += self._find_file_reference(
                    field.comodel_name, reference, problems, title
                )
            values[name] = (
                found.id if field.type == "many2one" else [Command.set(found.ids)]
            )
        return values
