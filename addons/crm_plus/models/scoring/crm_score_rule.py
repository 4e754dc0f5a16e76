from datetime import timezone

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import ValidationError

from ...tools.company_time import company_timezone
from ...tools.user_domain import domain_error


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
    group_id = fields.Many2one(
        "crm.score.group",
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        domain="[('model_id', '=', model_id), ('dimension', '=', dimension)]",
        help="Rules of a group are added up within the group's limits.",
    )
    # when it gives points
    date_from = fields.Date(
        string="Valid From",
        help="Before that day the rule gives no points. Days are those of the time zone"
        " of the scoring model's company; of the main company, where it has none.",
    )
    date_to = fields.Date(
        string="Valid To",
        help="After that day the rule gives no points. Days are those of the time zone"
        " of the scoring model's company; of the main company, where it has none.",
    )
    domain = fields.Char(
        string="Condition",
        default="[]",
        help="Records that match get the points, once.\n"
        "Dates that move with time: choose “is in” (the last 30 days …). “today -90d” "
        "works, too, but Odoo's editor shows such a date as “Invalid DateTime”.",
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
        help="Further condition on the touchpoint, such as its campaign.\n"
        "Dates that move with time: choose “is in” (the last 30 days …). “today -90d” "
        "works, too, but Odoo's editor shows such a date as “Invalid DateTime”.",
    )
    has_touchpoint_domain = fields.Boolean(
        compute="_compute_has_touchpoint_domain", export_string_translation=False
    )
    # how many
    points = fields.Float(
        required=True, default=10, digits=(16, 1), help="Negative to take away."
    )
    repeat_policy = fields.Selection(
        [("each", "Each time"), ("once", "Once"), ("limit", "At most n times")],
        string="Counts",
        compute="_compute_repeat_policy",
        inverse="_inverse_repeat_policy",
        help="How many of the touchpoints give points, the newest first.",
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
    decay = fields.Selection(
        [("none", "Never"), ("half_life", "By half-life"), ("linear", "Evenly")],
        string="Fades",
        compute="_compute_decay",
        inverse="_inverse_decay",
        help="How a touchpoint loses its points as it gets older.",
    )
    half_life_days = fields.Float(
        string="Half-Life (days)",
        digits=(16, 1),
        help="After so many days a touchpoint is worth half its points, after twice as "
        "many a quarter. 0: it keeps them.",
    )

    linear_days = fields.Float(
        string="Worth Nothing After (days)",
        digits=(16, 1),
        help="A touchpoint loses the same share of its points every day, and has none "
        "after so many days. 0: it keeps them.",
    )

    _counts_check = models.Constraint(
        "CHECK(max_times >= 0 AND max_points >= 0 AND half_life_days >= 0"
        " AND COALESCE(linear_days, 0) >= 0)",
        "Limits and half-life of a scoring rule cannot be negative.",
    )
    _decay_check = models.Constraint(
        "CHECK(COALESCE(half_life_days, 0) = 0 OR COALESCE(linear_days, 0) = 0)",
        "A rule fades by half-life or evenly, not both.",
    )
    _dates_check = models.Constraint(
        "CHECK(date_from <= date_to)",
        "A scoring rule cannot end before it begins.",
    )
    _dimension_check = models.Constraint(
        "CHECK(dimension <> 'engagement' OR kind_id IS NOT NULL)",
        "Say for which kind of touchpoint the engagement rule gives points.",
    )

    @api.depends("model_id.name", "name")
    def _compute_display_name(self):
        for rule in self:
            rule.display_name = f"{rule.model_id.name} / {rule.name}"

    @api.depends("touchpoint_domain")
    def _compute_has_touchpoint_domain(self):
        for rule in self:
            rule.has_touchpoint_domain = (
                rule.touchpoint_domain or "[]"
            ).strip() != "[]"

    @api.depends("max_times")
    def _compute_repeat_policy(self):
        names = {0: "each", 1: "once"}
        for rule in self:
            rule.repeat_policy = names.get(rule.max_times, "limit")

    def _inverse_repeat_policy(self):
        for rule in self:
            if rule.repeat_policy == "limit":
                rule.max_times = max(rule.max_times, 2)
            else:
                rule.max_times = int(rule.repeat_policy == "once")

    @api.depends("half_life_days", "linear_days")
    def _compute_decay(self):
        for rule in self:
            rule.decay = (
                "linear"
                if rule.linear_days
                else "half_life"
                if rule.half_life_days
                else "none"
            )

    def _inverse_decay(self):
        for rule in self:
            half_life, linear = rule.half_life_days, rule.linear_days
            is_half_life, is_linear = rule.decay == "half_life", rule.decay == "linear"
            rule.write(
                {
                    "half_life_days": is_half_life and (half_life or linear or 30),
                    "linear_days": is_linear and (linear or half_life or 30),
                }
            )

    @api.constrains("group_id", "dimension", "model_id")
    def _check_group(self):
        for rule in self:
            group = rule.group_id
            if group and (
                group.model_id != rule.model_id or group.dimension != rule.dimension
            ):
                raise ValidationError(
                    self.env._(
                        "Rule “%(rule)s” and group “%(group)s” are not of the same "
                        "model and dimension.",
                        rule=rule.name,
                        group=group.name,
                    )
                )

    @api.constrains("domain", "touchpoint_domain", "dimension", "model_id")
    def _check_domain(self):
        """The condition works for who writes it; scores are computed as superuser."""
        for rule in self:
            if rule.dimension == "fit":
                target, text = rule.target_model, rule.domain
            else:
                target, text = "crm.touchpoint", rule.touchpoint_domain
            Target = self.env[target].with_user(self.env.user)
            if error := domain_error(Target, text):
                raise ValidationError(
                    self.env._(
                        "The condition of rule “%(rule)s” does not work: %(error)s",
                        rule=rule.name,
                        error=error,
                    )
                ) from error

    def _is_valid_at(self, moment):
        """Whether the rule counts at ``moment`` (UTC).

        It does from the beginning of its first day to the end of its last one, where
        the company of its model is; where that of the superuser is, as whom the
        scheduler scores, if the model is one for all companies. Never where the reader
        is: a score is the same for everybody.
        """
        self.ensure_one()
        if not self.date_from and not self.date_to:
            return True
        # sudo: of whatever company
        scheduler_sudo = self.env["res.users"].sudo().browse(SUPERUSER_ID)
        company = self.company_id or scheduler_sudo.company_id
        zone = company_timezone(company)
        day = moment.replace(tzinfo=timezone.utc).astimezone(zone).date()
        return (not self.date_from or self.date_from <= day) and (
            not self.date_to or self.date_to >= day
        )

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules.model_id._answer_for_conditions()
        rules.model_id._rules_changed(set(rules.mapped("target_model")))
        return rules

    def write(self, vals):
        targets = set(self.mapped("target_model"))
        result = super().write(vals)
        if vals.keys() & {"dimension", "domain", "model_id", "touchpoint_domain"}:
            self.model_id._answer_for_conditions()
        if vals.keys() - {"name", "sequence"}:
            self.model_id._rules_changed(targets | set(self.mapped("target_model")))
        return result

    def unlink(self):
        targets = set(self.mapped("target_model"))
        models_ = self.model_id
        result = super().unlink()
        models_._rules_changed(targets)
        return result
