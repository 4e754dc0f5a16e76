from datetime import datetime, time, timedelta, timezone

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.crm_plus.tools import bulk
from odoo.addons.crm_plus.tools.company_time import company_timezone, company_today
from odoo.addons.crm_plus.tools.person_time import person_times

FIRST_DAYS = 60  # how far back it begins, when nothing is known yet
STEP_DAYS = 14  # of one pass: hours of people are known for three weeks at a time


class CrmCaseAgentDay(models.Model):
    """What an agent had to work on in a day: a row an agent, company and day, written
    by the night's job from the history, and kept.

    Hours are those that the person works, without time off and holidays. *Busy* of them
    is when at least one case was open with him; what waits for others occupies nobody.
    The rest is *idle*. Case hours are summed over his open cases: two for an hour are
    two.
    """

    _name = "crm.case.agent.day"
    _description = "Day of an Agent"
    _order = "date desc, user_id"
    _log_access = False
    _rec_name = "user_id"

    user_id = fields.Many2one(
        "res.users", string="Agent", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    date = fields.Date(required=True, readonly=True)
    work_seconds = fields.Integer(readonly=True)
    busy_seconds = fields.Integer(readonly=True)
    case_seconds = fields.Integer(readonly=True)
    closed_count = fields.Integer(readonly=True)

    _day_uniq = models.Constraint(
        "UNIQUE(user_id, company_id, date)", "A day is counted once."
    )

    @api.model
    def _cron_count(self):
        """Count the days that are over and not counted yet."""
        # sudo: the ledger is written by the system only
        companies = self.env["crm.case.team"].sudo().search([]).company_id
        last = dict(
            self.sudo()._read_group([], ["company_id"], ["date:max"])  # sudo: as above
        )
        for company in companies:
            today = company_today(company)
            day = today - timedelta(days=FIRST_DAYS)
            if company in last:
                day = max(day, last[company] + timedelta(days=1))
            while day < today:
                until = min(day + timedelta(days=STEP_DAYS), today)
                self._count(company, day, until)
                day = until

    @api.model
    def _count(self, company, first, until):
        """Count the days from ``first`` to the one before ``until``: some queries for
        all agents.
        """
        zone = company_timezone(company)

        def midnight(day):
            moment = datetime.combine(day, time.min, zone).astimezone(timezone.utc)
            return moment.replace(tzinfo=None)

        days = [first + timedelta(days=n) for n in range((until - first).days)]
        bounds = [
            (day, midnight(day), midnight(day + timedelta(days=1))) for day in days
        ]
        stays, closings = self._read_stays(company, bounds[0][1], bounds[-1][2])
        teams = self.env["crm.case.team"].sudo()  # sudo: whoever is in any team
        users = teams.search([("company_id", "=", company.id)]).member_ids
        users |= users.browse(stays.keys() | closings.keys())
        times = person_times(users, company, bounds[0][1])
        rows = []
        for user in users:
            work = times[user.id].work
            for day, start, stop in bounds:
                spans = sorted(
                    (max(since, start), min(to, stop))
                    for since, to in stays.get(user.id, ())
                    if since < stop and to > start
                )
                row = {
                    "user_id": user.id,
                    "company_id": company.id,
                    "date": day,
                    "work_seconds": round(work.between(start, stop)),
                    "busy_seconds": 0,
                    "case_seconds": round(sum(work.between(*span) for span in spans)),
                    "closed_count": sum(
                        start <= moment < stop for moment in closings.get(user.id, ())
                    ),
                }
                busy, end = 0, start
                for since, to in spans:
                    if to > end:
                        busy += work.between(max(since, end), to)
                        end = to
                row["busy_seconds"] = round(busy)
                if row["work_seconds"] or row["closed_count"]:
                    rows.append(row)
        if not rows:
            return
        fnames = list(rows[0])
        self.env.cr.execute(
            SQL(
                """INSERT INTO crm_case_agent_day (%s) SELECT %s FROM %s
                   ON CONFLICT DO NOTHING""",
                SQL(", ").join(map(SQL.identifier, fnames)),
                SQL(", ").join(SQL.identifier("r", fname) for fname in fnames),
                bulk.recordset(self, rows, fnames),
            )
        )
        self.invalidate_model(flush=False)

    @api.model
    def _read_stays(self, company, start, stop):
        """``{user id: [(from, to)]}`` of open cases with them in a time, and
        ``{user id: [when]}`` of those they closed.
        """
        self.env["crm.case"].flush_model()
        real = self.env["crm.case.dimension.mixin"]._get_real_sql()
        stays, closings = {}, {}
        for user_id, since, to in self.env.execute_query(
            SQL(
                """
                SELECT h.user_id, h.date_start, COALESCE(h.date_end, %(stop)s)
                  FROM crm_case_stage_history AS h
                  JOIN crm_case AS c ON c.id = h.case_id
                 WHERE c.company_id = %(company)s AND h.user_id IS NOT NULL
                   AND h.category = 'open' AND h.date_start < %(stop)s
                   AND (h.date_end IS NULL OR h.date_end > %(start)s) AND %(real)s
                """,
                company=company.id,
                start=start,
                stop=stop,
                real=real,
            )
        ):
            stays.setdefault(user_id, []).append((since, to))
        for user_id, moment in self.env.execute_query(
            SQL(
                """
                SELECT h.user_id, h.date_start
                  FROM crm_case_stage_history AS h
                  JOIN crm_case AS c ON c.id = h.case_id
                 WHERE c.company_id = %s AND h.user_id IS NOT NULL AND h.is_closed
                   AND h.date_start >= %s AND h.date_start < %s AND %s
                """,
                company.id,
                start,
                stop,
                real,
            )
        ):
            closings.setdefault(user_id, []).append(moment)
        return stays, closings
