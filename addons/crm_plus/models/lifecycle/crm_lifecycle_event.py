import logging

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...tools.collision import rested, succeeds
from ..scoring.crm_score_model import QUEUE_KEY as SCORE_QUEUE_KEY
from ..touchpoint.crm_touchpoint import QUEUE_KEY as TOUCHPOINT_QUEUE_KEY

_logger = logging.getLogger(__name__)

QUEUE_KEY = "crm_plus.lifecycle_queue"
# Leads or customers of one transaction of the scheduler: some seconds.
BATCH_SIZE = 5_000

KINDS = [
    ("reached", "Reached"),
    ("back", "Sent back"),
    ("refused", "Refused by sales"),
    ("out", "Left the funnel"),
    ("return", "Came back"),
]

EVENT_COLUMNS = SQL(
    """e.target, e.origin_id, e.lead_id, e.commercial_partner_id, e.kind, e.step_to_id,
       e.cycle, e.date, e.user_id, e.team_id, e.company_id,
       e.campaign_id, e.medium_id, e.source_id, e.origin, e.reason"""
)
# Of an event ``e`` (with its step ``s``): the step before it, and the days since.
CHAIN_LINKS = SQL(
    """lag(e.step_to_id) OVER w AS from_id,
       round(EXTRACT(EPOCH FROM e.date - lag(e.date) OVER w)::numeric / 86400, 2)
           AS days"""
)
CHAIN_WINDOW = SQL(
    """PARTITION BY e.target, COALESCE(e.lead_id, e.commercial_partner_id)
           ORDER BY e.date, e.cycle, s.sequence, e.id"""
)


