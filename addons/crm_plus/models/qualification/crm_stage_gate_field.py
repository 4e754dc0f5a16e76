from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.mail import is_html_empty


class CrmStageGateField(models.Model):
    """A field, or a property, that must be filled in."""

    _name = "crm.stage.gate.field"
    _description = "Field Required by a Stage Gate"
    _order = "sequence, id"

    gate_id = fields.Many2one(
        "crm.stage.gate", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(string="Choose", required=True)
    label = fields.Char(string="Field", compute="_compute_label")
    # names the model to the client's field selector
    res_model = fields.Char(
        compute="_compute_res_model", export_string_translation=False
    )

    _field_uniq = models.UniqueIndex("(gate_id, name)", "This field is required twice.")

    def _compute_res_model(self):
        self.res_model = "crm.lead"

    @api.depends("name")
    @api.depends_context("lang")
    def _compute_label(self):
        Lead = self.env["crm.lead"]
        labels = None
        for line in self:
            fname, _dot, property_name = (line.name or "").partition(".")
            if fname not in Lead._fields:
                line.label = line.name
            elif not property_name:
                line.label = Lead._fields[fname]._description_string(self.env)
            else:
                if labels is None:
                    labels = self._get_property_labels()
                line.label = labels.get(property_name, property_name)

    @api.model
    def _get_property_labels(self):
        """``{name: label}`` of the properties of all teams' leads."""
        # sudo: a seller is told the name of the property, of whichever team
        teams = self.env["crm.team"].sudo().with_context(active_test=False).search([])
        return {
            prop["name"]: prop.get("string") or prop["name"]
            for team in teams
            for prop in team.lead_properties_definition or []
        }

    @api.constrains("name")
    def _check_name(self):
        Lead = self.env["crm.lead"]
        for line in self:
            fname, _dot, property_name = line.name.partition(".")
            field = Lead._fields.get(fname)
            if field is None or not field._description_searchable:
                raise ValidationError(
                    self.env._("“%s” is not a field of leads.", line.name)
                )
            if property_name and field.type != "properties":
                raise ValidationError(
                    self.env._(
                        "“%s” belongs to another record; choose a field of the lead "
                        "itself.",
                        line.name,
                    )
                )
            if field.type == "properties" and not property_name:
                raise ValidationError(self.env._("Choose one of the properties."))
            if property_name and property_name not in self._get_property_labels():
                raise ValidationError(
                    self.env._("No sales team has a property “%s”.", property_name)
                )

    def _is_filled(self, lead):
        """Whether ``lead`` has it. Nought, *no* and an empty text are not filled in; a
        property that the lead's team does not have is not asked for.
        """
        self.ensure_one()
        fname, _dot, property_name = self.name.partition(".")
        if fname not in lead._fields:
            return True  # the field's app is gone
        if property_name:
            definition = lead.team_id.lead_properties_definition or []
            if property_name not in {prop["name"] for prop in definition}:
                return True
            return bool((lead[fname] or {}).get(property_name))
        if lead._fields[fname].type == "html":
            return not is_html_empty(lead[fname])
        return bool(lead[fname])
