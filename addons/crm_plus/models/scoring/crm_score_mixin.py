from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.protected import given_fields
from ...tools.scoring import SCORE_FIELDS, ScoringEngine
from ...tools.scoring_sql import tenths
from .crm_score_model import DIGITS, LETTERS

# What customers shall not see of themselves
SCORE_READERS = "crm_plus.crm_plus_group_user"


def _score_field(field_class, column, **attributes):
    """A column of the record's main ``crm.score`` as a field of the record."""

    def search(records, operator, value):
        return records._search_score(f"score_{column}", operator, value)

    return field_class(
        compute="_compute_score",
        compute_sudo=True,
        search=search,
        copy=False,
        # portal users read their own contact, employees read them all
        groups=SCORE_READERS,
        **attributes,
    )


class CrmScoreMixin(models.AbstractModel):
    """For models that are scored: the score, and why it is what it is.

    Scores are rows of ``crm.score``, not columns of the record: they are derived, so
    ``write_date`` and the chatter do not change with them, nor do users who save a
    record collide with a run that scores it. The fields here are those of the main
    score, to be read, searched, sorted, grouped and averaged as if they were stored.

    New and changed records, and those with new touchpoints, are scored at the end of
    the transaction; decay, and changes of related records, by the nightly run.
    """

    _name = "crm.score.mixin"
    _description = "Score Mixin"

    score_model_id = _score_field(
        fields.Many2one, "model_id", comodel_name="crm.score.model", string="Scored By"
    )
    score_fit = _score_field(
        fields.Float,
        "fit",
        string="Fit",
        digits=(16, 1),
        aggregator="avg",
        help="Points for what they are.",
    )
    score_engagement = _score_field(
        fields.Float,
        "engagement",
        string="Engagement",
        digits=(16, 1),
        aggregator="avg",
        help="Points for what they do, less as it gets older.",
    )
    score_total = _score_field(
        fields.Float,
        "total",
        string="Score",
        digits=(16, 1),
        aggregator="avg",
        help="Fit and engagement together.",
    )
    score_grade = _score_field(
        fields.Char,
        "grade",
        string="Grade",
        help="A to D for fit, 1 to 4 for engagement: A1 is best.",
    )
    score_date = _score_field(fields.Datetime, "date", string="Score Changed On")

    # ------------------------------------------------------------
    # The main score as fields of the record
    # ------------------------------------------------------------

    @property
    def _score_key(self):
        """The field of ``crm.score`` that names a record of this model."""
        return "lead_id" if self._name == "crm.lead" else "partner_id"

    def _compute_score(self):
        scores = {
            row[0]: row[1:]
            for row in self.env.execute_query(
                SQL(
                    """SELECT %(key)s, model_id, fit, engagement, total, grade, date
                         FROM crm_score WHERE is_main AND %(key)s = ANY(%(ids)s)""",
                    key=SQL.identifier(self._score_key),
                    ids=self._origin.ids,
                )
            )
        }
        for record in self:
            model_id, fit, engagement, total, grade, date = scores.get(
                record._origin.id, (False, 0, 0, 0, False, False)
            )
            record.score_model_id = model_id
            record.score_fit = fit
            record.score_engagement = engagement
            record.score_total = total
            record.score_grade = grade
            record.score_date = date

    def _search_score(self, name, operator, value):
        field = self._fields[name]
        return Domain.custom(
            to_sql=lambda model, alias, query: field.condition_to_sql(
                name, operator, value, model, alias, query
            )
        )

    def _field_to_sql(self, alias, field_expr, query=None):
        """Read the main score where a stored column would be: scores can be searched,
        sorted and grouped by.
        """
        if field_expr not in SCORE_FIELDS or query is None:
            return super()._field_to_sql(alias, field_expr, query)
        self._check_field_access(self._fields[field_expr], "read")
        score = query.make_alias(alias, "score")
        query.add_join(
            "LEFT JOIN",
            score,
            "crm_score",
            SQL(
                "%s = %s AND %s",
                SQL.identifier(score, self._score_key),
                SQL.identifier(alias, "id"),
                SQL.identifier(score, "is_main"),
            ),
        )
        return SQL.identifier(score, field_expr.removeprefix("score_"))

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model
    def _get_score_fields(self):
        return {*SCORE_FIELDS}

    def _check_score_untouched(self, vals):
        if self.env.su:
            return
        if given_fields(self.env, vals) & self._get_score_fields():
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
        changed_ids = self.env["crm.score.model"]._recompute(self._name, self.ids)
        return self.browse(changed_ids)

    def _check_score_access(self):
        """Raise unless the user may see these records, and scores at all."""
        self.check_access("read")
        self._check_field_access(self._fields["score_total"], "read")

    def action_recompute_score(self):
        self._check_score_access()
        self._score_recompute()
        return True

    def _score_explain(self, model=None):
        """Return what each rule gives this record, fit first: a list of dictionaries.

        ``points`` add up to the stored score. Rules that do not match are there too,
        with ``is_matched`` false; where limits of groups or of the total cut points
        off, lines without a rule take them away.

        Touchpoints of companies that the reader has not got open give their points, as
        the score is one for all companies; how many they are and when they were is not
        told (``is_elsewhere``).

        :param model: an additional model, instead of the one of the main score
        """
        self.ensure_one()
        # sudo: sellers see the rules that score their leads
        Rule = self.env["crm.score.rule"].sudo()
        lines = []
        engine = ScoringEngine(self.env, self._name)
        # the system is told all
        companies = None if self.env.su else self.env.companies
        for row in engine.explain(
            self.id, model and model.with_env(engine.env), companies
        ):
            rule_id, points, uncapped, undecayed, counted, found, *rest = row
            first, last, is_matched, is_elsewhere = rest
            rule = Rule.browse(rule_id)
            if is_elsewhere:
                # what they would be without limits and age tells how many they are
                uncapped = undecayed = float(points)
            line = {
                "rule_id": rule.id,
                "rule": rule.name,
                "group": rule.group_id.name or False,
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
                "linear_days": rule.linear_days,
                "is_matched": is_matched,
                "is_elsewhere": is_elsewhere,
            }
            line["text"] = self._score_explain_text(rule, line)
            lines.append(line)
        rules = Rule.browse([line["rule_id"] for line in lines])
        return lines + self._score_explain_limits(rules, lines)

    @api.model
    def _score_explain_limits(self, rules, lines):
        """Return what the limits of groups and of the total take away, or add."""

        def line(key, name, dimension, points, text):
            return {
                "rule_id": key,
                "rule": name,
                "group": False,
                "dimension": dimension,
                "rule_points": points,
                "points": points,
                "points_before_cap": points,
                "points_before_decay": points,
                "touchpoints": 0,
                "touchpoints_found": 0,
                "date_first": None,
                "date_last": None,
                "half_life_days": 0,
                "linear_days": 0,
                "is_matched": True,
                "is_elsewhere": False,
                "text": text,
            }

        def cut(before, low, high):
            after = before if low is None else max(before, low)
            return (after if high is None else min(after, high)) - before

        limited = []
        for group in rules.group_id:
            inside = sum(
                tenths(x["points"]) for x in lines if x["rule_id"] in group.rule_ids.ids
            )
            if change := cut(inside, *group._limits()):
                text = self.env._("the group gives %s", f"{(inside + change) / 10:g}")
                # no rule has such an id
                limited.append(
                    line(-group.id, group.name, group.dimension, change / 10, text)
                )
        total = sum(tenths(x["points"]) for x in lines + limited)
        if rules and (change := cut(total, *rules.model_id._limits())):
            limited.append(
                line(
                    0,
                    self.env._("Limit of the total"),
                    "total",
                    change / 10,
                    self.env._("the total is %s", f"{(total + change) / 10:g}"),
                )
            )
        return limited

    @api.model
    def _score_explain_text(self, rule, line):
        """Say in words how the points of one rule came about."""
        if not line["is_matched"]:
            return ""
        if rule.dimension == "fit":
            return self.env._("Matches")
        if not line["touchpoints"] and line["is_elsewhere"]:
            return self.env._("in another company")
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
        if line["is_elsewhere"]:
            return ", ".join([*parts, self.env._("and in another company")])
        if line["points_before_cap"] != line["points_before_decay"]:
            values = {
                "before": f"{line['points_before_decay']:g}",
                "after": f"{line['points_before_cap']:g}",
                "days": f"{rule.half_life_days or rule.linear_days:g}",
            }
            parts.append(
                self.env._(
                    "%(before)s decayed to %(after)s (nothing after %(days)s days)",
                    **values,
                )
                if rule.linear_days
                else self.env._(
                    "%(before)s decayed to %(after)s (half in %(days)s days)", **values
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
        self._check_score_access()
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
