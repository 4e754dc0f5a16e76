from odoo import api, fields, models
from odoo.tools import ormcache

from ..case.crm_case import PRIORITIES
from ..case.crm_case_stage import DONE

IMPACTS = [
    ("1", "One person"),
    ("2", "A site or a department"),
    ("3", "The whole company"),
]
URGENCIES = [
    ("1", "Can wait"),
    ("2", "Soon"),
    ("3", "Work stands still"),
]
# until a company says otherwise: {(impact, urgency): priority}
DEFAULT_MATRIX = {
    ("1", "1"): "0",
    ("1", "2"): "1",
    ("1", "3"): "2",
    ("2", "1"): "1",
    ("2", "2"): "1",
    ("2", "3"): "2",
    ("3", "1"): "1",
    ("3", "2"): "2",
    ("3", "3"): "3",
}


class CrmCasePriorityRule(models.Model):
    """One cell of a company's matrix: how urgent is it, for how many."""

    _name = "crm.case.priority.rule"
    _description = "Priority by Impact and Urgency"
    _inherit = "crm.cached.mixin"
    _order = "company_id, impact desc, urgency desc"

    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    impact = fields.Selection(IMPACTS, required=True)
    urgency = fields.Selection(URGENCIES, required=True)
    priority = fields.Selection(PRIORITIES, required=True, default="1")

    _cell_uniq = models.Constraint(
        "UNIQUE(company_id, impact, urgency)", "This cell of the matrix exists already."
    )

    @api.depends("impact", "urgency")
    def _compute_display_name(self):
        impacts = dict(self._fields["impact"]._description_selection(self.env))
        urgencies = dict(self._fields["urgency"]._description_selection(self.env))
        for rule in self:
            rule.display_name = (
                f"{impacts.get(rule.impact, '')} / {urgencies.get(rule.urgency, '')}"
            )

    @api.model
    @ormcache()
    def _get_cells(self):
        """``{(company id, impact, urgency): priority}`` of what companies changed."""
        # sudo: the same for everyone who opens a case
        return {
            (rule.company_id.id, rule.impact, rule.urgency): rule.priority
            for rule in self.sudo().search([])
        }

    @api.model
    def _get_priority(self, company_id, impact, urgency):
        """Priority in this company's matrix, or False without impact or urgency."""
        if not (impact and urgency):
            return False
        return self._get_cells().get(
            (company_id, impact, urgency)
        ) or DEFAULT_MATRIX.get((impact, urgency), "1")

    def write(self, vals):
        result = super().write(vals)
        self._apply()
        return result

    def _apply(self):
        """Open cases of these cells get their priority, and new due times with it."""
        for rule in self:  # nine a company
            # sudo: of all teams of the company, whoever may set up
            cases = (
                self.env["crm.case"]
                .sudo()
                .search(
                    [
                        ("company_id", "=", rule.company_id.id),
                        ("impact", "=", rule.impact),
                        ("urgency", "=", rule.urgency),
                        ("is_priority_manual", "=", False),
                        ("priority", "!=", rule.priority),
                        ("stage_category", "not in", DONE),
                    ]
                )
            )
            cases._refresh_priority()

    @api.model
    def action_open_matrix(self):
        """All cells of the companies of the user, those nobody changed as well."""
        companies = self.env.companies
        there = {
            (rule.company_id.id, rule.impact, rule.urgency)
            for rule in self.search([("company_id", "in", companies.ids)])
        }
        self.create(
            [
                {
                    "company_id": company.id,
                    "impact": impact,
                    "urgency": urgency,
                    "priority": priority,
                }
                for company in companies
                for (impact, urgency), priority in DEFAULT_MATRIX.items()
                if (company.id, impact, urgency) not in there
            ]
        )
        return self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_priority_rule_action"
        )
