from odoo import api, fields, models
from odoo.exceptions import UserError

# What a scoring model is made of besides its own fields, in the order in which they
# are copied: those that others name first.
PARTS = ("group_ids", "rule_ids", "threshold_ids")


class CrmScoreModel(models.Model):
    """A draft is a scoring model that scores nothing: a copy of one in use, or a new
    one.

    It is edited and compared as any other; applying it brings what differs back to the
    model in use, whose record, history and name in segments stay.
    """

    _inherit = "crm.score.model"

    is_draft = fields.Boolean(
        string="Draft",
        readonly=True,
        copy=False,
        help="Scores nothing until it is put in use.",
    )
    draft_of_id = fields.Many2one(
        "crm.score.model",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="cascade",
    )
    draft_ids = fields.One2many(
        "crm.score.model",
        "draft_of_id",
        string="Drafts",
        context={"active_test": False},
        readonly=True,
    )
    is_outdated = fields.Boolean(
        compute="_compute_is_outdated",
        help="The model in use was changed after this draft was begun.",
    )

    @api.depends("draft_of_id")
    def _compute_is_outdated(self):
        for model in self:
            origin = model.draft_of_id
            dates = [origin.write_date] if origin else []
            for name in self._get_parts():
                dates += origin[name].mapped("write_date")
            model.is_outdated = bool(
                model.create_date and any(date > model.create_date for date in dates)
            )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        are_drafts = bool(vals_list) and all(vals.get("is_draft") for vals in vals_list)
        if not are_drafts:
            return super().create(vals_list)
        Draft = self.with_context(crm_plus_draft=True)
        return super(CrmScoreModel, Draft).create(vals_list).with_env(self.env)

    def write(self, vals):
        if vals.get("active") and "is_draft" not in vals:
            drafts = self.filtered("is_draft")
            if drafts.draft_of_id:
                raise UserError(
                    self.env._("Apply the draft: its model is the one in use.")
                )
            if drafts:
                vals = {**vals, "is_draft": False}
        return super().write(vals)

    def unlink(self):
        if not all(model.is_draft for model in self):
            return super().unlink()
        return super(CrmScoreModel, self.with_context(crm_plus_draft=True)).unlink()

    def _rules_changed(self, targets):
        """Drafts score nothing: nothing is to be scored again."""
        if self.env.context.get("crm_plus_draft"):
            return None
        models_ = self.exists()
        if models_ and all(model.is_draft for model in models_):
            return None
        return super()._rules_changed(targets)

    def _is_qualified(self, grade, total):
        """Tell whether this is enough for being marketing-qualified by this model."""
        self.ensure_one()
        if self.target != "lead" or not grade:
            return False
        if self.mql_rule == "total":
            return total >= self.mql_min_total
        return self._is_qualified_grade(*grade)

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_try_changes(self):
        """Open the draft of this model, a new one if there is none."""
        self.ensure_one()
        self.check_access("write")
        draft = self.draft_ids[:1] or self._create_draft()
        return draft._get_form_action()

    def action_compare(self):
        """Show whose grade would change if this model were in use as it stands."""
        self.ensure_one()
        self.check_access("write")
        compare = self.env["crm.score.compare"].create({"model_id": self.id})
        compare._compare()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Who Would Move: %s", self.name),
            "res_model": "crm.score.compare",
            "res_id": compare.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_apply_draft(self):
        """Put the draft in use: in the place of its model, or as a new one."""
        self.ensure_one()
        if not self.is_draft:
            raise UserError(self.env._("This scoring model is no draft."))
        origin = self.draft_of_id
        if not origin:
            self.write({"is_draft": False, "active": True})
            return self._get_form_action()
        values = self._copy_draft_values()
        origin.write(
            {
                name: value
                for name, value in values.items()
                if not self._is_same_value(origin, name, value)
            }
        )
        self._copy_parts(origin)
        self.unlink()
        return origin._get_form_action()

    def action_discard_draft(self):
        self.ensure_one()
        if not self.is_draft:
            raise UserError(self.env._("This scoring model is no draft."))
        origin = self.draft_of_id
        self.unlink()
        if origin:
            return origin._get_form_action()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "crm_plus.crm_score_model_action"
        )

    def _get_form_action(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Scoring Models"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            # in the place of what was shown: the way back is the list
            "target": "main",
        }

    # ------------------------------------------------------------
    # Copy and bring back
    # ------------------------------------------------------------

    @api.model
    def _get_parts(self):
        return [
            name
            for name in PARTS
            if name in self._fields
            and "draft_origin_id" in self.env[self._fields[name].comodel_name]._fields
        ]

    def _copy_draft_values(self):
        """Return the model's own values, without its parts."""
        parts = {n: False for n, f in self._fields.items() if f.type == "one2many"}
        [values] = self.copy_data(parts)
        skipped = {"active", "is_draft", "draft_of_id"}
        return {
            name: value
            for name, value in values.items()
            if name not in skipped and self._fields[name].type != "one2many"
        }

    def _create_draft(self):
        self.ensure_one()
        draft = self.create(
            {
                **self._copy_draft_values(),
                "name": self.name,
                "is_draft": True,
                "active": False,
                "draft_of_id": self.id,
            }
        )
        self.copy_translations(draft, excluded=self._get_parts())
        self._copy_parts(draft)
        return draft

    def _copy_parts(self, destination):
        """Make the parts of ``destination`` those of this model.

        Each part of a draft knows the one that it was copied from, which keeps its
        record when the draft is applied.
        """
        copies, dropped = {}, []
        for fname in self._get_parts():
            field = self._fields[fname]
            Part = self.env[field.comodel_name].with_context(active_test=False)
            inverse = field.inverse_name
            old = Part.search([(inverse, "=", destination.id)])
            kept = Part
            for part in Part.search([(inverse, "=", self.id)]):
                values = part._get_part_values(inverse, copies)
                copy = part.draft_origin_id if destination == self.draft_of_id else Part
                if copy and copy in old:
                    copy.write(
                        {
                            name: value
                            for name, value in values.items()
                            if not self._is_same_value(copy, name, value)
                        }
                    )
                else:
                    values[inverse] = destination.id
                    if destination.is_draft:
                        values["draft_origin_id"] = part.id
                    copy = Part.create([values])
                    part.copy_translations(copy)
                kept += copy
                copies[part] = copy
            dropped.append(old - kept)
        # what names others goes before them
        for parts in reversed(dropped):
            parts.unlink()

    @api.model
    def _is_same_value(self, record, name, value):
        """Nothing is written that is there already: each write scores all again."""
        field = record._fields[name]
        if field.type == "many2one":
            return record[name].id == (value or False)
        if field.type == "many2many":
            ids = {i for command in value for i in (command[2] or [command[1]])}
            return set(record[name].ids) == ids
        return field.convert_to_cache(value, record) == field.convert_to_cache(
            record[name], record
        )


