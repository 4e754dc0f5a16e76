"""Domains as a person reads them, condition by condition.

``tree`` takes the polish notation apart, ``DomainWords`` says a condition in words:
``[("stage_id.is_won", "=", True)]`` is "Stage > Is Won Stage? is set".
"""

from odoo.exceptions import AccessError
from odoo.fields import Domain

# Names of so many records are said; of more, how many they are.
MAX_NAMES = 5


def tree(domain):
    """Return ``domain`` as nested tuples: ``("&" | "|", [trees])``, ``("!", [tree])``
    or ``("=", condition)``; ``None`` for a domain that is always true.

    :param domain: a ``Domain`` or a list in polish notation
    """
    domain = Domain(domain)
    if domain.is_true():
        return None
    tokens = list(domain)

    def take(position):
        token = tokens[position]
        if token == "!":
            part, position = take(position + 1)
            return ("!", [part]), position
        if token in ("&", "|"):
            parts = []
            position += 1
            for _i in range(2):
                part, position = take(position)
                # a & (b & c) is one list of three
                parts += part[1] if part[0] == token else [part]
            return (token, parts), position
        return ("=", tuple(token)), position + 1

    found, _end = take(0)
    return found


class DomainWords:
    """Says conditions on records of ``env`` in the user's language, with what the user
    may read.
    """

    def __init__(self, env):
        self.env = env

    def domain(self, model_name, domain):
        """Return a whole domain in one line."""
        found = tree(domain)
        return self._line(model_name, found) if found else self.env._("any")

    def condition(self, model_name, condition):
        """Return one condition (field, operator, value) in words."""
        path, operator, value = condition
        if not isinstance(path, str):
            # (1, "=", 1) and (0, "=", 1)
            return self.env._("always") if path == value else self.env._("never")
        field, label = self._path(model_name, path)
        if operator in ("any", "any!", "not any", "not any!"):
            inner = self.domain(field.comodel_name, value)
            if operator.startswith("not"):
                return self.env._(
                    "%(field)s: none with (%(condition)s)",
                    field=label,
                    condition=inner,
                )
            return self.env._(
                "%(field)s: one with (%(condition)s)", field=label, condition=inner
            )
        if operator in ("=", "!=", "in", "not in"):
            return self._equality(field, label, operator, value)
        return f"{label} {self._operator(operator)} {self._value(field, value)}"

    def present(self, record, path):
        """Return what ``record`` has at ``path`` now, in words.

        ``None`` where there are many records on the way, or what the user may not read.
        """
        *way, name = path.split(".")
        try:
            for step in way:
                if record._fields[step].type not in ("many2one", "many2one_reference"):
                    return None
                record = record[step]
            field = record._fields.get(name)
            if field is None or field.type in ("one2many", "properties", "binary"):
                return None
            value = record[name]
            if field.type == "many2many":
                value = value.ids
            elif field.relational:
                value = value.id
            return self._value(field, value) if value or value == 0 else self.empty
        except (AccessError, KeyError):
            return None

    @property
    def empty(self):
        return self.env._("not set")

    def _line(self, model_name, node):
        operator, parts = node
        if operator == "=":
            return self.condition(model_name, parts)
        lines = [self._line(model_name, part) for part in parts]
        if operator == "!":
            return self.env._("not (%s)", lines[0])
        glue = self.env._("and") if operator == "&" else self.env._("or")
        return f" {glue} ".join(
            f"({line})" if part[0] in "&|" else line
            for part, line in zip(parts, lines, strict=True)
        )

    def _path(self, model_name, path):
        """Return the last field of ``path`` and the labels on the way."""
        labels = []
        field = None
        for name in path.split("."):
            Model = self.env[model_name] if model_name else None
            field = Model._fields.get(name) if Model is not None else None
            if field is None:
                # a property, or a part of a date
                labels.append(name)
                model_name = None
                continue
            labels.append(field.get_description(self.env, ["string"])["string"])
            model_name = field.comodel_name if field.relational else None
        return field, " > ".join(labels)

    def _equality(self, field, label, operator, value):
        negative = operator in ("!=", "not in")
        values = list(value) if isinstance(value, (list, tuple, set)) else [value]
        if not negative and len(values) == 1 and values[0] is True:
            return self.env._("%s is set", label)
        if not [v for v in values if v or (v == 0 and v is not False)]:
            if negative:
                return self.env._("%s is set", label)
            return self.env._("%s is not set", label)
        words = self._value(field, values)
        if negative:
            if len(values) > 1:
                return self.env._(
                    "%(field)s is none of %(values)s", field=label, values=words
                )
            return self.env._("%(field)s is not %(values)s", field=label, values=words)
        if len(values) > 1:
            return self.env._(
                "%(field)s is one of %(values)s", field=label, values=words
            )
        return self.env._("%(field)s is %(values)s", field=label, values=words)

    def _operator(self, operator):
        return {
            "<": self.env._("is less than"),
            "<=": self.env._("is at most"),
            ">": self.env._("is more than"),
            ">=": self.env._("is at least"),
            "ilike": self.env._("contains"),
            "like": self.env._("contains"),
            "not ilike": self.env._("does not contain"),
            "not like": self.env._("does not contain"),
            "=ilike": self.env._("is like"),
            "=like": self.env._("is like"),
            "child_of": self.env._("is, or is below,"),
            "parent_of": self.env._("is, or is above,"),
        }.get(operator, operator)

    def _value(self, field, value):
        values = list(value) if isinstance(value, (list, tuple, set)) else [value]
        if field is not None and (field.relational or field.name == "id"):
            ids = [v for v in values if isinstance(v, int) and not isinstance(v, bool)]
            if ids:
                return self._names(field.comodel_name or field.model_name, ids)
        selection = {}
        if field is not None and field.type == "selection":
            selection = dict(
                field.get_description(self.env, ["selection"])["selection"]
            )
        words = [
            self.empty if v is False or v is None else str(selection.get(v, v))
            for v in values
        ]
        if len(words) > MAX_NAMES:
            return self.env._("%s values", len(words))
        return ", ".join(words)

    def _names(self, model_name, ids):
        if len(ids) > MAX_NAMES:
            return self.env._("%s records", len(ids))
        records = self.env[model_name].browse(ids).exists()
        try:
            return ", ".join(records.mapped("display_name")) or self.env._(
                "a deleted record"
            )
        except AccessError:
            return self.env._("%s records", len(ids))
