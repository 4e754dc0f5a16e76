"""Speed to lead: how fast a first answer was, and what became of it."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.misc import format_date

from ...tools.client_input import read_day
from ...tools.company_time import company_timezone

# up to so many working hours; the key sorts
BANDS = [
    ("a", 0.25, "Up to 15 min"),
    ("b", 1, "15 min to 1 h"),
    ("c", 4, "1 h to 4 h"),
    ("d", 8, "4 h to 8 h"),
    ("e", 24, "8 h to 24 h"),
    ("f", None, "More than 24 h"),
    ("g", None, "Unanswered"),
]
GROUPS = ("team_id", "user_id", "source_id", "create_date:week")
# fewer leads than that tell nothing: shown in grey
FEW = 5


class CrmResponseReport(models.Model):
    """One row for each lead whose first response was measured.

    Speed to lead is the median, over the leads created in a period, of the working time
    from creation to the first message, call or meeting of a person of ours, in the
    hours of the team (else of the policy, the company). Lost leads count, junk does
    not. A lead that nobody answered has no time at all: it is counted apart, never as
    zero; so is one that was won or lost before anybody answered.

    Medians cannot be added up: the measure is computed by the database for each group,
    totals included.
    """

    _name = "crm.response.report"
    _description = "Speed to Lead"
    _auto = False
    _order = "create_date desc, id desc"
    _rec_name = "lead_id"

    lead_id = fields.Many2one("crm.lead", readonly=True)
    type = fields.Selection(
        [("lead", "Lead"), ("opportunity", "Opportunity")], readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    source_id = fields.Many2one("utm.source", readonly=True)
    medium_id = fields.Many2one("utm.medium", readonly=True)
    campaign_id = fields.Many2one("utm.campaign", readonly=True)
    country_id = fields.Many2one("res.country", readonly=True)
    create_date = fields.Datetime(string="Created", readonly=True)
    date_due = fields.Datetime(string="Promised for", readonly=True)
    date_response = fields.Datetime(string="Answered on", readonly=True)
    state = fields.Selection(
        [
            ("answered", "Answered"),
            ("waiting", "Waiting"),
            ("closed", "Closed Unanswered"),
        ],
        readonly=True,
    )
    band = fields.Selection(
        [(key, label) for key, _hours, label in BANDS],
        string="Response Time",
        readonly=True,
    )
    won_status = fields.Selection(
        [("won", "Won"), ("lost", "Lost"), ("pending", "Pending")],
        string="Won/Lost",
        readonly=True,
    )
    # measures
    response_hours = fields.Float(
        string="Hours to Response (Average)", readonly=True, aggregator="avg"
    )
    response_hours_median = fields.Float(
        string="Hours to Response (Median)",
        readonly=True,
        aggregator="avg",
        help="Working hours. The median of each group is computed from its leads.",
    )
    answered = fields.Integer(readonly=True, aggregator="sum")
    unanswered = fields.Integer(
        readonly=True, aggregator="sum", help="Nobody has answered so far, or ever."
    )
    in_time = fields.Float(
        string="Answered within Target",
        readonly=True,
        aggregator="avg",
        help="Share of the leads whose promise was kept or broken. Those that still"
        " wait in time, and those without promise, are no part of it.",
    )
    won = fields.Integer(string="Won Leads", readonly=True, aggregator="sum")
    won_share = fields.Float(
        readonly=True,
        aggregator="avg",
        help="Won leads among all leads of the group, open ones included.",
    )
    pending = fields.Integer(string="Still Open", readonly=True, aggregator="sum")

    _depends = {
        "crm.lead": [
            "active",
            "campaign_id",
            "company_id",
            "country_id",
            "create_date",
            "date_closed",
            "medium_id",
            "source_id",
            "team_id",
            "type",
            "user_id",
            "won_status",
        ],
        "crm.sla.clock": [
            "date_due",
            "date_paused",
            "date_stop",
            "elapsed_seconds",
            "kind",
            "occurrence",
            "outcome",
            "res_id",
            "res_model",
        ],
    }

    @property
    def _table_query(self):
        cases = SQL(" ").join(
            SQL("WHEN hours <= %s THEN %s", hours, key)
            for key, hours, _label in BANDS
            if hours
        )
        return SQL(
            """
            SELECT r.*,
                   r.hours AS response_hours,
                   r.hours AS response_hours_median,
                   (r.state = 'answered')::int AS answered,
                   (r.state <> 'answered')::int AS unanswered,
                   CASE WHEN r.state <> 'answered' THEN 'g' %(cases)s ELSE 'f' END
                   AS band,
                   CASE
                        WHEN r.date_due IS NULL THEN NULL
                        WHEN r.state = 'answered'
                        THEN (r.date_response <= r.date_due)::int
                        WHEN r.date_due < r.date_until THEN 0
                   END AS in_time,
                   (r.won_status = 'won')::int AS won,
                   (r.won_status = 'won')::int AS won_share,
                   (r.won_status = 'pending')::int AS pending
              FROM (
                    SELECT l.id, l.id AS lead_id, l.type, l.company_id, l.team_id,
                           l.user_id, l.source_id, l.medium_id, l.campaign_id,
                           l.country_id, l.create_date, l.won_status, c.date_due,
                           COALESCE(c.date_stop, c.date_paused, %(now)s) AS date_until,
                           a.state,
                           CASE WHEN a.state = 'answered' THEN c.date_stop END
                           AS date_response,
                           CASE WHEN a.state = 'answered'
                                THEN c.elapsed_seconds / 3600.0 END AS hours
                      FROM crm_lead AS l
                      JOIN LATERAL (
                            -- the answer, else the last wait
                            SELECT k.*
                              FROM crm_sla_clock AS k
                             WHERE k.res_model = 'crm.lead'
                               AND k.res_id = l.id
                               AND k.kind = 'first_response'
                          ORDER BY COALESCE(k.outcome, 'cancelled') = 'cancelled',
                                   CASE WHEN k.outcome <> 'cancelled'
                                        THEN k.occurrence
                                        ELSE -k.occurrence END
                             LIMIT 1
                           ) AS c ON TRUE
                CROSS JOIN LATERAL (
                            SELECT CASE
                                   WHEN c.date_stop IS NULL THEN 'waiting'
                                   WHEN c.outcome = 'cancelled' THEN 'closed'
                                   -- stopped by winning it, not by an answer
                                   WHEN l.won_status = 'won'
                                        AND c.date_stop >= l.date_closed THEN 'closed'
                                   ELSE 'answered' END AS state
                           ) AS a
                     WHERE %(is_real)s
                   ) AS r
            """,
            cases=cases,
            now=fields.Datetime.now(),
            is_real=self._get_real_sql(),
        )

    @api.model
    def _get_real_sql(self):
        """Hook: the leads (``l``) that are none of junk, test and the like."""
        field = self.env["crm.lead"]._fields.get("is_junk")
        if field is not None and field.store:
            return SQL("l.is_junk IS NOT TRUE")
        return SQL("TRUE")

    def _read_group_select(self, aggregate_spec, query):
        if aggregate_spec == "response_hours_median:avg":
            return SQL(
                "percentile_cont(0.5) WITHIN GROUP (ORDER BY %s)",
                self._field_to_sql(self._table, "response_hours_median", query),
            )
        return super()._read_group_select(aggregate_spec, query)

    def action_open_lead(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.lead",
            "res_id": self.lead_id.id,
            "views": [(False, "form")],
        }

    # ------------------------------------------------------------
    # The page
    # ------------------------------------------------------------

    @api.model
    @api.readonly
    def get_overview(self, date_from, date_to, group_by="team_id", team_id=None):
        """Figures of the leads created in ``[date_from, date_to)``, days of the
        company's time zone, as the reader may see them.

        Each part comes with its ``domain`` on this report. A figure without anything to
        compute it from is ``None``.
        """
        if group_by not in GROUPS:
            raise ValueError(f"no grouping by {group_by!r}")
        zone = company_timezone(self.env.company)
        start, stop = (
            datetime.combine(read_day(self.env, day), time.min, tzinfo=zone)
            .astimezone(ZoneInfo("UTC"))
            .replace(tzinfo=None)
            for day in (date_from, date_to)
        )
        domain = Domain("create_date", ">=", start) & Domain("create_date", "<", stop)
        if team_id:
            domain &= Domain("team_id", "=", team_id)
        report = self.with_context(tz=zone.key)
        total, groups, bands = report._read_grouping_sets(
            domain, [[], [group_by], ["band"]], self._get_overview_aggregates()
        )
        labels = dict(self._fields["band"]._description_selection(self.env))
        by_band = {row[0]: row[1:] for row in bands}
        return {
            "total": self._prepare_figures("", total[0], domain),
            "groups": [
                self._prepare_figures(
                    self._get_group_label(group_by, key),
                    figures,
                    domain & self._get_group_domain(group_by, key),
                )
                for key, *figures in groups
            ],
            "bands": [
                self._prepare_figures(
                    labels[key], by_band[key], domain & Domain("band", "=", key)
                )
                for key, _hours, _label in BANDS
                if key in by_band
            ],
            "unmeasured": self._count_unmeasured(start, stop, team_id),
            "few": FEW,
            "can_measure": self.env["crm.sla.policy"].has_access("write"),
            "timezone": zone.key,
        }

    @api.model
    def measure_history(self):
        """Measure leads of earlier times by their timeline; returns how many, 0 when
        none is left to be measured.
        """
        self.env["crm.sla.policy"].check_access("write")
        # the ledger of clocks is written by its own methods only
        return self.env["crm.sla.clock"].sudo()._measure_history()

    @api.model
    def _get_overview_aggregates(self):
        return [
            "__count",
            "answered:sum",
            "unanswered:sum",
            "response_hours_median:avg",
            "in_time:avg",
            "in_time:count",
            "won:sum",
            "pending:sum",
        ]

    @api.model
    def _prepare_figures(self, label, figures, domain):
        count, answered, unanswered, median, in_time, judged, won, pending = figures
        return {
            "label": label,
            "count": count,
            "answered": answered or 0,
            "unanswered": unanswered or 0,
            "median": median if answered else None,
            "in_time": in_time if judged else None,
            "judged": judged,
            "won": won or 0,
            "won_share": (won or 0) / count if count else None,
            "pending": pending or 0,
            "domain": list(domain),
        }

    @api.model
    def _get_group_label(self, group_by, key):
        if group_by == "create_date:week":
            return self.env._("Week of %s", format_date(self.env, key))
        return key.display_name or self.env._("None")

    @api.model
    def _get_group_domain(self, group_by, key):
        if group_by != "create_date:week":
            return Domain(group_by, "=", key.id)
        # the week's local midnights
        zone = company_timezone(self.env.company)
        first = key.date() if isinstance(key, datetime) else key
        start, stop = (
            datetime.combine(first + timedelta(days=days), time.min, tzinfo=zone)
            .astimezone(ZoneInfo("UTC"))
            .replace(tzinfo=None)
            for days in (0, 7)
        )
        return Domain("create_date", ">=", start) & Domain("create_date", "<", stop)

    @api.model
    def _count_unmeasured(self, start, stop, team_id):
        """Leads of the period from before their response was measured."""
        domain = (
            Domain("create_date", ">=", start)
            & Domain("create_date", "<", stop)
            & ~Domain("sla_clock_ids", "any", [("kind", "=", "first_response")])
        )
        if team_id:
            domain &= Domain("team_id", "=", team_id)
        Lead = self.env["crm.lead"].with_context(active_test=False)
        if "is_junk" in Lead._fields:
            domain &= Domain("is_junk", "=", False)
        return Lead.search_count(domain)