class CrmScorePart(models.AbstractModel):
    """What a scoring model is made of: knows what it was copied from in a draft."""

    _name = "crm.score.part"
    _description = "Part of a Scoring Model"

    def copy_data(self, default=None):
        """Copy without what the user may not see, the server action say: it stays as
        it is in the model in use.
        """
        default = dict(default or {})
        hidden = [
            name
            for name, field in self._fields.items()
            if name not in default and not self._has_field_access(field, "read")
        ]
        vals_list = super().copy_data({**dict.fromkeys(hidden, False), **default})
        for vals in filter(None, vals_list):
            for name in hidden:
                del vals[name]
        return vals_list

    def _get_part_values(self, inverse, copies):
        """Return the values of a copy; what names another part names that one's
        copy.
        """
        self.ensure_one()
        [values] = self.copy_data()
        values.pop(inverse, None)
        values.pop("draft_origin_id", None)
        for name, field in self._fields.items():
            if field.store and field.type == "many2one" and name != "draft_origin_id":
                Part = self.env[field.comodel_name]
                if "draft_origin_id" in Part._fields:
                    values[name] = copies.get(self[name], Part).id
        return values


class CrmScoreRule(models.Model):
    _name = "crm.score.rule"
    _inherit = ["crm.score.rule", "crm.score.part"]

    draft_origin_id = fields.Many2one(
        "crm.score.rule",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        export_string_translation=False,
    )
