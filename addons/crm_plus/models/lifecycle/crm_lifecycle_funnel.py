"""The funnel page: figures of a cohort, computed by the database in one statement."""

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.misc import format_date

from .crm_lifecycle_step import LEAD_STEPS
from .crm_period_report import SMALL

GROUPS = ("month", "source_id", "medium_id", "campaign_id", "team_id", "user_id")
# What a group of leads is on their hand-overs.
HANDOVER_GROUPS = {
    "month": "date",
    "team_id": "to_team_id",
    "user_id": "to_user_id",
}
# How hand-overs call what leads are narrowed down by.
HANDOVER_FILTERS = {
    "team_id": "to_team_id",
    "user_id": "to_user_id",
    "source_id": "lead_id.source_id",
    "campaign_id": "lead_id.campaign_id",
}


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmLifecycleReport(models.Model):
    _inherit = "crm.lifecycle.report"

    @api.model
    @api.readonly
    def get_funnel(self, date_from, date_to, group_by=None, filters=None):
        """Return the figures K01 to K07 of a period, for the web client.

        Cohorts of the leads created in it, but for K05, of the stages that deals
        entered, and K07, of the hand-overs that were made. Who asks sees the own scope.
        A rate without denominator is ``False``.

        :param date_from: first day, in the time zone of the company
        :param date_to: last day
        :param group_by: ``month``, or one of the fields of ``GROUPS``
        :param filters: ``{field: id}`` of ``get_filters``
        """
        group_by = group_by if group_by in GROUPS else None
        start, end = self._get_period(date_from, date_to)
        domain = Domain("create_date", ">=", start) & Domain("create_date", "<", end)
        domain &= self._get_filter_domain(filters)
        handed = Domain("date", ">=", start) & Domain("date", "<", end)
        handed &= self._get_filter_domain(filters, HANDOVER_FILTERS)
        rows = self._read_funnel(domain, group_by)
        handovers = self._read_handovers(handed, group_by)
        total = rows.pop(None, None) or self._empty_row()
        return {
            "small": SMALL,
            "total": self._prepare_figures(
                total, handovers.get(None, {}), domain, handed
            ),
            "stages": self._read_stages(start, end, filters),
            "groups": [
                {
                    "name": self._get_group_name(group_by, key),
                    **self._prepare_figures(
                        row,
                        handovers.get(key, {}) if group_by in HANDOVER_GROUPS else None,
                        domain & self._get_group_domain(group_by, key),
                        handed & self._get_handover_domain(group_by, key),
                    ),
                }
                for key, row in sorted(
                    rows.items(),
                    key=lambda item: (
                        (item[0],) if group_by == "month" else (-item[1]["leads"],)
                    ),
                )
            ],
        }

    # ------------------------------------------------------------
    # Database
    # ------------------------------------------------------------

    @api.model
    def _group_sql(self, alias, group_by):
        if group_by == "month":
            return SQL(
                "date_trunc('month', %s AT TIME ZONE 'UTC' AT TIME ZONE %s)::date",
                SQL.identifier(alias, "create_date"),
                self._get_timezone().key,
            )
        return SQL("COALESCE(%s, 0)", SQL.identifier(alias, group_by))

    @api.model
    def _get_columns(self, alias):
        """``{name: SQL}`` of the aggregates of a set of leads."""
        table = SQL.identifier(alias)
        columns = {
            "leads": SQL("count(*)"),
            "open": SQL("count(*) FILTER (WHERE %s.won_status = 'pending')", table),
            "won": SQL("count(*) FILTER (WHERE %s.won_status = 'won')", table),
            "lost": SQL("count(*) FILTER (WHERE %s.won_status = 'lost')", table),
            "touched": SQL("count(*) FILTER (WHERE %s.is_touched)", table),
            "paying": SQL(
                "count(*) FILTER (WHERE %(t)s.is_touched AND %(t)s.is_paying)", t=table
            ),
            "qualified": SQL("count(*) FILTER (WHERE %s.is_qualified)", table),
            "age": SQL(
                "percentile_cont(0.5) WITHIN GROUP (ORDER BY"
                " EXTRACT(EPOCH FROM %s::timestamp - %s.create_date) / 86400)",
                self.env.cr.now(),
                table,
            ),
        }
        for position, code in enumerate(LEAD_STEPS):
            date = SQL.identifier(alias, f"date_{code}")
            further = LEAD_STEPS[position + 1 :]
            columns[f"reached_{code}"] = SQL("count(%s)", date)
            if further:
                columns[f"further_{code}"] = SQL(
                    "count(%s) FILTER (WHERE COALESCE(%s) IS NOT NULL)",
                    date,
                    SQL(", ").join(
                        SQL.identifier(alias, f"date_{later}") for later in further
                    ),
                )
            if position:
                columns[f"days_{code}"] = SQL(
                    "percentile_cont(0.5) WITHIN GROUP (ORDER BY %s)",
                    SQL.identifier(alias, f"days_{code}"),
                )
        return columns

    @api.model
    def _read_funnel(self, domain, group_by):
        """``{group key: aggregates}``; ``None`` is the key of all leads together."""
        query = self._search(domain)
        columns = self._get_columns(query.table)
        select = SQL(", ").join(
            SQL("%s AS %s", value, SQL.identifier(name))
            for name, value in columns.items()
        )
        group = self._group_sql(query.table, group_by) if group_by else SQL("NULL::int")
        query.groupby = SQL("GROUPING SETS ((%s), ())", group) if group_by else None
        rows = self.env.execute_query_dict(
            query.select(
                SQL("%s AS key", group),
                SQL(
                    "%s AS is_total",
                    SQL("grouping(%s)", group) if group_by else SQL("1"),
                ),
                select,
            )
        )
        return {None if row["is_total"] else row["key"]: row for row in rows}

    @api.model
    def _read_stages(self, start, end, filters):
        """K05, by the day deals entered a stage: of these, those that later entered any
        stage of higher sequence, or were won; of the others, those that are there
        still, and those that left. A deal that entered twice counts once.
        """
        History = self.env["crm.stage.history"]
        History._flush_course()
        Lead = self.env["crm.lead"].with_context(active_test=False)
        domain = Domain("type", "=", "opportunity") & Domain("is_junk", "=", False)
        domain &= self._get_filter_domain(filters)
        deals = Lead._search(domain)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id, count(*), count(*) FILTER (WHERE is_on),
                       count(*) FILTER (WHERE is_there AND NOT is_on),
                       count(*) FILTER (WHERE NOT is_there AND NOT is_on)
                  FROM (
                    SELECT s.id, s.sequence, h.lead_id,
                           bool_or(c.course = 'on') AS is_on,
                           bool_or(c.course = 'there') AS is_there
                      FROM crm_stage_history h
                      JOIN crm_stage s ON s.id = h.stage_id
                CROSS JOIN LATERAL (SELECT %s AS course) c
                     WHERE h.date_start >= %s AND h.date_start < %s
                       AND s.is_won IS NOT TRUE
                       AND h.lead_id IN %s
                  GROUP BY s.id, h.lead_id
                  ) deal
              GROUP BY id, sequence
              ORDER BY sequence, id
                """,
                History._course_sql("h"),
                start,
                end,
                deals.subselect(),
            )
        )
        return [
            self._prepare_stage(stage_id, figures, domain, start, end)
            for stage_id, *figures in rows
        ]

    @api.model
    def _prepare_stage(self, stage_id, figures, domain, start, end):
        entered, further, there, out = figures
        visit = (
            Domain("stage_id", "=", stage_id)
            & Domain("date_start", ">=", start)
            & Domain("date_start", "<", end)
        )

        def came(course=None):
            found = visit & Domain("course", "=", course) if course else visit
            return Domain("stage_history_ids", "any", found)

        stays = came() & ~came("on")
        return {
            "id": stage_id,
            "name": self.env["crm.stage"].browse(stage_id).name,
            "entered": entered,
            "further": further,
            "there": there,
            "left": out,
            "rate": self._rate(further, entered),
            "domain": self._to_client(domain & came()),
            "further_domain": self._to_client(domain & came("on")),
            "there_domain": self._to_client(domain & stays & came("there")),
            "left_domain": self._to_client(domain & stays & ~came("there")),
        }

    @api.model
    def _empty_row(self):
        return dict.fromkeys(self._get_columns("x"), 0)

    @api.model
    def _read_handovers(self, domain, group_by):
        """``{group key: {state: number}}``, with ``None`` for all."""
        Handover = self.env["crm.handover"]
        counts = {None: dict(Handover._read_group(domain, ["state"], ["__count"]))}
        field = HANDOVER_GROUPS.get(group_by)
        if field == "date":
            tz = self._get_timezone().key
            groups = Handover.with_context(tz=tz)._read_group(
                domain, ["date:month", "state"], ["__count"]
            )
            keys = [(month.date(), state, count) for month, state, count in groups]
        elif field:
            groups = Handover._read_group(domain, [field, "state"], ["__count"])
            keys = [(record.id or 0, state, count) for record, state, count in groups]
        else:
            keys = []
        for key, state, count in keys:
            counts.setdefault(key, {})[state] = count
        return counts

    # ------------------------------------------------------------
    # For the reader
    # ------------------------------------------------------------

    @api.model
    def _get_group_name(self, group_by, key):
        if group_by == "month":
            return format_date(self.env, key, date_format="MMM y")
        if not key:
            return self.env._("None")
        # sudo: a name that the reader's own leads carry
        record = self.env[self._fields[group_by].comodel_name].sudo().browse(key)
        return record.display_name

    @api.model
    def _get_group_domain(self, group_by, key):
        if group_by == "month":
            start, end = self._get_month_period(key)
            return Domain("create_date", ">=", start) & Domain("create_date", "<", end)
        return Domain(group_by, "=", key or False)

    @api.model
    def _get_handover_domain(self, group_by, key):
        if group_by == "month":
            start, end = self._get_month_period(key)
            return Domain("date", ">=", start) & Domain("date", "<", end)
        field = HANDOVER_GROUPS.get(group_by)
        return Domain(field, "=", key or False) if field else Domain.TRUE

    @api.model
    def _prepare_figures(self, row, handovers, domain, handed):
        """Figures of one set of leads, each with the domain that opens its records.

        :param handovers: ``{state: number}``; ``None`` where leads are grouped by what
            hand-overs do not have
        """
        return {
            "leads": row["leads"],
            "open": row["open"],
            "open_domain": self._to_client(
                domain & Domain("won_status", "=", "pending")
            ),
            "lost": row["lost"],
            "age": row["age"] or 0,
            "domain": self._to_client(domain),
            "steps": self._prepare_steps(row, domain),
            "kpis": [
                *self._prepare_rates(row, domain),
                *self._prepare_acceptance(handovers, handed),
            ],
        }

    @api.model
    def _prepare_steps(self, row, domain):
        # sudo: the steps are the same for everybody
        steps = self.env["crm.lifecycle.step"].sudo().search([])
        return [
            {
                "code": step.code,
                "name": step.name,
                "description": step.description or "",
                "reached": row[f"reached_{step.code}"],
                "share": self._rate(row[f"reached_{step.code}"], row["leads"]),
                "further": row.get(f"further_{step.code}", False),
                "further_domain": self._to_client(
                    domain
                    & Domain(f"date_{step.code}", "!=", False)
                    & self._get_further_domain(step.code)
                ),
                "conversion": self._rate(
                    row.get(f"further_{step.code}"), row[f"reached_{step.code}"]
                ),
                "days": row.get(f"days_{step.code}")
                if row.get(f"days_{step.code}") is not None
                and row[f"reached_{step.code}"]
                else False,
                "domain": self._to_client(
                    domain & Domain(f"date_{step.code}", "!=", False)
                ),
            }
            for step in steps
            if step.code in LEAD_STEPS
        ]

    @api.model
    def _get_further_domain(self, code):
        """Leads that reached any step after this one."""
        return Domain.OR(
            Domain(f"date_{later}", "!=", False)
            for later in LEAD_STEPS[LEAD_STEPS.index(code) + 1 :]
        )

    @api.model
    def _prepare_rates(self, row, domain):
        touched = Domain("is_touched", "=", True)
        return [
            self._kpi(
                "K01",
                self.env._("New leads"),
                self.env._(
                    "Leads created in the period, lost ones included, junk not."
                ),
                row["leads"],
                domain=domain,
            ),
            self._kpi(
                "K02",
                self.env._("Conversion rate"),
                self.env._(
                    "Of the leads that a seller interacted with, those whose customer "
                    "has a posted invoice dated after the creation of the lead."
                ),
                row["paying"],
                row["touched"],
                domain & touched & Domain("is_paying", "=", True),
                domain & touched,
            ),
            self._kpi(
                "K03",
                self.env._("Leads to prospects"),
                self.env._("Of the leads, those converted or sales-qualified."),
                row["qualified"],
                row["leads"],
                domain & Domain("is_qualified", "=", True),
                domain,
            ),
            self._kpi(
                "K04",
                self.env._("Leads to won deals"),
                self.env._(
                    "Of the leads, those won. Young cohorts look worse: %(open)s are "
                    "still open, half of the leads are older than %(age)s days.",
                    open=row["open"],
                    age=round(row["age"] or 0),
                ),
                row["won"],
                row["leads"],
                domain & Domain("won_status", "=", "won"),
                domain,
            ),
            self._kpi(
                "K06",
                self.env._("MQL rate"),
                self.env._("Of the leads, those that became marketing-qualified."),
                row["reached_mql"],
                row["leads"],
                domain & Domain("date_mql", "!=", False),
                domain,
            ),
        ]

    @api.model
    def _prepare_acceptance(self, handovers, handed):
        if handovers is None:
            return []
        answered = ("accepted", "refused", "expired")
        return [
            self._kpi(
                "K07",
                self.env._("MQL acceptance rate"),
                self.env._(
                    "Of the hand-overs made in the period and accepted, refused or "
                    "expired, those accepted. Apart: %(open)s still wait, "
                    "%(withdrawn)s were withdrawn.",
                    open=handovers.get("open", 0),
                    withdrawn=handovers.get("withdrawn", 0),
                ),
                handovers.get("accepted", 0),
                sum(handovers.get(state, 0) for state in answered),
                handed & Domain("state", "=", "accepted"),
                handed & Domain("state", "in", answered),
                model="crm.handover",
                apart={
                    "name": self.env._("waiting"),
                    "count": handovers.get("open", 0),
                    "domain": self._to_client(handed & Domain("state", "=", "open")),
                },
            )
        ]

    @api.model
    def _kpi(
        self, code, name, formula, n, of=None, domain=None, of_domain=None, **more
    ):
        return {
            "code": code,
            "name": name,
            "formula": formula,
            "n": n,
            "of": False if of is None else of,
            "rate": self._rate(n, of),
            "model": self._name,
            "domain": self._to_client(domain),
            "of_domain": self._to_client(of_domain),
            "apart": False,
            **more,
        }
