"""Panels of the customer page: what an addon declares, what the reader gets of it.

An addon says *what* a panel is of (a model, a domain, columns); ``CustomerPanels``
reads all panels of a page together, with the rights of the reader: models and fields
the reader may not see drop out, rows come by record rules. A panel costs one query. How
many rows there are beyond those shown is counted for all panels in one more, and names
of what rows point to are read once a model.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from odoo.fields import Domain
from odoo.tools import SQL, format_amount, format_date, format_datetime, formatLang

# rows of a panel; whoever wants more opens all
LIMIT = 5


def format_number(env, value, digits=2):
    """A number without decimals that say nothing."""
    rounded = round(value, digits)
    return formatLang(env, rounded, digits=0 if rounded == int(rounded) else digits)


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
    :param reads: fields that ``get`` and ``values`` need, read with the others
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

    Use: ``CustomerPanels(env, panels, is_rolled_up).get_data()`` → a list of dicts.
    """

    def __init__(self, env, panels, is_rolled_up=False):
        self.env = env
        self.panels = sorted(
            (panel for panel in panels if self._is_visible(panel)),
            key=lambda panel: panel.sequence,
        )
        self.columns = {
            panel.key: self._get_columns(panel, is_rolled_up) for panel in self.panels
        }
        self.names = {}

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
        rows = {panel.key: self._search(panel) for panel in self.panels}
        counts = self._count(
            [panel for panel in self.panels if len(rows[panel.key]) > panel.limit]
        )
        shown = {
            panel.key: rows[panel.key][: panel.limit].with_prefetch(
                rows[panel.key].ids[: panel.limit]
            )
            for panel in self.panels
        }
        self._read_names(shown)
        return [
            self._render(
                panel,
                shown[panel.key],
                counts.get(panel.key, len(shown[panel.key])),
            )
            for panel in self.panels
        ]

    def _search(self, panel):
        Model = self.env[panel.model]
        names = {column.name for column in self.columns[panel.key]}
        names.update(panel.reads, [panel.opens] if panel.opens else ())
        return Model.search_fetch(
            panel.domain,
            [
                name
                for name in names
                if name in Model._fields and Model._fields[name].store
            ],
            order=panel.order,
            # one more tells whether there are more
            limit=panel.limit + 1,
        )

    def _count(self, panels):
        """``{key: number of rows}``, in one query."""
        if not panels:
            return {}
        parts = []
        for panel in panels:
            query = self.env[panel.model]._search(panel.domain, order="id")
            query.order = None
            parts.append(SQL("(%s)", query.select(SQL("%s, count(*)", panel.key))))
        return dict(self.env.execute_query(SQL(" UNION ALL ").join(parts)))

    def _read_names(self, shown):
        """Names of all that rows point to, one reading a model."""
        ids = {}
        for panel in self.panels:
            for column in self.columns[panel.key]:
                field_ = self.env[panel.model]._fields.get(column.name)
                if column.get or not field_ or field_.type != "many2one":
                    continue
                ids.setdefault(field_.comodel_name, set()).update(
                    shown[panel.key][column.name].ids
                )
        for model, model_ids in ids.items():
            # sudo: as in any list, names of what a row one may read points to
            for record in self.env[model].sudo().browse(sorted(model_ids)):
                self.names[model, record.id] = record.display_name

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
            return self.names.get((field_.comodel_name, value.id), "")
        return str(value)
