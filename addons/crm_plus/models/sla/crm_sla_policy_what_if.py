"""What a policy would have meant for what is over, shown before it is saved."""

from collections import Counter, defaultdict

from markupsafe import Markup

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.calendar_time import work_time
from ...tools.worktime import NoWorkingTimeError, WorkTime
from .crm_sla_target import format_hours

# the newest records of these days: read in a second or two while one types
DAYS = 90
LIMIT = 2_000
# due on a planned day, not after hours
PLANNED_KINDS = ("next_step",)


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmSlaPolicy(models.Model):
    _inherit = "crm.sla.policy"

    what_if = fields.Html(
        compute="_compute_what_if",
        sanitize=False,
        help="How many past records would have met these targets; computed anew while"
        " the policy is edited, before anything is saved.",
    )

    @api.depends(
        "res_model",
        "domain",
        "segment_ids",
        "company_id",
        "sequence",
        "calendar_id",
        "is_round_the_clock",
        "target_ids.kind",
        "target_ids.priority",
        "target_ids.hours",
    )
    @api.depends_context("uid", "lang")
    def _compute_what_if(self):
        for policy in self:
            policy.what_if = policy._render_what_if()

    def _render_what_if(self):
        self.ensure_one()
        if not self.res_model or not self.target_ids:
            return False
        try:
            with self.env.cr.savepoint():
                records = self._get_what_if_records()
        except Exception:  # noqa: BLE001 a condition that is being typed
            return Markup("<p class='text-muted'>%s</p>") % self.env._(
                "The condition cannot be used yet."
            )
        results = self._simulate(records)
        intro = self.env._(
            "%(count)s records of the last %(days)s days would have been under this"
            " policy (at most %(limit)s are looked at, and only those that you may"
            " see).",
            count=len(records),
            days=DAYS,
            limit=LIMIT,
        )
        rows = []
        for target in self.target_ids:
            result = results.get(target, Counter())
            if not result["closed"] and not result["open"]:
                verdict = [self.env._("nothing to compare (n = 0)"), "", "", ""]
            else:
                verdict = [
                    str(result["closed"]),
                    self._format_share(result["met"], result["promised"]),
                    self._format_share(result["would"], result["closed"]),
                    self.env._(
                        "%(late)s of %(count)s",
                        late=result["late"],
                        count=result["open"],
                    ),
                ]
            kinds = dict(target._fields["kind"]._description_selection(self.env))
            cells = [
                kinds.get(target.kind, ""),
                target._get_priority_label()
                if target.priority
                else self.env._("Any priority"),
                format_hours(target.hours),
                *verdict,
            ]
            rows.append(
                Markup("<tr>%s</tr>")
                % Markup().join(Markup("<td>%s</td>") % cell for cell in cells)
            )
        heads = (
            self.env._("Promise"),
            self.env._("Priority"),
            self.env._("Within"),
            self.env._("Past"),
            self.env._("Kept as promised then"),
            self.env._("Would be kept"),
            self.env._("Open, late already"),
        )
        return Markup(
            "<p class='text-muted'>%s</p><div class='table-responsive'>"
            "<table class='table table-sm o_crm_plus_what_if'><thead><tr>%s</tr>"
            "</thead><tbody>%s</tbody></table></div>"
        ) % (
            intro,
            Markup().join(Markup("<th>%s</th>") % head for head in heads),
            Markup().join(rows),
        )

    def _format_share(self, part, whole):
        if not whole:
            return self.env._("not promised")
        return self.env._(
            "%(part)s of %(whole)s (%(share)s %%)",
            part=part,
            whole=whole,
            share=f"{100 * part / whole:.0f}",
        )

    def _get_what_if_records(self):
        """The newest records that this policy, as it is typed, would hold for, and no
        earlier one does. Only those that the user may see: what matches is counted.
        """
        Model = self.env[self.res_model].with_context(active_test=False)
        if not Model.has_access("read"):
            return Model
        domain = self._get_domain() & Domain("create_date", ">=", f"today -{DAYS}d")
        if self.segment_ids:
            domain &= self._get_segment_domain()
        if "company_id" in Model._fields:
            domain &= Domain(
                "company_id",
                "in",
                self.company_id.ids or [*self.env.companies.ids, False],
            )
        records = Model.search(domain, order="id desc", limit=LIMIT)
        left = set(records.ids)
        # sudo: which policy holds does not depend on who looks
        for other_sudo in self.sudo().search([("res_model", "=", self.res_model)]):
            is_later = (other_sudo.sequence, other_sudo.id) > (
                self.sequence,
                self._origin.id or float("inf"),
            )
            if is_later or other_sudo == self._origin or not left:
                continue
            candidates = left
            if other_sudo.company_id and "company_id" in Model._fields:
                candidates = set(
                    Model.browse(left)
                    .filtered(
                        lambda r, company=other_sudo.company_id: r.company_id == company
                    )
                    .ids
                )
            left -= set(other_sudo._filter_ids(candidates)) if candidates else set()
        return Model.browse(record_id for record_id in records.ids if record_id in left)

    def _simulate(self, records):
        """``{target: Counter(closed, met, promised, would, open, late)}``."""
        results = defaultdict(Counter)
        kinds = set(self.target_ids.mapped("kind")) - set(PLANNED_KINDS)
        if not records or not kinds:
            return results
        # sudo: of records that the user may see; only their number is shown
        clocks = (
            self.env["crm.sla.clock"]
            .sudo()
            .search(
                Domain("res_model", "=", self.res_model)
                & Domain("res_id", "in", records.ids)
                & Domain("kind", "in", list(kinds))
                & Domain("outcome", "!=", "cancelled")
            )
        )
        pauses = clocks._get_pauses()
        # sudo: hours are no secret
        by_id = {record.id: record for record in records.sudo()}
        now = fields.Datetime.now()
        groups = defaultdict(list)
        for clock in clocks:
            target = self.target_ids._pick(clock.kind, clock.priority or False)
            if target:
                calendar = self._get_what_if_calendar(by_id[clock.res_id])
                groups[calendar, clock.company_id].append((clock, target))
        for (calendar, company), group in groups.items():
            work = work_time(calendar, company)
            work.cover(min(clock.date_start for clock, _target in group), now)
            for clock, target in group:
                result = results[target]
                stop = clock.date_stop or clock.date_paused or now
                spans = pauses[clock.id]
                try:
                    taken = work.elapsed(clock.date_start, stop, spans)
                except NoWorkingTimeError:
                    taken = WorkTime.always().elapsed(clock.date_start, stop, spans)
                is_kept = taken <= target.hours * 3600
                if clock.date_stop:
                    result["closed"] += 1
                    result["would"] += is_kept
                    result["promised"] += clock.outcome in ("met", "breached")
                    result["met"] += clock.outcome == "met"
                else:
                    result["open"] += 1
                    result["late"] += not is_kept
        return results

    def _get_what_if_calendar(self, record):
        if self.is_round_the_clock:
            return self.env["resource.calendar"]
        # as a promise takes them: of the record, the policy, the company
        company = record._sla_get_company() or self.env.company.sudo()
        return (
            record._sla_get_calendar()
            or self.calendar_id._origin.sudo()
            or company.resource_calendar_id
        )
