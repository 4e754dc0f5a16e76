import logging
from datetime import timedelta
from time import monotonic

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import SQL

from ...tools import prediction
from ...tools.lead_history import INTAKE_MINUTES, LeadHistory, LeadInput
from ...tools.prediction import (
    TAGS,
    Rows,
    train,
)
from ...tools.prediction_bayes import OdooNaiveBayes
from ...tools.prediction_leaks import (
    FOLLOWS_DECISION,
    LATE_WRITES,
    MOVES_WITH_TIME,
    filled_later,
    is_constant,
    tags_set_later,
    too_good,
)
from ...tools.prediction_metrics import Quality, auc, psi, quantile_bounds, shares
from ...tools.user_domain import evaluate_domain

_logger = logging.getLogger(__name__)

# The newest decided leads are learned from; more take memory and teach nothing.
MAX_ROWS = 200_000
# Open leads that untracked inputs are compared with
MAX_OPEN = 5_000
HOLD_OUT = 0.2
# Won and lost leads each that the held-out part needs for an interval that says
# anything; the training part needs them as well.
MIN_OUTCOME = 20
DRIFT_PSI = 0.25
DRIFT_COUNT = 100


class CrmPredictionModel(models.Model):
    """Training: what may be learned from, in the order of time."""

    _inherit = "crm.prediction.model"

    # ------------------------------------------------------------
    # Which leads
    # ------------------------------------------------------------

    def _get_lead_query(self, *conditions):
        """Return the query of the leads this prediction is about.

        Reads as superuser: what is learned must not depend on who trains.
        """
        self.ensure_one()
        Lead = self.with_user(SUPERUSER_ID).env["crm.lead"]
        if self.company_id:
            Lead = Lead.with_company(self.company_id)
        domain = evaluate_domain(Lead.env, self.domain)
        query = Lead.with_context(active_test=False)._search(domain)
        query.order = None
        for condition in (*self._get_lead_conditions(query.table), *conditions):
            query.add_where(condition)
        return query

    def _get_lead_conditions(self, table):
        if self.company_id:
            yield SQL(
                "%s = %s", SQL.identifier(table, "company_id"), self.company_id.id
            )
        if self.team_ids:
            yield SQL(
                "%s = ANY(%s)", SQL.identifier(table, "team_id"), self.team_ids.ids
            )

    def _known_at(self, table="crm_lead"):
        return SQL(
            "(%s + %s * interval '1 day' + %s * interval '1 minute')",
            SQL.identifier(table, "create_date"),
            self.age_days,
            INTAKE_MINUTES,
        )

    def _count_decided(self):
        """Return the decided leads by what they are good for."""
        query = self._get_lead_query(SQL("crm_lead.won_status IN ('won', 'lost')"))
        [row] = self.env.execute_query(
            query.select(
                SQL("count(*)"),
                SQL("count(*) FILTER (WHERE crm_lead.date_closed IS NULL)"),
                SQL(
                    "count(*) FILTER (WHERE crm_lead.date_closed <= %s)",
                    self._known_at(),
                ),
                SQL(
                    """count(*) FILTER (WHERE crm_lead.write_date
                                            > crm_lead.date_closed + interval '1 hour'
                                          AND crm_lead.date_closed > %s)""",
                    self._known_at(),
                ),
            )
        )
        return dict(zip(("all", "undated", "early", "late_writes"), row, strict=True))

    def _get_decided(self):
        """Return ``(id, create date, date closed, won)`` of the decided leads that were
        known in time, oldest first."""
        query = self._get_lead_query(
            SQL("crm_lead.won_status IN ('won', 'lost')"),
            SQL("crm_lead.date_closed > %s", self._known_at()),
        )
        query.order = SQL("crm_lead.create_date DESC, crm_lead.id DESC")
        query.limit = MAX_ROWS
        rows = self.env.execute_query(
            query.select(
                SQL("crm_lead.id"),
                SQL("crm_lead.create_date"),
                SQL("crm_lead.date_closed"),
                SQL("crm_lead.won_status = 'won'"),
            )
        )
        return rows[::-1]

    def _get_open_ids(self):
        query = self._get_lead_query(
            SQL("crm_lead.won_status = 'pending' AND crm_lead.active"),
            SQL("%s < %s", self._known_at(), fields.Datetime.now()),
        )
        query.order = SQL("crm_lead.id DESC")
        query.limit = MAX_OPEN
        return self.env.execute_query(
            query.select(SQL("crm_lead.id"), SQL("crm_lead.create_date"))
        )

    def _work(self, ids, current=False):
        """The CTE ``work`` of ``LeadHistory`` for these leads, in this order."""
        return SQL(
            """SELECT x.id, %s AS known_at, x.place
                 FROM unnest(%s::int[]) WITH ORDINALITY AS x(id, place)
                 JOIN crm_lead ON crm_lead.id = x.id""",
            SQL("'infinity'::timestamp") if current else self._known_at(),
            list(ids),
        )

    # ------------------------------------------------------------
    # Training
    # ------------------------------------------------------------

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
        rows, left_out = self._read_rows(lines, decided, counts)
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
            return refuse(self.env._("Nothing is left to learn from"))
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

    # ------------------------------------------------------------
    # What may be looked at
    # ------------------------------------------------------------

    def _read_rows(self, lines, decided, counts):
        """Return the ``Rows`` of the inputs that history allows, and what is said of
        the others."""
        warnings = []
        inputs = []
        late = counts["late_writes"]
        for line in lines.values():
            item = line._as_lead_input()
            reason = None
            if item.name in FOLLOWS_DECISION and item.source == "field":
                reason = self.env._("is the decision itself, or follows from it")
            elif item.name in MOVES_WITH_TIME and item.source == "field":
                reason = self.env._("changes all the time, and keeps no history")
            elif (
                item.source in ("field", "property")
                and not item.is_tracked
                and not line.is_trusted
                and late > LATE_WRITES * len(decided)
            ):
                reason = self.env._(
                    "its changes are not tracked, and %(late)s of %(n)s leads were "
                    "written to after their decision (tick Never Changes if it is only "
                    "filled in at intake)",
                    late=late,
                    n=len(decided),
                )
            if reason:
                warnings.append(self._say_left_out(line, reason))
            else:
                inputs.append(item)
        if not inputs:
            return Rows({}, {}, [row[3] for row in decided]), warnings
        columns = LeadHistory(self.env, inputs).values(
            self._work([row[0] for row in decided])
        )
        rows = Rows(
            {item.key: item.kind for item in inputs},
            {item.key: columns[item.key] for item in inputs},
            [row[3] for row in decided],
        )
        for key, reason in self._find_set_later(inputs, rows, decided).items():
            warnings.append(self._say_left_out(lines[key], reason))
            del rows.kinds[key], rows.columns[key]
        return rows, warnings

    def _say_left_out(self, line, reason):
        return self.env._(
            "%(input)s left out: %(reason)s", input=line._get_label(), reason=reason
        )

    def _find_set_later(self, inputs, rows, decided):
        """Return ``{key: reason}`` of inputs that were set at the decision."""
        found = {}
        won_stages = {
            str(stage.id)
            for stage in self.env["crm.stage"].search([("is_won", "=", True)])
        }
        for item in inputs:
            if item.name == "stage_id" and item.source == "field":
                ended = sum(v in won_stages for v in rows.columns[item.key])
                if ended:
                    found[item.key] = self.env._(
                        "%s leads are said to have been in a won stage before they "
                        "were won: changes of the stage were not tracked",
                        ended,
                    )
        blind = [
            item
            for item in inputs
            if item.source in ("field", "property") and not item.is_tracked
        ]
        still_open = blind and self._get_open_ids()
        if not still_open:
            return found
        # the same time for both: what was called differently last year proves nothing
        since = min(row[1] for row in still_open)
        start = next(
            (i for i, row in enumerate(decided) if row[1] >= since), len(decided)
        )
        now = LeadHistory(self.env, blind).values(
            self._work([row[0] for row in still_open])
        )
        for item in blind:
            values = rows.columns[item.key][start:]
            if item.kind == TAGS:
                tags = tags_set_later(values, now[item.key])
                if tags:
                    line = self.input_ids.filtered(
                        lambda line, key=item.key: (
                            line._as_lead_input() and line._as_lead_input().key == key
                        )
                    )
                    labels = line._get_value_labels({item.key: tags}).get(item.key, {})
                    found[item.key] = self.env._(
                        "set at the decision or later: decided leads have %s, open "
                        "ones of the same age do not",
                        ", ".join(labels.get(tag, tag) for tag in tags),
                    )
                continue
            later = filled_later(values, now[item.key])
            if later:
                found[item.key] = self.env._(
                    "set at the decision or later: on %(decided)s of the decided "
                    "leads, but %(open)s of the open ones of the same age",
                    decided=f"{later[0]:.0%}",
                    open=f"{later[1]:.0%}",
                )
        return found

    def _leave_out_learned(self, lines, rows):
        """Return ``{key: warning}`` of inputs that say nothing, or know too much."""
        bad = {}
        if not rows.labels or len(set(rows.labels)) < 2:
            return bad
        for key, kind in rows.kinds.items():
            reason = None
            if is_constant(rows.columns[key], kind):
                reason = self.env._("the same on every lead at that time")
            else:
                value = too_good(rows, key, self.leak_auc)
                if value:
                    reason = self.env._(
                        "alone it tells won from lost with an AUC of %(auc)s, more "
                        "than %(bound)s: it must have been written after the decision",
                        auc=f"{value:.2f}",
                        bound=f"{self.leak_auc:.2f}",
                    )
            if reason:
                bad[key] = self._say_left_out(lines[key], reason)
        return bad

    # ------------------------------------------------------------
    # Odoo's formula
    # ------------------------------------------------------------

    def _measure_odoo(self, earlier, later):
        """Return the quality of Odoo's formula, trained and measured on these leads.

        It learns, as it does in Odoo, from leads as they were when they were decided;
        it is asked about them as they were known at the moment of ours.
        """
        Lead = self.env["crm.lead"]
        names = ["stage_id", "team_id", *Lead._pls_get_safe_fields()]
        inputs = []
        for name in dict.fromkeys(names):
            field = Lead._fields[name]
            tracked = getattr(field, "tracking", None) and field.type != "many2many"
            inputs.append(
                LeadInput(
                    key=name,
                    source="field",
                    name=name,
                    type=field.type,
                    field_id=self.env["ir.model.fields"]._get("crm.lead", name).id
                    if tracked
                    else None,
                )
            )
        stages = self.env["crm.stage"].search([])
        first = self.env["crm.stage"].search(
            [("team_ids", "=", False)], order="sequence, id", limit=1
        )
        bayes = OdooNaiveBayes(
            stages={str(stage.id): stage.sequence for stage in stages},
            first_stage=first.id,
        )
        history = LeadHistory(self.env, inputs)
        before = history.values(self._work([row[0] for row in earlier], current=True))
        bayes.fit(_bayes_rows(before, inputs), [row[3] for row in earlier])
        after = history.values(self._work([row[0] for row in later]))
        won_stages = {str(stage.id) for stage in stages if stage.is_won}
        if won_stages.intersection(after["stage_id"]):
            # its changes were not tracked: it would tell Odoo who won
            after["stage_id"] = [None] * len(later)
        scores = [
            bayes.probability(team, values)
            for team, values in _bayes_rows(after, inputs)
        ]
        known = [
            (row[3], score)
            for row, score in zip(later, scores, strict=True)
            if score is not None
        ]
        if not known:
            return None
        return Quality.measure(*map(list, zip(*known, strict=True)))

    # ------------------------------------------------------------
    # Drift
    # ------------------------------------------------------------

    def _check_drift(self):
        """Compare what happened since with what was measured; tell the responsible."""
        for model in self.sudo():
            version = model.version_id
            if not version:
                continue
            [(scores, labels)] = self.env.execute_query(
                SQL(
                    """SELECT array_agg(predict_probability / 100)
                              FILTER (WHERE create_date > %(trained)s),
                              array_agg(ARRAY[(won_status = 'won')::int::float8,
                                              predict_probability / 100])
                              FILTER (WHERE won_status IN ('won', 'lost')
                                        AND predict_date < date_closed)
                         FROM crm_lead WHERE predict_version_id = %(version)s""",
                    trained=version.date_trained,
                    version=version.id,
                )
            )
            scores, labels = scores or [], labels or []
            values = {"drift_date": fields.Datetime.now(), "drift_count": len(labels)}
            reasons = []
            if len(scores) >= DRIFT_COUNT:
                reference = version.reference
                values["drift_psi"] = psi(
                    reference["shares"], shares(scores, reference["bounds"])
                )
                if values["drift_psi"] > DRIFT_PSI:
                    reasons.append(
                        self.env._(
                            "The leads that come in are not those it was trained on: "
                            "their scores have shifted (PSI %(psi)s over %(n)s leads)",
                            psi=f"{values['drift_psi']:.2f}",
                            n=len(scores),
                        )
                    )
            won = sum(won for won, _score in labels)
            if (
                len(labels) >= DRIFT_COUNT
                and min(won, len(labels) - won) >= MIN_OUTCOME
            ):
                values["drift_auc"] = auc(*map(list, zip(*labels, strict=True)))[0]
                if values["drift_auc"] < version.auc_low:
                    reasons.append(
                        self.env._(
                            "It tells won from lost less well than measured: AUC "
                            "%(auc)s on %(n)s leads decided since, below %(low)s",
                            auc=f"{values['drift_auc']:.3f}",
                            n=len(labels),
                            low=f"{version.auc_low:.3f}",
                        )
                    )
            values["is_drifting"] = bool(reasons)
            was_drifting = version.is_drifting
            version.write(values)
            if reasons and not was_drifting:
                model._alarm(self.env._("Prediction drifts"), reasons)

    def _alarm(self, summary, reasons):
        self.ensure_one()
        self.activity_schedule(
            "mail.mail_activity_data_warning",
            summary=summary,
            note=". ".join(reasons),
            user_id=(self.user_id or self.env.ref("base.user_admin")).id,
        )

    # ------------------------------------------------------------
    # Jobs
    # ------------------------------------------------------------

    @api.model
    def _cron_train(self):
        """Train what is due, each in a transaction of its own; watch the others."""
        IrCron = self.env["ir.cron"]
        self.search([])._check_drift()
        if not prediction.is_available():
            IrCron._commit_progress(remaining=0)
            return
        due = self.search([("date_next_training", "<=", fields.Datetime.now())])
        time_left = IrCron._commit_progress(remaining=len(due))
        for model in due:
            if not time_left:
                break
            before = model.version_id
            try:
                version = model._train()
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("crm_plus: training of prediction %s", model.id)
                # tomorrow again: a broken one must not spin
                model.date_next_training = fields.Datetime.now() + timedelta(days=1)
                model._alarm(self.env._("Training failed"), [str(error)])
            else:
                if before and version.state != "superseded" and version != before:
                    if version.state != "used":
                        model._alarm(
                            self.env._("New training without result"),
                            [
                                version.message,
                                self.env._("The version before stays in use"),
                            ],
                        )
            time_left = IrCron._commit_progress(1)


def _pick(rows, places):
    """Return the ``Rows`` at these places."""
    return Rows(
        dict(rows.kinds),
        {key: [values[i] for i in places] for key, values in rows.columns.items()},
        [rows.labels[i] for i in places],
    )


def _bayes_rows(columns, inputs):
    """Return leads as ``OdooNaiveBayes`` takes them, as Odoo prepares them."""
    result = []
    names = [item.key for item in inputs if item.key != "team_id"]
    for i, team in enumerate(columns["team_id"]):
        values = []
        for name in names:
            value = columns[name][i]
            if name == "tag_ids":
                values += [("tag_id", tag) for tag in value or ()]
            elif value not in (None, "false", 0.0):
                values.append((name, value))
            elif name in ("email_state", "phone_state"):
                values.append((name, False))
        result.append((int(team or 0), values))
    return result
