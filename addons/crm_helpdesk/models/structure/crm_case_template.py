from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools.mail import is_html_empty

from .crm_case_priority_rule import IMPACTS, URGENCIES


class CrmCaseTemplate(models.Model):
    """What cases of a kind begin with: words, who works on them, what is to be done."""

    _name = "crm.case.template"
    _description = "Case Template"
    _inherit = "crm.case.preset.mixin"
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        default=lambda self: self.env.company,
        help="Empty: for all companies.",
    )
    subject = fields.Char(
        translate=True, help="Of the case, where nobody has written one."
    )
    description = fields.Html(translate=True)
    user_id = fields.Many2one(check_company=True)
    priority = fields.Selection(falsy_value_label="By the rules")
    impact = fields.Selection(IMPACTS, falsy_value_label="Not known")
    urgency = fields.Selection(URGENCIES, falsy_value_label="Not known")
    product_id = fields.Many2one(
        "product.product", check_company=True, index="btree_not_null"
    )
    tag_ids = fields.Many2many(relation="crm_case_template_tag_rel")
    checklist_ids = fields.Many2many(
        "crm.case.checklist",
        relation="crm_case_template_checklist_rel",
        string="Checklists",
        help="Their points are added, beside those of category and type.",
    )
    case_count = fields.Integer(string="Cases", compute="_compute_case_count")

    def _compute_case_count(self):
        counts = dict(
            self.env["crm.case"]._read_group(
                [("template_id", "in", self.ids)], ["template_id"], ["__count"]
            )
        )
        for template in self:
            template.case_count = counts.get(template._origin, 0)

    def _prepare_case_values(self, team=None):
        """Hook: what a case of this template is created with, unless it says itself.

        :param team: that of the case, where it is known already
        """
        self.ensure_one()
        values = self._get_preset_values()
        # sudo: only whose team it is
        team_sudo = (team or self.team_id).sudo()
        self._take_out_assignee(
            values, team_sudo.company_id or self.company_id or self.env.company
        )
        if self.product_id:
            values["product_id"] = self.product_id.id
        for name in ("impact", "urgency"):
            if self[name]:
                values[name] = self[name]
        if self.subject:
            values["name"] = self.subject
        if not is_html_empty(self.description):
            values["description"] = self.description
        if self.tag_ids:
            values["tag_ids"] = [Command.link(tag.id) for tag in self.tag_ids]
        return values

    def action_new_case(self):
        """Button: a new case that begins with this."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "crm.case",
            "views": [(False, "form")],
            "context": {"default_template_id": self.id},
        }

    def action_view_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action["display_name"] = self.name
        action["domain"] = [("template_id", "=", self.id)]
        action["context"] = {"default_template_id": self.id}
        return action


class CrmCase(models.Model):
    """Cases that begin with a template; what was typed or chosen goes before it."""

    _inherit = "crm.case"

    template_id = fields.Many2one(
        "crm.case.template",
        check_company=True,
        copy=False,
        index="btree_not_null",
        groups="base.group_user",
        help="Fills in what it knows; change whatever you like afterwards.",
    )

    @api.onchange("template_id")
    def _onchange_template_id(self):
        if not self.template_id or self._origin:
            return
        values = self.template_id._prepare_case_values()
        for name in ("name", "description"):
            # words that somebody has typed are not lost
            if self[name] and not (
                name == "description" and is_html_empty(self.description)
            ):
                values.pop(name, None)
        self.update(values)

    @api.model_create_multi
    def create(self, vals_list):
        # a quick creation names its template by the context alone
        default = self.env.context.get("default_template_id")
        keys = [
            (vals.get("template_id", default) or None, vals.get("team_id") or None)
            for vals in vals_list
        ]
        if not any(template_id for template_id, _team_id in keys):
            return super().create(vals_list)
        Template, Team = self.env["crm.case.template"], self.env["crm.case.team"]
        values = {
            (template_id, team_id): Template.browse(template_id)._prepare_case_values(
                Team.browse(team_id)
            )
            for template_id, team_id in set(keys)
            if template_id
        }
        cases = super().create(
            [
                {**values.get(key, {}), **vals}
                for key, vals in zip(keys, vals_list, strict=True)
            ]
        )
        for template, of_template in cases.grouped("template_id").items():
            if template.checklist_ids:
                of_template._add_checklists(template.checklist_ids)
        return cases
