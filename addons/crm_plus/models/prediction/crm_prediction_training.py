from time import monotonic

from odoo import fields, models

from ...tools.prediction import Rows, train
from ...tools.prediction_metrics import Quality, quantile_bounds, shares
from .crm_prediction_leads import MAX_ROWS

HOLD_OUT = 0.2
# Won and lost leads each that the held-out part needs for an interval that says
# anything; the training part needs them as well.
MIN_OUTCOME = 20


class CrmPredictionModel(models.Model):
    """Training: in the order of time, measured on what it has not seen."""

    _inherit = "crm.prediction.model"

    def _train(self):
        """Train once; return the version, whatever came out."""
        self.ensure_one()
        self._check_available()
        # sudo: versions are written by the system; what is learned must not depend on
        # who trains
        model_sudo = self.sudo()
        started = monotonic()
        self.env.flush_all()
        values = model_sudo._train_values()
        used = values.pop("is_used", False)
        version = model_sudo.env["crm.prediction.version"].create(
            {
                "model_id": self.id,
                "date_trained": fields.Datetime.now(),
                "age_days": self.age_days,
                "seconds": monotonic() - started,
                "state": "superseded",
                **values,
            }
        )
        if used:
            version._put_to_use()
        model_sudo.date_next_training = self._get_next_training()
        model_sudo.message_post(body=version.message, subtype_xmlid="mail.mt_note")
        return version

    def _train_values(self):
        """Return the values of the new version."""
        counts = self._count_decided()
        decided = self._get_decided()
        warnings = self._warn_counts(counts, len(decided))
        n = len(decided)

        def refuse(message, state="refused", **values):
            return {
                "state": state,
                "message": message,
                "sample_count": n,
                "warnings": "\n".join(warnings),
                **values,
            }

        if n < self.minimum_sample:
            return refuse(self.env._("Not enough data (n = %s)", n))
        lines = {
            line._as_lead_input().key: line
            for line in self.input_ids
            if line._as_lead_input()
        }
        rows, left_out = self._read_rows(lines, decided)
        warnings += left_out
        cut = round(n * (1 - HOLD_OUT))
        date_split = decided[cut][1]
        # who trained on that day could not know what was decided later
        before = [i for i in range(cut) if decided[i][2] <= date_split]
        earlier = _pick(rows, before)
        later = rows.part(cut, n)
        bad = self._leave_out_learned(lines, earlier)
        warnings += bad.values()
        keys = [key for key in rows.kinds if key not in bad]
        for part in (earlier, later):
            won = sum(part.labels)
            if min(won, len(part) - won) < MIN_OUTCOME:
                return refuse(
                    self.env._(
                        "Not enough data (n = %(n)s, of which %(won)s won, in the "
                        "%(part)s part)",
                        n=len(part),
                        won=won,
                        part=self.env._("earlier")
                        if part is earlier
                        else self.env._("latest"),
                    )
                )
        if not keys:
            return refuse(
                self.env._(
                    "Nothing is left to learn from (n = %s): see what was left out", n
                )
            )
        earlier, later = (part.part(0, len(part), keys) for part in (earlier, later))
        training = train(earlier)
        scores = training.scorecard.score(later)
        ours = Quality.measure(later.labels, scores)
        odoo = self._measure_odoo([decided[i] for i in before], decided[cut:])
        for key in training.unsteady:
            warnings.append(
                self.env._(
                    "%s: what it said has turned round over time",
                    lines[key]._get_label(),
                )
            )
        values = {
            "sample_count": n,
            "train_count": len(earlier),
            "test_count": len(later),
            "date_split": date_split,
            "method": self._describe_method(training.candidate),
            "warnings": "\n".join(warnings),
            "won_share": ours.won_share,
            "auc": ours.auc,
            "auc_low": ours.auc_low,
            "auc_high": ours.auc_high,
            "brier": ours.brier,
            "lift": ours.lift,
            "quality": {"ours": ours.as_dict(), "odoo": odoo and odoo.as_dict()},
        }
        figures = {
            "auc": f"{ours.auc:.3f}",
            "low": f"{ours.auc_low:.3f}",
            "high": f"{ours.auc_high:.3f}",
            "n": n,
        }
        if not ours.has_skill:
            return {
                **values,
                "state": "no_skill",
                "message": self.env._(
                    "No skill found: AUC %(auc)s, 95 %% interval %(low)s to %(high)s "
                    "(n = %(n)s)",
                    **figures,
                ),
            }
        all_rows = rows.part(0, n, keys)
        scorecard = training.candidate.fit(all_rows)
        latest = scorecard.score(all_rows.part(cut, n))
        bounds = quantile_bounds(latest)
        return {
            **values,
            "is_used": True,
            "message": self.env._(
                "AUC %(auc)s, 95 %% interval %(low)s to %(high)s (n = %(n)s)", **figures
            ),
            "scorecard": scorecard.data,
            "weights": sorted(
                (
                    {
                        "key": key,
                        "label": lines[key]._get_label(),
                        "weight": round(scorecard.weight(all_rows, key), 4),
                    }
                    for key in keys
                ),
                key=lambda line: -line["weight"],
            ),
            "reference": {"bounds": bounds, "shares": shares(latest, bounds)},
        }

    def _describe_method(self, candidate):
        if candidate.name == "lines":
            return self.env._(
                "Logistic regression, numbers as lines (C = %s)", candidate.strength
            )
        return self.env._(
            "Logistic regression, numbers in steps (C = %s)", candidate.strength
        )

    def _warn_counts(self, counts, n):
        warnings = []
        if counts["undated"]:
            warnings.append(
                self.env._(
                    "%s decided leads have no closing date and are left out",
                    counts["undated"],
                )
            )
        if counts["early"]:
            warnings.append(
                self.env._(
                    "%s leads were decided before they were known so long, and are "
                    "left out",
                    counts["early"],
                )
            )
        if n == MAX_ROWS:
            warnings.append(self.env._("Only the newest %s leads were used", MAX_ROWS))
        return warnings


def _pick(rows, places):
    """Return the ``Rows`` at these places."""
    return Rows(
        dict(rows.kinds),
        {key: [values[i] for i in places] for key, values in rows.columns.items()},
        [rows.labels[i] for i in places],
    )
