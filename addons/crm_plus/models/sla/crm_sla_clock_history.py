"""First responses from before anything was measured, read from the timeline."""

from odoo import api, fields, models
from odoo.tools import SQL

# leads of one transaction: two seconds
BATCH_SIZE = 5_000
# what a person of ours does to the customer
HUMAN_KINDS = ("email_out", "call_done", "meeting_done")


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmSlaClock(models.Model):
    _inherit = "crm.sla.clock"

    @api.model
    def _measure_history(self, limit=BATCH_SIZE):
        """Give leads without a first response clock a stopped one; return how many.

        Answered is what the timeline says: the first mail, call or meeting of a person
        of ours. Nothing was promised then, so nothing is kept or broken. Leads that are
        closed were never answered. Open ones that nobody has answered are left alone: a
        clock that runs would promise what is late already.
        """
        Lead = self.env["crm.lead"].with_context(active_test=False)
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT l.id, l.create_date AS date_start, t.date AS date_answer,
                       COALESCE(l.date_closed, l.write_date) AS date_end
                  FROM crm_lead AS l
             LEFT JOIN LATERAL (
                        SELECT min(tp.date) AS date
                          FROM crm_touchpoint AS tp
                          JOIN crm_touchpoint_kind AS k ON k.id = tp.kind_id
                         WHERE tp.lead_id = l.id
                           AND k.code = ANY(%(kinds)s)
                           AND tp.user_id IS NOT NULL
                           AND tp.is_machine IS NOT TRUE
                           AND tp.date >= l.create_date
                           AND tp.date <= %(now)s
                       ) AS t ON TRUE
                 WHERE NOT EXISTS (
                        SELECT FROM crm_sla_clock AS c
                         WHERE c.res_model = 'crm.lead'
                           AND c.res_id = l.id
                           AND c.kind = 'first_response'
                       )
                   AND (
                        t.date IS NOT NULL
                        OR NOT l.active
                        OR l.won_status <> 'pending'
                       )
              ORDER BY l.id
                 LIMIT %(limit)s
                """,
                kinds=list(HUMAN_KINDS),
                now=fields.Datetime.now(),
                limit=limit,
            )
        )
        if not rows:
            return 0
        leads = Lead.browse([row["id"] for row in rows])
        reason = self.env._("Read from the timeline: nothing was promised then.")
        clocks = []
        for row, promise in zip(
            rows,
            self._prepare_promises([(lead, "first_response") for lead in leads]),
            strict=True,
        ):
            start = row["date_start"].replace(microsecond=0)
            stop = (row["date_answer"] or row["date_end"]).replace(microsecond=0)
            clocks.append(
                {
                    **promise,
                    "policy_id": None,
                    "target_id": None,
                    "target_seconds": 0,
                    "warning_seconds": 0,
                    "reason": reason,
                    "res_model": Lead._name,
                    "res_id": row["id"],
                    "kind": "first_response",
                    "date_planned": None,
                    "date_start": start,
                    "date_stop": max(stop, start),
                    "outcome": "unpromised" if row["date_answer"] else "cancelled",
                    "alert_failures": 0,
                }
            )
        self._compute_plans(clocks)
        self._insert(clocks)
        leads.invalidate_recordset(["sla_clock_ids"], flush=False)
        return len(clocks)
