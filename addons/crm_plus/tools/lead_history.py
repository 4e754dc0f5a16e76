"""Leads as they were known at an earlier moment: what a prediction may look at."""

import json
from dataclasses import dataclass

from odoo import SUPERUSER_ID, api
from odoo.tools import SQL

from .prediction import CATEGORY, NUMBER, TAGS, UNKNOWN

# What is written while a lead is being entered is known at intake: mail gateways,
# forms and sellers save a new lead more than once.
INTAKE_MINUTES = 5
# Text as long as that is told as filled or not.
LONG_TEXT = ("text", "html")
NUMBERS = ("integer", "float", "monetary")
DATES = ("date", "datetime")
# column of mail.tracking.value that keeps the old value, by type of field
TRACKED_COLUMN = {
    "many2one": "old_value_integer",
    "selection": "old_value_char",
    "char": "old_value_char",
    "text": "old_value_text",
    "html": "old_value_text",
    "boolean": "old_value_integer",
    "integer": "old_value_integer",
    "float": "old_value_float",
    "monetary": "old_value_float",
    "date": "old_value_datetime",
    "datetime": "old_value_datetime",
}
PROPERTY_TYPES = {
    "boolean": "boolean",
    "integer": "integer",
    "float": "float",
    "monetary": "float",
    "char": "char",
    "text": "text",
    "html": "html",
    "selection": "selection",
    "many2one": "many2one",
    "tags": "tags",
}
# How the value of an input without history is known, see ``LeadHistory``
AS_NOW, UNCHANGED, KEPT = 0, 1, 2


@dataclass(frozen=True)
class LeadInput:
    """Something known about a lead.

    :param key: unique name within a prediction
    :param source: ``field``, ``property``, ``touchpoint`` (number of a kind), or
        ``moment`` (of the creation: ``name`` is ``month`` or ``weekday``)
    :param name: of the field, or the technical name of the property
    :param type: of the field or property
    :param field_id: id of the ``ir.model.fields`` when changes of it are tracked
    :param is_vouched: somebody says that it never changes
    :param is_computed: it may change without the lead being written to
    """

    key: str
    source: str
    name: str = ""
    type: str = ""
    field_id: int | None = None
    kind_id: int | None = None
    is_vouched: bool = False
    is_computed: bool = False

    @property
    def kind(self):
        """How a prediction reads it."""
        if self.source == "touchpoint" or self.type in (*NUMBERS, *DATES):
            return NUMBER
        if self.type in ("tags", "many2many"):
            return TAGS
        return CATEGORY

    @property
    def is_tracked(self):
        return bool(self.field_id)

    @property
    def is_blind(self):
        """Whether Odoo keeps no history of it: we keep its value, from now on."""
        return self.source in ("field", "property") and not self.field_id


