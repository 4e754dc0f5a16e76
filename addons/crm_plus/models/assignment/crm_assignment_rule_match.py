"""Which rule takes which record; and the scheduler of the room."""

import logging
from collections import Counter
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, ormcache

from ...tools.collision import try_again
from ...tools.user_domain import domain_fields

_logger = logging.getLogger(__name__)

# records of one transaction: matching asks once a rule whatever their number; writing
# them takes a few seconds
BATCH_SIZE = 500
# moments handed to the scheduler at once; each run asks for the next ones
TRIGGERS_MAX = 50
WAKE_KEY = "crm_plus.assignment_wake"


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmAssignmentRule(models.Model):
    _inherit = "crm.assignment.rule"

    @api.model
    @ormcache("res_model")
    def _get_rule_ids(self, res_model):
        """Ids of the rules of a model, in order; of all companies."""
        # what is assigned does not depend on who creates the record
        return tuple(
            self.sudo()
            .with_context(active_test=True)
            .search([("res_model", "=", res_model)])
            .ids
        )

    @api.model
    @ormcache("res_model")
    def _get_watched_fields(self, res_model):
        """Fields of a model that the conditions of its rules look at."""
        watched = set()
        # names of fields, the same for whoever writes on a record
        Model = self.env[res_model].sudo()
        for rule in self.sudo().browse(self._get_rule_ids(res_model)):
            try:
                domain = Model._assignment_get_domain(rule)
                watched |= domain_fields(Model, domain)
                if rule.zip_ranges:
                    watched.add("zip")
            except Exception:  # noqa: BLE001 whatever a user may have written
                continue  # _filter_ids logs it
        return frozenset(watched & Model._fields.keys())

    @api.model
    def _match(self, records):
        """``{record id: rule}``; one search a rule, whatever number of records.

        Conditions are asked in sudo: who takes a record must not depend on who made it
        or who presses the button. They were checked under the rights of who wrote them.
        """
        matched = {}
        left = set(records.ids)
        # see above: whoever asks
        for rule in self.sudo().browse(self._get_rule_ids(records._name)):
            if not left:
                break
            found = set(rule._filter_ids(left))
            matched.update(dict.fromkeys(found, rule))
            left -= found
        return matched

    def _filter_ids(self, ids):
        """Those of ``ids`` that this rule holds for; none when it no longer works."""
        self.ensure_one()
        # as _match says: whoever asks; ids that the caller has
        Model = self.env[self.res_model].sudo().with_context(active_test=False)
        self.env.flush_all()
        try:
            # a field that was removed since must not stop all assignment; a flushing
            # savepoint would run what waits for the commit
            with self.env.cr.savepoint(flush=False):
                domain = Model._assignment_get_domain(self.sudo())
                return Model.search(domain & Domain("id", "in", list(ids))).ids
        except psycopg2.OperationalError:
            raise
        except Exception:
            _logger.exception("Condition of assignment rule %s fails", self.id)
            return ()

    def _get_overlaps(self, res_model):
        """``{rule id: (matched, taken, {earlier rule's name: records})}``, of the
        records of the last 30 days.
        """
        ids = self.env[res_model]._assignment_sample()
        found, taker = {}, {}
        # rules of all companies go first, whoever sees them
        for rule in self.sudo().browse(self._get_rule_ids(res_model)):
            matched = rule._filter_ids(ids) if ids else ()
            lost = Counter()
            for record_id in matched:
                earlier = taker.setdefault(record_id, rule)
                if earlier != rule:
                    lost[earlier.name] += 1
            found[rule.id] = (len(matched), len(matched) - lost.total(), dict(lost))
        return found

    @api.model
    def _lock(self, res_model):
        """One run at a time: the second waits, and is then told to start over.

        The rules are written, not only locked: a transaction that has seen the turns
        before the other one changed them fails to serialise, and is tried again by
        whoever started it (a request by Odoo, the scheduler below).
        """
        ids = list(self._get_rule_ids(res_model))
        if ids:
            self.flush_model(["turn"])
            self.env.cr.execute(
                SQL(
                    """SELECT id FROM crm_assignment_rule WHERE id = ANY(%s)
                        ORDER BY id FOR NO KEY UPDATE""",
                    ids,
                )
            )

    @api.model
    def _count_turns(self, counts):
        """Write how many records each rule has given, ``{rule id: number}``."""
        if counts:
            self.env.cr.execute(
                SQL(
                    """UPDATE crm_assignment_rule AS r
                          SET turn = COALESCE(r.turn, 0) + n
                         FROM unnest(%s, %s) AS c(id, n) WHERE r.id = c.id""",
                    list(counts),
                    list(counts.values()),
                )
            )
            self.browse(counts).invalidate_recordset(["turn"], flush=False)

    # ------------------------------------------------------------
    # Scheduler
    # ------------------------------------------------------------

    @api.model
    def _wake(self, moments=None):
        """Have the scheduler come at ``moments``; or when this transaction commits,
        once however often it is called.
        """
        # an administrator may have deleted it: no assignment then, leads still come in
        cron = self.env.ref("crm_plus.ir_cron_assign", raise_if_not_found=False)
        if not cron:
            return
        if moments is None:
            data = self.env.cr.precommit.data
            if WAKE_KEY in data:
                return
            data[WAKE_KEY] = True
        else:
            now = fields.Datetime.now()
            moments = sorted(
                {
                    max(m.replace(second=0) + timedelta(minutes=bool(m.second)), now)
                    for m in moments
                }
            )[:TRIGGERS_MAX]
            if not moments:
                return
        cron.sudo()._trigger(moments)  # woken by whoever acts

    @api.model
    def _cron_assign(self, batch_size=BATCH_SIZE):
        """Take back what silent people have, then assign what waits; one batch of each.

        ``ir.cron`` calls again while something remains. What could not be assigned has
        its next try in the future, so a batch never comes twice.
        """
        # somebody may write on one of these records, or press the button
        progress = try_again(self.env, lambda: self._process(batch_size))
        if progress is None:
            self._wake([fields.Datetime.now() + timedelta(minutes=1)])
        done, remaining = progress or (0, 0)
        self.env["ir.cron"]._commit_progress(done, remaining=remaining)

    @api.model
    def _process(self, batch_size):
        done, remaining = self.env["crm.assignment.log"]._process_silence(batch_size)
        for name in self.env["crm.assignment.mixin"]._assignment_get_models():
            Model = self.env[name].with_context(active_test=True)
            domain = Model._assignment_get_queue_domain()
            records = Model.search(
                domain, limit=batch_size, order="assignment_next_try, id"
            )
            if records:
                records._assignment_run("queue")
                still = records.filtered_domain(domain)
                done += len(records) - len(still)
                if still == records:
                    # all are being edited: look again later
                    self._wake([fields.Datetime.now() + timedelta(minutes=1)])
                    continue
                remaining += Model.search_count(domain)
        self._wake_next()
        return done, remaining

    @api.model
    def _wake_next(self):
        """Be called for the next moments that nobody asked for yet."""
        moments = self.env["crm.assignment.log"]._get_next_silences()
        for name in self.env["crm.assignment.mixin"]._assignment_get_models():
            moments += self.env[name]._assignment_get_next_tries()
        moments = sorted(moments)[:1]
        cron = self.env.ref("crm_plus.ir_cron_assign", raise_if_not_found=False)
        if not moments or not cron:
            return
        moment = moments[0].replace(second=0, microsecond=0) + timedelta(minutes=1)
        triggers = self.env["ir.cron.trigger"].sudo()  # the scheduler's own rows
        if not triggers.search_count(
            [("cron_id", "=", cron.id), ("call_at", "=", moment)], limit=1
        ):
            self._wake([moment])
