from odoo import api, fields, models
from odoo.exceptions import AccessError

from ...tools.scoring import SCORE_FIELDS, ScoringEngine
from .crm_score_model import DIGITS, LETTERS


class CrmScoreMixin(models.AbstractModel):
    """For models that are scored: the score, and why it is what it is.

    Scores are written by SQL, without ``write``: they are derived, so ``write_date``
    and the chatter do not change with them. New and changed records, and those with new
    touchpoints, are scored at the end of the transaction; decay, and changes of related
    records, by the nightly run.
    """

    _name = "crm.score.mixin"
    _description = "Score Mixin"

    # No index on what changes every night: PostgreSQL then updates in place (HOT),
    # without touching the thirty indexes of a lead. A list sorted by score reads the
    # table.
    score_model_id = fields.Many2one(
        "crm.score.model",
        string="Scored By",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    score_fit = fields.Float(
        string="Fit",
        readonly=True,
        copy=False,
        digits=(16, 1),
        aggregator="avg",
        help="Points for what they are.",
    )
    score_engagement = fields.Float(
        string="Engagement",
        readonly=True,
        copy=False,
        digits=(16, 1),
        aggregator="avg",
        help="Points for what they do, less as it gets older.",
    )
    score_total = fields.Float(
        string="Score",
        readonly=True,
        copy=False,
        digits=(16, 1),
        aggregator="avg",
        help="Fit and engagement together.",
    )
    score_grade = fields.Char(
        string="Grade",
        readonly=True,
        copy=False,
        help="A to D for fit, 1 to 4 for engagement: A1 is best.",
    )
    score_date = fields.Datetime(string="Score Changed On", readonly=True, copy=False)

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model
    def _get_score_fields(self):
        return {*SCORE_FIELDS}

    def _check_score_untouched(self, vals):
        if vals.keys() & self._get_score_fields() and not self.env.su:
            raise AccessError(self.env._("Scores are computed, not written."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_score_untouched(vals)
        records = super().create(vals_list)
        if self.env["crm.score.model"]._get_watched_fields(self._name):
            self.env["crm.score.model"]._queue_recompute(self._name, records.ids)
        return records

    def write(self, vals):
        self._check_score_untouched(vals)
        result = super().write(vals)
        Model = self.env["crm.score.model"]
        if vals.keys() & Model._get_watched_fields(self._name):
            Model._queue_recompute(self._name, self.ids)
        return result

    # ------------------------------------------------------------
    # Score
    # ------------------------------------------------------------

    def _score_recompute(self):
        """Score these records now, whatever their number; return those that changed."""
        changed_ids, _errors = self.env["crm.score.model"]._recompute(
            self._name, ids=self.ids
        )
        return self.browse(changed_ids)

    def action_recompute_score(self):
        self.check_access("read")
        self._score_recompute()
        return True

    def _score_explain(self):
        """Return what each rule gives this record, fit first: a list of dictionaries.

        ``points`` add up to the stored score. Rules that give nothing are there too,
        with ``is_matched`` false.
        """
        self.ensure_one()
        # sudo: sellers see the rules that score their leads
        Rule = self.env["crm.score.rule"].sudo()
        lines = []
        for row in ScoringEngine(self.env, self._name).explain(self.id):
            rule_id, points, uncapped, undecayed, counted, found, first, last = row
            rule = Rule.browse(rule_id)
            line = {
                "rule_id": rule.id,
                "rule": rule.name,
                "dimension": rule.dimension,
                "rule_points": rule.points,
                "points": float(points),
                "points_before_cap": round(uncapped, 1),
                "points_before_decay": round(undecayed, 1),
                "touchpoints": counted,
                "touchpoints_found": found,
                "date_first": first,
                "date_last": last,
                "half_life_days": rule.half_life_days,
                "is_matched": bool(counted or points),
            }
            line["text"] = self._score_explain_text(rule, line)
            lines.append(line)
        return lines

    @api.model
    def _score_explain_text(self, rule, line):
        """Say in words how the points of one rule came about."""
        if not line["is_matched"]:
            return ""
        if rule.dimension == "fit":
            return self.env._("Matches")
        if line["touchpoints_found"] > line["touchpoints"]:
            parts = [
                self.env._(
                    "the newest %(counted)s of %(found)s",
                    counted=line["touchpoints"],
                    found=line["touchpoints_found"],
                )
            ]
        elif line["touchpoints"] == 1:
            parts = [self.env._("once")]
        else:
            parts = [self.env._("%s times", line["touchpoints"])]
        if line["points_before_cap"] != line["points_before_decay"]:
            parts.append(
                self.env._(
                    "%(before)s decayed to %(after)s (half in %(days)s days)",
                    before=f"{line['points_before_decay']:g}",
                    after=f"{line['points_before_cap']:g}",
                    days=f"{rule.half_life_days:g}",
                )
            )
        if abs(line["points"]) < abs(line["points_before_cap"]):
            parts.append(self.env._("at most %s", f"{rule.max_points:g}"))
        return ", ".join(parts)

    def get_score_explanation(self):
        """Return the score of this record and all its reasons, for the web client.

        What has decayed since the last run is taken off first, so that the reasons add
        up to the score that is shown.
        """
        self.ensure_one()
        self.check_access("read")
        self._score_recompute()
        lines = self._score_explain()
        for line in lines:
            for name in ("date_first", "date_last"):
                line[name] = fields.Datetime.to_string(line[name]) or False
        # sudo: sellers see the thresholds by which their leads are graded
        model_sudo = self.sudo().score_model_id
        return {
            "model": model_sudo.name or False,
            "grade": self.score_grade or False,
            "fit": self.score_fit,
            "engagement": self.score_engagement,
            "total": self.score_total,
            "date": fields.Datetime.to_string(self.score_date) or False,
            "lines": lines,
            "missing": self._score_missing(model_sudo),
        }

    def _score_missing(self, model):
        """Say what is missing for the next letter, digit, and being qualified."""
        self.ensure_one()
        if not model or not self.score_grade:
            return []
        missing = []
        letter, digit = self.score_grade
        if letter != LETTERS[0]:
            following = LETTERS[LETTERS.index(letter) - 1]
            missing.append(
                self.env._(
                    "%(points)s points of fit for grade %(grade)s",
                    points=f"{model[f'fit_{following.lower()}'] - self.score_fit:.1f}",
                    grade=following + digit,
                )
            )
        if digit != DIGITS[0]:
            following = DIGITS[DIGITS.index(digit) - 1]
            limit = model[f"engagement_{following}"]
            missing.append(
                self.env._(
                    "%(points)s points of engagement for grade %(grade)s",
                    points=f"{limit - self.score_engagement:.1f}",
                    grade=letter + following,
                )
            )
        return missing