class LeadHistory:
    """Reads inputs of leads as they were at a moment of each lead's own life.

    * A field whose changes are tracked had, at that moment, the old value of the first
      change after it; the present value if there was none.
    * Touchpoints count up to that moment: the lead's own, and those of the contact it
      had then that belong to no lead; never those of machines.
    * Odoo keeps no history of other fields and of properties (*blind* inputs). Their
      value is ``KEPT`` in a ``crm.prediction.snapshot`` of that moment; or it is
      ``UNCHANGED``, the lead not having been written to since; or all we have is the
      value ``AS_NOW``, which is UNKNOWN as that of the moment, unless somebody vouches
      that it never changes.

    All is one SELECT, for one lead or a million, so that what a prediction learns from
    and what it is applied to are read by the same code. Reads as superuser: it depends
    on nobody's rights.
    """

    def __init__(self, env, inputs, age_days=None):
        """
        :param age_days: read what was kept at that age
        """
        self.env = api.Environment(env.cr, SUPERUSER_ID, {"active_test": False})
        self.Lead = self.env["crm.lead"]
        self.inputs = list(inputs)
        self.age_days = age_days
        # the contact of that time decides whose touchpoints count
        self._partner = None
        if any(i.source == "touchpoint" for i in self.inputs):
            self._partner = LeadInput(
                key="",
                source="field",
                name="partner_id",
                type="many2one",
                field_id=self._tracked_id("partner_id"),
            )

    def _tracked_id(self, name):
        if not getattr(self.Lead._fields[name], "tracking", None):
            return None
        return self.env["ir.model.fields"]._get("crm.lead", name).id

    def flush(self):
        self.Lead.flush_model()
        self.env["mail.message"].flush_model()
        self.env["mail.tracking.value"].flush_model()
        self.env["crm.touchpoint"].flush_model()
        self.env["crm.prediction.snapshot"].flush_model()

    def values(self, work):
        """Return ``{key: [value, …]}`` in the order of ``work``, see ``select``; with
        the ids under the key None."""
        columns, ways = self.read_all(work)
        return {
            None: columns[None],
            **{i.key: self.hide_unknown(i, columns, ways) for i in self.inputs},
        }

    @staticmethod
    def hide_unknown(item, columns, ways):
        """Return what ``read_all`` has found of an input, UNKNOWN where that is not of
        the moment."""
        values = columns[item.key]
        if not item.is_blind or item.is_vouched:
            return values
        return [
            UNKNOWN if way == AS_NOW else value
            for value, way in zip(values, ways[item.key], strict=True)
        ]

    def read_all(self, work):
        """Return what ``values`` does, with the present value where that of the moment
        is unknown; and by blind input how each of its values is known."""
        self.flush()
        rows = self.env.execute_query(
            SQL(
                "WITH work AS MATERIALIZED (%s) %s ORDER BY w.place",
                work,
                self.select(),
            )
        )
        blind = [item for item in self.inputs if item.is_blind]
        width = 1 + len(self.inputs) + len(blind)
        columns = list(zip(*rows, strict=True)) or [()] * width
        result = {None: list(columns[0])}
        for item, values in zip(self.inputs, columns[1:], strict=False):
            result[item.key] = [None if v == "" else v for v in values]
        ways = dict(
            zip(
                (item.key for item in blind),
                columns[1 + len(self.inputs) :],
                strict=True,
            )
        )
        return result, ways

    def select(self):
        """SELECT of the id, ``f0``, ``f1``… (the inputs in their order), and of the
        blind ones also ``k0``, ``k1``… (numbered likewise): how the value is known.

        Expects a CTE ``work`` of ``(id, known_at, place)``: the lead, the moment, and
        the order of the result.
        """
        tracked = [
            item
            for item in (*self.inputs, *([self._partner] if self._partner else ()))
            if item.is_tracked
        ]
        return SQL(
            """
            SELECT l.id %(columns)s %(ways)s
              FROM work w
              JOIN crm_lead l ON l.id = w.id
              %(kept)s
              %(past)s
              %(touches)s
             -- without it a join by the primary key begins at the first lead there is
             WHERE l.id BETWEEN (SELECT min(id) FROM work)
                            AND (SELECT max(id) FROM work)
            """,
            columns=SQL("").join(
                SQL(", %s AS %s", self._column(item, i), SQL.identifier(f"f{i}"))
                for i, item in enumerate(self.inputs)
            ),
            ways=SQL("").join(
                SQL(", %s AS %s", self._way(item), SQL.identifier(f"k{i}"))
                for i, item in enumerate(self.inputs)
                if item.is_blind
            ),
            kept=self._kept(),
            past=self._past(tracked),
            touches=self._touches(),
        )

    # ------------------------------------------------------------
    # SQL
    # ------------------------------------------------------------

    @property
    def _reads_kept(self):
        return self.age_days is not None and any(i.is_blind for i in self.inputs)

    def _kept(self):
        """LEFT JOIN ``kept``: the values kept at that age."""
        if not self._reads_kept:
            return SQL()
        return SQL(
            """LEFT JOIN crm_prediction_snapshot kept
                      ON kept.lead_id = w.id AND kept.age_days = %s""",
            self.age_days,
        )

    def _way(self, item):
        """How the value of a blind input is known."""
        unchanged = SQL("FALSE")
        if not item.is_computed:
            # set once, or the planner is not sure that a lead has a date
            unchanged = SQL("COALESCE(l.write_date <= w.known_at, FALSE)")
        return SQL(
            "CASE WHEN %s THEN %s WHEN %s THEN %s ELSE %s END",
            self._is_kept(item),
            KEPT,
            unchanged,
            UNCHANGED,
            AS_NOW,
        )

    def _is_kept(self, item):
        if not self._reads_kept:
            return SQL("FALSE")
        # a property whose type was changed since is not what it was
        return SQL(
            "COALESCE(jsonb_typeof(kept.value -> %s) IN (%s, 'null'), FALSE)",
            item.key,
            {NUMBER: "number", TAGS: "array", CATEGORY: "string"}[item.kind],
        )

    def _kept_value(self, item):
        if item.kind == NUMBER:
            # the type once more: the order of conditions is not promised
            return SQL(
                "CASE WHEN jsonb_typeof(kept.value -> %(key)s) = 'number'"
                " THEN (kept.value ->> %(key)s)::float8 END",
                key=item.key,
            )
        if item.kind == TAGS:
            return self._json_texts(SQL("kept.value -> %s", item.key))
        return SQL("(kept.value ->> %s)", item.key)

    @staticmethod
    def _json_texts(value):
        return SQL(
            "ARRAY(SELECT jsonb_array_elements_text(CASE WHEN"
            " jsonb_typeof(%(value)s) = 'array' THEN %(value)s END))",
            value=value,
        )

    def _past(self, tracked):
        """LEFT JOIN ``past``: for each tracked field the row of its first change after
        the moment."""
        if not tracked:
            return SQL()
        field_ids = sorted({item.field_id for item in tracked})
        return SQL(
            """LEFT JOIN (
                SELECT id %s
                  FROM (
                    SELECT DISTINCT ON (w.id, v.field_id) w.id, v.field_id,
                           v.id AS value_id
                      FROM work w
                      JOIN mail_message m
                        ON m.model = 'crm.lead' AND m.res_id = w.id
                       AND m.date > w.known_at
                      JOIN mail_tracking_value v ON v.mail_message_id = m.id
                     WHERE v.field_id = ANY(%s)
                  ORDER BY w.id, v.field_id, m.date, v.id
                  ) first_change
              GROUP BY id
            ) past ON past.id = w.id %s""",
            SQL("").join(
                SQL(
                    ", max(value_id) FILTER (WHERE field_id = %s) AS %s",
                    field_id,
                    SQL.identifier(f"v{field_id}"),
                )
                for field_id in field_ids
            ),
            field_ids,
            SQL("").join(
                SQL(
                    " LEFT JOIN mail_tracking_value %(t)s ON %(t)s.id = past.%(t)s",
                    t=SQL.identifier(f"v{field_id}"),
                )
                for field_id in field_ids
            ),
        )

    def _column(self, item, place):
        if item.is_blind and self._reads_kept:
            return SQL(
                "CASE WHEN %s THEN %s ELSE %s END",
                self._is_kept(item),
                self._kept_value(item),
                self._present(item, place),
            )
        return self._present(item, place)

    def _present(self, item, place):
        if item.source == "moment":
            part = SQL("'ISODOW'") if item.name == "weekday" else SQL("'MONTH'")
            return SQL("date_part(%s, l.create_date)::int::text", part)
        if item.source == "touchpoint":
            return SQL(
                "COALESCE(%s, 0)::float8", SQL.identifier("touches", f"n{place}")
            )
        if item.source == "property":
            return self._property(item)
        if item.type == "many2many":
            field = self.Lead._fields[item.name]
            return SQL(
                "ARRAY(SELECT r.%s::text FROM %s r WHERE r.%s = l.id)",
                SQL.identifier(field.column2),
                SQL.identifier(field.relation),
                SQL.identifier(field.column1),
            )
        now = self._typed(item, SQL.identifier("l", item.name))
        if not item.is_tracked:
            return now
        value = SQL.identifier(f"v{item.field_id}")
        then = self._typed(
            item,
            SQL("%s.%s", value, SQL.identifier(TRACKED_COLUMN[item.type])),
            is_past=True,
        )
        return SQL("CASE WHEN %s.id IS NOT NULL THEN %s ELSE %s END", value, then, now)

    def _typed(self, item, column, is_past=False):
        """The value as a prediction reads it: text, a number, or NULL."""
        if item.type == "many2one":
            return SQL("NULLIF(%s, 0)::text", column)
        if item.type == "boolean":
            if is_past:
                return SQL("(COALESCE(%s, 0) <> 0)::text", column)
            return SQL("COALESCE(%s, FALSE)::text", column)
        if item.type in NUMBERS:
            return SQL("%s::float8", column)
        if item.type in DATES:
            return SQL(
                "(extract(epoch FROM %s - l.create_date) / 86400)::float8", column
            )
        if item.type in LONG_TEXT:
            return SQL(
                "CASE WHEN regexp_replace(%s::text, '<[^>]*>|\\s', '', 'g') <> ''"
                " THEN 'filled' END",
                column,
            )
        if item.type == "selection" and is_past:
            # the change kept the label, in the language of who made it
            return SQL(
                "COALESCE(%s::jsonb ->> %s, NULLIF(%s, ''))",
                json.dumps(self._selection_keys(item.name)),
                column,
                column,
            )
        return SQL("NULLIF(%s, '')", column)

    def _selection_keys(self, name):
        keys = {}
        for code, _name in self.env["res.lang"].get_installed():
            Lead = self.Lead.with_context(lang=code)
            for key, label in Lead._fields[name]._description_selection(Lead.env):
                keys.setdefault(label, key)
        return keys

    def _property(self, item):
        value = SQL("(l.lead_properties ->> %s)", item.name)
        if item.type == "tags":
            return self._json_texts(SQL("l.lead_properties -> %s", item.name))
        if item.type == "boolean":
            return SQL("COALESCE(%s, 'false')", value)
        if item.type in NUMBERS:
            # what was of another type before, and was not written since
            return SQL(
                "CASE WHEN jsonb_typeof(l.lead_properties -> %s) = 'number'"
                " THEN %s::float8 END",
                item.name,
                value,
            )
        if item.type in LONG_TEXT:
            return SQL("CASE WHEN NULLIF(%s, '') IS NOT NULL THEN 'filled' END", value)
        return SQL("NULLIF(NULLIF(%s, 'false'), '')", value)

    def _touches(self):
        """LEFT JOIN ``touches``: how many of each kind there had been."""
        places = {
            place: item.kind_id
            for place, item in enumerate(self.inputs)
            if item.source == "touchpoint"
        }
        if not places:
            return SQL()
        # the join of what had been then, once more: a subquery cannot see past
        partner = self._column(self._partner, 0)
        ways = (
            SQL("t.lead_id = w.id"),
            SQL(
                """t.lead_id IS NULL AND t.partner_id = w.partner_id
                   AND (w.company_id IS NULL OR t.company_id IS NULL
                        OR t.company_id = w.company_id)"""
            ),
        )
        return SQL(
            """LEFT JOIN (
                WITH owners AS MATERIALIZED (
                    SELECT w.id, w.known_at, l.company_id,
                           (%(partner)s)::int AS partner_id
                      FROM work w
                      JOIN crm_lead l ON l.id = w.id
                      %(past)s
                )
                SELECT id %(counts)s
                  FROM (%(ways)s) touch
              GROUP BY id
            ) touches ON touches.id = w.id""",
            partner=partner,
            past=self._past([self._partner] if self._partner.is_tracked else []),
            counts=SQL("").join(
                SQL(
                    ", count(*) FILTER (WHERE kind_id = %s) AS %s",
                    kind_id,
                    SQL.identifier(f"n{place}"),
                )
                for place, kind_id in places.items()
            ),
            ways=SQL(" UNION ALL ").join(
                SQL(
                    """SELECT w.id, t.kind_id
                         FROM owners w
                         JOIN crm_touchpoint t ON %s
                        WHERE t.kind_id = ANY(%s) AND t.date <= w.known_at
                          AND t.is_machine IS NOT TRUE""",
                    way,
                    sorted(set(places.values())),
                )
                for way in ways
            ),
        )
