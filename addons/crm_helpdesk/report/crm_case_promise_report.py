from odoo import api, fields, models
from odoo.tools import SQL


class CrmCasePromiseReport(models.Model):
    """One row a promise on a case: kept or missed, by how much, and whose time it took.

    Kept (K66): promises met among those that fell due; the time a clock stood still
    does not count. Clocks that were cancelled in time were nobody's promise any more; a
    case that is closed after an answer was due had that promise broken. Running clocks
    that are in time are not due yet. The cause of a missed promise is where most of its
    time went: unassigned, with an agent, or waiting while it ran.
    """

    _name = "crm.case.promise.report"
    _inherit = "crm.case.dimension.mixin"
    _description = "Promises of Cases"
    _auto = False
    _order = "date_due desc, id desc"

    kind = fields.Selection("_selection_kind", string="Promise", readonly=True)
    occurrence = fields.Integer(readonly=True, aggregator=None)
    policy_id = fields.Many2one("crm.sla.policy", readonly=True)
    state = fields.Selection(
        [
            ("met", "Kept"),
            ("missed", "Missed"),
            ("late", "Late Now"),
            ("running", "In Time"),
            ("paused", "Paused"),
            ("cancelled", "Cancelled"),
            ("unpromised", "No Promise"),
        ],
        readonly=True,
    )
    cause = fields.Selection(
        [
            ("unassigned", "Unassigned"),
            ("agent", "With an Agent"),
            ("waiting", "Waiting for Others"),
        ],
        string="Whose Time",
        readonly=True,
        falsy_value_label="Not Known Yet",
        help="Of missed promises: where most of the time went. Known within the hour"
        " after they were missed and answered.",
    )
    date_start = fields.Datetime(string="Started", readonly=True)
    date_due = fields.Datetime(string="Due", readonly=True)
    date_stop = fields.Datetime(string="Stopped", readonly=True)
    is_due = fields.Integer(string="Fell Due", readonly=True)
    is_met = fields.Integer(string="Kept", readonly=True)
    is_missed = fields.Integer(string="Missed", readonly=True)
    kept = fields.Float(
        string="Kept (%)",
        readonly=True,
        aggregator="avg",
        help="Promises kept among those that fell due.",
    )
    promised_hours = fields.Float(
        string="Hours Promised", readonly=True, aggregator="avg"
    )
    taken_hours = fields.Float(
        string="Hours Taken",
        readonly=True,
        aggregator="avg",
        help="Working hours without pauses, of what has stopped.",
    )
    late_hours = fields.Float(
        string="Hours Late",
        readonly=True,
        aggregator="avg",
        help="Of missed promises that have been answered: working hours beyond what was"
        " promised.",
    )
    unassigned_hours = fields.Float(
        string="Hours Unassigned", readonly=True, help="Of missed promises."
    )
    agent_hours = fields.Float(
        string="Hours with an Agent", readonly=True, help="Of missed promises."
    )
    waiting_hours = fields.Float(
        string="Hours Waiting",
        readonly=True,
        help="Of missed promises: waiting for others while the promise ran on.",
    )

    _ratios = {"kept": ("is_met", "is_due", 1)}

    _depends = {
        "crm.case": [
            "active",
            "category_id",
            "channel",
            "commercial_partner_id",
            "company_id",
            "is_machine",
            "is_spam",
            "merged_into_id",
            "partner_id",
            "priority",
            "product_id",
            "resolution_id",
            "team_id",
            "type_id",
            "user_id",
        ],
        "crm.sla.clock": [
            "date_due",
            "date_paused",
            "date_start",
            "date_stop",
            "elapsed_seconds",
            "kind",
            "occurrence",
            "outcome",
            "policy_id",
            "res_id",
            "res_model",
            "target_seconds",
            "user_id",
        ],
    }

    @api.model
    def _selection_kind(self):
        kind = self.env["crm.sla.clock"]._fields["kind"]
        return kind._description_selection(self.env)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT r.*, %(ratios)s
              FROM (
                    SELECT k.id, %(dimensions)s, c.team_id,
                           COALESCE(k.user_id, c.user_id) AS user_id, k.kind,
                           k.occurrence, k.policy_id, s.state, k.date_start, k.date_due,
                           k.date_stop,
                           (s.state IN ('met', 'missed', 'late'))::int AS is_due,
                           (s.state = 'met')::int AS is_met,
                           (s.state IN ('missed', 'late'))::int AS is_missed,
                           CASE WHEN k.date_due IS NOT NULL
                                THEN k.target_seconds / 3600.0 END::float8
                           AS promised_hours,
                           CASE WHEN s.state IN ('met', 'missed', 'unpromised')
                                 AND k.date_stop IS NOT NULL
                                THEN k.elapsed_seconds / 3600.0 END::float8
                           AS taken_hours,
                           CASE WHEN s.state = 'missed' THEN GREATEST(
                                0, k.elapsed_seconds - k.target_seconds
                           ) / 3600.0 END::float8 AS late_hours,
                           (t.unassigned_seconds / 3600.0)::float8 AS unassigned_hours,
                           (t.agent_seconds / 3600.0)::float8 AS agent_hours,
                           (t.waiting_seconds / 3600.0)::float8 AS waiting_hours,
                           CASE WHEN t.unassigned_seconds > GREATEST(
                                         t.agent_seconds, t.waiting_seconds)
                                THEN 'unassigned'
                                WHEN t.waiting_seconds > t.agent_seconds THEN 'waiting'
                                WHEN t.id IS NOT NULL THEN 'agent' END AS cause
                      FROM crm_sla_clock AS k
                      JOIN crm_case AS c ON c.id = k.res_id
                 LEFT JOIN crm_case_promise_time AS t ON t.clock_id = k.id
                CROSS JOIN LATERAL (
                            SELECT CASE
                                   WHEN %(is_missed)s THEN 'missed'
                                   WHEN k.outcome IS NOT NULL THEN k.outcome
                                   WHEN k.date_due IS NULL THEN 'unpromised'
                                   WHEN k.date_due < COALESCE(k.date_paused, %(now)s)
                                   THEN 'late'
                                   WHEN k.date_paused IS NOT NULL THEN 'paused'
                                   ELSE 'running' END AS state
                           ) AS s
                     WHERE k.res_model = 'crm.case' AND %(is_real)s
                   ) AS r
            """,
            ratios=self._get_ratio_columns("r"),
            dimensions=self._get_case_select(),
            is_missed=self.env["crm.case.promise.time"]._missed_sql("k"),
            now=fields.Datetime.now(),
            is_real=self._get_real_sql(),
        )
