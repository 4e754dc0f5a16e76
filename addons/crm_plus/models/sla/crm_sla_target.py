from odoo import api, fields, models
from odoo.exceptions import ValidationError

KINDS = [
    ("first_response", "First Response"),
    ("next_response", "Next Response"),
    ("update", "Update"),
    ("resolution", "Resolution"),
    ("return", "Return"),
    ("next_step", "Next Step"),
    ("handover", "Hand-over"),
]
ALERTS = [
    ("none", "Nothing"),
    ("note", "Note on the record"),
    ("notify", "Pop-up to the responsible"),
    ("activity", "Activity for the responsible"),
]


class CrmSlaTarget(models.Model):
    _name = "crm.sla.target"
    _description = "Response Time Target"
    _inherit = "crm.cached.mixin"  # promises of policies
    _order = "policy_id, kind, priority desc, id"

    policy_id = fields.Many2one(
        "crm.sla.policy", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="policy_id.company_id")
    kind = fields.Selection(
        KINDS,
        required=True,
        default="first_response",
        help="First Response: until a person of ours writes, calls or meets.\n"
        "Next Response: until the customer's latest message is answered.\n"
        "Update: until the customer hears from us again.\n"
        "Resolution: until the matter is closed.\n"
        "Return: until goods that were to come back have arrived.\n"
        "Next Step: on open leads, from the last step to the next one; the day of the"
        " next planned activity counts where one is planned.\n"
        "Hand-over: until sales accept or refuse what marketing hands over.",
    )
    priority = fields.Selection(
        "_selection_priority",
        help="Leave empty for a target that holds for all priorities without one of"
        " their own.",
    )
    hours = fields.Float(
        string="Within",
        required=True,
        default=8,
        help="Working hours, in the calendar of the policy.",
    )
    warning_percent = fields.Integer(
        string="Warn at",
        default=75,
        help="Warn when this part of the time is used up. 0: no warning.",
    )
    action_warning = fields.Selection(
        ALERTS, string="On Warning", required=True, default="notify"
    )
    action_breach = fields.Selection(
        ALERTS, string="On Breach", required=True, default="activity"
    )

    _check_hours = models.Constraint(
        "CHECK(hours > 0 AND hours <= 87600)",
        "A target is more than no time, and at most 87,600 hours (ten years).",
    )
    _check_warning_percent = models.Constraint(
        "CHECK(warning_percent >= 0 AND warning_percent < 100)",
        "A warning comes before the time is used up: between 0 and 99 %.",
    )
    _priority_uniq = models.UniqueIndex(
        "(policy_id, kind, COALESCE(priority, ''))",
        "A policy has one target of each kind and priority.",
    )

    @api.model
    def _selection_priority(self):
        """All priorities known to the models that keep promises, custom ones included.

        The same key may have several labels: "Low / Normal".
        """
        labels = {}
        for name in self.env["crm.sla.mixin"]._sla_get_models():
            Model = self.env[name]
            field = Model._fields.get(Model._sla_priority_field or "")
            if field is None or field.type != "selection":
                continue
            for key, label in field._description_selection(self.env):
                if label not in labels.setdefault(key, []):
                    labels[key].append(label)
        return [(key, " / ".join(labels[key])) for key in sorted(labels)]

    @api.constrains("priority", "policy_id")
    def _check_priority(self):
        for target in self.filtered("priority"):
            Model = self.env[target.policy_id.res_model]
            field = Model._fields.get(Model._sla_priority_field or "")
            if field is None or target.priority not in field.get_values(self.env):
                raise ValidationError(
                    self.env._(
                        "%(model)s has no priority “%(priority)s”.",
                        model=Model._description,
                        priority=target.priority,
                    )
                )

    @api.depends("kind", "priority", "hours", "policy_id.res_model")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for target in self:
            name = self.env._(
                "%(kind)s within %(hours)s",
                kind=kinds.get(target.kind, ""),
                hours=format_hours(target.hours),
            )
            if target.priority:
                name = f"{name} ({target._get_priority_label()})"
            target.display_name = name

    def _get_priority_label(self):
        """The priority as the model of the policy names it."""
        self.ensure_one()
        Model = self.env[self.policy_id.res_model]
        field = Model._fields.get(Model._sla_priority_field or "")
        labels = (
            dict(field._description_selection(self.env)) if field is not None else {}
        )
        return labels.get(self.priority, self.priority)

    def _pick(self, kind, priority):
        """The target of ``kind`` among ``self``: that of the priority, else the open
        one.
        """
        candidates = self.filtered(lambda target: target.kind == kind)
        exact = candidates.filtered(lambda target: target.priority == priority)
        return (exact or candidates.filtered(lambda target: not target.priority))[:1]


def format_hours(hours):
    """8 → "8 h", 0.5 → "30 min", 1.25 → "1 h 15 min"."""
    minutes = round(hours * 60)
    parts = []
    if minutes // 60:
        parts.append(f"{minutes // 60} h")
    if minutes % 60 or not parts:
        parts.append(f"{minutes % 60} min")
    return " ".join(parts)
