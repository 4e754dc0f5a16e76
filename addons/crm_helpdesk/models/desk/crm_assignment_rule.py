from odoo import api, fields, models
from odoo.exceptions import ValidationError


class CrmAssignmentRule(models.Model):
    """Rules for cases give those of a case team to its members."""

    _inherit = "crm.assignment.rule"

    case_team_id = fields.Many2one(
        "crm.case.team",
        index="btree_not_null",
        ondelete="cascade",
        help="Whose cases are given, and to whose members.",
    )
    is_case_default = fields.Boolean(
        string="Made by the Team",
        readonly=True,
        copy=False,
        help="What the team's own setting says; it comes after all other rules.",
    )

    _case_default_uniq = models.UniqueIndex(
        "(case_team_id) WHERE is_case_default", "A team has one rule of its own."
    )

    @api.depends("case_team_id.company_id")
    def _compute_company_id(self):
        super()._compute_company_id()
        for rule in self.filtered("case_team_id"):
            rule.company_id = rule.case_team_id.company_id

    @api.constrains("case_team_id", "res_model", "strategy")
    def _check_case_strategy(self):
        for rule in self:
            if rule.res_model == "crm.case" and rule.strategy == "best_closer":
                raise ValidationError(
                    self.env._(
                        "Cases are not won: “%s” gives them in turn or to who is least"
                        " loaded.",
                        rule.name,
                    )
                )
