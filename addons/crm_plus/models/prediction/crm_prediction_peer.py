from odoo import models

from ...tools.lead_history import LeadHistory, LeadInput
from ...tools.prediction_bayes import OdooNaiveBayes
from ...tools.prediction_metrics import Quality


class CrmPredictionModel(models.Model):
    """Odoo's formula, measured on the same leads: the peer to beat."""

    _inherit = "crm.prediction.model"

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
                    # as now where nobody knows better: that can only flatter Odoo
                    is_vouched=True,
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
        after = LeadHistory(self.env, inputs, self.age_days).values(
            self._work([row[0] for row in later])
        )
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
