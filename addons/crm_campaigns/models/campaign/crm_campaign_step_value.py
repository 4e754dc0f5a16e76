from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tools.date_utils import parse_date

NUMBERS = ("integer", "float", "monetary")
TEXTS = ("char", "text", "html")
# what a person can write down; anything else is for a server action
TYPES = (
    *NUMBERS,
    *TEXTS,
    "boolean",
    "date",
    "datetime",
    "many2many",
    "many2one",
    "selection",
)


class CrmCampaignStepValue(models.Model):
    """What a step writes into one field of the records."""

    _name = "crm.campaign.step.value"
    _description = "Campaign Step Value"
    _order = "step_id, sequence, id"

    step_id = fields.Many2one(
        "crm.campaign.step", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="step_id.company_id")
    sequence = fields.Integer(default=10)
    model_name = fields.Char(related="step_id.model_name")
    field_id = fields.Many2one(
        "ir.model.fields",
        required=True,
        index=True,
        ondelete="cascade",
        domain=f"[('model', '=', model_name), ('store', '=', True),"
        f" ('readonly', '=', False), ('ttype', 'in', {TYPES})]",
    )
    ttype = fields.Selection(related="field_id.ttype", string="Type")
    operation = fields.Selection(
        [
            ("set", "Set to"),
            ("clear", "Empty"),
            ("add", "Add"),
            ("remove", "Take away"),
        ],
        default="set",
        required=True,
        help="Numbers can be raised and lowered; of tags and the like one can be added "
        "or taken away, and the others stay.",
    )
    value = fields.Char(
        help="A text or number; “today +7d” for a date; “yes” or “no”; the value of a "
        "selection."
    )
    related_model_id = fields.Many2one(
        "ir.model", compute="_compute_related_model_id", store=True, ondelete="cascade"
    )
    record_ref = fields.Reference(
        "_selection_record_ref",
        string="Record",
        compute="_compute_record_ref",
        store=True,
        readonly=False,
    )

    @api.model
    def _selection_record_ref(self):
        # sudo: names of models are no secret
        models_sudo = self.env["ir.model"].sudo().search([])
        return [(model.model, model.name) for model in models_sudo]

    @api.depends("field_id")
    def _compute_related_model_id(self):
        for line in self:
            # sudo: fields of models are no secret
            relation = line.field_id.sudo().relation
            line.related_model_id = (
                self.env["ir.model"]._get(relation) if relation else False
            )

    @api.depends("field_id")
    def _compute_record_ref(self):
        """Another field asks for another record."""
        for line in self:
            ref = line.record_ref
            # sudo: fields of models are no secret
            if ref and ref._name != line.field_id.sudo().relation:
                line.record_ref = False

    @api.depends("field_id", "operation", "value", "record_ref")
    def _compute_display_name(self):
        labels = dict(self._fields["operation"]._description_selection(self.env))
        for line in self:
            what = line.record_ref.display_name if line.record_ref else line.value
            line.display_name = " ".join(
                part
                for part in (
                    # sudo: fields of models are no secret
                    line.field_id.sudo().field_description,
                    labels.get(line.operation, "").lower(),
                    what if line.operation != "clear" else "",
                )
                if part
            )

    @api.constrains("field_id", "operation", "value", "record_ref")
    def _check_value(self):
        for line in self:
            Model = self.env[line.step_id.model_name].with_user(self.env.user)
            # sudo: fields of models are no secret
            field = Model._fields[line.field_id.sudo().name]
            # the scheduler may write anything: whoever says what may do so by hand
            Model.check_access("write")
            Model._check_field_access(field, "write")
            try:
                line._get_values(Model)
            except (ValueError, TypeError) as error:
                raise ValidationError(
                    self.env._(
                        "“%(value)s” is nothing to write into %(field)s.",
                        value=line.value or "",
                        # sudo: as above
                        field=line.field_id.sudo().field_description,
                    )
                ) from error

    def _get_values(self, Model):
        """What to write into all records, but for numbers that are raised or lowered:
        those are told by ``_get_difference``.
        """
        self.ensure_one()
        # sudo: fields of models are no secret
        field = Model._fields[self.field_id.sudo().name]
        if self.operation == "clear":
            empty = [Command.clear()] if field.type == "many2many" else False
            return {field.name: empty}
        if self.operation in ("add", "remove") and field.type != "many2many":
            return {}
        return {field.name: self._convert(field, Model.env)}

    def _get_difference(self):
        """Of a number that is raised or lowered: by how much; else 0."""
        self.ensure_one()
        if self.operation in ("add", "remove") and self.ttype in NUMBERS:
            return float(self.value or 1) * (1 if self.operation == "add" else -1)
        return 0

    def _get_preview(self, record):
        """The value of now, and how it would change, in words."""
        self.ensure_one()
        field = self.field_id.sudo()  # sudo: fields of models are no secret
        now = record[field.name]
        if record._fields[field.name].relational:
            now = ", ".join(now.mapped("display_name"))
        elif field.ttype == "selection":
            now = dict(record._fields[field.name]._description_selection(self.env)).get(
                now
            )
        return {
            "label": field.field_description,
            "value": self.env._(
                "%(before)s → %(change)s",
                before=self.env._("empty") if now in (False, None, "") else now,
                change=self.display_name,
            ),
        }

    def _convert(self, field, env):
        text = (self.value or "").strip()
        if field.type in ("many2one", "many2many"):
            if not self.record_ref or self.record_ref._name != field.comodel_name:
                raise ValueError(text)
            if field.type == "many2one":
                return self.record_ref.id
            command = Command.unlink if self.operation == "remove" else Command.link
            if self.operation == "set":
                return [Command.set(self.record_ref.ids)]
            return [command(self.record_ref.id)]
        if field.type in TEXTS:
            return text
        if field.type in NUMBERS:
            return int(text) if field.type == "integer" else float(text)
        if field.type == "boolean":
            words = {"yes": True, "true": True, "1": True, "no": False, "false": False}
            if text.lower() not in {*words, "0"}:
                raise ValueError(text)
            return words.get(text.lower(), False)
        if field.type == "selection":
            if text not in field.get_values(env):
                raise ValueError(text)
            return text
        moment = parse_date(text, env)
        if field.type == "date":
            return fields.Date.to_date(moment)
        return fields.Datetime.to_datetime(moment).replace(tzinfo=None)
