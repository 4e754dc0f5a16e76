import math

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError

from ...tools.lead_history import LeadHistory
from ...tools.prediction import UNKNOWN
from ...tools.prediction_metrics import logistic
from ...tools.protected import given_fields

PREDICT_FIELDS = frozenset(
    {"predict_probability", "predict_date", "predict_version_id"}
)
# Reasons shown in full; the others are summed up
TOP_REASONS = 8


class CrmLead(models.Model):
    """The trained probability, beside Odoo's and never instead of it.

    It says what could be known at intake (or at the age of the prediction), so it stays
    when the lead is decided: that is how its quality is watched.
    """

    _inherit = "crm.lead"

    # No index, not on the version either: a new version changes it on every open lead,
    # and the thirty indexes of a lead would be written each time (see crm.score.mixin).
    predict_probability = fields.Float(
        string="Predicted",
        readonly=True,
        copy=False,
        digits=(5, 2),
        aggregator="avg",
        help="Chance of being won in percent, by the prediction trained on your own "
        "leads; from what was known at intake, or at the age the prediction looks at.",
    )
    predict_date = fields.Datetime(string="Predicted On", readonly=True, copy=False)
    predict_version_id = fields.Many2one(
        "crm.prediction.version",
        string="Predicted By",
        readonly=True,
        copy=False,
        ondelete="set null",
    )
    predict_explanation = fields.Html(
        string="Why", compute="_compute_predict_explanation", sanitize=False
    )

    @api.depends("predict_probability", "predict_version_id")
    def _compute_predict_explanation(self):
        for lead in self:
            lead.predict_explanation = lead._render_prediction()

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    def _check_prediction_untouched(self, vals):
        if not self.env.su and given_fields(self.env, vals) & PREDICT_FIELDS:
            raise AccessError(self.env._("Predictions are computed, not written."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_prediction_untouched(vals)
        leads = super().create(vals_list)
        self.env["crm.prediction.snapshot"]._keep_at_intake(leads)
        Model = self.env["crm.prediction.model"]
        if Model._has_intake_model():
            Model._trigger_scoring()
        return leads

    def write(self, vals):
        self._check_prediction_untouched(vals)
        return super().write(vals)

    # ------------------------------------------------------------
    # Why
    # ------------------------------------------------------------

    def get_prediction_explanation(self):
        """Return the predicted probability and what each input adds to it.

        ``base`` and the ``points`` of the lines are log odds: they add up to the log
        odds of ``probability``. Lines are sorted by what they weigh.
        """
        self.ensure_one()
        self.check_access("read")
        # sudo: sellers see why, though only managers see predictions
        version = self.sudo().predict_version_id
        if not version or not version.scorecard:
            return {}
        model = version.model_id
        scorecard = version._get_scorecard()
        inputs = model._get_inputs(version)
        values = {}
        if inputs:
            columns = LeadHistory(self.env, inputs, model.age_days).values(
                model._work(self.ids)
            )
            values = {item.key: columns[item.key][0] for item in inputs}
        lines = model.input_ids.filtered(lambda line: line._as_lead_input())
        by_key = {line._as_lead_input().key: line for line in lines}
        names = lines._get_value_labels(
            {
                item.key: value if isinstance(value, list) else [value]
                for item in inputs
                if (value := values[item.key]) not in (None, UNKNOWN)
            }
        )
        found = []
        total = scorecard.base
        for item in inputs:
            points = scorecard.points(item.key, values[item.key])
            total += points
            found.append(
                {
                    "key": item.key,
                    "input": by_key[item.key]._get_label(),
                    "value": self._say_value(
                        item, values[item.key], names.get(item.key, {})
                    ),
                    "points": points,
                    "factor": math.exp(points),
                }
            )
        found.sort(key=lambda line: -abs(line["points"]))
        return {
            "probability": 100 * logistic(total),
            "stored": self.predict_probability,
            "base": scorecard.base,
            "base_probability": 100 * logistic(scorecard.base),
            "model": model.name,
            "age_days": model.age_days,
            "date": fields.Datetime.to_string(self.predict_date),
            "auc": version.auc,
            "lines": found,
        }

    def _say_value(self, item, value, names):
        if value is UNKNOWN:
            return self.env._("not known any more")
        if value is None or value == []:
            return self.env._("not filled in")
        if isinstance(value, list):
            return ", ".join(names.get(tag, tag) for tag in value)
        if isinstance(value, float):
            if item.type in ("date", "datetime"):
                return self.env._("%s days from creation", f"{value:.0f}")
            return f"{value:,.10g}"
        return names.get(value, value)

    @api.model
    def _say_factor(self, factor):
        return f"\N{MULTIPLICATION SIGN} {factor:.2f}"

    def _render_prediction(self):
        """The explanation as a table, for the form."""
        explanation = self.get_prediction_explanation() if self._origin.id else {}
        if not explanation:
            return False
        lines = explanation["lines"][:TOP_REASONS]
        rest = sum(line["points"] for line in explanation["lines"][TOP_REASONS:])
        rows = [
            (
                self.env._("The average lead"),
                "",
                f"{explanation['base_probability']:.1f} %",
            ),
            *(
                (line["input"], line["value"], self._say_factor(line["factor"]))
                for line in lines
            ),
        ]
        if len(explanation["lines"]) > TOP_REASONS:
            rows.append(
                (
                    self.env._(
                        "%s others together", len(explanation["lines"]) - TOP_REASONS
                    ),
                    "",
                    self._say_factor(math.exp(rest)),
                )
            )
        rows.append(
            (self.env._("This lead"), "", f"{explanation['probability']:.1f} %")
        )
        body = Markup().join(
            Markup("<tr><td>%s</td><td>%s</td><td class='text-end'>%s</td></tr>") % row
            for row in rows
        )
        known = (
            self.env._(
                "as known %s days after the lead came in", explanation["age_days"]
            )
            if explanation["age_days"]
            else self.env._("as known when the lead came in")
        )
        return Markup(
            "<table class='table table-sm w-auto o_crm_plus_prediction'><thead><tr>"
            "<th>%s</th><th>%s</th><th class='text-end'>%s</th></tr></thead>"
            "<tbody>%s</tbody></table><p class='text-muted small'>%s</p>"
        ) % (
            self.env._("Because of"),
            self.env._("Value, %s", known),
            self.env._("Odds of winning"),
            body,
            self.env._(
                "By %(model)s, measured AUC %(auc)s. Odds are won : lost; each reason "
                "multiplies them.",
                model=explanation["model"],
                auc=f"{explanation['auc']:.2f}",
            ),
        )
