from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.crm_plus.tools import bulk
from odoo.addons.crm_plus.tools.calendar_time import work_time

from ..case.crm_case_stage import DONE, WAITING

SETTLE_BATCH = 2_000  # missed promises of one transaction: a few seconds


class CrmCasePromiseTime(models.Model):
    """Whose time a missed promise took: of the working time from start to stop, what
    the case spent with nobody, with an agent, and waiting while the clock ran.

    Written once, by the scheduler, when a clock has stopped late; the history of a case
    does not change any more for a time that is over. What runs again is settled anew.
    """

    _name = "crm.case.promise.time"
    _description = "Time of a Missed Promise"
    _log_access = False
    _rec_name = "clock_id"

    clock_id = fields.Many2one(
        "crm.sla.clock", required=True, readonly=True, ondelete="cascade"
    )
    case_id = fields.Many2one(
        "crm.case", required=True, readonly=True, index=True, ondelete="cascade"
    )
    unassigned_seconds = fields.Integer(readonly=True)
    agent_seconds = fields.Integer(readonly=True)
    waiting_seconds = fields.Integer(
        readonly=True, help="Waiting for others while the promise ran on."
    )

    _clock_uniq = models.Constraint("UNIQUE(clock_id)", "A promise is settled once.")

    @api.model
    def _missed_sql(self, alias):
        """Whether a clock that has stopped was too late: also when the case was closed
        instead of answered, unless another promise holds in its place since (of a case
        that was merged into this one).
        """
        return SQL(
            """(%(k)s.outcome = 'breached'
                OR %(k)s.outcome = 'cancelled' AND %(k)s.date_due < %(k)s.date_stop
                   AND NOT EXISTS (
                    SELECT FROM crm_sla_clock AS n
                     WHERE n.res_model = %(k)s.res_model AND n.res_id = %(k)s.res_id
                       AND n.kind = %(k)s.kind AND n.occurrence > %(k)s.occurrence
                       AND n.date_start < %(k)s.date_stop))""",
            k=SQL.identifier(alias),
        )

    @api.model
    def _forget(self, clocks):
        """These promises are not over after all."""
        self.search([("clock_id", "in", clocks.ids)]).unlink()

    @api.model
    def _cron_settle(self, batch_size=SETTLE_BATCH):
        done, remaining = self._settle(batch_size)
        self.env["ir.cron"]._commit_progress(done, remaining=remaining)

    @api.model
    def _settle(self, limit=SETTLE_BATCH):
        """Settle missed promises; return how many, and whether there are more (0, 1).

        Seven queries for any number of them.
        """
        self.env["crm.sla.clock"].flush_model()
        missed = self.env.execute_query_dict(
            SQL(
                """
                SELECT k.id, k.res_id, k.date_start, k.date_stop, k.calendar_id,
                       k.company_id
                  FROM crm_sla_clock AS k
                  JOIN crm_case AS c ON c.id = k.res_id
                 WHERE k.res_model = 'crm.case' AND %s
                   AND NOT EXISTS (SELECT FROM crm_case_promise_time AS t
                                    WHERE t.clock_id = k.id)
                 ORDER BY k.id LIMIT %s
                """,
                self._missed_sql("k"),
                limit + 1,
            )
        )
        remaining = int(len(missed) > limit)
        missed = missed[:limit]
        if not missed:
            return 0, 0
        stays = {}
        for stay in self.env.execute_query_dict(
            SQL(
                """SELECT case_id, category, user_id, date_start, date_end
                     FROM crm_case_stage_history WHERE case_id = ANY(%s)""",
                list({row["res_id"] for row in missed}),
            )
        ):
            stays.setdefault(stay["case_id"], []).append(stay)
        clocks = self.env["crm.sla.clock"].browse([row["id"] for row in missed])
        pauses = clocks._get_pauses()
        Calendar, Company = self.env["resource.calendar"], self.env["res.company"]
        rows = []
        for clock in missed:
            work = work_time(
                Calendar.browse(clock["calendar_id"] or ()),
                Company.browse(clock["company_id"] or ()),
            )
            seconds = {"unassigned": 0, "agent": 0, "waiting": 0}
            for stay in stays.get(clock["res_id"], ()):
                start = max(stay["date_start"], clock["date_start"])
                stop = min(stay["date_end"] or clock["date_stop"], clock["date_stop"])
                if start >= stop or stay["category"] in DONE:
                    continue
                if stay["category"] in WAITING:
                    # where the promise stood still, that is nobody's delay
                    waited = work.elapsed(start, stop, pauses[clock["id"]])
                    seconds["waiting"] += max(0, waited)
                else:
                    whose = "agent" if stay["user_id"] else "unassigned"
                    seconds[whose] += work.between(start, stop)
            rows.append(
                {
                    "clock_id": clock["id"],
                    "case_id": clock["res_id"],
                    **{f"{key}_seconds": round(n) for key, n in seconds.items()},
                }
            )
        fnames = list(rows[0])
        self.env.cr.execute(
            SQL(
                """INSERT INTO crm_case_promise_time (%s) SELECT %s FROM %s
                   ON CONFLICT DO NOTHING""",
                SQL(", ").join(map(SQL.identifier, fnames)),
                SQL(", ").join(SQL.identifier("r", fname) for fname in fnames),
                bulk.recordset(self, rows, fnames),
            )
        )
        self.invalidate_model(flush=False)
        return len(rows), remaining