class CrmLifecycleEvent(models.Model):
    """The dated history of leads and customers: one row a step reached, or left.

    Rows are derived from what the records and the ledger say (a lead's dates, its
    score, hand-overs, posted invoices), by SQL for any number at once, at the end of
    the transaction that changed them. Within one *pass* through the funnel a step is
    reached once, so deriving twice adds nothing; sending a lead back begins the next
    pass.
    """

    _name = "crm.lifecycle.event"
    _description = "Lifecycle Event"
    _order = "date desc, id desc"
    _rec_name = "step_to_id"
    # nobody edits it: and of each reference the database asks whether it exists
    _log_access = False

    # who
    target = fields.Selection(
        [("lead", "Lead"), ("partner", "Customer")], required=True, readonly=True
    )
    origin_id = fields.Integer(
        required=True,
        readonly=True,
        help="Id of the lead or customer when it happened; records that are merged "
        "keep both histories.",
    )
    lead_id = fields.Many2one(
        "crm.lead",
        string="Lead/Opportunity",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    commercial_partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    # what
    kind = fields.Selection(KINDS, string="Event", required=True, readonly=True)
    step_from_id = fields.Many2one("crm.lifecycle.step", string="From", readonly=True)
    step_to_id = fields.Many2one(
        "crm.lifecycle.step",
        string="Step",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    cycle = fields.Integer(
        string="Pass",
        required=True,
        readonly=True,
        help="0 for the first pass through the funnel; one more each time a lead is "
        "sent back or a lapsed customer returns.",
    )
    date = fields.Datetime(required=True, readonly=True)
    days_before = fields.Float(
        string="Days in Former Step",
        readonly=True,
        digits=(16, 2),
        aggregator="avg",
        help="Days since the event before; empty for the first.",
    )
    # whose, then
    user_id = fields.Many2one(
        "res.users", string="Salesperson", readonly=True, index="btree_not_null"
    )
    team_id = fields.Many2one(
        "crm.team",
        string="Sales Team",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    company_id = fields.Many2one("res.company", readonly=True)
    campaign_id = fields.Many2one(
        "utm.campaign", readonly=True, index="btree_not_null", ondelete="set null"
    )
    medium_id = fields.Many2one("utm.medium", readonly=True, ondelete="set null")
    source_id = fields.Many2one("utm.source", readonly=True, ondelete="set null")
    # why
    origin = fields.Selection(
        [
            ("record", "From the record"),
            ("score", "By score"),
            ("handover", "By hand-over"),
            ("user", "By a person"),
            ("ledger", "From orders and invoices"),
            ("silence", "By silence"),
        ],
        string="How",
        required=True,
        readonly=True,
    )
    reason = fields.Char(readonly=True)

    # within a pass a step is reached once; it is left, returned to … once a moment
    _reached_uniq = models.UniqueIndex(
        "(target, origin_id, step_to_id, cycle) WHERE kind = 'reached'",
        "This step was reached already.",
    )
    _moved_uniq = models.UniqueIndex(
        "(target, origin_id, kind, step_to_id, date) WHERE kind <> 'reached'",
        "This event is already in the history.",
    )
    _date_idx = models.Index("(date)")
    # few beside those of leads, and read by themselves
    _partner_idx = models.Index("(commercial_partner_id) WHERE target = 'partner'")

    @api.depends("kind", "step_to_id")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for event in self:
            event.display_name = f"{kinds.get(event.kind)}: {event.step_to_id.name}"

    def write(self, vals):
        if vals:
            raise UserError(
                self.env._("The lifecycle is history: it cannot be changed.")
            )
        return super().write(vals)

    def action_open_record(self):
        """Open the lead, or the customer."""
        self.ensure_one()
        record = self.lead_id or self.commercial_partner_id
        record.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "view_mode": "form",
        }

    # ------------------------------------------------------------
    # Queue
    # ------------------------------------------------------------

    @api.model
    def _queue(self, target, ids):
        """Bring the history of these leads or customers up to date at commit.

        :param target: ``lead`` or ``partner``
        """
        if not ids:
            return
        precommit = self.env.cr.precommit
        if QUEUE_KEY not in precommit.data:
            precommit.data[QUEUE_KEY] = {}
            # sudo: history is written by the system only
            precommit.add(self.sudo().browse()._advance_queued)
        precommit.data[QUEUE_KEY].setdefault(target, set()).update(ids)

    @api.model
    def _advance_queued(self):
        precommit = self.env.cr.precommit
        if {TOUCHPOINT_QUEUE_KEY, SCORE_QUEUE_KEY} & precommit.data.keys():
            # touchpoints and scores of this transaction first: steps follow from them
            precommit.add(self._advance_queued)
            return
        queue = precommit.data.pop(QUEUE_KEY, {})
        # A flushing savepoint would run the queues behind this one before it is done.
        self.env.flush_all()
        try:
            with self.env.cr.savepoint(flush=False):
                self._advance_leads(queue.get("lead"))
                self._advance_partners(queue.get("partner"))
        except psycopg2.OperationalError:
            raise  # serialisation, lock timeout: the whole transaction is retried
        except Exception:
            # History must not stop a seller's work: the nightly run reads again.
            _logger.exception("crm_plus: lifecycle left to the nightly run")

    # ------------------------------------------------------------
    # Scheduler
    # ------------------------------------------------------------

    @api.model
    def _backfill(self):
        """Write the history of all that the database holds; what is there stays."""
        for table, advance in (
            ("crm_lead", self._advance_leads),
            ("res_partner", self._advance_partners),
        ):
            last_id = 0
            while ids := self._next_ids(SQL.identifier(table), last_id):
                advance(ids)
                last_id = ids[-1]

    @api.model
    def _next_ids(self, table, last_id):
        return [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    "SELECT id FROM %s WHERE id > %s ORDER BY id LIMIT %s",
                    table,
                    last_id,
                    BATCH_SIZE,
                )
            )
        ]

    @api.model
    def _trigger_advance(self, at=None):
        cron = self.env.ref(
            "crm_plus.ir_cron_advance_lifecycle", raise_if_not_found=False
        )
        if cron:
            cron._trigger(at)

    @api.model
    def _cron_advance(self):
        """Leads without history (of before the app was there), leads changed of late,
        customers who bought or fell silent; each batch in its own transaction.
        """
        IrCron = self.env["ir.cron"]
        batches = [
            *self._split("lead", self._find_stale_leads()),
            *self._split("partner", self._find_stale_partners()),
        ]
        IrCron._commit_progress(remaining=len(batches))
        for target, ids in batches:
            advance = (
                self._advance_leads if target == "lead" else self._advance_partners
            )
            # somebody may move one of these leads meanwhile
            if not succeeds(self.env, lambda ids=ids, do=advance: do(ids)):
                self._trigger_advance(rested())
                break
            if not IrCron._commit_progress(1):
                break

    @api.model
    def _split(self, target, ids):
        return [
            (target, ids[start : start + BATCH_SIZE])
            for start in range(0, len(ids), BATCH_SIZE)
        ]

    # ------------------------------------------------------------
    # Database
    # ------------------------------------------------------------

    @api.model
    def _insert(self, rows):
        """Insert the events that ``rows`` selects; return ``[(lead id, partner id)]``.

        ``rows`` is SQL that gives target, origin_id, lead_id, commercial_partner_id,
        kind, step_to_id, cycle, date, user_id, team_id, company_id, campaign_id,
        medium_id, source_id, origin, reason. What is there already stays as it is.
        """
        return self.env.execute_query(
            SQL(
                """
                WITH new AS MATERIALIZED (
                    SELECT r.target, r.origin_id, r.lead_id, r.commercial_partner_id,
                           r.kind, r.step_to_id, r.cycle,
                           date_trunc('second', r.date) AS date,
                           r.user_id, r.team_id, r.company_id,
                           r.campaign_id, r.medium_id, r.source_id, r.origin,
                           left(r.reason, 500) AS reason
                      FROM (%(rows)s) r
                ), event AS (
                    SELECT new.*, NULL::int AS id FROM new
                 UNION ALL
                    SELECT %(columns)s, e.id
                      FROM crm_lifecycle_event e
                     WHERE e.lead_id IN (SELECT lead_id FROM new)
                 UNION ALL
                    SELECT %(columns)s, e.id
                      FROM crm_lifecycle_event e
                     WHERE e.target = 'partner'
                       AND e.commercial_partner_id IN (
                           SELECT commercial_partner_id FROM new
                            WHERE target = 'partner')
                ), chain AS (
                    SELECT e.*, %(links)s
                      FROM event e
                      JOIN crm_lifecycle_step s ON s.id = e.step_to_id
                    WINDOW w AS (%(window)s)
                )
                INSERT INTO crm_lifecycle_event (
                    target, origin_id, lead_id, commercial_partner_id, kind, step_to_id,
                    cycle, date, user_id, team_id, company_id,
                    campaign_id, medium_id, source_id, origin, reason,
                    step_from_id, days_before
                )
                SELECT %(columns)s, e.from_id, e.days
                  FROM chain e
                 WHERE e.id IS NULL
           ON CONFLICT DO NOTHING
             RETURNING lead_id, commercial_partner_id
                """,
                rows=rows,
                columns=EVENT_COLUMNS,
                links=CHAIN_LINKS,
                window=CHAIN_WINDOW,
            )
        )

    @api.model
    def _chain(self, condition):
        """Say again of each event where it came from and after how long.

        New events say so themselves (``_insert``). But events may come late (a
        backdated invoice, a merged lead): the whole chain of the records concerned is
        read, and what differs is written.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id, from_id, days
                  FROM (
                    SELECT e.id, e.step_from_id, e.days_before, %(links)s
                      FROM crm_lifecycle_event e
                      JOIN crm_lifecycle_step s ON s.id = e.step_to_id
                     WHERE %(condition)s
                    WINDOW w AS (%(window)s)
                  ) chain
                 WHERE (step_from_id, days_before) IS DISTINCT FROM (from_id, days)
                """,
                links=CHAIN_LINKS,
                window=CHAIN_WINDOW,
                condition=condition,
            )
        )
        if rows:
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE crm_lifecycle_event e
                       SET step_from_id = chain.from_id, days_before = chain.days
                      FROM unnest(%s::int[], %s::int[], %s::numeric[])
                           chain (id, from_id, days)
                     WHERE chain.id = e.id
                    """,
                    *map(list, zip(*rows, strict=True)),
                )
            )

    @api.model
    def _on_steps_changed(self, target_model, changed_ids):
        """Hook: the current step of these records changed, in this transaction."""
        if changed_ids:
            self.env["crm.segment"]._queue_refresh(target_model, changed_ids)
