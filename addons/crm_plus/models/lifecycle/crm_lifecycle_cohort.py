"""The cohorts of the funnel page: how far the leads of a month got, month by month."""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.date_utils import add, start_of
from odoo.tools.misc import format_date

from .crm_lifecycle_step import LEAD_STEPS
from .crm_period_report import SMALL

# columns of the table: the month of creation, and those after it
COHORT_MONTHS = 12


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmLifecycleReport(models.Model):
    _inherit = "crm.lifecycle.report"

    @api.model
    @api.readonly
    def get_cohorts(self, date_from, date_to, step, filters=None):
        """Return, for the leads created in each month of a period, how many reached a
        step (or were beyond it) by the end of each month since.

        Months that are not over have their figure so far; those to come have none.

        :param step: code of a step of leads
        :param filters: ``{field: id}`` of ``get_filters``
        """
        step = step if step in LEAD_STEPS else "opportunity"
        start, end = self._get_period(date_from, date_to)
        domain = Domain("create_date", ">=", start) & Domain("create_date", "<", end)
        domain &= self._get_filter_domain(filters)
        counts = self._read_cohorts(domain, step)
        today = fields.Datetime.context_timestamp(
            self.with_context(tz=self._get_timezone().key), self.env.cr.now()
        ).date()
        this_month = start_of(today, "month")
        cohorts = []
        for month, reached in sorted(counts.items()):
            leads = sum(reached.values())
            of_month = domain & self._get_group_domain("month", month)
            cells, total = [], 0
            for age in range(COHORT_MONTHS):
                last = add(month, months=age)
                if last > this_month:
                    break
                total += reached.get(age, 0)
                _start, until = self._get_month_period(last)
                cells.append(
                    {
                        "age": age,
                        "n": total,
                        "rate": self._rate(total, leads),
                        "is_open": last == this_month,
                        "domain": self._to_client(
                            of_month & self._get_reached_domain(step, until)
                        ),
                    }
                )
            cohorts.append(
                {
                    "name": format_date(self.env, month, date_format="MMM y"),
                    "leads": leads,
                    "domain": self._to_client(of_month),
                    "cells": cells,
                }
            )
        return {
            "small": SMALL,
            "step": step,
            "months": max((len(cohort["cells"]) for cohort in cohorts), default=0),
            "cohorts": cohorts,
        }

    @api.model
    def _get_reached_domain(self, step, until):
        further = LEAD_STEPS[LEAD_STEPS.index(step) :]
        return Domain.OR(Domain(f"date_{code}", "<", until) for code in further)

    @api.model
    def _read_cohorts(self, domain, step):
        """``{month: {months since: number of leads}}``; ``None``: not reached."""
        query = self._search(domain)
        table = SQL.identifier(query.table)
        # the step, or one beyond it: not everybody passes all of them
        reached = SQL(
            "LEAST(%s)",
            SQL(", ").join(
                SQL.identifier(query.table, f"date_{code}")
                for code in LEAD_STEPS[LEAD_STEPS.index(step) :]
            ),
        )
        tz = self._get_timezone().key
        month, then = (
            SQL("date_trunc('month', %s AT TIME ZONE 'UTC' AT TIME ZONE %s)", date, tz)
            for date in (SQL("%s.create_date", table), reached)
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT month::date,
                       EXTRACT(year FROM age(reached, month)) * 12
                           + EXTRACT(month FROM age(reached, month)),
                       count(*)
                  FROM (%s) leads
              GROUP BY 1, 2
                """,
                query.select(
                    SQL("%s AS month", month),
                    # merged leads may have been there before the one that stays
                    SQL(
                        "CASE WHEN %s IS NOT NULL THEN GREATEST(%s, %s) END AS reached",
                        reached,
                        then,
                        month,
                    ),
                ),
            )
        )
        counts = {}
        for cohort, age, count in rows:
            key = None if age is None else int(age)
            counts.setdefault(cohort, {})[key] = count
        return counts
