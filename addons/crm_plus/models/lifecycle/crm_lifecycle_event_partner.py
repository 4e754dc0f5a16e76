"""The steps of customers, read from the ledger's orders and invoices."""

from odoo import api, models
from odoo.tools import SQL

LAPSED_DAYS = 365

# What a customer bought: an order counts once, however often it is invoiced; an invoice
# without order counts by itself.
PURCHASES = SQL(
    """SELECT t.commercial_partner_id AS partner_id, min(t.date) AS date
         FROM crm_touchpoint t
         JOIN crm_touchpoint_kind k ON k.id = t.kind_id
    LEFT JOIN LATERAL (
              SELECT ol.order_id
                FROM account_move_line ml
                JOIN sale_order_line_invoice_rel r ON r.invoice_line_id = ml.id
                JOIN sale_order_line ol ON ol.id = r.order_line_id
               WHERE ml.move_id = t.res_id
            ORDER BY ol.order_id
               LIMIT 1
         ) o ON TRUE
        WHERE k.code = 'invoice_posted'
          AND t.commercial_partner_id IN (SELECT id FROM wanted)
     GROUP BY t.commercial_partner_id,
              COALESCE('o' || o.order_id, 'm' || t.res_id)"""
)
ACTIVITIES = SQL(
    """SELECT t.commercial_partner_id AS partner_id, t.date, t.id
         FROM crm_touchpoint t
         JOIN crm_touchpoint_kind k ON k.id = t.kind_id
        WHERE k.code IN ('invoice_posted', 'order_confirmed')
          AND t.commercial_partner_id IN (SELECT id FROM wanted)"""
)
# Where customers stand by their own events, apart from their leads.
STANDING = SQL(
    """SELECT DISTINCT ON (e.commercial_partner_id)
              e.commercial_partner_id AS partner_id, e.step_to_id, e.cycle, e.date
         FROM crm_lifecycle_event e
         JOIN crm_lifecycle_step s ON s.id = e.step_to_id
        WHERE e.target = 'partner'
          AND s.code IN ('customer', 'repeat', 'lapsed')
          AND e.commercial_partner_id IN (SELECT id FROM wanted)
     ORDER BY e.commercial_partner_id, e.cycle DESC, s.sequence DESC"""
)


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmLifecycleEvent(models.Model):
    """When a customer (a commercial partner, of all companies) reaches a step:

    - *subscriber*: marketing reached the contact, and there is no lead yet
    - *customer*: with the first posted customer invoice (as the conversion rate counts,
      K02; an order that is never invoiced makes no customer)
    - *repeat*: with the first invoice of another order, or by buying again after having
      lapsed
    - *lapsed*: no order and no invoice for so many days (``crm_plus.lapsed_days``), at
      the end of these days

    Between an address and the first invoice a customer stands where the furthest of its
    open leads does.
    """

    _inherit = "crm.lifecycle.event"

    @api.model
    def _get_lapsed_days(self):
        """Days of silence after which a customer has lapsed; 0: never."""
        # sudo: sellers may not read system parameters
        params = self.env["ir.config_parameter"].sudo()
        return int(params.get_param("crm_plus.lapsed_days", LAPSED_DAYS))

    @api.model
    def _advance_partners(self, partner_ids):
        """Write what the ledger tells of these commercial partners.

        A customer who is new here gets the whole history; afterwards only what follows
        the present step is added, so that another number of days does not rewrite what
        was.
        """
        if not partner_ids:
            return []
        wanted = SQL("SELECT unnest(%s::int[]) AS id", list(partner_ids))
        for select in (
            self._select_partner_history,
            self._select_partner_returns,
            self._select_partner_repeats,
            self._select_partner_lapses,
        ):
            self._insert(self._complete_partner_rows(select(wanted)))
        self._chain(
            SQL(
                "e.target = 'partner' AND e.commercial_partner_id = ANY(%s)",
                list(partner_ids),
            )
        )
        self.invalidate_model(flush=False)
        return self._store_partner_steps(wanted)

    @api.model
    def _complete_partner_rows(self, select):
        """Add to (partner, step, cycle, date, origin) what the ledger says of the
        moment.
        """
        return SQL(
            """
            SELECT 'partner' AS target, h.partner_id AS origin_id,
                   NULL::int AS lead_id, h.partner_id AS commercial_partner_id,
                   'reached' AS kind, h.step_to_id, h.cycle, h.date,
                   t.user_id, NULL::int AS team_id, t.company_id,
                   t.campaign_id, t.medium_id, t.source_id, h.origin, t.name AS reason
              FROM (%(select)s) h
         LEFT JOIN LATERAL (
                   SELECT t.user_id, t.company_id, t.campaign_id, t.medium_id,
                          t.source_id, t.name
                     FROM crm_touchpoint t
                     JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                    WHERE t.commercial_partner_id = h.partner_id
                      AND t.date <= h.date
                      AND (k.code IN ('invoice_posted', 'order_confirmed')
                           OR h.origin = 'record' AND k.is_marketing)
                 ORDER BY t.date DESC, t.id
                    LIMIT 1
              ) t ON TRUE
            """,
            select=select,
        )

    @api.model
    def _select_partner_history(self, wanted, noted=None):
        """All there is of partners whose first invoice was not noted yet.

        :param noted: SQL of (partner_id, date, is_purchase) of what the ledger said
            once: it may have been emptied since
        """
        steps = self.env["crm.lifecycle.step"]._get_ids()
        days = self._get_lapsed_days()
        purchases, activities = PURCHASES, ACTIVITIES
        if noted:
            purchases = SQL(
                "%s UNION SELECT partner_id, date FROM (%s) n WHERE is_purchase",
                purchases,
                noted,
            )
            activities = SQL(
                "%s UNION ALL SELECT partner_id, date, 0 FROM (%s) n", activities, noted
            )
        return SQL(
            """
            WITH asked AS (%(wanted)s),
            wanted AS (
                SELECT id FROM asked
                 WHERE NOT EXISTS (
                    SELECT FROM crm_lifecycle_event e
                     WHERE e.commercial_partner_id = asked.id
                       AND e.target = 'partner' AND e.step_to_id = %(customer)s)
            ),
            purchase AS (
                SELECT partner_id, date,
                       row_number() OVER (PARTITION BY partner_id ORDER BY date) AS n
                  FROM (%(purchases)s) p
            ),
            activity AS (
                SELECT a.partner_id, a.date,
                       lag(a.date) OVER (PARTITION BY a.partner_id
                                             ORDER BY a.date, a.id) AS previous
                  FROM (%(activities)s) a
                  JOIN purchase f ON f.partner_id = a.partner_id AND f.n = 1
                 WHERE a.date >= f.date
            ),
            gap AS (
                SELECT partner_id, previous + %(silence)s AS date_lapsed,
                       date AS date_returned,
                       row_number() OVER (PARTITION BY partner_id ORDER BY date) AS i
                  FROM activity
                 WHERE %(days)s > 0 AND date - previous > %(silence)s
            )
            SELECT partner_id, %(customer)s AS step_to_id, 0 AS cycle, date,
                   'ledger' AS origin
              FROM purchase WHERE n = 1
         UNION ALL
            SELECT p.partner_id, %(repeat)s, 0, p.date, 'ledger'
              FROM purchase p
         LEFT JOIN gap ON gap.partner_id = p.partner_id AND gap.i = 1
             WHERE p.n = 2 AND (gap.date_lapsed IS NULL OR p.date < gap.date_lapsed)
         UNION ALL
            SELECT partner_id, %(lapsed)s, i - 1, date_lapsed, 'silence' FROM gap
         UNION ALL
            SELECT partner_id, %(repeat)s, i, date_returned, 'ledger' FROM gap
            """,
            wanted=wanted,
            purchases=purchases,
            activities=activities,
            days=days,
            silence=SQL("make_interval(days => %s)", days),
            **{code: steps[code] for code in ("customer", "repeat", "lapsed")},
        )

    @api.model
    def _select_partner_returns(self, wanted):
        """Lapsed customers who bought since."""
        steps = self.env["crm.lifecycle.step"]._get_ids()
        return SQL(
            """
            WITH wanted AS (%(wanted)s), standing AS (%(standing)s)
            SELECT s.partner_id, %(repeat)s AS step_to_id, s.cycle + 1 AS cycle,
                   min(a.date) AS date, 'ledger' AS origin
              FROM standing s
              JOIN (%(activities)s) a
                ON a.partner_id = s.partner_id AND a.date >= s.date
             WHERE s.step_to_id = %(lapsed)s
          GROUP BY s.partner_id, s.cycle
            """,
            wanted=wanted,
            standing=STANDING,
            activities=ACTIVITIES,
            repeat=steps["repeat"],
            lapsed=steps["lapsed"],
        )

    @api.model
    def _select_partner_repeats(self, wanted):
        """Customers whose second purchase was invoiced."""
        steps = self.env["crm.lifecycle.step"]._get_ids()
        return SQL(
            """
            WITH wanted AS (%(wanted)s), standing AS (%(standing)s),
            purchase AS (
                SELECT partner_id, date,
                       row_number() OVER (PARTITION BY partner_id ORDER BY date) AS n
                  FROM (%(purchases)s) p
            )
            SELECT s.partner_id, %(repeat)s AS step_to_id, s.cycle, p.date,
                   'ledger' AS origin
              FROM standing s
              JOIN purchase p ON p.partner_id = s.partner_id AND p.n = 2
             WHERE s.step_to_id = %(customer)s
            """,
            wanted=wanted,
            standing=STANDING,
            purchases=PURCHASES,
            repeat=steps["repeat"],
            customer=steps["customer"],
        )

    @api.model
    def _select_partner_lapses(self, wanted):
        """Customers who have been silent for too long by now."""
        steps = self.env["crm.lifecycle.step"]._get_ids()
        days = self._get_lapsed_days()
        return SQL(
            """
            WITH wanted AS (%(wanted)s), standing AS (%(standing)s)
            SELECT s.partner_id, %(lapsed)s AS step_to_id, s.cycle,
                   max(a.date) + %(silence)s AS date, 'silence' AS origin
              FROM standing s
              JOIN (%(activities)s) a ON a.partner_id = s.partner_id
             WHERE s.step_to_id <> %(lapsed)s AND %(days)s > 0
          GROUP BY s.partner_id, s.cycle
            HAVING max(a.date) + %(silence)s <= %(now)s
            """,
            wanted=wanted,
            standing=STANDING,
            activities=ACTIVITIES,
            days=days,
            silence=SQL("make_interval(days => %s)", days),
            now=self.env.cr.now(),
            lapsed=steps["lapsed"],
        )

    @api.model
    def _find_stale_partners(self):
        """Ids of commercial partners that the ledger knows more of than their history:
        first invoices, second purchases, returns, silence.
        """
        wanted = SQL(
            """SELECT DISTINCT t.commercial_partner_id AS id
                 FROM crm_touchpoint t
                 JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                WHERE k.code IN ('invoice_posted', 'order_confirmed')
                  AND t.commercial_partner_id IS NOT NULL"""
        )
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT h.partner_id FROM (%s) h ORDER BY h.partner_id",
                SQL(" UNION ALL ").join(
                    SQL("(SELECT partner_id FROM (%s) part)", select(wanted))
                    for select in (
                        self._select_partner_history,
                        self._select_partner_returns,
                        self._select_partner_repeats,
                        self._select_partner_lapses,
                    )
                ),
            )
        )
        return [row[0] for row in rows]

    @api.model
    def _add_subscribers(self, touchpoint_ids):
        """Contacts that marketing reached and of whom nothing is known yet."""
        steps = self.env["crm.lifecycle.step"]._get_ids()
        rows = self._insert(
            self._complete_partner_rows(
                SQL(
                    """
                    SELECT t.commercial_partner_id AS partner_id,
                           %s::int AS step_to_id, 0 AS cycle, min(t.date) AS date,
                           'record' AS origin
                      FROM crm_touchpoint t
                      JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                      JOIN res_partner p ON p.id = t.commercial_partner_id
                     WHERE t.id = ANY(%s)
                       AND k.is_marketing
                       AND p.lifecycle_step_id IS NULL
                  GROUP BY t.commercial_partner_id
                    """,
                    steps["subscriber"],
                    list(touchpoint_ids),
                )
            )
        )
        if rows:
            self._store_partner_steps(
                SQL(
                    "SELECT unnest(%s::int[]) AS id",
                    [partner_id for _lead_id, partner_id in rows],
                )
            )

    @api.model
    def _merge_partners(self, partner):
        """Make one history of those of contacts that were merged into ``partner``.

        Odoo made all their events its own: two first invoices, a silence during which
        the other one bought. What the ledger says of them together, and what it had
        said when the events were noted, is read anew.
        """
        commercial = partner.commercial_partner_id
        self.flush_model()
        self.env["res.partner"].flush_model(["commercial_partner_id", "parent_id"])
        steps = self.env["crm.lifecycle.step"]._get_ids()
        ids = [partner.id, commercial.id]
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM crm_lifecycle_event
                 WHERE target = 'partner'
                   AND commercial_partner_id = ANY(%s)
                   AND step_to_id <> %s
             RETURNING date, step_to_id, cycle
                """,
                ids,
                steps["subscriber"],
            )
        )
        noted = [
            (date, step_id == steps["customer"] or not cycle)
            for date, step_id, cycle in rows
            if step_id != steps["lapsed"]
        ]
        select = self._select_partner_history(
            SQL("SELECT %s::int AS id", commercial.id),
            noted
            and SQL(
                "SELECT %s::int AS partner_id, *"
                " FROM unnest(%s::timestamp[], %s::boolean[]) u (date, is_purchase)",
                commercial.id,
                [date for date, _is_purchase in noted],
                [is_purchase for _date, is_purchase in noted],
            ),
        )
        self._insert(self._complete_partner_rows(select))
        self._merge_subscribers(ids, commercial.id)
        self.env.cr.execute(
            SQL(
                "UPDATE crm_lifecycle_event SET commercial_partner_id = %s"
                " WHERE commercial_partner_id = ANY(%s)"
                " AND commercial_partner_id <> %s",
                commercial.id,
                ids,
                commercial.id,
            )
        )
        self.invalidate_model(flush=False)
        self._queue("partner", ids)
        # of contacts that have changed company with the merge
        Lead = self.env["crm.lead"].with_context(active_test=False)
        self._queue("lead", Lead.search([("partner_id", "=", partner.id)]).ids)

    @api.model
    def _merge_subscribers(self, partner_ids, into_id):
        """Of several, the first; and none after the first invoice."""
        steps = self.env["crm.lifecycle.step"]._get_ids()
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM crm_lifecycle_event e
                 WHERE e.target = 'partner'
                   AND e.commercial_partner_id = ANY(%(ids)s)
                   AND e.step_to_id = %(subscriber)s
                   AND EXISTS (
                       SELECT FROM crm_lifecycle_event x
                        WHERE x.target = 'partner'
                          AND x.commercial_partner_id = ANY(%(ids)s)
                          AND x.id <> e.id
                          AND (x.step_to_id <> %(subscriber)s AND x.date <= e.date
                               OR x.step_to_id = %(subscriber)s
                                  AND (x.date, x.id) < (e.date, e.id)))
                """,
                ids=partner_ids,
                subscriber=steps["subscriber"],
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_lifecycle_event SET origin_id = %(into)s
                 WHERE target = 'partner'
                   AND commercial_partner_id = ANY(%(ids)s)
                   AND origin_id <> %(into)s
                """,
                ids=partner_ids,
                into=into_id,
            )
        )

    @api.model
    def _store_partner_steps(self, wanted):
        """Store on commercial partners where they stand.

        :param wanted: SQL that gives their ids
        :return: ids of those that changed
        """
        rows = self.env.execute_query(
            SQL(
                """
                WITH wanted (id) AS (
                    SELECT DISTINCT asked.id FROM (%(wanted)s) asked (id)
                     WHERE asked.id IS NOT NULL
                ),
                candidate AS (
                    -- own events first, whatever new leads there are
                    SELECT partner_id, step_to_id, date, 0 AS rank, 0 AS sequence
                      FROM (%(standing)s) own
                 UNION ALL
                    SELECT w.id, l.lifecycle_step_id, l.lifecycle_date, 1, -s.sequence
                      FROM wanted w
                      JOIN res_partner c ON c.commercial_partner_id = w.id
                      JOIN crm_lead l ON l.partner_id = c.id
                      JOIN crm_lifecycle_step s ON s.id = l.lifecycle_step_id
                     WHERE l.lifecycle_date_out IS NULL AND s.code <> 'customer'
                 UNION ALL
                    SELECT e.commercial_partner_id, e.step_to_id, e.date, 2, 0
                      FROM crm_lifecycle_event e
                      JOIN crm_lifecycle_step s ON s.id = e.step_to_id
                     WHERE e.target = 'partner' AND s.code = 'subscriber'
                       AND e.commercial_partner_id IN (SELECT id FROM wanted)
                 UNION ALL
                    SELECT id, NULL, NULL, 3, 0 FROM wanted
                ),
                place AS (
                    SELECT DISTINCT ON (partner_id) partner_id AS id, step_to_id, date
                      FROM candidate
                  ORDER BY partner_id, rank, sequence, date
                )
                UPDATE res_partner p
                   SET lifecycle_step_id = place.step_to_id,
                       lifecycle_date = place.date
                  FROM place
                 WHERE place.id = p.id
                   AND (p.lifecycle_step_id, p.lifecycle_date)
                       IS DISTINCT FROM (place.step_to_id, place.date)
             RETURNING p.id
                """,
                wanted=wanted,
                standing=STANDING,
            )
        )
        changed_ids = [row[0] for row in rows]
        partners = self.env["res.partner"].browse(changed_ids)
        fnames = ["lifecycle_step_id", "lifecycle_date"]
        partners.invalidate_recordset([*fnames, "lifecycle_event_ids"], flush=False)
        partners.modified(fnames)
        self._on_steps_changed("res.partner", changed_ids)
        return changed_ids
