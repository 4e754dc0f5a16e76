import logging
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools import prediction
from ...tools.prediction_metrics import auc, psi, shares
from .crm_prediction_training import MIN_OUTCOME

_logger = logging.getLogger(__name__)

# A shift of scores above that is called large wherever the index is used.
DRIFT_PSI = 0.25
# Leads needed before anything is said of them
DRIFT_COUNT = 100


class CrmPredictionModel(models.Model):
    """How a prediction keeps: drift, alarms, training again by schedule."""

    _inherit = "crm.prediction.model"

    # ------------------------------------------------------------
    # Drift
    # ------------------------------------------------------------

    def _check_drift(self):
        """Compare what happened since with what was measured; tell the responsible."""
        # sudo: versions and what happened are measured as the scheduler sees them
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
        """Tell the responsible; an alarm that still stands is brought up to date."""
        self.ensure_one()
        user = self.user_id or self.env.ref("base.user_admin")
        # messages of errors are text, not HTML
        note = Markup().join(Markup("<p>%s</p>") % reason for reason in reasons)
        unseen = self.activity_ids.filtered(
            lambda alarm: alarm.summary == summary and alarm.user_id == user
        )
        if unseen:
            unseen.note = note
            return
        self.activity_schedule(
            "mail.mail_activity_data_warning",
            summary=summary,
            note=note,
            user_id=user.id,
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
