from odoo import SUPERUSER_ID, fields, models
from odoo.tools import SQL

from ...tools.lead_history import INTAKE_MINUTES
from ...tools.user_domain import evaluate_domain

# The newest decided leads are learned from; more take memory and teach nothing.
MAX_ROWS = 200_000
# Open leads that untracked inputs are compared with
MAX_OPEN = 5_000


class CrmPredictionModel(models.Model):
    """Which leads: those to learn from, those to compare with, those to score."""

    _inherit = "crm.prediction.model"

    def _get_lead_query(self, *conditions):
        """Return the query of the leads this prediction is about.

        Reads as superuser: what is learned must not depend on who trains.
        """
        self.ensure_one()
        Lead = self.with_user(SUPERUSER_ID).env["crm.lead"]
        if self.company_id:
            Lead = Lead.with_company(self.company_id)
        domain = evaluate_domain(Lead.env, self.domain)
        query = Lead.with_context(active_test=False)._search(domain)
        query.order = None
        for condition in (*self._get_lead_conditions(query.table), *conditions):
            query.add_where(condition)
        return query

    def _get_lead_conditions(self, table):
        if self.company_id:
            yield SQL(
                "%s = %s", SQL.identifier(table, "company_id"), self.company_id.id
            )
        if self.team_ids:
            yield SQL(
                "%s = ANY(%s)", SQL.identifier(table, "team_id"), self.team_ids.ids
            )

    def _known_at(self, table="crm_lead"):
        return SQL(
            "(%s + %s * interval '1 day' + %s * interval '1 minute')",
            SQL.identifier(table, "create_date"),
            self.age_days,
            INTAKE_MINUTES,
        )

    def _count_decided(self):
        """Return the decided leads by what they are good for."""
        query = self._get_lead_query(SQL("crm_lead.won_status IN ('won', 'lost')"))
        [row] = self.env.execute_query(
            query.select(
                SQL("count(*)"),
                SQL("count(*) FILTER (WHERE crm_lead.date_closed IS NULL)"),
                SQL(
                    "count(*) FILTER (WHERE crm_lead.date_closed <= %s)",
                    self._known_at(),
                ),
            )
        )
        return dict(zip(("all", "undated", "early"), row, strict=True))

    def _get_decided_query(self):
        """Return the query of the decided leads known in time, newest first."""
        query = self._get_lead_query(
            SQL("crm_lead.won_status IN ('won', 'lost')"),
            SQL("crm_lead.date_closed > %s", self._known_at()),
        )
        query.order = SQL("crm_lead.create_date DESC, crm_lead.id DESC")
        query.limit = MAX_ROWS
        return query

    def _get_decided(self):
        """Return ``(id, create date, date closed, won)`` of the decided leads that were
        known in time, oldest first."""
        rows = self.env.execute_query(
            self._get_decided_query().select(
                SQL("crm_lead.id"),
                SQL("crm_lead.create_date"),
                SQL("crm_lead.date_closed"),
                SQL("crm_lead.won_status = 'won'"),
            )
        )
        return rows[::-1]

    def _get_open_ids(self):
        query = self._get_lead_query(
            SQL("crm_lead.won_status = 'pending' AND crm_lead.active"),
            SQL("%s < %s", self._known_at(), fields.Datetime.now()),
        )
        query.order = SQL("crm_lead.id DESC")
        query.limit = MAX_OPEN
        return self.env.execute_query(
            query.select(SQL("crm_lead.id"), SQL("crm_lead.create_date"))
        )

    def _work(self, ids, current=False):
        """The CTE ``work`` of ``LeadHistory`` for these leads, in this order."""
        return SQL(
            """SELECT x.id, %s AS known_at, x.place
                 FROM unnest(%s::int[]) WITH ORDINALITY AS x(id, place)
                 JOIN crm_lead ON crm_lead.id = x.id""",
            SQL("'infinity'::timestamp") if current else self._known_at(),
            list(ids),
        )
