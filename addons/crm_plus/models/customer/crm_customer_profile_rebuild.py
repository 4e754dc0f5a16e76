from contextlib import contextmanager
from datetime import datetime, time, timedelta

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools import customer_facts
from ...tools.collision import rested, succeeds
from ...tools.company_time import company_today
from ...tools.sales import SALE_TYPES

QUEUE_KEY = "crm_plus.profile_queue"
# Customers of one batch of the nightly run: some seconds, and a temporary file at most.
BATCH_SIZE = 20_000
# From so many customers on all is read through rather than looked up: planners think
# grouped sets small and would join them with each other row by row.
SCAN_FROM = 1000
# Up to so many customers are rebuilt within the transaction that touches them, some
# milliseconds each; more are left to the scheduler.
AT_ONCE_LIMIT = 100
# All that a customer ever bought is read again: of one with more invoices than that,
# such as who pays at the counter, by the scheduler. Nobody who posts waits for it.
AT_ONCE_INVOICES = 5000
# Each customer is read anew every so many nights whatever is known to have changed:
# heals what was written past Odoo.
READ_ALL_NIGHTS = 28
# Facts older than that are read, not brought to the day.
AGED_DAYS = 7


class CrmCustomerProfile(models.Model):
    """When profiles are rebuilt: at once, and each night."""

    _inherit = "crm.customer.profile"

    @api.model
    def _rebuild(self, partner_ids=None, today=None):
        """Rebuild the profiles of these customers (commercial partners), or of all.

        The number of statements does not depend on how many they are.
        """
        if partner_ids is not None and not partner_ids:
            return
        if partner_ids is not None:
            partner_ids = sorted(set(partner_ids))
        today = today or self._get_today()
        yardsticks = self._read_facts(partner_ids, today)
        self._judge(partner_ids, yardsticks, today)
        self.env["res.partner"].invalidate_model(
            ["customer_profile_ids", "customer_profile_id"], flush=False
        )

    @api.model
    def _get_today(self):
        """The day of all profiles: that of the scheduler's company, whoever asks.

        A seller elsewhere would else move customers to his own day, and the next
        night back.
        """
        scheduler = self.env.ref("base.user_root")
        # sudo: the scheduler's company is no secret; only its day is read
        return company_today(scheduler.sudo().company_id)

    def _read_facts(self, partner_ids, today):
        """Read facts and products of these customers; return the yardsticks."""
        for model, names in self._get_flushed().items():
            self.env[model].flush_model(names)
        # sudo: settings of companies the user may not be in
        yardsticks = self.env["crm.customer.yardstick"].sudo()._get_all()
        yardsticks.flush_recordset()
        self._write_facts(partner_ids, today, yardsticks)
        self.env["crm.customer.product"]._write_products(partner_ids, today)
        self.invalidate_model(flush=False)
        return yardsticks

    @contextmanager
    def _scan(self, partner_ids):
        """Have the statements within read through the tables where customers are many
        (None: all); those of a few are looked up by index.
        """
        settings = (
            {"enable_nestloop": "off", "jit": "off", "work_mem": "64MB"}
            if partner_ids is None or len(partner_ids) >= SCAN_FROM
            else {}
        )
        for name, value in settings.items():
            self.env.cr.execute(SQL("SET LOCAL %s = %s", SQL.identifier(name), value))
        yield
        for name in settings:
            self.env.cr.execute(SQL("SET LOCAL %s TO DEFAULT", SQL.identifier(name)))

    # ------------------------------------------------------------
    # At once
    # ------------------------------------------------------------

    @api.model
    def _queue_rebuild(self, partners):
        """Rebuild the profiles of the customers behind these contacts when the
        transaction commits, once.
        """
        partner_ids = set(partners.commercial_partner_id.ids)
        if not partner_ids:
            return
        precommit = self.env.cr.precommit
        if QUEUE_KEY not in precommit.data:
            precommit.data[QUEUE_KEY] = set()
            # sudo: whoever posts an invoice may not see profiles
            precommit.add(self.sudo().browse()._rebuild_queued)
        precommit.data[QUEUE_KEY].update(partner_ids)

    @api.model
    def _get_earlier_queues(self):
        """Hook: precommit queues to wait for, since facts read what they write."""
        return {"crm_plus.touchpoint_queue"}

    @api.model
    def _rebuild_queued(self):
        precommit = self.env.cr.precommit
        if any(key in precommit.data for key in self._get_earlier_queues()):
            precommit.add(self._rebuild_queued)
            return
        partner_ids = precommit.data.pop(QUEUE_KEY, set())
        partner_ids = set(self.env["res.partner"].browse(partner_ids).exists().ids)
        if len(partner_ids) > AT_ONCE_LIMIT:
            self._mark_stale(Domain("partner_id", "in", partner_ids))
            return
        large = Domain("partner_id", "in", partner_ids) & Domain(
            "invoice_count", ">", AT_ONCE_INVOICES
        )
        large_ids = set(self.search(large).partner_id.ids)
        if large_ids:
            self._mark_stale(large)
        self._rebuild(partner_ids - large_ids)
        self._queue_followers(partner_ids - large_ids)

    @api.model
    def _queue_followers(self, partner_ids):
        """Look again at who is in segments and at scores that ask for these profiles:
        of the customers, of their people and of their leads.
        """
        Segment = self.env["crm.segment"]
        ScoreModel = self.env["crm.score.model"]
        scored = ScoreModel._get_profile_targets()
        for model, path in (
            ("res.partner", "commercial_partner_id"),
            ("crm.lead", "partner_id.commercial_partner_id"),
        ):
            if model not in scored and not Segment._get_watched_fields(model):
                continue
            # whoever posts, and lost ones too
            Model = self.env[model].sudo().with_context(active_test=False)
            ids = Model.search([(path, "in", list(partner_ids))], order="id").ids
            Segment._queue_refresh(model, ids)
            if model in scored:
                ScoreModel._queue_recompute(model, ids)

    @api.model
    def _mark_stale(self, domain):
        # once: whoever posts meanwhile does not wait for the row of another
        fresh = Domain(domain) & Domain("date_rebuilt", "!=", False)
        self.search(fresh).write({"date_rebuilt": False})
        self._trigger_rebuild()

    # ------------------------------------------------------------
    # Nightly
    # ------------------------------------------------------------

    @api.model
    def _trigger_rebuild(self, at=None):
        cron = self.env.ref(
            "crm_plus.ir_cron_rebuild_profiles", raise_if_not_found=False
        )
        if cron:
            cron._trigger(at)

    def _get_start(self, today):
        """Profiles rebuilt before that are not of ``today``."""
        # not in the future, where the day begins before that of UTC
        return min(datetime.combine(today, time.min), self.env.cr.now())

    @api.model
    def _get_due_ids(self, today):
        """Customers whose ledger is to be read: who has no profile yet or a stale one,
        for whom something changed, and some of all, so that each is read once in a
        while. The others are only brought to the day (see ``_age``).
        """
        for model, names in self._get_flushed().items():
            self.env[model].flush_model(names)
        start = self._get_start(today)
        oldest = today - timedelta(days=AGED_DAYS)
        [[since]] = self.env.execute_query(
            SQL(
                """
                -- a day may begin before that of UTC
                SELECT min(date_rebuilt)::date - 1 FROM crm_customer_profile
                 WHERE date_rebuilt >= %s
                """,
                oldest,
            )
        )
        with self._scan(None):
            rows = self.env.execute_query(
                SQL(
                    """
                    WITH changed AS (%(changed)s)
                    SELECT p.partner_id
                      FROM crm_customer_profile p
                     WHERE p.date_rebuilt IS NULL OR p.date_rebuilt < %(oldest)s
                        OR p.date_read IS NULL
                        OR p.date_rebuilt < %(start)s AND (
                            p.partner_id IN (SELECT customer_id FROM changed)
                            OR p.partner_id %% %(nights)s = %(night)s)
                     UNION
                    SELECT p.commercial_partner_id
                      FROM (SELECT DISTINCT commercial_partner_id AS id, company_id
                              FROM account_move
                             WHERE state = 'posted' AND invoice_date <= %(today)s
                               AND move_type IN %(sale_types)s
                             UNION
                            SELECT DISTINCT partner_id, company_id
                              FROM sale_order WHERE state = 'sale') k
                      JOIN res_partner p ON p.id = k.id
                     WHERE NOT EXISTS (
                         SELECT FROM crm_customer_profile c
                          WHERE c.partner_id = p.commercial_partner_id
                            AND c.company_id = k.company_id)
                     ORDER BY 1
                    """,
                    changed=customer_facts.changed(
                        SQL("%s::date", today), SQL("%s::date", since or today)
                    ),
                    sale_types=SALE_TYPES,
                    oldest=oldest,
                    start=start,
                    nights=READ_ALL_NIGHTS,
                    night=today.toordinal() % READ_ALL_NIGHTS,
                    today=today,
                )
            )
        return [row[0] for row in rows]

    @api.model
    def _cron_rebuild(self, batch_size=BATCH_SIZE):
        """Read the ledger for whom it changed, bring the others to the day, then renew
        the yardsticks of the companies and judge all their customers by them.

        Each step in its own transaction: somebody may post an invoice of one of these
        customers meanwhile.
        """
        IrCron = self.env["ir.cron"]
        today = self._get_today()
        due_ids = self._get_due_ids(today)
        yardsticks = self.env["crm.customer.yardstick"]._get_all()
        stale = yardsticks.filtered(lambda one: not one.date or one.date < today)
        IrCron._commit_progress(remaining=len(due_ids) + len(stale))
        for start in range(0, len(due_ids), batch_size):
            batch = due_ids[start : start + batch_size]
            # those of a stale yardstick are judged below, with all
            rebuild = self._read_facts if stale else self._rebuild
            if not succeeds(self.env, lambda ids=batch, do=rebuild: do(ids, today)):
                self._trigger_rebuild(rested())
                return
            if not IrCron._commit_progress(len(batch)):
                return
        if not stale:
            return
        if not succeeds(self.env, lambda: self._age(today, yardsticks)):
            self._trigger_rebuild(rested())
            return
        IrCron._commit_progress()
        for yardstick in stale:
            if not succeeds(self.env, lambda one=yardstick: self._compare(one, today)):
                self._trigger_rebuild(rested())
                return
            if not IrCron._commit_progress(1):
                return

    def _compare(self, yardstick, today):
        """What follows from all customers of a company together."""
        yardstick._renew(today)
        self._judge(None, yardstick, today)
        self.env["crm.customer.snapshot"]._keep(yardstick.company_id, today)
        self.env["crm.customer.retention"]._renew(yardstick.company_id, today)
        self.env["crm.customer.affinity"]._renew(yardstick, today)
        self.invalidate_model(flush=False)
