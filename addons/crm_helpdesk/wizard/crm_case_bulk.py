from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..models.case.crm_case import PRIORITIES


class CrmCaseBulk(models.TransientModel):
    """Change many cases at once: what is left empty stays as it is."""

    _name = "crm.case.bulk"
    _description = "Change Cases"

    case_ids = fields.Many2many(
        "crm.case", string="Cases", default=lambda self: self._default_case_ids()
    )
    case_count = fields.Integer(compute="_compute_cases")
    company_ids = fields.Many2many("res.company", compute="_compute_cases")
    case_team_ids = fields.Many2many("crm.case.team", compute="_compute_cases")
    user_id = fields.Many2one(
        "res.users",
        string="Assignee",
        domain="[('share', '=', False), ('company_ids', 'in', company_ids)]",
    )
    is_unassigned = fields.Boolean(string="Back to the Queue")
    team_id = fields.Many2one(
        "crm.case.team", domain="[('company_id', 'in', company_ids)]"
    )
    category_id = fields.Many2one("crm.case.category")
    type_id = fields.Many2one("crm.case.type")
    priority = fields.Selection(PRIORITIES, falsy_value_label="As it is")
    stage_id = fields.Many2one(
        "crm.case.stage",
        domain="['|', ('team_ids', '=', False), ('team_ids', 'in', case_team_ids)]",
    )
    problem_id = fields.Many2one(
        "crm.case",
        string="Caused by",
        domain="[('type_id.kind', '=', 'problem'), ('company_id', 'in', company_ids)]",
        help="Makes them incidents of this problem.",
    )
    tag_ids = fields.Many2many(
        "crm.case.tag", relation="crm_case_bulk_tag_rel", string="Add Tags"
    )
    removed_tag_ids = fields.Many2many(
        "crm.case.tag", relation="crm_case_bulk_removed_tag_rel", string="Remove Tags"
    )

    def _default_case_ids(self):
        if self.env.context.get("active_model") == "crm.case":
            return self.env.context.get("active_ids")
        return False

    @api.depends("case_ids")
    def _compute_cases(self):
        for wizard in self:
            wizard.case_count = len(wizard.case_ids)
            wizard.company_ids = wizard.case_ids.company_id
            wizard.case_team_ids = wizard.case_ids.team_id

    def action_apply(self):
        """One write for all: rights, checks and promises as when one is changed."""
        self.ensure_one()
        values = {
            fname: self[fname].id
            for fname in (
                "user_id",
                "team_id",
                "category_id",
                "type_id",
                "stage_id",
                "problem_id",
            )
            if self[fname]
        }
        if self.is_unassigned:
            values["user_id"] = False
        if self.priority:
            values["priority"] = self.priority
        commands = [
            *(Command.link(tag.id) for tag in self.tag_ids),
            *(Command.unlink(tag.id) for tag in self.removed_tag_ids - self.tag_ids),
        ]
        if commands:
            values["tag_ids"] = commands
        if not values or not self.case_ids:
            raise UserError(self.env._("Nothing was chosen that would change."))
        self.case_ids.write(values)
        return {"type": "ir.actions.act_window_close"}
