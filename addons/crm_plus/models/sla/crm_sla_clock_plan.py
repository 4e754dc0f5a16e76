"""Start, pause, resume, stop and re-plan: sets of clocks, a few statements each."""

from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools import bulk
from ...tools.calendar_time import work_time
from ...tools.worktime import NoWorkingTimeError, WorkTime
from .crm_sla_clock import OPEN, PAUSED, RUNNING
from .crm_sla_target import KINDS, format_hours

# what a plan says; these move together when a clock is planned again
PROMISE_FIELDS = (
    "company_id",
    "user_id",
    "policy_id",
    "target_id",
    "calendar_id",
    "priority",
    "target_seconds",
    "warning_seconds",
    "reason",
    "date_planned",
)
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


def whole_second(moment):
    """The second in which ``moment`` lies ends here: dates are stored without more."""
    if moment.microsecond:
        return moment.replace(microsecond=0) + timedelta(seconds=1)
    return moment


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
                # a due that lies ahead again is a promise again: it alerts anew
                if not row["date_due"] or row["date_due"] > now:
                    row["date_breached"] = None
                    early |= clock
                if not row["date_warning"] or row["date_warning"] > now:
                    row["date_warned"] = None
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
    # What is promised
    # ------------------------------------------------------------

    @api.model
    def _prepare_promises(self, keys):
        """What holds for each ``(record, kind)``: policy, target, hours, and why."""
        # a promise does not depend on who makes the record or may read its policy
        records = keys[0][0].browse([record.id for record, _kind in keys]).sudo()
        policies = self.env["crm.sla.policy"]._match(records)
        no_policy = self.env["crm.sla.policy"].sudo()
        facts = {}
        for record in records:
            policy_sudo = policies.get(record.id, no_policy)
            company = record._sla_get_company()
            own_calendar = record._sla_get_calendar()
            calendar = (
                own_calendar
                or policy_sudo.calendar_id
                or (company or self.env.company.sudo()).resource_calendar_id
            )
            if policy_sudo.is_round_the_clock:
                calendar = calendar.browse()
            # the promise depends on these alone, whatever number of records
            key = (policy_sudo, calendar, record._sla_get_priority() or None)
            facts[record.id] = (key, company.id, record._sla_responsible().id)
        promises = []
        terms = {}
        for record, kind in keys:
            key, company_id, user_id = facts[record.id]
            if (kind, key) not in terms:
                terms[kind, key] = self._prepare_terms(kind, *key)
            promises.append(
                {
                    **terms[kind, key],
                    "company_id": company_id or None,
                    "user_id": user_id or None,
                }
            )
        return promises

    @api.model
    def _prepare_terms(self, kind, policy, calendar, priority):
        """The part of a promise that many records share."""
        target = policy.target_ids._pick(kind, priority)
        seconds = round(target.hours * 3600)
        return {
            "policy_id": policy.id or None,
            "target_id": target.id or None,
            "calendar_id": calendar.id or None,
            "priority": priority,
            "target_seconds": seconds,
            "warning_seconds": seconds * target.warning_percent // 100,
            "reason": self._explain(kind, policy, target, calendar),
        }

    @api.model
    def _explain(self, kind, policy, target, calendar):
        """The sentence that says why a clock is as it is."""
        kind_name = dict(self._fields["kind"]._description_selection(self.env))[kind]
        if not policy:
            return self.env._(
                "No policy holds for this record: time is measured, nothing promised."
            )
        if not target:
            return self.env._(
                "Policy “%(policy)s” holds, and has no target for: %(kind)s.",
                policy=policy.name,
                kind=kind_name,
            )
        if target.priority:
            priority = self.env._("priority %s", target._get_priority_label())
        else:
            priority = self.env._("any priority")
        values = {
            "policy": policy.name,
            "kind": kind_name,
            "hours": format_hours(target.hours),
            "priority": priority,
        }
        if not calendar:
            return self.env._(
                "Policy “%(policy)s”: %(kind)s within %(hours)s (%(priority)s), counted"
                " round the clock.",
                **values,
            )
        return self.env._(
            "Policy “%(policy)s”: %(kind)s within %(hours)s (%(priority)s), in the"
            " hours of “%(calendar)s”.",
            calendar=calendar.name,
            **values,
        )

    # ------------------------------------------------------------
    # Working time
    # ------------------------------------------------------------

    def _prepare_plan_row(self, pauses):
        """What ``_compute_plans`` needs of an existing clock."""
        self.ensure_one()
        row = {fname: self[fname] for fname in PROMISE_FIELDS}
        return {
            **{
                fname: (value.id if isinstance(value, models.BaseModel) else value)
                or None
                for fname, value in row.items()
            },
            "id": self.id,
            "target_seconds": self.target_seconds,
            "warning_seconds": self.warning_seconds,
            "date_start": self.date_start,
            "date_due": self.date_due or None,
            "date_warning": self.date_warning or None,
            "pauses": pauses[self.id],
        }

    @api.model
    def _compute_plans(self, rows):
        """Fill due, warning and, where ``date_stop`` is known, what was taken.

        One working time for each calendar and company, its intervals fetched once.
        """
        groups = defaultdict(list)
        for row in rows:
            groups[row["calendar_id"], row["company_id"]].append(row)
        for (calendar_id, company_id), group in groups.items():
            work = work_time(
                self.env["resource.calendar"].browse(calendar_id),
                self.env["res.company"].browse(company_id),
            )
            work.cover(
                min(row["date_start"] for row in group),
                max(row.get("date_stop") or row["date_start"] for row in group),
            )
            for row in group:
                self._compute_plan(row, work)

    @api.model
    def _compute_plan(self, row, work):
        # these are no columns: they leave the row here
        pauses = row.pop("pauses", ())
        keep_due = row.pop("keep_due", False)
        start = row["date_start"]
        if not row["target_seconds"]:
            row["date_due"] = row["date_warning"] = None
        elif not keep_due:
            try:
                due, warning = self._compute_due(row, work, pauses)
            except NoWorkingTimeError:
                # a calendar without hours must not lose the case: count all of them
                work = WorkTime.always()
                due, warning = self._compute_due(row, work, pauses)
                row["calendar_id"] = None
                row["reason"] = self.env._(
                    "%s That calendar has no working hours: counted round the clock.",
                    row["reason"],
                )
            row["date_due"] = whole_second(due)
            row["date_warning"] = whole_second(warning) if warning else None
        row["paused_seconds"] = round(
            sum(work.between(since, until) for since, until in pauses)
        )
        if row.get("date_stop"):
            seconds = work.elapsed(start, row["date_stop"], pauses)
            row["elapsed_seconds"] = round(seconds)
            row["elapsed_hours"] = seconds / 3600

    @api.model
    def _compute_due(self, row, work, pauses):
        """Due and warning; a planned day ends with its last working hour."""
        start, seconds = row["date_start"], row["target_seconds"]
        ahead = row["warning_seconds"]
        if row["date_planned"]:
            due = work.end_of_day(fields.Date.to_date(row["date_planned"]))
            # as long before it as that of the promised hours
            warning = max(work.add(due, ahead - seconds), start) if ahead else None
            return due, warning
        due = work.due(start, seconds, pauses)
        return due, work.due(start, ahead, pauses) if ahead else None

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
