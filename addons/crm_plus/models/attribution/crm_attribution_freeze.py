import logging

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.attribution import MAX_HALF_LIVES, U_END
from ...tools.collision import try_again
from ...tools.company_time import ZONES_DEPENDS, zones
from ...tools.invoice_cost import LINE_COST, LINE_COST_DEPENDS, LINE_COST_JOINS
from ...tools.sales import SALE_TYPES

_logger = logging.getLogger(__name__)

QUEUE_KEY = "crm_plus.attribution_queue"
# Up to so many invoices are frozen in the transaction that posts them, some tenths of a
# second; more are left to the scheduler.
AT_ONCE_LIMIT = 500
# Invoices of one batch of the scheduler: a few seconds.
BATCH_SIZE = 5000
# Of a longer path the first touch and the latest others count: a customer that writes
# thousands of mails a year would have thousands of rows for each invoice.
PATH_LIMIT = 200
DEFAULT_LOOKBACK_DAYS = 365
DEFAULT_HALF_LIFE_DAYS = 14.0


class CrmAttribution(models.Model):
    """How invoices are attributed: at once when they are posted, else by the scheduler;
    a few statements for any number of them.
    """

    _inherit = "crm.attribution"

    @api.model
    def _get_settings(self):
        """Return look-back and half-life, in days."""
        # sudo: two numbers, whoever posts
        get_param = self.env["ir.config_parameter"].sudo().get_param
        lookback = int(get_param("crm_plus.attribution_lookback_days") or 0)
        half_life = float(get_param("crm_plus.attribution_half_life_days") or 0)
        return (
            lookback if lookback > 0 else DEFAULT_LOOKBACK_DAYS,
            half_life if half_life > 0 else DEFAULT_HALF_LIFE_DAYS,
        )

    # ------------------------------------------------------------
    # When posted
    # ------------------------------------------------------------

    @api.model
    def _queue_freeze(self, moves):
        """Attribute these invoices when the transaction commits, once."""
        if not moves:
            return
        precommit = self.env.cr.precommit
        if QUEUE_KEY not in precommit.data:
            precommit.data[QUEUE_KEY] = set()
            # sudo: whoever posts, the rows are the system's
            precommit.add(self.sudo().browse()._freeze_queued)
        precommit.data[QUEUE_KEY].update(moves.ids)

    @api.model
    def _freeze_queued(self):
        """A failure must not undo the posting: the scheduler finds what is missing."""
        precommit = self.env.cr.precommit
        if "crm_plus.touchpoint_queue" in precommit.data:
            # after the touchpoints of this very transaction
            precommit.add(self._freeze_queued)
            return
        move_ids = precommit.data.pop(QUEUE_KEY, set())
        self.env.flush_all()
        try:
            with self.env.cr.savepoint(flush=False):
                self._freeze_now_or_later(move_ids, trigger="posted")
        except psycopg2.OperationalError:
            raise  # serialisation, lock timeout: the whole transaction is retried
        except psycopg2.Error:
            _logger.exception("crm_plus: attribution of %s failed", sorted(move_ids))
            self._trigger_freeze()

    @api.model
    def _freeze_now_or_later(self, move_ids, trigger=None):
        if len(move_ids) <= AT_ONCE_LIMIT:
            self._freeze(move_ids, trigger=trigger)
        else:
            self._trigger_freeze()

    # ------------------------------------------------------------
    # Scheduler
    # ------------------------------------------------------------

    @api.model
    def _trigger_freeze(self):
        cron = self.env.ref(
            "crm_plus.ir_cron_attribute_invoices", raise_if_not_found=False
        )
        if cron:
            cron._trigger()

    @api.model
    def _get_due_move_ids(self):
        """Posted invoices without an attribution, then those to be computed again; of
        each, invoices before the credit notes that follow them.
        """
        self.flush_model(["date_computed", "move_id"])
        self.env["account.move"].flush_model(["move_type", "state"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.id
                  FROM account_move m
             LEFT JOIN crm_attribution a ON a.move_id = m.id
                 WHERE m.state = 'posted'
                   AND m.move_type IN %s
                   AND a.date_computed IS NULL
                 ORDER BY m.move_type, m.id
                """,
                SALE_TYPES,
            )
        )
        return [row[0] for row in rows]

    @api.model
    def _cron_freeze(self):
        IrCron = self.env["ir.cron"]
        move_ids = self._get_due_move_ids()
        IrCron._commit_progress(remaining=len(move_ids))
        for start in range(0, len(move_ids), BATCH_SIZE):
            batch = move_ids[start : start + BATCH_SIZE]
            # a user may post one of these, or a colleague ask for it again
            if not try_again(self.env, lambda ids=batch: self._freeze(ids)):
                self._trigger_freeze()
                break
            if not IrCron._commit_progress(len(batch)):
                self._trigger_freeze()
                break

    # ------------------------------------------------------------
    # Computing
    # ------------------------------------------------------------

    @api.model
    def _get_flushed(self):
        return {
            **LINE_COST_DEPENDS,
            "account.move": [
                "amount_untaxed_signed",
                "commercial_partner_id",
                "company_id",
                "invoice_date",
                "move_type",
                "name",
                "reversed_entry_id",
                "state",
            ],
            "account.move.line": [
                *LINE_COST_DEPENDS["account.move.line"],
                "sale_line_ids",
            ],
            "crm.touchpoint.kind": ["is_attributed"],
            **ZONES_DEPENDS,
        }

    @api.model
    def _freeze(self, move_ids, trigger=None):
        """Attribute these invoices and credit notes, those that are posted.

        :param trigger: why, see ``TRIGGERS``; by default what a manager asked for, or
            history
        :return: True
        """
        move_ids = list(move_ids)
        if not move_ids:
            return True
        for model, field_names in self._get_flushed().items():
            self.env[model].flush_model(field_names)
        self.flush_model()
        for move_type in SALE_TYPES:
            # credit notes follow invoices that may be in this very batch
            ids = self._freeze_moves(move_ids, move_type, trigger)
            if ids:
                self._freeze_touches(ids)
        self.invalidate_model(flush=False)
        self.env["crm.attribution.touch"].invalidate_model(flush=False)
        return True

    def _freeze_moves(self, move_ids, move_type, trigger):
        lookback, half_life = self._get_settings()
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_attribution AS old (
                    move_id, name, date, company_id, origin_id, revenue, margin,
                    revenue_unknown, date_until, lookback_days, half_life_days,
                    date_computed, trigger
                )
                SELECT m.id, m.name, m.invoice_date, m.company_id, origin.id,
                       m.amount_untaxed_signed, COALESCE(lines.margin, 0),
                       COALESCE(lines.unknown, 0),
                       -- the last second of the day where the company is, or now
                       LEAST(((m.invoice_date + 1)::timestamp AT TIME ZONE zone.name)
                                 AT TIME ZONE 'UTC' - interval '1 second',
                             %(now)s),
                       %(lookback)s, %(half_life)s, %(now)s,
                       COALESCE(%(trigger)s, 'history')
                  FROM account_move m
                  JOIN (%(zones)s) zone ON zone.company_id = m.company_id
             LEFT JOIN LATERAL (
                       SELECT sum(-l.balance - l.sign * l.cost) AS margin,
                              sum(-l.balance) FILTER (WHERE l.cost IS NULL) AS unknown
                         FROM (
                           SELECT l.balance, %(cost)s AS cost,
                                  CASE m.move_type WHEN 'out_invoice' THEN 1 ELSE -1
                                  END AS sign
                             FROM account_move_line l
                             %(cost_joins)s
                            WHERE l.move_id = m.id AND l.display_type = 'product'
                         ) l
                  ) lines ON TRUE
             LEFT JOIN LATERAL (
                       %(origin)s
                  ) origin ON m.move_type = 'out_refund'
                 WHERE m.id = ANY(%(move_ids)s)
                   AND m.state = 'posted'
                   AND m.move_type = %(move_type)s
                   AND m.invoice_date IS NOT NULL
           ON CONFLICT (move_id) DO UPDATE
                   SET name = excluded.name,
                       date = excluded.date,
                       company_id = excluded.company_id,
                       origin_id = excluded.origin_id,
                       revenue = excluded.revenue,
                       margin = excluded.margin,
                       revenue_unknown = excluded.revenue_unknown,
                       -- what came after it was posted never counts
                       date_until = CASE WHEN old.date = excluded.date
                                         THEN LEAST(old.date_until, excluded.date_until)
                                         ELSE excluded.date_until END,
                       lookback_days = excluded.lookback_days,
                       half_life_days = excluded.half_life_days,
                       date_computed = excluded.date_computed,
                       trigger = COALESCE(%(trigger)s, old.trigger),
                       reason = CASE WHEN %(trigger)s IS NULL THEN old.reason END,
                       user_id = CASE WHEN %(trigger)s IS NULL THEN old.user_id END
             RETURNING id
                """,
                now=fields.Datetime.now(),
                lookback=lookback,
                half_life=half_life,
                trigger=SQL("%s::varchar", trigger),
                zones=zones(),
                cost=LINE_COST,
                cost_joins=LINE_COST_JOINS,
                origin=self._origin_query(),
                move_ids=move_ids,
                move_type=move_type,
            )
        )
        return [row[0] for row in rows]

    @api.model
    def _origin_query(self):
        """SQL of the attribution that the credit note ``m`` follows: of the invoice
        it reverses, else of the first one of the same order lines.
        """
        return SQL(
            """
            SELECT i.id
              FROM crm_attribution i
             WHERE i.move_id = COALESCE(m.reversed_entry_id, (
                SELECT im.id
                  FROM account_move_line rl
                  JOIN sale_order_line_invoice_rel rr ON rr.invoice_line_id = rl.id
                  JOIN sale_order_line_invoice_rel ir
                    ON ir.order_line_id = rr.order_line_id
                  JOIN account_move_line il ON il.id = ir.invoice_line_id
                  JOIN account_move im ON im.id = il.move_id
                 WHERE rl.move_id = m.id
                   AND im.state = 'posted' AND im.move_type = 'out_invoice'
                   AND im.company_id = m.company_id
                 ORDER BY im.invoice_date, im.id
                 LIMIT 1))
            """
        )

    def _freeze_touches(self, ids):
        """Write the paths of these attributions anew, with the shares of each touch."""
        params = {
            "ids": ids,
            "limit": PATH_LIMIT,
            "u_end": U_END,
            "max_half_lives": MAX_HALF_LIVES,
            "columns": SQL(
                """attribution_id, touchpoint_id, kind_id, date, position, campaign_id,
                medium_id, source_id, is_unknown, share_first, share_last, share_linear,
                share_u_shape, share_decay"""
            ),
        }
        self.env.cr.execute(
            SQL("DELETE FROM crm_attribution_touch WHERE attribution_id = ANY(%s)", ids)
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_attribution_touch (%(columns)s)
                SELECT a.id, t.touchpoint_id, t.kind_id, t.date, t.position,
                       t.campaign_id, t.medium_id, t.source_id, t.is_unknown,
                       t.share_first, t.share_last, t.share_linear, t.share_u_shape,
                       t.share_decay
                  FROM crm_attribution a
                  JOIN crm_attribution_touch t ON t.attribution_id = a.origin_id
                 WHERE a.id = ANY(%(ids)s)
                """,
                **params,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_attribution_touch (%(columns)s)
                WITH touches AS (
                    SELECT a.id AS attribution_id, a.half_life_days, t.id, t.kind_id,
                           t.date, t.campaign_id, t.medium_id, t.source_id,
                           row_number() OVER (PARTITION BY a.id
                                              ORDER BY t.date, t.id) AS ahead,
                           count(*) OVER (PARTITION BY a.id) AS total
                      FROM crm_attribution a
                      JOIN account_move m ON m.id = a.move_id
                      JOIN crm_touchpoint t
                        ON t.commercial_partner_id = m.commercial_partner_id
                       AND t.date <= a.date_until
                       AND t.date >= a.date_until - a.lookback_days * interval '1 day'
                       AND (t.company_id = a.company_id OR t.company_id IS NULL)
                       AND t.is_machine IS NOT TRUE
                      JOIN crm_touchpoint_kind k
                        ON k.id = t.kind_id AND k.is_attributed
                     WHERE a.id = ANY(%(ids)s) AND a.origin_id IS NULL
                ), path AS (
                    SELECT t.*, row_number() OVER path AS position,
                           count(*) OVER (PARTITION BY attribution_id) AS n,
                           power(2::float8, -LEAST(
                               EXTRACT(EPOCH FROM max(date) OVER (
                                   PARTITION BY attribution_id) - date)::float8
                                   / 86400 / half_life_days,
                               %(max_half_lives)s)) AS weight
                      FROM touches t
                     WHERE ahead = 1 OR total - ahead < %(limit)s - 1
                    WINDOW path AS (PARTITION BY attribution_id ORDER BY date, id)
                )
                SELECT attribution_id, id, kind_id, date, position, campaign_id,
                       medium_id, source_id, FALSE,
                       (position = 1)::int, (position = n)::int, 1::float8 / n,
                       CASE WHEN n <= 2 THEN 1::float8 / n
                            WHEN position IN (1, n) THEN %(u_end)s
                            ELSE (1 - 2 * %(u_end)s) / (n - 2) END,
                       weight / sum(weight) OVER (PARTITION BY attribution_id)
                  FROM path
                """,
                **params,
            )
        )
        # no touch: nobody knows
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_attribution_touch (%(columns)s)
                SELECT a.id, NULL, NULL, NULL, 0, NULL, NULL, NULL, TRUE, 1, 1, 1, 1, 1
                  FROM crm_attribution a
                 WHERE a.id = ANY(%(ids)s)
                   AND NOT EXISTS (SELECT FROM crm_attribution_touch t
                                    WHERE t.attribution_id = a.id)
                """,
                **params,
            )
        )
