"""Start, pause, resume, stop, continue and re-plan: sets of clocks, a few statements
each.
"""

from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools import bulk
from ...tools.calendar_time import work_time
from .crm_sla_clock import OPEN, PAUSED, RUNNING, STOPPED
from .crm_sla_clock_promise import PROMISE_FIELDS
from .crm_sla_target import KINDS

# when one of these moves, the earlier plan goes to the history
PLAN_FIELDS = (
    "policy_id",
    "target_id",
    "calendar_id",
    "target_seconds",
    "date_due",
)
# what records show of their clocks
DERIVED_FIELDS = {
    "is_waiting_response",
    "sla_clock_ids",
    "sla_is_overdue",
    "sla_kind",
    "sla_reason",
    "sla_response_is_overdue",
    "sla_state",
    "sla_warning",
}


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmSlaClock(models.Model):
    _inherit = "crm.sla.clock"

    # ------------------------------------------------------------
    # Life of the clocks of a set of records
    # ------------------------------------------------------------

    @api.model
    def _start(self, records, kinds, date, planned=None):
        """Open clocks of ``kinds`` where ``records`` have none open.

        :param date: one moment, or ``{record id: moment}``
        :param planned: ``{record id: day}`` of those that are due on a planned day
        :return: the new clocks
        """
        open_keys = {
            (clock.res_id, clock.kind) for clock in self._search_open(records, kinds)
        }
        keys = [
            (record, kind)
            for record in records
            for kind in kinds
            if (record.id, kind) not in open_keys
        ]
        if not keys:
            return self.browse()
        dates = date if isinstance(date, dict) else dict.fromkeys(records.ids, date)
        rows = []
        for (record, kind), promise in zip(
            keys, self._prepare_promises(keys), strict=True
        ):
            rows.append(
                {
                    **promise,
                    "res_model": record._name,
                    "res_id": record.id,
                    "kind": kind,
                    "date_start": dates[record.id].replace(microsecond=0),
                    "date_planned": (planned or {}).get(record.id),
                    "alert_failures": 0,
                }
            )
        self._compute_plans(rows)
        clocks = self._insert(rows)
        self._refresh_records(records)
        self._trigger_alerts(rows)
        return clocks

    @api.model
    def _insert(self, rows):
        """Write new clocks in one statement; who starts one at the same moment wins."""
        fnames = list(rows[0])
        columns = SQL(", ").join(SQL.identifier(fname) for fname in fnames)
        values = SQL(", ").join(SQL.identifier("r", fname) for fname in fnames)
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_sla_clock
                       (%(columns)s, occurrence,
                        create_uid, write_uid, create_date, write_date)
                SELECT %(values)s,
                       1 + (SELECT COALESCE(max(c.occurrence), 0)
                              FROM crm_sla_clock AS c
                             WHERE c.res_model = r.res_model
                               AND c.res_id = r.res_id
                               AND c.kind = r.kind),
                       %(uid)s, %(uid)s, %(now)s, %(now)s
                  FROM %(rows)s
                ON CONFLICT DO NOTHING
             RETURNING id
                """,
                columns=columns,
                values=values,
                uid=self.env.uid,
                now=self.env.cr.now(),
                rows=bulk.recordset(self, rows, fnames),
            )
        )
        clocks = self.browse([row[0] for row in rows])
        clocks.modified([*fnames, "occurrence"])
        return clocks

    @api.model
    def _stop(self, records, kinds, date, cancel=False):
        """Stop open clocks; a pause that is still open ends with them.

        The outcome is judged by the plan of the moment the clock stops: a clock that
        comes out of a pause is planned first. A cancelled one counts for nobody.
        """
        clocks = self._search_open(records, kinds)
        if not clocks:
            return clocks
        pauses = clocks._close_pauses(date)
        rows = [
            {
                **clock._prepare_plan_row(pauses),
                "keep_due": not clock.date_paused,
                "date_stop": max(date.replace(microsecond=0), clock.date_start),
                "date_paused": None,
            }
            for clock in clocks
        ]
        self._compute_plans(rows)
        for row in rows:
            if cancel:
                row["outcome"] = "cancelled"
            elif not row["date_due"]:
                row["outcome"] = "unpromised"
            else:
                late = row["date_stop"] > row["date_due"]
                row["outcome"] = "breached" if late else "met"
        clocks._write_rows(
            rows,
            "date_due",
            "date_warning",
            "date_stop",
            "date_paused",
            "outcome",
            "elapsed_seconds",
            "elapsed_hours",
            "paused_seconds",
        )
        clocks._drop_alerts()
        self._refresh_records(records)
        return clocks

    @api.model
    def _pause(self, records, kinds, date, reason):
        clocks = self._search_open(records, kinds, RUNNING)
        if not clocks:
            return clocks
        rows = [
            {
                "id": clock.id,
                "date_paused": max(date.replace(microsecond=0), clock.date_start),
            }
            for clock in clocks
        ]
        self.env["crm.sla.pause"].sudo().create(  # ledger: written by the clocks only
            [
                {
                    "clock_id": row["id"],
                    "date_from": row["date_paused"],
                    "reason": reason,
                    "user_id": self.env.uid,
                }
                for row in rows
            ]
        )
        clocks._write_rows(rows, "date_paused")
        self._refresh_records(records)
        return clocks

    @api.model
    def _resume(self, records, kinds, date):
        clocks = self._search_open(records, kinds, PAUSED)
        if not clocks:
            return clocks
        pauses = clocks._close_pauses(date)
        rows = [
            {**clock._prepare_plan_row(pauses), "date_paused": None} for clock in clocks
        ]
        self._compute_plans(rows)
        clocks._write_rows(
            rows, "date_due", "date_warning", "date_paused", "paused_seconds"
        )
        self._refresh_records(records)
        self._trigger_alerts(rows)
        return clocks

    @api.model
    def _continue(self, records, kinds, date, reason):
        """Let the last clock of each record and kind go on that has stopped, unless it
        was cancelled; the time since is a pause. Where there is none, a new one starts.
        Open clocks are left alone.
        """
        open_keys = {
            (clock.res_id, clock.kind) for clock in self._search_open(records, kinds)
        }
        last = {}
        for clock in self._search_open(records, kinds, STOPPED).sorted("occurrence"):
            last[clock.res_id, clock.kind] = clock
        clocks = self.union(
            *(
                clock
                for key, clock in last.items()
                if key not in open_keys and clock.outcome != "cancelled"
            )
        )
        if clocks:
            clocks._open_again(records, date.replace(microsecond=0), reason)
        return clocks | self._start(records, kinds, date)

    def _open_again(self, records, date, reason):
        """Take back that these clocks have stopped. Their verdict goes to the history:
        the next stop judges anew, by all the time they ran.
        """
        pause_vals = []
        for clock in self:
            until = max(date, clock.date_stop)
            work = work_time(
                self.env["resource.calendar"].browse(clock.calendar_id.id),
                self.env["res.company"].browse(clock.company_id.id),
            )
            pause_vals.append(
                {
                    "clock_id": clock.id,
                    "date_from": clock.date_stop,
                    "date_to": until,
                    "reason": reason,
                    "user_id": self.env.uid,
                    "working_seconds": round(work.between(clock.date_stop, until)),
                }
            )
        # ledger: written by the clocks only
        self.env["crm.sla.pause"].sudo().create(pause_vals)
        pauses = self._get_pauses()
        by_id = {record.id: record for record in records}
        # judged by what holds now, as clocks are that have never stopped
        promises = self._prepare_promises(
            [(by_id[clock.res_id], clock.kind) for clock in self]
        )
        rows = [
            {
                **clock._prepare_plan_row(pauses),
                **promise,
                "plan_history": [
                    *(clock.plan_history or []),
                    {
                        **clock._prepare_history_entry(reason),
                        "outcome": clock.outcome,
                        "date_stop": fields.Datetime.to_string(clock.date_stop),
                        "elapsed_seconds": clock.elapsed_seconds,
                    },
                ],
                "date_stop": None,
                "outcome": None,
                "elapsed_seconds": None,
                "elapsed_hours": None,
                "replan": None,
            }
            for clock, promise in zip(self, promises, strict=True)
        ]
        self._compute_plans(rows)
        now = fields.Datetime.now()
        for clock, row in zip(self, rows, strict=True):
            clock._renew_alerts(row, now)
        self._write_rows(
            rows,
            *PROMISE_FIELDS,
            "date_due",
            "date_warning",
            "date_stop",
            "outcome",
            "elapsed_seconds",
            "elapsed_hours",
            "paused_seconds",
            "plan_history",
            "date_warned",
            "date_breached",
            "replan",
        )
        self._refresh_records(records)
        self._trigger_alerts(rows)

    @api.model
    def _replan(self, records, note):
        """Judge open clocks by the policies, priorities and hours of now.

        Start and pauses stay; the earlier plan goes to the history.
        """
        clocks = self._search_open(records)
        if clocks:
            by_id = {record.id: record for record in records}
            keys = [(by_id[clock.res_id], clock.kind) for clock in clocks]
            clocks._plan_again(note, self._prepare_promises(keys))
        return clocks

    def _plan_again(self, note, promises=None):
        """Plan again from start and ledger, on the given or the same promises."""
        pauses = self._get_pauses()
        now = fields.Datetime.now()
        before = [clock._prepare_plan_row(pauses) for clock in self]
        rows = [
            {**row, **promise}
            for row, promise in zip(before, promises or [{}] * len(before), strict=True)
        ]
        self._compute_plans(rows)
        changed = []
        early = self.browse()
        for clock, old, row in zip(self, before, rows, strict=True):
            row["replan"] = None
            row["plan_history"] = clock.plan_history or []
            row["date_warned"] = clock.date_warned or None
            row["date_breached"] = clock.date_breached or None
            if any(old[fname] != row[fname] for fname in PLAN_FIELDS):
                row["plan_history"] = [
                    *row["plan_history"],
                    clock._prepare_history_entry(note),
                ]
                if clock._renew_alerts(row, now):
                    early |= clock
            elif not clock.replan and all(old[f] == row[f] for f in PROMISE_FIELDS):
                continue
            changed.append(row)
        early._drop_alerts()
        self.browse([row["id"] for row in changed])._write_rows(
            changed,
            *PROMISE_FIELDS,
            "date_due",
            "date_warning",
            "paused_seconds",
            "plan_history",
            "date_warned",
            "date_breached",
            "replan",
        )
        for res_model, clocks in self.grouped("res_model").items():
            self._refresh_records(self.env[res_model].browse(clocks.mapped("res_id")))
        self._trigger_alerts(changed)

    def _renew_alerts(self, row, now):
        """A due that lies ahead again is a promise again: it alerts anew. Return
        whether it does.
        """
        is_early = not row["date_due"] or row["date_due"] > now
        warns = not row["date_warning"] or row["date_warning"] > now
        row["date_breached"] = None if is_early else self.date_breached or None
        row["date_warned"] = None if warns else self.date_warned or None
        return is_early

    def _prepare_history_entry(self, note):
        """The plan that is about to be replaced, and why."""
        return {
            "date": fields.Datetime.to_string(fields.Datetime.now()),
            "uid": self.env.uid,
            "note": note,
            "policy_id": self.policy_id.id,
            "priority": self.priority or "",
            "reason": self.reason or "",
            "target_seconds": self.target_seconds,
            "date_due": fields.Datetime.to_string(self.date_due) or "",
        }

    # ------------------------------------------------------------
    # Ledger of pauses
    # ------------------------------------------------------------

    def _get_pauses(self):
        """``{clock id: [(from, to), …]}`` of the pauses that have ended."""
        pauses = defaultdict(list)
        for pause in (
            self.env["crm.sla.pause"]
            .sudo()  # the ledger moves the due whoever resumes
            .search_fetch(
                [("clock_id", "in", self.ids), ("date_to", "!=", False)],
                ["clock_id", "date_from", "date_to"],
                order="date_from, id",
            )
        ):
            pauses[pause.clock_id.id].append((pause.date_from, pause.date_to))
        return pauses

    def _close_pauses(self, date):
        """End the open pauses at ``date``; all pauses of ``self``."""
        date = date.replace(microsecond=0)
        open_pauses = (
            self.env["crm.sla.pause"]
            .sudo()  # the ledger moves the due whoever resumes
            .search_fetch(
                [
                    ("clock_id", "in", self.filtered("date_paused").ids),
                    ("date_to", "=", False),
                ],
                ["clock_id", "date_from"],
            )
        )
        rows = []
        for pause in open_pauses:
            clock = pause.clock_id
            until = max(date, pause.date_from)
            work = work_time(
                self.env["resource.calendar"].browse(clock.calendar_id.id),
                self.env["res.company"].browse(clock.company_id.id),
            )
            rows.append(
                {
                    "id": pause.id,
                    "date_to": until,
                    "working_seconds": round(work.between(pause.date_from, until)),
                }
            )
        bulk.bulk_update(open_pauses, rows)
        return self._get_pauses()

    # ------------------------------------------------------------
    # Rows
    # ------------------------------------------------------------

    @api.model
    def _search_open(self, records, kinds=None, domain=OPEN):
        """Open clocks of ``records``, as superuser."""
        # clocks follow what happens to the record, whoever makes it happen
        return (
            self.sudo()
            .with_context(active_test=False)
            .search(
                domain
                & Domain("res_model", "=", records._name)
                & Domain("res_id", "in", records.ids)
                & Domain("kind", "in", kinds or [kind for kind, _name in KINDS])
            )
        )

    def _write_rows(self, rows, *fnames):
        bulk.bulk_update(
            self, [{fname: row[fname] for fname in ("id", *fnames)} for row in rows]
        )

    @api.model
    def _refresh_records(self, records):
        """Bring the due dates of the records in line with their running clocks."""
        if not records:
            return
        kinds_by_field = records._sla_due_fields
        fnames = list(kinds_by_field)
        self.flush_model(["res_id", "kind", "date_due", "date_stop", "date_paused"])
        records.flush_recordset(fnames)
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE %(table)s AS t
                   SET %(assignments)s
                  FROM (
                        SELECT r.id, %(dues)s
                          FROM unnest(%(ids)s) AS r(id)
                     LEFT JOIN crm_sla_clock AS c
                            ON c.res_model = %(model)s
                           AND c.res_id = r.id
                           AND c.date_stop IS NULL
                           AND c.date_paused IS NULL
                      GROUP BY r.id
                       ) AS d
                 WHERE t.id = d.id
                   AND (%(is_moved)s)
             RETURNING t.id
                """,
                table=SQL.identifier(records._table),
                assignments=SQL(", ").join(
                    SQL("%s = %s", SQL.identifier(f), SQL.identifier("d", f))
                    for f in fnames
                ),
                dues=SQL(", ").join(
                    SQL(
                        "min(c.date_due) FILTER (WHERE c.kind = ANY(%s)) AS %s",
                        list(kinds or [kind for kind, _name in KINDS]),
                        SQL.identifier(fname),
                    )
                    for fname, kinds in kinds_by_field.items()
                ),
                is_moved=SQL(" OR ").join(
                    SQL(
                        "%s IS DISTINCT FROM %s",
                        SQL.identifier("t", fname),
                        SQL.identifier("d", fname),
                    )
                    for fname in fnames
                ),
                ids=records.ids,
                model=records._name,
            )
        )
        records.invalidate_recordset(
            [*fnames, *(f for f in records._fields if f in DERIVED_FIELDS)],
            flush=False,
        )
        records.browse([row[0] for row in rows]).modified(fnames)

    def _mark_for_replan(self, domain, why):
        """Have the scheduler plan open clocks again, in batches."""
        clocks = self.search(OPEN & domain)
        if clocks:
            self._write_rows([{"id": c.id, "replan": why} for c in clocks], "replan")
            self._wake()
