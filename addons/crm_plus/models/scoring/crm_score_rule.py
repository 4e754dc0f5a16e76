from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.user_domain import evaluate_domain


class CrmScoreRule(models.Model):
    _name = "crm.score.rule"
    _description = "Scoring Rule"
    _order = "dimension desc, sequence, id"

    # identity
    model_id = fields.Many2one(
        "crm.score.model",
        string="Scoring Model",
        required=True,
        index=True,
        ondelete="cascade",
    )
    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(related="model_id.company_id")
    target_model = fields.Char(
        related="model_id.target_model", export_string_translation=False
    )
    dimension = fields.Selection(
        [("fit", "Fit"), ("engagement", "Engagement")],
        required=True,
        default="fit",
        help="Fit: what they are. Engagement: what they do.",
    )
    # when it gives points
    domain = fields.Char(
        string="Condition",
        default="[]",
        help="Records that match get the points, once.",
    )
    kind_id = fields.Many2one(
        "crm.touchpoint.kind",
        string="For Each",
        ondelete="cascade",
        help="Each touchpoint of this kind gives the points. Those made by machines "
        "never count.",
    )
    touchpoint_domain = fields.Char(
        string="Only Touchpoints That",
        default="[]",
        help="Further condition on the touchpoint, such as its campaign.",
    )
    has_touchpoint_domain = fields.Boolean(
        compute="_compute_has_touchpoint_domain", export_string_translation=False
    )
    # how many
    points = fields.Float(
        required=True, default=10, digits=(16, 1), help="Negative to take away."
    )
    max_times = fields.Integer(
        string="At Most (times)",
        help="Only so many touchpoints count, the newest first. 0: all.",
    )
    max_points = fields.Float(
        string="At Most (points)",
        digits=(16, 1),
        help="The rule gives, or takes, so many points in all. 0: no limit.",
    )
    half_life_days = fields.Float(
        string="Half-Life (days)",
        digits=(16, 1),
        help="After so many days a touchpoint is worth half its points, after twice as "
        "many a quarter. 0: it keeps them.",
    )

    _counts_check = models.Constraint(
        "CHECK(max_times >= 0 AND max_points >= 0 AND half_life_days >= 0)",
        "Limits and half-life of a scoring rule cannot be negative.",
    )
    _dimension_check = models.Constraint(
        "CHECK(dimension <> 'engagement' OR kind_id IS NOT NULL)",
        "Say for which kind of touchpoint the engagement rule gives points.",
    )

    @api.depends("touchpoint_domain")
    def _compute_has_touchpoint_domain(self):
        for rule in self:
            rule.has_touchpoint_domain = (
                rule.touchpoint_domain or "[]"
            ).strip() != "[]"

    @api.constrains("domain", "touchpoint_domain", "dimension", "model_id")
    def _check_domain(self):
        """The condition works for who writes it; scores are computed as superuser."""
        for rule in self:
            if rule.dimension == "fit":
                target, text = rule.target_model, rule.domain
            else:
                target, text = "crm.touchpoint", rule.touchpoint_domain
            # Constraints run as superuser; the writer's own rights count here.
            Target = self.env[target].with_user(self.env.user)
            try:
                with self.env.cr.savepoint():
                    Target.search(evaluate_domain(Target.env, text), limit=1)
            except Exception as error:
                raise ValidationError(
                    self.env._(
                        "The condition of rule “%(rule)s” does not work: %(error)s",
                        rule=rule.name,
                        error=error,
                    )
                ) from error

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules.model_id._rules_changed(set(rules.mapped("target_model")))
        return rules

    def write(self, vals):
        targets = set(self.mapped("target_model"))
        result = super().write(vals)
        if vals.keys() - {"name", "sequence"}:
            self.model_id._rules_changed(targets | set(self.mapped("target_model")))
        return result

    def unlink(self):
        targets = set(self.mapped("target_model"))
        models_ = self.model_id
        result = super().unlink()
        models_._rules_changed(targets)
        return result
