"""The steps of leads, read from leads, scores, hand-overs and invoices."""

from odoo import api, models
from odoo.tools import SQL

# How far back the nightly run looks for changed leads, in case a history was left to it
STALE_DAYS = 3
# The furthest step of the present pass of lead ``l``.
SELECT_PLACE = SQL(
    """SELECT e.step_to_id, e.date, e.cycle
         FROM crm_lifecycle_event e
         JOIN crm_lifecycle_step s ON s.id = e.step_to_id
        WHERE e.lead_id = l.id AND e.kind IN ('reached', 'back')
     ORDER BY e.cycle DESC, s.sequence DESC, e.date
        LIMIT 1"""
)


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmLifecycleEvent(models.Model):
    """When a lead reaches a step:

    - *lead*: when it is created
    - *MQL*: when its score qualifies it, or marketing hands it over
    - *accepted*: when sales accepts the hand-over
    - *SQL*: when it is converted, or a seller marks it as qualified
    - *opportunity*: when it is converted, or born as one
    - *customer*: with the first posted invoice of its customer that is dated after its
      creation and does not belong to another deal (K02)

    A lost lead, and junk, leaves the funnel at the date it was closed.
    """

    _inherit = "crm.lifecycle.event"

    @api.model
    def _advance_leads(self, lead_ids):
        """Write what the records of these leads tell and their history lacks.

        :return: ids of leads whose step, or place in the funnel, changed
        """
        if not lead_ids:
            return []
        lead_ids = list(lead_ids)
        self._flush_lead_origins()
        self._follow_partners(lead_ids)
        self._insert(self._select_lead_milestones(lead_ids))
        self._insert(self._select_lead_moves(lead_ids))
        return self._settle_leads(lead_ids)

    @api.model
    def _settle_leads(self, lead_ids):
        """Chain the events of leads, and store where the leads and customers stand."""
        self._chain(SQL("e.lead_id = ANY(%s)", list(lead_ids)))
        changed_ids = self._store_lead_steps(lead_ids)
        self.invalidate_model(flush=False)
        self._store_partner_steps(
            SQL(
                """SELECT commercial_partner_id FROM crm_lifecycle_event
                    WHERE lead_id = ANY(%s)""",
                list(lead_ids),
            )
        )
        self._on_steps_changed("crm.lead", changed_ids)
        return changed_ids

    @api.model
    def _flush_lead_origins(self):
        self.env["crm.lead"].flush_model()
        # of a contact made in this very transaction it is still to be computed
        self.env["res.partner"].flush_model(["commercial_partner_id"])

    @api.model
    def _sql_is_out(self):
        """SQL condition: lead ``l`` is no longer in the funnel."""
        return SQL("(l.won_status IS NOT DISTINCT FROM 'lost' OR l.is_junk IS TRUE)")

    @api.model
    def _sql_date_out(self):
        """SQL: when lead ``l`` left the funnel; junk is not closed, but put aside."""
        return SQL(
            "COALESCE(l.date_junk, l.date_closed, %s::timestamp)", self.env.cr.now()
        )

    @api.model
    def _select_lead_milestones(self, lead_ids):
        steps = self.env["crm.lifecycle.step"]._get_ids()
        return SQL(
            """
            SELECT 'lead' AS target, l.id AS origin_id, l.id AS lead_id,
                   p.commercial_partner_id, 'reached' AS kind, m.step_to_id,
                   COALESCE(l.lifecycle_cycle, 0) AS cycle, m.date,
                   l.user_id, l.team_id, l.company_id,
                   l.campaign_id, l.medium_id, l.source_id, m.origin, m.reason
              FROM crm_lead l
         LEFT JOIN res_partner p ON p.id = l.partner_id
        -- by the index, lead by lead: a history that was only just begun has no
        -- statistics, and the planner would read all of it again and again
        CROSS JOIN LATERAL (
                   SELECT max(e.date) FILTER (
                              -- not of one merged into it
                              WHERE e.kind = 'back' AND e.origin_id = e.lead_id
                          ) AS date,
                          array_agg(e.step_to_id) FILTER (
                              WHERE e.kind IN ('reached', 'back')
                                AND e.cycle >= COALESCE(l.lifecycle_cycle, 0)
                          ) AS step_ids
                     FROM crm_lifecycle_event e
                    WHERE e.lead_id = l.id
              ) back
         LEFT JOIN LATERAL (
                   SELECT t.date, t.name
                     FROM crm_touchpoint t
                     JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                    WHERE t.commercial_partner_id = p.commercial_partner_id
                      AND k.code = 'invoice_posted'
                      AND t.date >= GREATEST(date_trunc('second', l.create_date),
                                             back.date)
                      AND (t.lead_id IS NULL OR t.lead_id = l.id)
                      AND (t.company_id = l.company_id OR l.company_id IS NULL)
                 ORDER BY t.date, t.id
                    LIMIT 1
              ) invoice ON TRUE
        CROSS JOIN LATERAL (VALUES
                   (%(lead)s, l.create_date, 'record', NULL),
                   (%(mql)s, l.date_mql, 'score', NULL),
                   (%(sql)s, l.date_conversion, 'record', NULL),
                   (%(opportunity)s,
                    CASE WHEN l.type = 'opportunity'
                         THEN COALESCE(l.date_conversion, l.create_date) END,
                    'record', NULL),
                   (%(customer)s, invoice.date, 'ledger', invoice.name)
              ) m (step_to_id, date, origin, reason)
             WHERE l.id = ANY(%(ids)s)
               AND m.date IS NOT NULL
               AND (back.date IS NULL OR date_trunc('second', m.date) > back.date)
               -- one that was closed before it got here (an import) was a lead, too
               AND (NOT %(is_out)s OR m.date <= %(date_out)s
                    OR m.step_to_id = %(lead)s)
               AND (back.step_ids IS NULL OR m.step_to_id <> ALL(back.step_ids))
            """,
            ids=lead_ids,
            is_out=self._sql_is_out(),
            date_out=self._sql_date_out(),
            **{
                code: SQL("%s::int", steps[code])
                for code in ("lead", "mql", "sql", "opportunity", "customer")
            },
        )

    @api.model
    def _select_lead_moves(self, lead_ids):
        """Leads that left the funnel, and those that came back."""
        steps = self.env["crm.lifecycle.step"]._get_ids()
        return SQL(
            """
            SELECT 'lead' AS target, l.id AS origin_id, l.id AS lead_id,
                   p.commercial_partner_id,
                   CASE WHEN %(is_out)s THEN 'out' ELSE 'return' END AS kind,
                   COALESCE(last.step_to_id, %(lead)s) AS step_to_id,
                   COALESCE(l.lifecycle_cycle, 0) AS cycle,
                   CASE WHEN %(is_out)s THEN %(date_out)s ELSE %(now)s END AS date,
                   l.user_id, l.team_id, l.company_id,
                   l.campaign_id, l.medium_id, l.source_id, 'record' AS origin,
                   CASE WHEN %(is_out)s
                        THEN COALESCE(r.name->>%(lang)s, r.name->>'en_US') END AS reason
              FROM crm_lead l
         LEFT JOIN res_partner p ON p.id = l.partner_id
         LEFT JOIN crm_lost_reason r ON r.id = l.lost_reason_id
         LEFT JOIN LATERAL (%(place)s) last ON TRUE
             WHERE l.id = ANY(%(ids)s)
               AND %(is_out)s IS DISTINCT FROM (l.lifecycle_date_out IS NOT NULL)
            """,
            ids=lead_ids,
            is_out=self._sql_is_out(),
            date_out=self._sql_date_out(),
            place=SELECT_PLACE,
            lead=steps["lead"],
            lang=self.env.lang or "en_US",
            now=self.env.cr.now(),
        )

    @api.model
    def _follow_partners(self, lead_ids):
        """Give the history of leads the customer the leads have got meanwhile."""
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_lifecycle_event e
                   SET commercial_partner_id = p.commercial_partner_id
                  FROM crm_lead l
                  JOIN res_partner p ON p.id = l.partner_id
                 WHERE e.lead_id = l.id
                   AND e.lead_id = ANY(%s)
                   AND e.commercial_partner_id IS DISTINCT FROM p.commercial_partner_id
             RETURNING e.id
                """,
                lead_ids,
            )
        )

    @api.model
    def _store_lead_steps(self, lead_ids):
        rows = self.env.execute_query(
            SQL(
                """
                WITH place AS (
                    SELECT l.id, step.step_to_id, step.date, step.cycle,
                           CASE WHEN %(is_out)s THEN (
                               SELECT max(e.date) FROM crm_lifecycle_event e
                                WHERE e.lead_id = l.id AND e.kind = 'out'
                           ) END AS date_out
                      FROM crm_lead l
                CROSS JOIN LATERAL (%(place)s) step
                     WHERE l.id = ANY(%(ids)s)
                )
                UPDATE crm_lead l
                   SET lifecycle_step_id = place.step_to_id,
                       lifecycle_date = place.date,
                       lifecycle_cycle = place.cycle,
                       lifecycle_date_out = place.date_out
                  FROM place
                 WHERE place.id = l.id
                   AND (l.lifecycle_step_id, l.lifecycle_date, l.lifecycle_cycle,
                        l.lifecycle_date_out) IS DISTINCT FROM
                       (place.step_to_id, place.date, place.cycle, place.date_out)
             RETURNING l.id
                """,
                ids=list(lead_ids),
                is_out=self._sql_is_out(),
                place=SELECT_PLACE,
            )
        )
        changed_ids = [row[0] for row in rows]
        leads = self.env["crm.lead"].browse(changed_ids)
        fnames = self.env["crm.lead"]._get_lifecycle_fields()
        leads.invalidate_recordset([*fnames, "lifecycle_event_ids"], flush=False)
        leads.modified(fnames)
        return changed_ids

    # ------------------------------------------------------------
    # What people decide
    # ------------------------------------------------------------

    @api.model
    def _reach(self, leads, code, origin, reason=None):
        """Note that these leads reached a step now; those that had, stay as they are.

        :return: the leads that are new there
        """
        steps = self.env["crm.lifecycle.step"]._get_ids()
        self._advance_leads(leads.ids)
        rows = self._insert(
            self._select_leads(leads, "reached", steps[code], origin, reason)
        )
        self._settle_leads(leads.ids)
        return leads.browse([row[0] for row in rows])

    @api.model
    def _send_back(self, leads, origin, reason=None):
        """Begin a new pass through the funnel, as a lead."""
        steps = self.env["crm.lifecycle.step"]._get_ids()
        self._advance_leads(leads.ids)
        self._insert(
            self._select_leads(leads, "back", steps["lead"], origin, reason, 1)
        )
        self._settle_leads(leads.ids)

    @api.model
    def _note_refused(self, leads, reason=None):
        """Note that sales refused these leads; they stay where they are."""
        self._advance_leads(leads.ids)
        self._insert(
            self._select_leads(
                leads, "refused", SQL("l.lifecycle_step_id"), "handover", reason
            )
        )
        self._settle_leads(leads.ids)

    @api.model
    def _select_leads(self, leads, kind, step, origin, reason, passes=0):
        return SQL(
            """
            SELECT 'lead' AS target, l.id AS origin_id, l.id AS lead_id,
                   p.commercial_partner_id, %(kind)s AS kind,
                   %(step)s::int AS step_to_id,
                   COALESCE(l.lifecycle_cycle, 0) + %(passes)s AS cycle,
                   %(now)s AS date, l.user_id, l.team_id, l.company_id,
                   l.campaign_id, l.medium_id, l.source_id,
                   %(origin)s AS origin, %(reason)s AS reason
              FROM crm_lead l
         LEFT JOIN res_partner p ON p.id = l.partner_id
             WHERE l.id = ANY(%(ids)s)
               AND (%(kind)s <> 'reached' OR NOT EXISTS (
                   SELECT FROM crm_lifecycle_event e
                    WHERE e.lead_id = l.id AND e.step_to_id = %(step)s
                      AND e.cycle = COALESCE(l.lifecycle_cycle, 0)
                      AND e.kind IN ('reached', 'back')
               ))
            """,
            ids=leads.ids,
            kind=kind,
            step=step,
            passes=passes,
            now=self.env.cr.now(),
            origin=origin,
            reason=reason or None,
        )

    @api.model
    def _find_stale_leads(self):
        """Ids of leads without history, and of those changed of late."""
        self.env["crm.lead"].flush_model()
        return [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT id FROM crm_lead
                     WHERE lifecycle_step_id IS NULL
                        OR write_date >= %s::timestamp - make_interval(days => %s)
                  ORDER BY id
                    """,
                    self.env.cr.now(),
                    STALE_DAYS,
                )
            )
        ]

    @api.model
    def _move_leads(self, lead_ids, into_lead_id):
        """Make one history of those of merged leads.

        The passes are those of the lead that stays; what the others reached belongs to
        the pass of its date, and being sent back begins no new one. A step that two
        reached within a pass was reached when the first of them did. The others left
        the funnel and came back by themselves: that says nothing of the one that stays.
        """
        lead_ids = list(lead_ids)
        self._advance_leads([*lead_ids, into_lead_id])
        values = {
            "ids": lead_ids,
            "into": into_lead_id,
            "cycle": SQL(
                """(SELECT count(*) FROM crm_lifecycle_event b
                     WHERE b.lead_id = %(into)s AND b.origin_id = %(into)s
                       AND b.kind = 'back' AND b.date <= e.date)""",
                into=into_lead_id,
            ),
        }
        self.env.cr.execute(
            SQL(
                """
                WITH place AS (
                    SELECT e.id, e.lead_id, e.kind, e.step_to_id, e.date,
                           CASE WHEN e.lead_id = %(into)s THEN e.cycle
                                ELSE %(cycle)s END AS cycle
                      FROM crm_lifecycle_event e
                     WHERE e.lead_id = ANY(%(ids)s) OR e.lead_id = %(into)s
                ), ranked AS (
                    SELECT place.*, row_number() OVER (
                               PARTITION BY kind, step_to_id, cycle
                                   ORDER BY date, lead_id <> %(into)s, id) AS n
                      FROM place
                )
                DELETE FROM crm_lifecycle_event e
                 USING ranked r
                 WHERE r.id = e.id
                   AND (r.kind = 'reached' AND r.n > 1
                        OR r.kind IN ('out', 'return') AND r.lead_id <> %(into)s)
                """,
                **values,
            )
        )
        # by way of negative numbers: rows that change places meet in the unique index
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_lifecycle_event e
                   SET lead_id = %(into)s, cycle = -1 - %(cycle)s
                 WHERE e.lead_id = ANY(%(ids)s)
                """,
                **values,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_lifecycle_event SET cycle = -1 - cycle
                 WHERE lead_id = %(into)s AND cycle < 0
                """,
                **values,
            )
        )
        self.invalidate_model(flush=False)
        self._settle_leads([into_lead_id])
        self._queue("lead", [into_lead_id])
