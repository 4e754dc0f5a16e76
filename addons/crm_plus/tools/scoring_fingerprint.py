"""The scoring engine: whether what a score is made of is what it was."""

from ast import literal_eval
from hashlib import blake2b

from odoo.models import BaseModel
from odoo.tools import SQL

from .scoring_records import RecordsSql
from .scoring_sql import case
from .user_domain import evaluate_domain

# What of a scoring model, its groups and its rules makes a score.
MODEL_INPUTS = (
    "company_id",
    "team_ids",
    "domain",
    "is_additional",
    "is_rolled_up",
    "is_lead_counted",
    "has_max_total",
    "max_total",
    "has_min_total",
    "min_total",
    "fit_a",
    "fit_b",
    "fit_c",
    "engagement_1",
    "engagement_2",
    "engagement_3",
    "mql_rule",
    "mql_min_fit",
    "mql_min_engagement",
    "mql_min_total",
)
GROUP_INPUTS = (
    "has_max",
    "max_points",
    "has_min",
    "min_points",
)
RULE_INPUTS = (
    "dimension",
    "domain",
    "kind_id",
    "touchpoint_domain",
    "group_id",
    "points",
    "max_times",
    "max_points",
    "half_life_days",
    "linear_days",
)

# The hash of a column, by its type.
HASHES = {
    "bool": "hashint4extended(%s::int, %s)",
    "float8": "hashfloat8extended(%s, %s)",
    "int4": "hashint4extended(%s, %s)",
    "numeric": "hash_numeric_extended(%s, %s)",
    "text": "hashtextextended(%s, %s)",
    "timestamp": "timestamp_hash_extended(%s, %s)",
    "varchar": "hashtextextended(%s, %s)",
}
# Operators that compare a column with what is written in the domain.
PLAIN_OPERATORS = {
    *("=", "!=", "in", "not in", "<", ">", "<=", ">="),
    *("like", "not like", "ilike", "not ilike", "=like", "not =like"),
    *("=ilike", "not =ilike"),
}


def digest(value):
    """Return a number of 64 bits that stands for ``value``, the same in each process
    and on each day.
    """
    found = blake2b(repr(value).encode(), digest_size=8).digest()
    return int.from_bytes(found, "big", signed=True)


def inputs(record, names):
    """Return the values of the record that are named."""
    values = [record[name] for name in names]
    return [record.id, *(v.ids if isinstance(v, BaseModel) else v for v in values)]


class FingerprintSql(RecordsSql):
    """A number for each record and score: it differs when the score may.

    It is made of

    * the scoring model, its groups, and the rules that count today;
    * the record's columns that the engine reads, and those that *settled* conditions
      read: conditions on columns of the record itself and nothing else, whose result
      changes with them only. To hash what a text holds is cheaper than to search it;
    * which of the other conditions match: those on related records, or on today.

    What is not in it: touchpoints, and the passing of time.
    """

    def _fingerprint(self, models, condition):
        """SQL of the fingerprint of a row of the target.

        :param condition: function that returns the SQL of a fit rule
        """
        rules = self._rules("fit", models)
        names = set(self._work_columns())
        terms = []
        for rule in rules:
            settled = self._settled_columns(rule, self.Target, rule.domain)
            if settled is None:
                terms.append(
                    SQL(
                        "CASE WHEN %s THEN %s ELSE 0 END",
                        condition(rule),
                        digest(("rule", rule.id)),
                    )
                )
            else:
                names |= settled
        return SQL(
            "(%s)",
            SQL(" # ").join(
                [
                    case(
                        SQL("m.model_id"),
                        {model.id: SQL("%s", self._digest(model)) for model in models},
                        SQL("0"),
                    ),
                    *map(self._hash, sorted(names)),
                    *terms,
                ]
            ),
        )

    def _digest(self, model):
        groups = model.group_ids.sorted("id")
        rules = self._rules("fit", model) + self._rules("engagement", model)
        return digest(
            [
                model._keeps_points(),
                inputs(model, MODEL_INPUTS),
                *(inputs(group, GROUP_INPUTS) for group in groups),
                *(inputs(rule, RULE_INPUTS) for rule in rules.sorted("id")),
            ]
        )

    def _hash(self, name):
        """SQL of the hash of a column; the seed tells columns of equal values apart."""
        field = self.Target._fields[name]
        seed = digest(("column", name))
        column = SQL.identifier(self.Target._table, name, to_flush=field)
        value = SQL(HASHES[field.column_type[0]], column, seed)
        return value if field.required else SQL("COALESCE(%s, %s)", value, seed)

    def _settled_columns(self, rule, Model, text):
        """Return the columns of ``Model`` that make the result of the condition, if it
        is settled; else None.
        """
        try:
            # what is no literal may be another tomorrow
            literal_eval(text or "[]")
            domain = evaluate_domain(self.env, text)
        except Exception:  # noqa: BLE001 whatever a user may have written
            return None
        names = set()
        for condition in domain.iter_conditions():
            field = Model._fields.get(condition.field_expr)
            if (
                not field
                or not self._is_plain_column(field)
                or condition.operator not in PLAIN_OPERATORS
            ):
                return None
            names.add(field.name)
        if "SELECT" in self._condition(rule, Model, text).code or rule in self.errors:
            return None
        return names

    def _is_plain_column(self, field):
        """Whether what is read of the field is its column, and the same every day."""
        return (
            field.store
            and field.column_type
            and field.column_type[0] in HASHES
            and field.type not in ("date", "datetime")
            and not field.translate
            and not field.company_dependent
        )
