from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.mail import is_html_empty


class CrmCaseStageField(models.Model):
    """A field that must be filled in when a case enters a stage."""

    _name = "crm.case.stage.field"
    _description = "Field Required by a Case Stage"
    _inherit = "crm.cached.mixin"
    _order = "sequence, id"

    stage_id = fields.Many2one(
        "crm.case.stage", required=True, ondelete="cascade", index=True
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(string="Choose", required=True)
    label = fields.Char(string="Field", compute="_compute_label")
    # names the model to the client's field selector
    res_model = fields.Char(
        compute="_compute_res_model", export_string_translation=False
    )

    _field_uniq = models.UniqueIndex(
        "(stage_id, name)", "This field is required twice."
    )

    def _compute_res_model(self):
        self.res_model = "crm.case"

    @api.depends("name")
    @api.depends_context("lang")
    def _compute_label(self):
        Case = self.env["crm.case"]
        for line in self:
            line.label = (
                Case._fields[line.name]._description_string(self.env)
                if line.name in Case._fields
                else line.name
            )

    @api.constrains("name")
    def _check_name(self):
        Case = self.env["crm.case"]
        for line in self:
            field = Case._fields.get(line.name)
            if field is None or not field._description_searchable:
                raise ValidationError(
                    self.env._(
                        "“%s” is not a field of cases; choose one of the case itself.",
                        line.name,
                    )
                )

    def _is_filled(self, case):
        """Whether ``case`` has it. Nought, *no* and an empty text are not filled in."""
        self.ensure_one()
        field = case._fields.get(self.name)
        if field is None:
            return True  # the field's app is gone
        if field.type == "html":
            return not is_html_empty(case[self.name])
        return bool(case[self.name])
