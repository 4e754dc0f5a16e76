"""Warnings and breaches, at the minute."""

import logging
from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.misc import format_datetime

from ...tools.collision import COLLISIONS, try_again
from .crm_sla_clock import RUNNING

_logger = logging.getLogger(__name__)

# clocks of one transaction: an alert writes a few rows, a batch takes about a second
BATCH_SIZE = 200
# moments handed to the scheduler at once. Later ones follow: each run of the cron asks
# for the next one, so that an import of 20,000 leads does not queue 40,000 wake-ups
TRIGGERS_MAX = 50
# orphans removed in one go of the daily cleaning
GC_SIZE = 10_000
# an alert that fails (its activity type was removed …) is tried so often, then parked
FAILURES_MAX = 3
RETRY_AFTER = timedelta(minutes=15)


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmSlaClock(models.Model):
    _inherit = "crm.sla.clock"

    @api.model
    def _get_cron(self):
        cron = self.env.ref("crm_plus.ir_cron_sla", raise_if_not_found=False)
        return (cron or self.env["ir.cron"]).sudo()  # woken by whoever acts

    @api.model
    def _wake(self, moments=None):
        """Have the scheduler come at ``moments``, or now."""
        # an administrator may have deleted it: no alerts then, but leads still come in
        if cron := self._get_cron():
            cron._trigger(moments)

    @api.model
    def _trigger_alerts(self, rows):
        """Wake the scheduler when the given plans warn or are due."""
        now = fields.Datetime.now()
        moments = {
            row[fname].replace(second=0) + timedelta(minutes=bool(row[fname].second))
            for row in rows
            for fname in ("date_warning", "date_due")
            if row.get(fname) and not row.get("date_paused")
        }
        if moments:
            # what is late already is one wake-up
            moments = {max(moment, now) for moment in moments}
            self._wake(sorted(moments)[:TRIGGERS_MAX])

    @api.model
    def _get_alert_domain(self):
        """Hook: clocks that warn or breach now."""
        now = fields.Datetime.now()
        return (
            RUNNING
            & (
                Domain("date_due", "<=", now) & Domain("date_breached", "=", False)
                | Domain("date_warning", "<=", now) & Domain("date_warned", "=", False)
            )
            & Domain("alert_failures", "<", FAILURES_MAX)
            & (
                Domain("date_alert_retry", "=", False)
                | Domain("date_alert_retry", "<=", now)
            )
        )

    @api.model
    def _cron_process(self, batch_size=BATCH_SIZE):
        """Re-plan what is marked, stop what meetings have answered, alert; one batch.

        ``ir.cron`` calls again while something remains. Rows that another worker holds
        are skipped now and found again.
        """
        progress = try_again(self.env, lambda: self._process_batch(batch_size))
        if progress is None:
            self._wake(fields.Datetime.now() + timedelta(minutes=1))
        done, remaining = progress or (0, 0)
        self.env["ir.cron"]._commit_progress(done, remaining=remaining)

    @api.model
    def _process_batch(self, batch_size):
        """Return how much was done, and how much is left."""
        done = self._process_replans(batch_size)
        Run = self.env["crm.sla.action.run"]
        for name in self.env["crm.sla.mixin"]._sla_get_models():
            self.env[name]._sla_stop_contacted()
        domain = self._get_alert_domain()
        found = self.search(domain, limit=batch_size, order="date_due, id")
        clocks = found.try_lock_for_update().filtered_domain(domain)
        clocks._alert()
        done += Run._process()
        remaining = self.search_count(domain)
        remaining += Run.search_count(Run._get_queue_domain())
        remaining += self.search_count([("replan", "!=", False)])
        if found and not clocks and not done:
            # all locked: whoever holds them is at work, look again later
            self._wake(fields.Datetime.now() + timedelta(minutes=5))
            remaining = 0
        self._trigger_next()
        return len(clocks) + done, remaining

    @api.model
    def _process_replans(self, batch_size):
        clocks = self.search([("replan", "!=", False)], limit=batch_size, order="id")
        clocks = clocks.try_lock_for_update()
        by_calendar = clocks.filtered(lambda clock: clock.replan == "calendar")
        by_calendar._plan_again(self.env._("The working hours were changed"))
        for res_model, group in (clocks - by_calendar).grouped("res_model").items():
            group._write_rows([{"id": c.id, "replan": None} for c in group], "replan")
            records = self.env[res_model].browse(set(group.mapped("res_id")))
            self._replan(records.exists(), self.env._("The policies were changed"))
        return len(clocks)

    @api.model
    def _trigger_next(self):
        """Be called again for the next moment that nobody asked for yet."""
        now = fields.Datetime.now()
        ahead = [
            self.search(
                RUNNING & Domain(fname, ">", now), order=f"{fname}, id", limit=1
            )[fname]
            for fname in ("date_due", "date_warning", "date_alert_retry")
        ]
        moments = [moment for moment in ahead if moment]
        if moments:
            at = min(moments)
            at = at.replace(second=0) + timedelta(minutes=bool(at.second))
            cron = self._get_cron()
            triggers = self.env["ir.cron.trigger"].sudo()  # the scheduler's own rows
            if not triggers.search_count(
                [("cron_id", "=", cron.id), ("call_at", "=", at)], limit=1
            ):
                self._wake(at)

    def _alert(self):
        """Warn and breach, each once. What fails is set aside alone, with its error."""
        if not self:
            return
        try:
            with self.env.cr.savepoint():
                self._apply_alerts()
        except COLLISIONS:
            raise  # serialisation, lock timeout: the whole batch comes again
        except Exception:  # noqa: BLE001 - found out one by one
            _logger.info("Alerts of %s clocks fail, trying each alone", len(self))
            for clock in self:
                clock._alert_alone()

    def _alert_alone(self):
        try:
            with self.env.cr.savepoint():
                self._apply_alerts()
        except COLLISIONS:
            raise
        except Exception as error:  # kept where a person sees it
            _logger.warning("Alert of clock %s fails", self.id, exc_info=True)
            self._write_rows(
                [
                    {
                        "id": self.id,
                        "alert_failures": self.alert_failures + 1,
                        "alert_error": str(error),
                        "date_alert_retry": fields.Datetime.now() + RETRY_AFTER,
                    }
                ],
                "alert_failures",
                "alert_error",
                "date_alert_retry",
            )

    def _apply_alerts(self):
        """Effects of the clocks that warn or breach now, and their date in the same
        transaction: never twice.

        Warnings that come together with their breach are only noted.
        """
        now = fields.Datetime.now()
        rows = []
        events = []
        effects = defaultdict(self.browse)
        for clock in self:
            breached = not clock.date_breached and clock.date_due <= now
            warned = not clock.date_warned and (
                bool(clock.date_warning) and clock.date_warning <= now
            )
            if breached:
                effects["breach", clock.target_id.action_breach] |= clock
                events.append((clock, "breach"))
            elif warned:
                effects["warning", clock.target_id.action_warning] |= clock
                events.append((clock, "warning"))
            rows.append(
                {
                    "id": clock.id,
                    "date_breached": now if breached else clock.date_breached or None,
                    "date_warned": now if warned else clock.date_warned or None,
                    "alert_failures": 0,
                    "alert_error": None,
                    "date_alert_retry": None,
                }
            )
        self._write_rows(rows, *(fname for fname in rows[0] if fname != "id"))
        self.env["crm.sla.action.run"]._enqueue(events)
        for (event, action), clocks in effects.items():
            if action and action != "none":
                for res_model, group in clocks.grouped("res_model").items():
                    records = self.env[res_model].browse(group.mapped("res_id"))
                    existing = set(records.exists().ids)
                    group = group.filtered(lambda c, ids=existing: c.res_id in ids)
                    getattr(group, f"_alert_by_{action}")(event)

    def _get_alert_user(self):
        """Hook: who is told. The responsible of the record, else the policy's
        escalation.
        """
        self.ensure_one()
        return self.user_id or self.policy_id.escalation_user_id

    def _get_alert_text(self, event, user):
        """Hook: title and text, in the language of who reads it."""
        self.ensure_one()
        clock = self.with_context(lang=user.lang or self.env.lang, tz=user.tz)
        kinds = dict(self._fields["kind"]._description_selection(clock.env))
        values = {
            "kind": kinds[clock.kind],
            "due": format_datetime(clock.env, clock.date_due, dt_format="short"),
        }
        if event == "breach":
            title = clock.env._("%(kind)s is late", **values)
            text = clock.env._("%(kind)s was promised for %(due)s.", **values)
        else:
            title = clock.env._("%(kind)s is due soon", **values)
            text = clock.env._("%(kind)s is promised for %(due)s.", **values)
        return title, text

    def _alert_by_activity(self, event):
        self._plan_alert_activities(
            event, [(clock, clock._get_alert_user()) for clock in self]
        )

    @api.model
    def _plan_alert_activities(self, event, pairs, activity_type=None, note=None):
        """One activity for each ``(clock, user)``, without mail that would ring at
        night.
        """
        today = fields.Date.context_today
        vals_list = []
        for clock, user in pairs:
            title, text = clock._get_alert_text(event, user)
            used_type = (
                activity_type
                or clock.policy_id.activity_type_id
                or self.env.ref("mail.mail_activity_data_todo")
            )
            vals_list.append(
                {
                    "activity_type_id": used_type.id,
                    "automated": True,
                    "date_deadline": today(clock.with_context(tz=user.tz)),
                    "note": " ".join(filter(None, (note, text, clock.reason))),
                    "res_id": clock.res_id,
                    "res_model_id": self.env["ir.model"]._get_id(clock.res_model),
                    "sla_clock_id": clock.id,
                    "summary": title,
                    "user_id": user.id,
                }
            )
        self.env["mail.activity"].with_context(
            mail_activity_quick_update=True, mail_create_nosubscribe=True
        ).create(vals_list)

    def _drop_alerts(self):
        """Nobody needs to act on these promises any more: what their warnings and
        breaches asked for goes. What was done of it stays.
        """
        alerted = self.filtered(lambda clock: clock.date_warned or clock.date_breached)
        if alerted:
            # activities of whoever was told, made by the clocks themselves
            self.env["mail.activity"].sudo().search(
                [("sla_clock_id", "in", alerted.ids), ("active", "=", True)]
            ).unlink()

    def _alert_by_note(self, event):
        for res_model, clocks in self.grouped("res_model").items():
            # two clocks of a record that are late at once make one note
            bodies = defaultdict(list)
            for clock in clocks:
                _title, text = clock._get_alert_text(event, clock._get_alert_user())
                bodies[clock.res_id].append(f"{text} {clock.reason or ''}")
            self.env[res_model].browse(bodies)._message_log_batch(
                {res_id: " ".join(texts) for res_id, texts in bodies.items()}
            )

    def _alert_by_notify(self, event):
        for clock in self:
            user = clock._get_alert_user()
            if not user:
                continue
            title, text = clock._get_alert_text(event, user)
            record = self.env[clock.res_model].browse(clock.res_id)
            user._bus_send(
                "simple_notification",
                {
                    "title": title,
                    "message": f"{record.display_name}: {text}",
                    "type": "danger" if event == "breach" else "warning",
                    "sticky": event == "breach",
                },
            )

    @api.autovacuum
    def _gc_orphans(self):
        """Drop clocks of records that were deleted in SQL, or whose addon is gone."""
        done = 0
        self.flush_model(["res_model", "res_id"])
        for res_model, _count in self._read_group([], ["res_model"], ["__count"]):
            domain = Domain("res_model", "=", res_model)
            if res_model in self.env:
                domain &= Domain(
                    "res_id",
                    "not in",
                    SQL(
                        "(SELECT id FROM %s)",
                        SQL.identifier(self.env[res_model]._table),
                    ),
                )
            clocks = self.search(domain, limit=GC_SIZE)
            clocks.unlink()
            done = max(done, len(clocks))
        return done, int(done == GC_SIZE)
