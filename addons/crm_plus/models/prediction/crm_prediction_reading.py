from odoo import models
from odoo.tools import SQL

from ...tools.lead_history import AS_NOW, KEPT, UNCHANGED, LeadHistory
from ...tools.prediction import TAGS, UNKNOWN, Rows
from ...tools.prediction_leaks import (
    FOLLOWS_DECISION,
    MIN_KNOWN,
    filled_later,
    is_constant,
    is_refused,
    tags_set_later,
    too_good,
)


class CrmPredictionModel(models.Model):
    """What may be looked at: leaks are found here, and named."""

    _inherit = "crm.prediction.model"

    def _read_rows(self, lines, decided):
        """Return the ``Rows`` of the inputs that history allows, and what is said of
        the others."""
        warnings = []
        inputs = []
        for line in lines.values():
            item = line._as_lead_input()
            if not is_refused(item):
                inputs.append(item)
            elif item.name in FOLLOWS_DECISION:
                warnings.append(
                    self._say_left_out(
                        line, self.env._("is the decision itself, or follows from it")
                    )
                )
            else:
                warnings.append(
                    self._say_left_out(
                        line,
                        self.env._("changes all the time, and keeps no history"),
                    )
                )
        rows = Rows({}, {}, [row[3] for row in decided])
        if not inputs:
            return rows, warnings
        history = LeadHistory(self.env, inputs, self.age_days)
        columns, ways = history.read_all(self._work([row[0] for row in decided]))
        for item in inputs:
            rows.kinds[item.key] = item.kind
            rows.columns[item.key] = history.hide_unknown(item, columns, ways)
        later = self._find_set_later(inputs, rows, ways, decided)
        for key, reason in later.items():
            warnings.append(self._say_left_out(lines[key], reason))
            del rows.kinds[key], rows.columns[key]
        return rows, warnings

    def _count_known(self, lines):
        """Return the number of decided leads, and ``{key: (kept, unchanged)}``: of how
        many the value of an untracked input is known as it was, and by which way."""
        if not self:
            return 0, {}
        self.ensure_one()
        inputs = list(lines._get_kept_inputs().values()) if lines else []
        history = LeadHistory(self.env, inputs, self.age_days)
        history.flush()
        [[total, *counts]] = self.env.execute_query(
            SQL(
                "WITH work AS MATERIALIZED (%s) SELECT count(*) %s FROM (%s) f",
                self._get_decided_query().select(
                    SQL("crm_lead.id"),
                    SQL("%s AS known_at", self._known_at()),
                    SQL("crm_lead.id AS place"),
                ),
                SQL("").join(
                    SQL(
                        ", count(*) FILTER (WHERE %s = %s)",
                        SQL.identifier(f"k{i}"),
                        way,
                    )
                    for i in range(len(inputs))
                    for way in (KEPT, UNCHANGED)
                ),
                history.select(),
            )
        )
        pairs = zip(counts[::2], counts[1::2], strict=True)
        return total, dict(zip((item.key for item in inputs), pairs, strict=True))

    def _say_left_out(self, line, reason):
        return self.env._(
            "%(input)s left out: %(reason)s", input=line._get_label(), reason=reason
        )

    def _find_set_later(self, inputs, rows, ways, decided):
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
        # read as they are now, on somebody's word
        blind = [item for item in inputs if item.is_blind and item.is_vouched]
        still_open = blind and self._get_open_ids()
        if not still_open:
            return found
        # the same time for both: what was called differently last year proves nothing
        since = min(row[1] for row in still_open)
        start = next(
            (i for i, row in enumerate(decided) if row[1] >= since), len(decided)
        )
        now, _ways = LeadHistory(self.env, blind).read_all(
            self._work([row[0] for row in still_open])
        )
        for item in blind:
            values = [
                value
                for value, way in zip(
                    rows.columns[item.key][start:], ways[item.key][start:], strict=True
                )
                if way == AS_NOW
            ]
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
            known = sum(value is not UNKNOWN for value in rows.columns[key])
            if known < min(MIN_KNOWN, len(rows)):
                reason = self.env._(
                    "its changes are not tracked, and its value of that time is known "
                    "of %(known)s of the %(n)s earlier leads only; it is kept from now "
                    "on (tick Never Changes if it is only filled in at intake)",
                    known=known,
                    n=len(rows),
                )
            elif is_constant(rows.columns[key], kind):
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
