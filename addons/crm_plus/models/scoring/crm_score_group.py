from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.scoring_sql import tenths


class CrmScoreGroup(models.Model):
    """Rules whose points are added up within limits, before they count."""

    _name = "crm.score.group"
    _description = "Scoring Rule Group"
    _order = "sequence, id"

    model_id = fields.Many2one(
        "crm.score.model",
        string="Scoring Model",
        required=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="model_id.company_id")
    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    dimension = fields.Selection(
        [("fit", "Fit"), ("engagement", "Engagement")], required=True, default="fit"
    )
    rule_ids = fields.One2many("crm.score.rule", "group_id", string="Rules")
    has_max = fields.Boolean(string="Limit Above", default=True)
    max_points = fields.Float(
        string="At Most",
        default=20,
        digits=(16, 1),
        help="The rules of the group together give so many points at most.",
    )
    has_min = fields.Boolean(string="Limit Below")
    min_points = fields.Float(
        string="At Least",
        digits=(16, 1),
        help="The rules of the group together give so many points at least: 0 keeps "
        "negative points from taking away what other rules gave.",
    )

    _limits_check = models.Constraint(
        "CHECK(NOT has_max OR NOT has_min OR max_points >= min_points)",
        "The most points of a rule group cannot be less than its least.",
    )

    @api.constrains("dimension", "model_id")
    def _check_rules(self):
        self.rule_ids._check_group()

    def _limits(self):
        """Return the least and most tenths of a point; None where there is no limit."""
        self.ensure_one()
        return (
            tenths(self.min_points) if self.has_min else None,
            tenths(self.max_points) if self.has_max else None,
        )

    @api.model_create_multi
    def create(self, vals_list):
        groups = super().create(vals_list)
        groups._limits_changed()
        return groups

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() - {"name", "sequence"}:
            self._limits_changed()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_if_empty(self):
        if self.rule_ids:
            raise ValidationError(
                self.env._("Take the rules out of the group before deleting it.")
            )

    def _limits_changed(self):
        self.model_id._rules_changed(set(self.model_id.mapped("target_model")))
