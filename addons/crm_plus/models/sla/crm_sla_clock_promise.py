"""What is promised to a record, and when that is due in working time."""

from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models

from ...tools.calendar_time import work_time
from ...tools.worktime import NoWorkingTimeError, WorkTime
from .crm_sla_target import format_hours

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
                # sudo: hours of the company are those of its promises
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
