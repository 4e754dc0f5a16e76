from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.collision import rested, succeeds
from ...tools.stage_visits import Visit, merge_visits

OUTCOMES = [
    ("forward", "Moved on"),
    ("back", "Moved back"),
    ("lost", "Lost"),
    ("junk", "Junk"),
    ("archived", "Archived"),
]
COURSES = [
    ("on", "Moved on"),
    ("out", "Left"),
    ("there", "Still there"),
]


class CrmStageHistory(models.Model):
    """When a lead entered a stage and how it left: a row a visit, kept by SQL.

    Odoo keeps the present stage only; the past is read from its tracking values when
    the app is installed (``_backfill``), what comes is compared with the leads after
    each change and every night (``_sync``), so that leads moved by SQL are found, too.
    """

    _name = "crm.stage.history"
    _description = "Stage History"
    _order = "date_start desc, id desc"
    _rec_name = "lead_id"
    _log_access = False  # a ledger: millions of narrow rows

    lead_id = fields.Many2one(
        "crm.lead", required=True, ondelete="cascade", readonly=True, index=True
    )
    stage_id = fields.Many2one(
        "crm.stage",
        required=True,
        ondelete="cascade",
        readonly=True,
        index=True,
    )
    next_stage_id = fields.Many2one("crm.stage", ondelete="set null", readonly=True)
    date_start = fields.Datetime(string="Entered", required=True, readonly=True)
    date_end = fields.Datetime(string="Left", readonly=True)
    outcome = fields.Selection(OUTCOMES, string="Left As", readonly=True)
    user_id = fields.Many2one(
        "res.users",
        string="Salesperson",
        readonly=True,
        help="Who had the lead when it entered the stage.",
    )
    days = fields.Float(compute="_compute_days", digits=(16, 1))
    course = fields.Selection(
        COURSES,
        string="What Became of It",
        compute="_compute_course",
        search="_search_course",
        help="Moved on: the deal was won, or entered a stage further on since.\n"
        "Still there: it is open, and in that stage.\n"
        "Left: neither; it was lost, archived or moved back.",
    )

    # a lead is in one stage at a time
    _open_uniq = models.UniqueIndex("(lead_id) WHERE date_end IS NULL")

    @api.depends("date_start", "date_end")
    def _compute_days(self):
        now = self.env.cr.now()
        for visit in self:
            end = visit.date_end or now
            visit.days = (end - visit.date_start).total_seconds() / 86400

    def _compute_course(self):
        self._flush_course()
        courses = dict(
            self.env.execute_query(
                SQL(
                    "SELECT h.id, %s FROM crm_stage_history h WHERE h.id = ANY(%s)",
                    self._course_sql("h"),
                    self.ids,
                )
            )
        )
        for visit in self:
            visit.course = courses.get(visit.id)

    def _search_course(self, operator, value):
        if operator != "in":
            return NotImplemented
        self._flush_course()
        return Domain.custom(
            to_sql=lambda model, alias, query: SQL(
                "%s = ANY(%s)", model._course_sql(alias), list(value)
            )
        )

    @api.model
    def _flush_course(self):
        self.flush_model(["lead_id", "stage_id", "date_start"])
        self.env["crm.lead"].flush_model(["stage_id", "active", "won_status"])
        self.env["crm.stage"].flush_model(["sequence"])

    @api.model
    def _course_sql(self, alias):
        """What became of a visit: see ``course``."""
        return SQL(
            """(SELECT CASE
                    WHEN cl.won_status = 'won' OR EXISTS (
                         SELECT FROM crm_stage_history later
                           JOIN crm_stage higher ON higher.id = later.stage_id
                          WHERE later.lead_id = %(visit)s.lead_id
                            AND later.date_start >= %(visit)s.date_start
                            AND higher.sequence > cs.sequence) THEN 'on'
                    WHEN cl.active AND cl.won_status = 'pending'
                         AND cl.stage_id = %(visit)s.stage_id THEN 'there'
                    ELSE 'out' END
                  FROM crm_lead cl, crm_stage cs
                 WHERE cl.id = %(visit)s.lead_id AND cs.id = %(visit)s.stage_id)""",
            visit=SQL.identifier(alias),
        )

    @api.model
    def _sync(self, lead_ids=None, are_new=False):
        """Make the open visits agree with the leads: with these, or with all.

        :param are_new: nothing is known of these leads yet
        """
        self.env["crm.lead"].flush_model(
            [
                "stage_id",
                "active",
                "won_status",
                "is_junk",
                "date_closed",
                "date_last_stage_update",
                "user_id",
            ]
        )
        values = {
            "now": self.env.cr.now(),
            "leads": SQL("TRUE")
            if lead_ids is None
            else SQL("l.id = ANY(%s)", list(lead_ids)),
            # how a lead that is no longer in the pipeline left it
            "outcome": SQL(
                """CASE WHEN l.is_junk THEN 'junk'
                        WHEN l.won_status = 'lost' THEN 'lost'
                        WHEN NOT l.active THEN 'archived' END"""
            ),
        }
        if not are_new:
            self._close_visits(values)
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_stage_history
                            (lead_id, stage_id, user_id, date_start, date_end, outcome)
                SELECT l.id, l.stage_id, l.user_id,
                       CASE WHEN p.lead_id IS NULL THEN l.create_date
                            ELSE GREATEST(p.date_end, l.create_date) END,
                       CASE WHEN %(outcome)s IS NOT NULL
                            THEN GREATEST(l.create_date,
                                          COALESCE(p.date_end, l.create_date),
                                          COALESCE(l.date_closed, %(now)s)) END,
                       %(outcome)s
                  FROM crm_lead AS l
                  LEFT JOIN LATERAL (
                       SELECT h.lead_id, h.date_end, h.stage_id
                         FROM crm_stage_history AS h
                        WHERE h.lead_id = l.id
                        ORDER BY h.id DESC LIMIT 1
                       ) AS p ON TRUE
                 WHERE %(leads)s
                   AND l.stage_id IS NOT NULL
                   AND (p.lead_id IS NULL
                        OR p.date_end IS NOT NULL
                           AND (%(outcome)s IS NULL OR p.stage_id <> l.stage_id))
                """,
                **values,
            )
        )
        self.invalidate_model(flush=False)

    @api.model
    def _close_visits(self, values):
        """End the visits of leads that went on; resume those of leads that are back."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_stage_history AS h
                   SET date_end = GREATEST(h.date_start, CASE
                           WHEN l.stage_id = h.stage_id
                           THEN COALESCE(l.date_closed, %(now)s)
                           WHEN l.date_last_stage_update > h.date_start
                           THEN l.date_last_stage_update
                           ELSE %(now)s END),
                       outcome = CASE
                           WHEN l.stage_id = h.stage_id THEN %(outcome)s
                           WHEN n.sequence < s.sequence THEN 'back'
                           ELSE 'forward' END,
                       next_stage_id = NULLIF(l.stage_id, h.stage_id)
                  FROM crm_lead AS l
                  LEFT JOIN crm_stage AS n ON n.id = l.stage_id,
                       crm_stage AS s
                 WHERE l.id = h.lead_id
                   AND s.id = h.stage_id
                   AND h.date_end IS NULL
                   AND %(leads)s
                   AND (l.stage_id IS DISTINCT FROM h.stage_id
                        OR %(outcome)s IS NOT NULL)
                """,
                **values,
            )
        )
        # back in the stage that it left as lost, junk or archived: it never left it
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_stage_history AS h
                   SET date_end = NULL, outcome = NULL
                  FROM crm_lead AS l
                 WHERE l.id = h.lead_id
                   AND %(leads)s
                   AND l.stage_id = h.stage_id
                   AND h.outcome IN ('lost', 'junk', 'archived')
                   AND %(outcome)s IS NULL
                   AND NOT EXISTS (SELECT 1 FROM crm_stage_history AS x
                                    WHERE x.lead_id = h.lead_id AND x.id > h.id)
                """,
                **values,
            )
        )

    @api.model
    def _backfill(self):
        """The past of leads of which nothing is known, from Odoo's tracking values."""
        self.env["mail.tracking.value"].flush_model()
        self.env["mail.message"].flush_model(["model", "res_id", "date"])
        self.env["crm.lead"].flush_model(["stage_id"])
        field = self.env["ir.model.fields"]._get("crm.lead", "stage_id")
        self.env.cr.execute(
            SQL(
                """
                WITH moves AS (
                    SELECT m.res_id AS lead_id, m.date,
                           v.old_value_integer AS old, v.new_value_integer AS new,
                           row_number() OVER w AS n,
                           lead(m.date) OVER w AS next_date,
                           lead(v.new_value_integer) OVER w AS next
                      FROM mail_tracking_value AS v
                      JOIN mail_message AS m ON m.id = v.mail_message_id
                     WHERE v.field_id = %(field)s
                       AND m.model = 'crm.lead'
                       AND NOT EXISTS (SELECT 1 FROM crm_stage_history AS h
                                        WHERE h.lead_id = m.res_id)
                    WINDOW w AS (PARTITION BY m.res_id ORDER BY m.date, v.id)
                ), visits AS (
                    SELECT f.lead_id, f.old AS stage_id, l.create_date AS date_start,
                           GREATEST(f.date, l.create_date) AS date_end, f.new AS next
                      FROM moves AS f
                      JOIN crm_lead AS l ON l.id = f.lead_id
                     WHERE f.n = 1
                 UNION ALL
                    SELECT lead_id, new, date, next_date, next FROM moves
                )
                INSERT INTO crm_stage_history
                            (lead_id, stage_id, user_id, date_start, date_end,
                             next_stage_id, outcome)
                SELECT l.id, s.id, l.user_id, v.date_start, v.date_end, n.id,
                       CASE WHEN v.date_end IS NULL THEN NULL
                            WHEN n.sequence < s.sequence THEN 'back'
                            ELSE 'forward' END
                  FROM visits AS v
                  JOIN crm_lead AS l ON l.id = v.lead_id
                  JOIN crm_stage AS s ON s.id = v.stage_id
                  LEFT JOIN crm_stage AS n ON n.id = v.next
                 ORDER BY l.id, v.date_start
                """,
                field=field.id,
            )
        )
        self._sync()

    @api.model
    def _cron_sync(self):
        # somebody may move one of these leads meanwhile
        if not succeeds(self.env, self._sync):
            cron = self.env.ref(
                "crm_plus.ir_cron_sync_stage_history", raise_if_not_found=False
            )
            if cron:
                cron._trigger(rested())

    @api.model
    def _move_leads(self, from_ids, to_id):
        """The past of merged leads goes before that of the one that stays."""
        self._sync([*from_ids, to_id])
        visits = self.search(
            [("lead_id", "in", [*from_ids, to_id])], order="date_start, id"
        )
        by_lead = visits.grouped(lambda visit: visit.lead_id.id)
        kept = by_lead.pop(to_id, self.browse())
        ranks = {
            # sudo of the caller: all stages, in order
            stage.id: rank
            for rank, stage in enumerate(self.env["crm.stage"].search([]))
        }
        before = [visit._to_tuple() for visit in kept]
        merged = merge_visits(
            before,
            [
                [visit._to_tuple() for visit in by_lead[lead_id]]
                for lead_id in from_ids
                if lead_id in by_lead
            ],
            ranks,
        )
        if merged == before:
            return
        # anew, as the last visit of a lead is the one with the highest id
        visits.unlink()
        self.flush_model()
        self.create([{"lead_id": to_id, **visit._asdict()} for visit in merged])

    def _to_tuple(self):
        self.ensure_one()
        return Visit(
            self.stage_id.id,
            self.date_start,
            self.date_end,
            self.outcome,
            self.next_stage_id.id,
            self.user_id.id,
        )
