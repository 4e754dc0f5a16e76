from odoo import api, fields, models
from odoo.tools import SQL, split_every

from odoo.addons.crm_plus.tools import bulk
from odoo.addons.crm_plus.tools.calendar_time import elapsed

from ...tools.case_stays import (
    DONE,
    Change,
    Holder,
    Stay,
    Step,
    build_stays,
    step_between,
)
from ..case.crm_case_stage import CATEGORIES, WAITING

BACKFILL_BATCH = 5_000  # cases of one statement: some ten seconds
SYNC_BATCH = 10_000
TRACKED = ("stage_id", "team_id", "user_id")
HOLDERS = [
    ("agent", "With an Agent"),
    ("unassigned", "Unassigned"),
    ("customer", "Waiting for Customer"),
    ("third", "Waiting for Third Party"),
    ("done", "Solved or Closed"),
]


class CrmCaseStageHistory(models.Model):
    """Where a case was, with whom, from when to when: a row a stay, kept by SQL.

    A stay ends when the stage, what the stage means, the team or the assignee changes.
    Rows are written beside each batch of changes, whoever makes them; a night's check
    finds what was changed by SQL. The past is read from Odoo's tracking values.
    """

    _name = "crm.case.stage.history"
    _description = "Case History"
    _order = "date_start desc, id desc"
    _rec_name = "case_id"
    _log_access = False  # a ledger: millions of narrow rows

    case_id = fields.Many2one(
        "crm.case", required=True, ondelete="cascade", readonly=True, index=True
    )
    stage_id = fields.Many2one("crm.case.stage", ondelete="set null", readonly=True)
    category = fields.Selection(CATEGORIES, string="State", readonly=True)
    team_id = fields.Many2one("crm.case.team", ondelete="set null", readonly=True)
    user_id = fields.Many2one(
        "res.users", string="Assignee", ondelete="set null", readonly=True
    )
    date_start = fields.Datetime(string="From", required=True, readonly=True)
    date_end = fields.Datetime(string="Until", readonly=True)
    working_seconds = fields.Integer(
        readonly=True, help="In the hours of the team, else of the company."
    )
    working_hours = fields.Float(compute="_compute_working_hours")
    holder = fields.Selection(
        HOLDERS, string="Whose Time", compute="_compute_holder", readonly=True
    )
    # how it came to be
    is_moved = fields.Boolean(string="Moved", readonly=True)
    is_transferred = fields.Boolean(string="To Another Team", readonly=True)
    is_reassigned = fields.Boolean(string="To Another Person", readonly=True)
    is_closed = fields.Boolean(string="Closed", readonly=True)
    is_reopened = fields.Boolean(string="Reopened", readonly=True)
    resolution_id = fields.Many2one(
        "crm.case.resolution",
        string="Had Ended with",
        ondelete="set null",
        readonly=True,
        help="Of closings after which the case was opened again; how it ended last, the"
        " case says.",
    )

    # a case is in one place at a time
    _open_uniq = models.UniqueIndex("(case_id) WHERE date_end IS NULL")
    # closings and reopenings of a period
    _done_idx = models.Index("(date_start) WHERE is_closed OR is_reopened")

    @api.depends("working_seconds")
    def _compute_working_hours(self):
        for stay in self:
            stay.working_hours = stay.working_seconds / 3600

    @api.depends("category", "user_id")
    def _compute_holder(self):
        for stay in self:
            if stay.category in DONE:
                stay.holder = "done"
            elif stay.category in WAITING:
                stay.holder = stay.category.removeprefix("waiting_")
            else:
                stay.holder = "agent" if stay.user_id else "unassigned"

    @api.model
    def _holder_sql(self, alias):
        """SQL of ``holder``; ``alias`` has category and user_id."""
        return SQL(
            """CASE WHEN %(a)s.category IN ('solved', 'closed') THEN 'done'
                    WHEN %(a)s.category = 'waiting_customer' THEN 'customer'
                    WHEN %(a)s.category = 'waiting_third' THEN 'third'
                    WHEN %(a)s.user_id IS NULL THEN 'unassigned'
                    ELSE 'agent' END""",
            a=SQL.identifier(alias),
        )

    # ------------------------------------------------------------
    # Keeping it
    # ------------------------------------------------------------

    @api.model
    def _open(self, cases):
        """The first stays of cases that have just been created: one statement.

        What is brought in when it is over was open until it was closed, wherever.
        """
        rows, ended = [], []
        for case in cases:
            holder, category = self._holder_of(case), case.stage_category
            start = case.date_opened.replace(microsecond=0)
            if category not in DONE:
                rows.append(self._prepare(case.id, holder, category, start))
                continue
            end = max(start, (case.date_closed or start).replace(microsecond=0))
            before = holder._replace(stage_id=0)
            row = {
                **self._prepare(case.id, before, "open", start),
                "date_end": end,
            }
            ended.append((row, Stay(before, start, end)))
            step = step_between(before, holder, holder.user_id, "open", category)
            rows += [row, self._prepare(case.id, holder, category, end, step)]
        self._fill_working_seconds(ended)
        self._insert(rows)

    @api.model
    def _follow(self, cases, date=None):
        """End the stays of ``cases`` that are no longer where they were, begin the new
        ones: three statements for all of them, one when nothing changed.

        :param date: when it happened; now
        """
        date = (date or fields.Datetime.now()).replace(microsecond=0)
        rows = {row["case_id"]: row for row in self._read_open(cases.ids)}
        ended, begun = [], []
        for case in cases:
            holder, category = self._holder_of(case), case.stage_category
            row = rows.get(case.id)
            if row is None:
                begun.append(self._prepare(case.id, holder, category, case.date_opened))
                continue
            before = Holder(*(row[name] or 0 for name in Holder._fields))
            if (before, row["category"]) == (holder, category):
                continue
            moment = max(date, row["date_start"])
            ended.append((row["id"], Stay(before, row["date_start"], moment)))
            step = step_between(
                before, holder, row["last_user_id"], row["category"], category
            )
            begun.append(self._prepare(case.id, holder, category, moment, step))
        self._end(ended)
        self._insert(begun)

    @api.model
    def _keep_resolutions(self, cases):
        """Note how ``cases`` had ended before they are opened again: one statement."""
        self.env["crm.case"].flush_model(["resolution_id"])
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_case_stage_history AS h
                   SET resolution_id = c.resolution_id
                  FROM crm_case AS c
                 WHERE c.id = ANY(%s)
                   AND h.id = (SELECT max(k.id) FROM crm_case_stage_history AS k
                                WHERE k.case_id = c.id AND k.is_closed)
                """,
                cases.ids,
            )
        )
        self.invalidate_model(["resolution_id"], flush=False)

    @api.model
    def _read_open(self, case_ids):
        return self.env.execute_query_dict(
            SQL(
                """
                SELECT h.id, h.case_id, h.stage_id, h.category, h.team_id, h.user_id,
                       h.date_start,
                       COALESCE(h.user_id, (
                           SELECT p.user_id FROM crm_case_stage_history AS p
                            WHERE p.case_id = h.case_id AND p.user_id IS NOT NULL
                            ORDER BY p.date_start DESC, p.id DESC LIMIT 1
                       )) AS last_user_id
                  FROM crm_case_stage_history AS h
                 WHERE h.case_id = ANY(%s) AND h.date_end IS NULL
                """,
                list(case_ids),
            )
        )

    @api.model
    def _holder_of(self, case):
        return Holder(case.stage_id.id, case.team_id.id, case.user_id.id or 0)

    @api.model
    def _prepare(self, case_id, holder, category, date_start, step=None):
        return {
            "case_id": case_id,
            "stage_id": holder.stage_id or None,
            "category": category or None,
            "team_id": holder.team_id or None,
            "user_id": holder.user_id or None,
            "date_start": date_start.replace(microsecond=0),
            "date_end": None,
            "working_seconds": None,
            **(step or Step(*[False] * len(Step._fields)))._asdict(),
        }

    @api.model
    def _count_working_seconds(self, stays):
        """Working seconds of ended stays, in their order."""
        Team = self.env["crm.case.team"].with_context(active_test=False)
        teams = Team.browse({stay.holder.team_id for stay in stays} - {0}).exists()
        by_team = {team.id: team for team in teams}
        seconds = [0] * len(stays)
        places = {}
        for place, stay in enumerate(stays):
            places.setdefault(by_team.get(stay.holder.team_id), []).append(place)
        for team, indexes in places.items():
            company = team.company_id if team else self.env.company
            calendar = (
                team and team.resource_calendar_id
            ) or company.resource_calendar_id
            spans = [(stays[i].date_start, stays[i].date_end) for i in indexes]
            for i, worked in zip(
                indexes, elapsed(calendar, spans, company), strict=True
            ):
                seconds[i] = round(worked)
        return seconds

    @api.model
    def _fill_working_seconds(self, ended):
        """:param ended: ``[(row to insert, stay)]``"""
        if not ended:
            return
        worked = self._count_working_seconds([stay for _row, stay in ended])
        for (row, _stay), seconds in zip(ended, worked, strict=True):
            row["working_seconds"] = seconds

    @api.model
    def _end(self, ended):
        """:param ended: ``[(id, stay)]``"""
        if not ended:
            return
        rows = [{"id": id_, "date_end": stay.date_end} for id_, stay in ended]
        self._fill_working_seconds(
            [(row, stay) for row, (_id, stay) in zip(rows, ended, strict=True)]
        )
        fnames = ["id", "date_end", "working_seconds"]
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_case_stage_history AS h
                   SET date_end = r.date_end, working_seconds = r.working_seconds
                  FROM %s
                 WHERE h.id = r.id
                """,
                bulk.recordset(self, rows, fnames),
            )
        )

    @api.model
    def _insert(self, rows):
        if not rows:
            return
        fnames = list(rows[0])
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_case_stage_history (%s) SELECT %s FROM %s
                ON CONFLICT DO NOTHING
                """,
                SQL(", ").join(map(SQL.identifier, fnames)),
                SQL(", ").join(SQL.identifier("r", fname) for fname in fnames),
                bulk.recordset(self, rows, fnames),
            )
        )
        self.invalidate_model(flush=False)
        self.env["crm.case"].invalidate_model(
            ["stage_history_ids", "reassign_count", "transfer_count"], flush=False
        )

    # ------------------------------------------------------------
    # What was changed past the ORM, and what was before us
    # ------------------------------------------------------------

    @api.model
    def _sync(self):
        """Find the cases that are elsewhere than their open stay says."""
        Case = self.env["crm.case"].with_context(active_test=False)
        Case.flush_model(["stage_id", "stage_category", "team_id", "user_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id
                  FROM crm_case AS c
             LEFT JOIN crm_case_stage_history AS h
                    ON h.case_id = c.id AND h.date_end IS NULL
                 WHERE h.id IS NULL
                    OR (h.stage_id, h.category, h.team_id, h.user_id)
                       IS DISTINCT FROM
                       (c.stage_id, c.stage_category, c.team_id, c.user_id)
                """
            )
        )
        for ids in split_every(SYNC_BATCH, (id_ for (id_,) in rows)):
            self._follow(Case.browse(ids))

    @api.model
    def _cron_sync(self):
        self._sync()
        self._count_open()

    @api.model
    def _count_open(self):
        """Working time so far of the stays that last: reports know it each morning."""
        now = fields.Datetime.now()
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT id, stage_id, team_id, user_id, date_start
                  FROM crm_case_stage_history
                 WHERE date_end IS NULL AND category <> ALL(%s) AND date_start <= %s
                """,
                list(DONE),
                now,
            )
        )
        for batch in split_every(SYNC_BATCH, rows, list):
            stays = [
                (
                    {"id": row["id"]},
                    Stay(
                        Holder(*(row[name] or 0 for name in Holder._fields)),
                        row["date_start"],
                        now,
                    ),
                )
                for row in batch
            ]
            self._fill_working_seconds(stays)
            fnames = ["id", "working_seconds"]
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE crm_case_stage_history AS h
                       SET working_seconds = r.working_seconds
                      FROM %s WHERE h.id = r.id
                    """,
                    bulk.recordset(self, [row for row, _stay in stays], fnames),
                )
            )
        self.invalidate_model(["working_seconds"], flush=False)

    @api.model
    def _backfill(self):
        """The past of cases of which nothing is known, from Odoo's tracking values."""
        self.env["crm.case"].flush_model()
        self.env["mail.tracking.value"].flush_model()
        self.env["mail.message"].flush_model(["model", "res_id", "date"])
        todo = self.env.execute_query(
            SQL(
                """SELECT c.id FROM crm_case AS c
                    WHERE NOT EXISTS (SELECT FROM crm_case_stage_history AS h
                                       WHERE h.case_id = c.id)
                    ORDER BY c.id"""
            )
        )
        for ids in split_every(BACKFILL_BATCH, (id_ for (id_,) in todo)):
            self._backfill_cases(ids)

    @api.model
    def _backfill_cases(self, case_ids):
        fields_by_id = {
            self.env["ir.model.fields"]._get("crm.case", name).id: name
            for name in TRACKED
        }
        changes = {}
        for case_id, date, field_id, old, new in self.env.execute_query(
            SQL(
                """
                SELECT m.res_id, m.date, v.field_id,
                       v.old_value_integer, v.new_value_integer
                  FROM mail_tracking_value AS v
                  JOIN mail_message AS m ON m.id = v.mail_message_id
                 WHERE m.model = 'crm.case' AND m.res_id = ANY(%s)
                   AND v.field_id = ANY(%s)
                 ORDER BY m.date, v.id
                """,
                list(case_ids),
                list(fields_by_id),
            )
        ):
            changes.setdefault(case_id, []).append(
                Change(date, fields_by_id[field_id], old or 0, new or 0)
            )
        cases = self.env["crm.case"].with_context(active_test=False).browse(case_ids)
        self._write_stays(
            {
                case.id: build_stays(
                    case.date_opened, self._holder_of(case), changes.get(case.id, ())
                )
                for case in cases
            }
        )

    @api.model
    def _write_stays(self, stays_by_case):
        """Write whole histories of cases that have none.

        :param stays_by_case: ``{case id: [Stay]}``, each in order, the last one open
        """
        # stages and people that are gone leave their time behind
        known = {
            "stage_id": self._read_known("crm_case_stage", "category"),
            "team_id": self._read_known("crm_case_team", "id"),
            "user_id": self._read_known("res_users", "id"),
        }
        rows, ended = [], []
        for case_id, stays in stays_by_case.items():
            before = last_user_id = category_before = None
            for stay in stays:
                holder = Holder(
                    *(
                        value if value in known[name] else 0
                        for name, value in stay.holder._asdict().items()
                    )
                )
                category = known["stage_id"].get(holder.stage_id)
                step = before and step_between(
                    before, holder, last_user_id, category_before, category
                )
                row = self._prepare(case_id, holder, category, stay.date_start, step)
                rows.append(row)
                if stay.date_end:
                    row["date_end"] = stay.date_end.replace(microsecond=0)
                    ended.append((row, stay._replace(holder=holder)))
                before, category_before = holder, category
                last_user_id = holder.user_id or last_user_id
        self._fill_working_seconds(ended)
        self._insert(rows)

    @api.model
    def _rebuild(self, case_ids):
        """Read the past of these cases anew: it was written past us (demo, import)."""
        self.env["crm.case"].flush_model()
        self.env["mail.tracking.value"].flush_model()
        self.env.cr.execute(
            SQL(
                "DELETE FROM crm_case_stage_history WHERE case_id = ANY(%s)",
                list(case_ids),
            )
        )
        self._backfill_cases(case_ids)

    @api.model
    def _read_known(self, table, column):
        return dict(
            self.env.execute_query(
                SQL(
                    "SELECT id, %s FROM %s",
                    SQL.identifier(column),
                    SQL.identifier(table),
                )
            )
        )

    def action_open_case(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case",
            "res_id": self.case_id.id,
            "views": [(False, "form")],
        }
