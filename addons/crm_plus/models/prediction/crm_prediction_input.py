from datetime import date

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date

from ...tools.lead_history import (
    DATES,
    NUMBERS,
    PROPERTY_TYPES,
    TRACKED_COLUMN,
    LeadInput,
)
from ...tools.prediction_leaks import MIN_KNOWN, is_refused

MOMENTS = ("month", "weekday")


class CrmPredictionInput(models.Model):
    """One thing that a prediction may look at."""

    _name = "crm.prediction.input"
    _description = "Prediction Input"
    _order = "model_id, sequence, id"

    model_id = fields.Many2one(
        "crm.prediction.model",
        string="Prediction",
        required=True,
        index=True,
        ondelete="cascade",
    )
    sequence = fields.Integer(default=10)
    source = fields.Selection(
        string="Kind",
        selection=[
            ("field", "Field of the lead"),
            ("touchpoint", "Number of touchpoints"),
            ("month", "Month of creation"),
            ("weekday", "Weekday of creation"),
        ],
        required=True,
        default="field",
    )
    lead_model = fields.Char(
        compute="_compute_lead_model", export_string_translation=False
    )
    field_path = fields.Char(
        string="Field",
        help="A stored field of the lead, or one of its properties.",
    )
    kind_id = fields.Many2one(
        "crm.touchpoint.kind",
        string="Touchpoints",
        ondelete="cascade",
        help="How many of this kind there had been, with the lead or before with its "
        "contact.",
    )
    is_trusted = fields.Boolean(
        string="Never Changes",
        help="Odoo keeps no history of this field, but you know that it is filled in "
        "when the lead comes in and never touched again: its present value then stands "
        "for that of the time. Without that, only values count that were kept by this "
        "prediction, or that cannot have changed since.",
    )
    name = fields.Char(compute="_compute_name", string="Input")
    history = fields.Text(
        string="How It Is Known",
        compute="_compute_history",
        help="How the value of that time is known, and of how many decided leads.",
    )
    known_count = fields.Integer(
        string="Known Of",
        compute="_compute_history",
        help="Decided leads of which the value at intake, or at the chosen age, is "
        "known. From the others nothing is learned about this input.",
    )
    is_history_poor = fields.Boolean(compute="_compute_history")

    _unique_input = models.UniqueIndex(
        "(model_id, source, field_path, kind_id)",
        "This input is there already.",
    )

    def _compute_lead_model(self):
        self.lead_model = "crm.lead"

    @api.depends("source", "field_path", "kind_id")
    def _compute_name(self):
        for line in self:
            line.name = line._get_label()

    @api.depends("source", "field_path", "kind_id", "is_trusted", "model_id.age_days")
    def _compute_history(self):
        for model, lines in self.grouped("model_id").items():
            # sudo: how much is known does not depend on whose leads the reader sees
            total, counts = model.sudo()._origin._count_known(lines)
            for line in lines:
                item = line._as_lead_input()
                line.known_count, line.history = line._say_history(
                    item, total, counts.get(item.key if item else None)
                )
                line.is_history_poor = bool(
                    item
                    and total
                    and line.known_count < MIN_KNOWN
                    and not is_refused(item)
                )

    def _say_history(self, item, total, counts):
        """Return of how many leads the value of that time is known, and how."""
        self.ensure_one()
        if not item:
            return 0, False
        if is_refused(item):
            return 0, self.env._("Left out: written by the decision, or all the time")
        if item.source in ("touchpoint", "moment"):
            return total, self.env._("Dated")
        if item.is_tracked:
            return total, self.env._("Changes are tracked")
        kept, unchanged = counts or (0, 0)
        found = []
        if kept:
            found.append(self.env._("kept at that time: %s", kept))
        if unchanged:
            found.append(self.env._("not changed since: %s", unchanged))
        unknown = total - kept - unchanged
        if self.is_trusted:
            found.append(self.env._("as now, vouched for: %s", unknown))
            unknown = 0
        if unknown:
            found.append(self.env._("unknown: %s", unknown))
        return total - unknown, "; ".join(found).capitalize() or self.env._(
            "Kept from now on"
        )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.model_id._look_again()
        return lines

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"model_id", "source", "field_path"}:
            self.model_id._look_again()
        return result

    def unlink(self):
        result = super().unlink()
        self.env.registry.clear_cache()
        return result

    # ------------------------------------------------------------
    # What it stands for
    # ------------------------------------------------------------

    @api.constrains("source", "field_path", "kind_id")
    def _check_input(self):
        for line in self:
            if not line._as_lead_input():
                raise ValidationError(
                    self.env._(
                        "%(input)s cannot be used: choose a stored field of the lead, "
                        "one of its properties, or a kind of touchpoints.",
                        input=line.field_path or line.source,
                    )
                )

    def _get_label(self):
        self.ensure_one()
        if self.source == "touchpoint":
            return self.kind_id.name or False
        if self.source != "field":
            return dict(self._fields["source"]._description_selection(self.env))[
                self.source
            ]
        name, _dot, property_name = (self.field_path or "").partition(".")
        field = self.env["crm.lead"]._fields.get(name)
        if not field:
            return self.field_path
        if property_name:
            # the definition says what the property is called
            definition = self._get_property_definition(property_name)
            return definition.get("string") or self.field_path
        return field._description_string(self.env) or name

    @api.model
    def _get_property_definition(self, property_name):
        # sudo: definitions of teams that the user is not in
        for team in (
            self.env["crm.team"]
            .sudo()
            .with_context(active_test=False)
            .search([("lead_properties_definition", "!=", False)])
        ):
            for definition in team.lead_properties_definition or ():
                if definition.get("name") == property_name:
                    return definition
        return {}

    def _get_kept_inputs(self):
        """Return ``{key: LeadInput}`` of those whose values have to be kept."""
        items = {}
        for line in self:
            item = line._as_lead_input()
            if item and item.is_blind and not is_refused(item):
                items[item.key] = item
        return items

    def _as_lead_input(self):
        """Return the ``LeadInput``; None if the field cannot be used at all."""
        self.ensure_one()
        if self.source == "touchpoint":
            if not self.kind_id:
                return None
            return LeadInput(
                key=f"touchpoint:{self.kind_id.id}",
                source="touchpoint",
                kind_id=self.kind_id.id,
            )
        if self.source in MOMENTS:
            return LeadInput(key=self.source, source="moment", name=self.source)
        name, _dot, rest = (self.field_path or "").partition(".")
        field = self.env["crm.lead"]._fields.get(name)
        if not field or not field.store:
            return None
        if field.type == "properties":
            definition = self._get_property_definition(rest)
            kind = PROPERTY_TYPES.get(definition.get("type"))
            if not kind:
                return None
            return LeadInput(
                key=f"{name}.{rest}",
                source="property",
                name=rest,
                type=kind,
                is_vouched=self.is_trusted,
            )
        if rest or field.company_dependent:
            return None
        if field.type != "many2many" and field.type not in {
            *TRACKED_COLUMN,
            *NUMBERS,
            *DATES,
        }:
            return None
        tracked = getattr(field, "tracking", None) and field.type in TRACKED_COLUMN
        return LeadInput(
            key=name,
            source="field",
            name=name,
            type=field.type,
            field_id=self.env["ir.model.fields"]._get("crm.lead", name).id
            if tracked
            else None,
            is_vouched=self.is_trusted,
            # such as the language of the contact: it changes with the contact
            is_computed=bool(field.related or (field.compute and field.readonly)),
        )

    def _get_value_labels(self, values_by_key):
        """Return ``{key: {value: what it is called}}`` of what these inputs may be."""
        result = {}
        for line in self:
            item = line._as_lead_input()
            values = values_by_key.get(item.key) if item else None
            if values:
                result[item.key] = line._label_values(item, values)
        return result

    def _label_values(self, item, values):
        Lead = self.env["crm.lead"]
        if item.source == "touchpoint":
            return {}
        if item.source == "moment":
            if item.name == "weekday":
                days = self.env["res.lang"]._fields["week_start"]
                return dict(days._description_selection(self.env))
            return {
                str(month): format_date(self.env, date(2000, month, 1), False, "LLLL")
                for month in range(1, 13)
            }
        comodel, selection = None, {}
        if item.source == "property":
            definition = self._get_property_definition(item.name)
            comodel = definition.get("comodel")
            if item.type == "tags":
                selection = {key: label for key, label, *_ in definition["tags"]}
            elif item.type == "selection":
                selection = dict(definition.get("selection") or ())
        else:
            field = Lead._fields[item.name]
            comodel = field.comodel_name if field.relational else None
            if field.type == "selection":
                selection = dict(field._description_selection(self.env))
        if comodel and comodel in self.env:
            ids = [int(value) for value in values if str(value).isdigit()]
            # sudo: names only, of what the seller's own lead refers to
            records = self.env[comodel].sudo().browse(ids).exists()
            return {str(record.id): record.display_name for record in records}
        if item.type == "boolean":
            return {"true": self.env._("yes"), "false": self.env._("no")}
        if not selection and item.type in ("text", "html"):
            return {"filled": self.env._("filled in")}
        return selection
