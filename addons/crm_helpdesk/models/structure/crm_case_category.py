from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import ormcache

from ..case.crm_case import PRIORITIES


class CrmCaseCategory(models.Model):
    """What a case is about, from the general to the special.

    A category proposes team, type and priority; what it leaves empty comes from the
    categories above it.
    """

    _name = "crm.case.category"
    _description = "Case Category"
    _inherit = "crm.cached.mixin"
    _parent_store = True
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    parent_id = fields.Many2one(
        "crm.case.category",
        string="Part of",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        domain="[('id', '!=', id)]",
    )
    parent_path = fields.Char(index=True)
    child_ids = fields.One2many("crm.case.category", "parent_id", string="Parts")
    company_id = fields.Many2one(
        "res.company", index="btree_not_null", help="Empty: of all companies."
    )
    team_id = fields.Many2one(
        "crm.case.team",
        domain="[('company_id', '=?', company_id)]",
        index="btree_not_null",
        help="Takes cases of this category, if nobody chooses another team; in its "
        "own company only.",
    )
    type_id = fields.Many2one(
        "crm.case.type",
        index="btree_not_null",
        help="Type of these cases, if nobody chooses another one.",
    )
    priority = fields.Selection(
        PRIORITIES,
        falsy_value_label="As above",
        help="With which such cases begin. Impact and urgency, and whoever sets it "
        "by hand, overrule it.",
    )
    description = fields.Text(translate=True, help="What belongs here, what does not.")
    case_count = fields.Integer(string="Cases", compute="_compute_case_count")

    @api.depends("name", "parent_id")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for category in self:
            names = []
            part = category
            while part:
                names.append(part.name or "")
                part = part.parent_id
            category.display_name = " / ".join(reversed(names))

    def _compute_case_count(self):
        """With those of the parts."""
        counts = self.env["crm.case"]._read_group(
            [("category_id", "child_of", self.ids)], ["category_id"], ["__count"]
        )
        for category in self:
            category.case_count = sum(
                count
                for found, count in counts
                if f"/{category.id}/" in f"/{found.parent_path}"
            )

    @api.constrains("parent_id")
    def _check_parent(self):
        if self._has_cycle():
            raise ValidationError(
                self.env._("A category cannot be a part of one of its parts.")
            )

    @api.constrains("team_id", "company_id")
    def _check_team(self):
        # a shared category may name a team: it takes the cases of its company
        for category in self.filtered("company_id"):
            if category.team_id and category.team_id.company_id != category.company_id:
                raise ValidationError(
                    self.env._(
                        "The team %(team)s is not of %(company)s.",
                        team=category.team_id.name,
                        company=category.company_id.name,
                    )
                )

    @api.model
    @ormcache()
    def _get_all_defaults(self):
        """``{category id: (team id, team's company id, type id, priority)}`` of all."""
        # sudo: the same for everyone, also for customers, who read no categories
        categories = self.sudo().with_context(active_test=False).search([])
        result = {}
        for category in categories.sorted(lambda c: len(c.parent_path.split("/"))):
            team_id, company_id, type_id, priority = result.get(
                category.parent_id.id, (False, False, False, False)
            )
            if category.team_id:
                team_id = category.team_id.active and category.team_id.id
                company_id = category.team_id.company_id.id
            result[category.id] = (
                team_id,
                company_id,
                category.type_id.id or type_id,
                category.priority or priority,
            )
        return result

    @api.model
    def _get_defaults(self, category_id):
        """``(team id, team's company id, type id, priority)`` that it proposes."""
        if not category_id:
            return (False, False, False, False)
        return self._get_all_defaults().get(category_id, (False, False, False, False))

    def action_view_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action["display_name"] = self.display_name
        action["domain"] = [("category_id", "child_of", self.id)]
        action["context"] = {"default_category_id": self.id}
        return action
