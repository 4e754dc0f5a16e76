import logging
from datetime import timedelta
from time import monotonic

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .crm_touchpoint_kind import CHANNELS

_logger = logging.getLogger(__name__)

QUEUE_KEY = "crm_plus.touchpoint_queue"
GC_BATCH_SIZE = 10_000


class CrmTouchpoint(models.Model):
    """The ledger of what happened between us and a customer: one row an interaction.

    Rows are only ever added, by ``_harvest``; each names the record it comes from, and
    (kind, origin, occurrence) is unique, so that reading an origin twice adds nothing.
    """

    _name = "crm.touchpoint"
    _description = "Touchpoint"
    _order = "date desc, id desc"
    # nobody edits a touchpoint, and the system adds them all: two foreign keys less to
    # check on each of millions of rows
    _log_access = False

    # what
    kind_id = fields.Many2one(
        "crm.touchpoint.kind", required=True, readonly=True, ondelete="restrict"
    )
    channel = fields.Selection(CHANNELS, readonly=True)
    icon = fields.Char(related="kind_id.icon")
    date = fields.Datetime(required=True, readonly=True)
    name = fields.Char(string="Subject", readonly=True)
    is_machine = fields.Boolean(
        string="By a Machine",
        readonly=True,
        help="Automatic replies, and opens or clicks made by mail scanners: kept, "
        "but never counted as engagement.",
    )
    # who
    partner_id = fields.Many2one(
        "res.partner", string="Contact", readonly=True, index="btree_not_null"
    )
    commercial_partner_id = fields.Many2one(
        "res.partner", string="Customer", readonly=True
    )
    lead_id = fields.Many2one(
        "crm.lead",
        string="Lead/Opportunity",
        readonly=True,
        index="btree_not_null",
    )
    user_id = fields.Many2one(
        "res.users", string="Responsible", readonly=True, index="btree_not_null"
    )
    company_id = fields.Many2one("res.company", readonly=True)
    # where from
    campaign_id = fields.Many2one(
        "utm.campaign", readonly=True, index="btree_not_null", ondelete="set null"
    )
    medium_id = fields.Many2one("utm.medium", readonly=True, ondelete="set null")
    source_id = fields.Many2one("utm.source", readonly=True, ondelete="set null")
    # how much
    currency_id = fields.Many2one(related="company_id.currency_id")
    amount = fields.Monetary(
        readonly=True,
        help="Untaxed amount of the quotation, order or deal, in company currency.",
    )
    amount_ledger = fields.Monetary(
        string="Invoiced Amount",
        readonly=True,
        groups="account.group_account_readonly,account.group_account_invoice",
        help="Untaxed amount of the invoice or credit note, in company currency.",
    )
    # origin
    res_model = fields.Char(string="Origin Model", required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Origin", model_field="res_model", required=True, readonly=True
    )
    occurrence = fields.Char(
        required=True, readonly=True, default="", export_string_translation=False
    )

    _origin_uniq = models.Constraint(
        "UNIQUE(kind_id, res_model, res_id, occurrence)",
        "This interaction is already in the ledger.",
    )
    # the timeline of a customer, newest first; and what campaigns and reports read
    _customer_idx = models.Index("(commercial_partner_id, date DESC)")
    _kind_date_idx = models.Index("(kind_id, date)")

    @api.depends("kind_id", "name")
    def _compute_display_name(self):
        for touchpoint in self:
            parts = [touchpoint.kind_id.name, touchpoint.name]
            touchpoint.display_name = ": ".join(part for part in parts if part)

    # ------------------------------------------------------------
    # Append-only
    # ------------------------------------------------------------

    def write(self, vals):
        if vals:
            raise UserError(
                self.env._("Touchpoints are history: they cannot be changed.")
            )
        return super().write(vals)

    # ------------------------------------------------------------
    # Sources
    # ------------------------------------------------------------

    @api.model
    def _get_sources(self):
        """Hook: the list of ``TouchpointSource`` to harvest. Overrides add theirs to
        it.
        """
        return []

    @api.model
    def _get_sources_by_key(self):
        sources = self._get_sources()
        by_key = {source.key: source for source in sources}
        if len(by_key) != len(sources):
            raise ValueError("two touchpoint sources have the same key")
        return by_key

    # ------------------------------------------------------------
    # Harvest
    # ------------------------------------------------------------

    @api.model
    def _queue_harvest(self, key, ids):
        """Harvest the origins ``ids`` of source ``key`` when this transaction commits.

        However often it is called, one statement a source is run.
        """
        if not ids:
            return
        precommit = self.env.cr.precommit
        if QUEUE_KEY not in precommit.data:
            precommit.data[QUEUE_KEY] = {}
            # the ledger is the engine's, whoever did what is harvested
            precommit.add(self.sudo().browse()._harvest_queued)
        precommit.data[QUEUE_KEY].setdefault(key, set()).update(ids)

    @api.model
    def _harvest_queued(self):
        """Harvest what ``_queue_harvest`` collected in this transaction.

        A source that fails must not undo the business transaction it looks at: its rows
        are left to the scheduler, which reads them by their watermark.
        """
        queue = self.env.cr.precommit.data.pop(QUEUE_KEY, {})
        sources = self._get_sources_by_key()
        touchpoint_ids = []
        # A flushing savepoint would run the queues behind this one before it is done.
        self.env.flush_all()
        # All together first; each alone only if one of them fails.
        batches = [list(queue.items())]
        while batches:
            batch = batches.pop(0)
            try:
                with self.env.cr.savepoint(flush=False):
                    new_ids = [
                        touchpoint_id
                        for key, ids in batch
                        for touchpoint_id in self._harvest_source(sources[key], ids=ids)
                    ]
            except psycopg2.OperationalError:
                raise  # serialisation, lock timeout: the whole transaction is retried
            except psycopg2.Error:
                if len(batch) > 1:
                    batches = [[item] for item in batch]
                    continue
                _logger.exception("crm_plus: touchpoint source %s failed", batch[0][0])
                self._trigger_harvest()
            else:
                touchpoint_ids += new_ids
        if touchpoint_ids:
            self._on_harvested(touchpoint_ids)
        return touchpoint_ids

    @api.model
    def _trigger_harvest(self):
        cron = self.env.ref(
            "crm_plus.ir_cron_harvest_touchpoints", raise_if_not_found=False
        )
        if cron:
            cron._trigger()

    @api.model
    def _harvest(self, keys=None):
        """Read all sources (or those named) from their watermark on.

        Why nothing is lost when a transaction commits late: a row carries the start of
        the transaction that wrote it (``write_date``). Each run notes its *horizon*,
        the start of the oldest transaction still open at that moment. What run *n*
        could not see was written by a transaction that was open at the horizon of run
        *n - 1*, or began later; so run *n + 1* starts reading at the horizon of run *n
        - 1*. It takes the horizon one run late because Odoo's transactions see the
        database as it was at their first query, which may be before the moment the
        horizon is taken. What is read twice conflicts with itself and is dropped.

        :return: ``{source key: number of new touchpoints}``
        """
        sources = self._get_sources_by_key()
        wanted = [key for key in sources if keys is None or key in keys]
        watermarks = self._get_watermarks(wanted)
        counts = {}
        touchpoint_ids = []
        for key in wanted:
            watermark = watermarks[key]
            started = monotonic()
            new_ids = self._harvest_source(sources[key], since=watermark.date_from)
            counts[key] = len(new_ids)
            touchpoint_ids += new_ids
            watermark._advance(len(new_ids), monotonic() - started)
        if touchpoint_ids:
            self._on_harvested(touchpoint_ids)
        return counts

    @api.model
    def _get_watermarks(self, keys):
        """Return ``{key: watermark}``, locked: two harvests follow each other."""
        # the engine's own rows
        Watermark = self.env["crm.touchpoint.watermark"].sudo()
        found = Watermark.search([("source_key", "in", keys)])
        missing = set(keys) - set(found.mapped("source_key"))
        if missing:
            sources = self._get_sources_by_key()
            kinds = {kind.code: kind.id for kind in self._get_kinds()}
            found += Watermark.create(
                [
                    {"source_key": key, "kind_id": kinds.get(sources[key].kind)}
                    for key in sorted(missing)
                ]
            )
        found.lock_for_update()
        return {watermark.source_key: watermark for watermark in found}

    @api.model
    def _get_kinds(self):
        # whoever acts: kinds are no secret, yet portal users have no right to them
        return (
            self.env["crm.touchpoint.kind"]
            .sudo()
            .with_context(active_test=False)
            .search([])
        )

    @api.model
    def _harvest_source(self, source, since=None, ids=None):
        """Insert the touchpoints of one source; return the ids of the new rows.

        Dates are cut to the second, as the ORM's are: an order confirmed at 10:00:05
        follows the quotation sent at 10:00:05.7, and ids tell the order within a
        second.
        """
        for model, field_names in source.depends.items():
            self.env[model].flush_model(field_names)
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_touchpoint (
                    kind_id, channel, date, name, partner_id, commercial_partner_id,
                    lead_id, user_id, company_id, campaign_id, medium_id, source_id,
                    amount, amount_ledger, is_machine, res_model, res_id, occurrence
                )
                SELECT kind.id, kind.channel, date_trunc('second', origin.date),
                       left(origin.name, 200),
                       partner.id, partner.commercial_partner_id,
                       origin.lead_id, origin.user_id, origin.company_id,
                       origin.campaign_id, origin.medium_id, origin.source_id,
                       origin.amount, origin.amount_ledger,
                       COALESCE(origin.is_machine, FALSE),
                       %(model)s, origin.res_id, COALESCE(origin.occurrence, '')
                  FROM (%(select)s) origin
                  JOIN crm_touchpoint_kind kind ON kind.code = %(kind)s AND kind.active
             LEFT JOIN res_partner partner ON partner.id = origin.partner_id
                 WHERE origin.date IS NOT NULL
           ON CONFLICT (kind_id, res_model, res_id, occurrence) DO NOTHING
             RETURNING id
                """,
                model=source.model,
                select=source.select(since=since, ids=ids),
                kind=source.kind,
            )
        )
        return [row[0] for row in rows]

    @api.model
    def _get_derived_kinds(self):
        """Hook: codes of kinds that are consequences of scores and segments.

        They do not refresh scores and segments at once, so that two that depend on each
        other cannot chase each other within a transaction; the next scheduled run reads
        them.
        """
        return set()

    @api.model
    def _on_harvested(self, touchpoint_ids):
        """Hook: called with the ids of new touchpoints, after each harvest.

        Runs in the transaction that harvested them, which may be a user's: overrides
        work on the whole set in a few queries, and leave long work to their own cron.
        """

    # ------------------------------------------------------------
    # Keep references right
    # ------------------------------------------------------------

    @api.model
    def _follow_leads(self, lead_ids):
        """Give the touchpoints of leads the customer the leads have got meanwhile."""
        self.env["crm.lead"].flush_model(["partner_id"])
        # of a contact made in this very transaction it is still to be computed
        self.env["res.partner"].flush_model(["commercial_partner_id"])
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_touchpoint t
                   SET partner_id = p.id,
                       commercial_partner_id = p.commercial_partner_id
                  FROM crm_lead l
                  JOIN res_partner p ON p.id = l.partner_id
                 WHERE t.lead_id = l.id
                   AND l.id = ANY(%s)
                   AND t.partner_id IS NULL
             RETURNING t.id
                """,
                list(lead_ids),
            )
        )
        self.invalidate_model(["partner_id", "commercial_partner_id"], flush=False)

    @api.model
    def _move_leads(self, lead_ids, into_lead_id):
        """Touchpoints of merged leads go on as those of the lead that stays."""
        self.env.execute_query(
            SQL(
                "UPDATE crm_touchpoint SET lead_id = %s"
                " WHERE lead_id = ANY(%s) RETURNING id",
                into_lead_id,
                list(lead_ids),
            )
        )
        self.invalidate_model(["lead_id"], flush=False)

    # ------------------------------------------------------------
    # Actions and jobs
    # ------------------------------------------------------------

    def action_open_origin(self):
        """Open the record the touchpoint comes from, if the user may see it."""
        self.ensure_one()
        model, res_id = self._get_origin()
        record = self.env[model].browse(res_id).exists() if model in self.env else None
        if not record:
            raise UserError(
                self.env._("The record behind this touchpoint was deleted.")
            )
        record.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": model,
            "res_id": record.id,
            "view_mode": "form",
        }

    def _get_origin(self):
        """Hook: ``(model, id)`` of the record to open; of a message, its document."""
        self.ensure_one()
        if self.res_model == "mail.message":
            # sudo: only the reference is read; the document is opened with the user's
            # rights
            message_sudo = self.env["mail.message"].sudo().browse(self.res_id).exists()
            if message_sudo.model:
                return message_sudo.model, message_sudo.res_id
        return self.res_model, self.res_id

    @api.model
    def _cron_harvest(self):
        """Harvest source by source, each in a transaction of its own."""
        IrCron = self.env["ir.cron"]
        keys = list(self._get_sources_by_key())
        IrCron._commit_progress(remaining=len(keys))
        for key in keys:
            try:
                self._harvest([key])
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("crm_plus: touchpoint source %s failed", key)
                # the engine's own rows
                watermark = self.env["crm.touchpoint.watermark"].sudo()
                watermark.search([("source_key", "=", key)]).last_error = str(error)
            if not IrCron._commit_progress(1):
                self._trigger_harvest()
                break

    @api.autovacuum
    def _gc_touchpoints(self):
        """Drop touchpoints older than the retention setting (months; 0 keeps all)."""
        # an autovacuum
        months = int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_plus.touchpoint_retention_months", 0)
        )
        if months <= 0:
            return None
        limit = fields.Datetime.now() - timedelta(days=30.44 * months)
        # nobody may delete a touchpoint but this
        old = self.sudo().search(
            [("date", "<", limit)], limit=GC_BATCH_SIZE, order="id"
        )
        count = len(old)
        old.unlink()
        return count, int(count == GC_BATCH_SIZE)
