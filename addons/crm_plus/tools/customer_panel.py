"""Panels of the customer page: what an addon declares, what the reader gets of it.

An addon says *what* a panel is of (a model, a domain, columns); ``CustomerPanels``
reads all panels of a page together, with the rights of the reader: models and fields
the reader may not see drop out, rows come by record rules. However many panels there
are, their rows and numbers of rows are read in one statement, and names of what rows
point to in another.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from odoo.fields import Domain
from odoo.models import BaseModel
from odoo.tools import SQL, format_amount, format_date, format_datetime, formatLang

# rows of a panel; whoever wants more opens all
LIMIT = 5
# the column with the number of rows there are
COUNT = "__count"
# models that compute their name, and the column that has it nevertheless
NAME_COLUMNS = {"res.partner": "complete_name", "res.users": "name"}
PLAIN_NAME = BaseModel._compute_display_name


def format_number(env, value, digits=2):
    """A number without decimals that say nothing."""
    rounded = round(value, digits)
    return formatLang(env, rounded, digits=0 if rounded == int(rounded) else digits)


class Names:
    """Names (or another column) of what records point to, collected first and read in
    one statement when the first one is asked for.

    Use: ``names.want("res.users", ids)`` as often as needed, then ``names.get``.
    """

    def __init__(self, env):
        self.env = env
        self.found = {}
        self.wanted = {}

    def want(self, model, ids, column="display_name"):
        self.wanted.setdefault((model, column), set()).update(ids)

    def get(self, model, record_id, column="display_name"):
        """The name as text; of nothing, and of what is gone: an empty one."""
        if self.wanted:
            self._read()
        return self.found.get((model, column, record_id), "")

    def _read(self):
        parts = []
        for (model, column), ids in self.wanted.items():
            if not ids:
                continue
            # sudo: as in any list, names of what a record one may read points to
            Model = self.env[model].sudo().with_context(active_test=False)
            name = self._get_column(Model, column)
            if name:
                query = Model._search([("id", "in", list(ids))])
                parts.append(
                    query.select(
                        SQL("%s, %s", model, column),
                        SQL.identifier(query.table, "id"),
                        SQL(
                            "(%s)::text", Model._field_to_sql(query.table, name, query)
                        ),
                    )
                )
                continue
            for record in Model.browse(sorted(ids)):
                self.found[model, column, record.id] = record.display_name
        self.wanted = {}
        if parts:
            for *key, text in self.env.execute_query(SQL(" UNION ALL ").join(parts)):
                self.found[tuple(key)] = text or ""

    def _get_column(self, Model, column):
        """The stored field that has it; None: the name has to be computed."""
        if column != "display_name":
            return column
        if Model._name in NAME_COLUMNS:
            return NAME_COLUMNS[Model._name]
        if type(Model)._compute_display_name is not PLAIN_NAME:
            return None
        field_ = Model._fields.get(Model._rec_name)
        return field_.name if field_ and (field_.store or field_.inherited) else None


@dataclass(kw_only=True)
class CustomerColumn:
    """:param name: a field of the model, or any name where ``get`` or ``values`` of the
        panel tell the cell
    :param label: default: the string of the field
    :param get: ``record -> text`` or ``record -> (text, light)``; lights are green,
        amber, red, none
    :param lights: ``{value of the field: light}``
    :param groups: who sees the column; fields with groups of their own keep them
    :param is_number: to the right
    :param is_wide: left out on small screens
    """

    name: str
    label: str | None = None
    get: Callable | None = None
    lights: dict = field(default_factory=dict)
    groups: str | None = None
    is_number: bool = False
    is_wide: bool = False


@dataclass(kw_only=True)
class CustomerPanel:
    """:param key: unique; the panels of a section stand in order of ``sequence``
    :param section: of ``res.partner._get_customer_sections``
    :param model: what the rows are; readers without access do not see the panel
    :param domain: which rows are shown, those first that ``order`` puts first
    :param empty: what is said where there is no row, in words
    :param all_domain: what "see all" opens, if it is more than ``domain``
    :param views: of "see all"
    :param context: of "see all", such as default values
    :param opens: many2one field whose record a row opens; default: the row itself
    :param reads: stored fields that ``get`` and ``values`` need, read with the rows
    :param values: ``records -> {id: {column: text or (text, light)}}``, for columns
        that one query fills for all rows
    :param partner_field: the customer of a row, shown when subsidiaries are rolled up
    :param words: a line above the rows
    :param groups: who sees the panel
    :param row_button: ``{"method", "label", "icon"}``: a method of the row's record
        that returns an action, or nothing
    """

    key: str
    section: str
    title: str
    model: str
    domain: Any
    columns: list
    empty: str
    icon: str = "fa-circle-o"
    sequence: int = 10
    order: str | None = None
    limit: int = LIMIT
    all_domain: Any = None
    views: tuple = ("list", "form")
    context: dict = field(default_factory=dict)
    opens: str | None = None
    reads: tuple = ()
    values: Callable | None = None
    partner_field: str | None = None
    words: str | None = None
    groups: str | None = None
    row_button: dict | None = None


class CustomerPanels:
    """Reads the panels of one page for the user of ``env``.

    Use: ``CustomerPanels(env, panels, names)``, which reads them; then ``get_data()``,
    a list of dicts. In between names of others may be added to ``names``.
    """

    def __init__(self, env, panels, names=None, is_rolled_up=False):
        self.env = env
        self.names = names or Names(env)
        self.panels = sorted(
            (panel for panel in panels if self._is_visible(panel)),
            key=lambda panel: panel.sequence,
        )
        self.columns = {
            panel.key: self._get_columns(panel, is_rolled_up) for panel in self.panels
        }
        self.shown, self.counts = self._read_rows()
        self._want_names()

    def _is_visible(self, panel):
        if panel.groups and not self.env.user.has_groups(panel.groups):
            return False
        return self.env[panel.model].has_access("read")

    def _get_columns(self, panel, is_rolled_up):
        Model = self.env[panel.model]
        columns = list(panel.columns)
        if is_rolled_up and panel.partner_field:
            columns.append(CustomerColumn(name=panel.partner_field, is_wide=True))
        return [
            column
            for column in columns
            if (not column.groups or self.env.user.has_groups(column.groups))
            and (
                column.name not in Model._fields
                or Model._has_field_access(Model._fields[column.name], "read")
            )
        ]

    def get_data(self):
        return [
            self._render(panel, self.shown[panel.key], self.counts.get(panel.key, 0))
            for panel in self.panels
        ]

    def _read_rows(self):
        """``({key: records}, {key: number of rows})`` of all panels, in one statement.

        Columns come with the rows and are put into the cache, so that records are read
        no more.
        """
        shown = {panel.key: self.env[panel.model] for panel in self.panels}
        counts = {}
        parts = [part for part in map(self._get_query, self.panels) if part]
        if not parts:
            return shown, counts
        for key, rows in self.env.execute_query(SQL(" UNION ALL ").join(parts)):
            if not rows:
                continue
            counts[key] = rows[0][COUNT]
            records = shown[key].browse(row["id"] for row in rows)
            for record, row in zip(records, rows, strict=True):
                del row[COUNT]
                record._update_cache(row, validate=False)
            shown[key] = records
        return shown, counts

    def _get_query(self, panel):
        Model = self.env[panel.model]
        query = Model._search(
            panel.domain, limit=panel.limit, order=panel.order or Model._order
        )
        if query.is_empty():
            return None
        names = {column.name for column in self.columns[panel.key]}
        names.update(panel.reads, [panel.opens] if panel.opens else ())
        terms = [SQL("%s AS id", SQL.identifier(query.table, "id"))]
        for name in sorted(names):
            field_ = Model._fields.get(name)
            # what is no column, or depends on the language, is read when it is used
            if not field_ or not field_.column_type or field_.translate:
                continue
            if not field_.store:
                continue
            term = Model._field_to_sql(query.table, name, query)
            if field_.type == "datetime":
                term = SQL("to_char(%s, 'YYYY-MM-DD HH24:MI:SS')", term)
            terms.append(SQL("%s AS %s", term, SQL.identifier(name)))
        # not counted apart: reports would be planned twice, which takes longer than
        # what they read
        terms.append(SQL("count(*) OVER () AS %s", SQL.identifier(COUNT)))
        return SQL(
            "(SELECT %s, (SELECT jsonb_agg(to_jsonb(listed)) FROM (%s) listed))",
            panel.key,
            query.select(*terms),
        )

    def _want_names(self):
        for panel in self.panels:
            for column in self.columns[panel.key]:
                field_ = self.env[panel.model]._fields.get(column.name)
                if column.get or not field_ or field_.type != "many2one":
                    continue
                ids = self.shown[panel.key][column.name].ids
                self.names.want(field_.comodel_name, ids)

    # ------------------------------------------------------------
    # What the page draws
    # ------------------------------------------------------------

    def _render(self, panel, records, count):
        Model = self.env[panel.model]
        columns = self.columns[panel.key]
        values = panel.values(records) if panel.values else {}
        opened = Model._fields[panel.opens].comodel_name if panel.opens else panel.model
        domain = panel.domain if panel.all_domain is None else panel.all_domain
        return {
            "key": panel.key,
            "section": panel.section,
            "title": panel.title,
            "icon": panel.icon,
            "words": panel.words or "",
            "empty": panel.empty,
            "count": count,
            "columns": [
                {
                    "name": column.name,
                    "label": self._get_label(Model, column),
                    "is_number": self._is_number(Model, column),
                    "is_wide": column.is_wide,
                }
                for column in columns
            ],
            "rows": [
                {
                    "id": record.id,
                    "model": opened,
                    "res_id": record[panel.opens].id if panel.opens else record.id,
                    "cells": [
                        self._get_cell(record, column, values.get(record.id, {}))
                        for column in columns
                    ],
                }
                for record in records
            ],
            "row_button": panel.row_button
            and {**panel.row_button, "model": Model._name},
            "all": {
                "type": "ir.actions.act_window",
                "name": panel.title,
                "res_model": panel.model,
                "views": [[False, view] for view in panel.views],
                "domain": list(Domain(domain)),
                "context": panel.context,
            },
        }

    def _get_label(self, Model, column):
        if column.label is not None:
            return column.label
        return Model._fields[column.name]._description_string(self.env)

    def _is_number(self, Model, column):
        field_ = Model._fields.get(column.name)
        return column.is_number or (
            field_ is not None
            and not column.get
            and field_.type in ("integer", "float", "monetary")
        )

    def _get_cell(self, record, column, values):
        if column.name in values:
            cell = values[column.name]
        elif column.get:
            cell = column.get(record)
        else:
            value = record[column.name]
            cell = (self._format(record, column.name), column.lights.get(value, ""))
        text, light = cell if isinstance(cell, tuple) else (cell, "")
        return {"text": text or "", "light": light or ""}

    def _format(self, record, name):
        """The value of a field in words, in the reader's language."""
        field_ = record._fields[name]
        value = record[name]
        if field_.type == "monetary":
            currency = record[field_.get_currency_field(record)]
            return format_amount(
                self.env, value, currency or self.env.company.currency_id
            )
        if field_.type in ("integer", "float"):
            return format_number(self.env, value)
        if field_.type == "boolean":
            return self.env._("Yes") if value else self.env._("No")
        if not value:
            return ""
        if field_.type == "date":
            return format_date(self.env, value)
        if field_.type == "datetime":
            return format_datetime(self.env, value, dt_format="short")
        if field_.type == "selection":
            return dict(field_._description_selection(self.env)).get(value, value)
        if field_.type == "many2one":
            return self.names.get(field_.comodel_name, value.id)
        return str(value)
