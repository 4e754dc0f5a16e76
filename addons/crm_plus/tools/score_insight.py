"""What scoring rules find: matches, won share and overlap, saved rules or not."""

from collections import Counter
from math import sqrt

import psycopg2

from odoo import fields
from odoo.fields import Domain
from odoo.tools import SQL

from .user_domain import evaluate_domain

# Newest records that are looked at. Bounds the answer to about a second with twenty
# rules; a database with more says so.
SAMPLE_SIZE = 50_000
# A share of fewer closed records than this says nothing: shown grey.
FEW = 5
# Two-sided 95 %: chance alone gives such a difference once in twenty rules.
Z_LIMIT = 1.96


def difference_z(won, closed, other_won, other_closed):
    """Return the z value of two won shares' difference; None if there is none.

    The usual test of two proportions with a pooled variance.
    """
    if not closed or not other_closed:
        return None
    pooled = (won + other_won) / (closed + other_closed)
    variance = pooled * (1 - pooled) * (1 / closed + 1 / other_closed)
    if not variance:
        return None
    return (won / closed - other_won / other_closed) / sqrt(variance)


def verdict(points, won, closed, all_won, all_closed):
    """Say what the closed records say of a rule: "few", "good", "bad" or "unclear".

    A rule that gives points is bad when those that match are won significantly less
    often than the others; one that takes points when they are won more often.
    """
    if closed < FEW or all_closed - closed < FEW:
        return "few"
    z = difference_z(won, closed, all_won - won, all_closed - closed)
    if z is None or abs(z) < Z_LIMIT or not points:
        return "unclear"
    return "good" if (z > 0) == (points > 0) else "bad"


def figures(patterns, rules, has_outcome=True):
    """Turn counts by pattern into the figures of each rule.

    :param patterns: rows ``(rule numbers, records, won, closed)``: how many records
        match exactly these rules
    :param rules: their points, by number
    :return: ``(totals, [figures of rule 0, …])``; a share is None when nothing is
        there to share
    """
    found, won, closed, both = Counter(), Counter(), Counter(), Counter()
    totals = Counter()
    for numbers, n_records, n_won, n_closed in patterns:
        totals.update(records=n_records, won=n_won, closed=n_closed)
        for number in numbers:
            found[number] += n_records
            won[number] += n_won
            closed[number] += n_closed
            for other in numbers:
                if other != number:
                    both[number, other] += n_records
    result = []
    for number, points in enumerate(rules):
        overlaps = sorted(
            (
                {
                    "rule": other,
                    "count": both[number, other],
                    "share": both[number, other] / found[number],
                }
                for other in range(len(rules))
                if both[number, other]
            ),
            key=lambda overlap: (-overlap["count"], overlap["rule"]),
        )
        line = {
            "count": found[number],
            "share": _share(found[number], totals["records"]),
            "overlaps": overlaps,
        }
        if has_outcome:
            share = _share(won[number], closed[number])
            all_share = _share(totals["won"], totals["closed"])
            line.update(
                closed=closed[number],
                won=won[number],
                won_share=share,
                lift=share / all_share if share is not None and all_share else None,
                verdict=verdict(
                    points,
                    won[number],
                    closed[number],
                    totals["won"],
                    totals["closed"],
                ),
            )
        result.append(line)
    return {
        "records": totals["records"],
        "closed": totals["closed"] if has_outcome else None,
        "won": totals["won"] if has_outcome else None,
        "won_share": _share(totals["won"], totals["closed"]) if has_outcome else None,
    }, result


def _share(part, whole):
    return part / whole if whole else None


class ScopeError(Exception):
    """The condition of the scoring model itself does not work."""


class RuleInsight:
    """Measures rules on the records that the user may see, lost ones included.

    Use: ``RuleInsight(env, "crm.lead", company, teams).measure(rules)`` with rules as
    dictionaries, of records or of a form that is not saved. One statement does all
    rules: it lists who matches which, and counts the records of each combination; won
    shares and overlaps follow from these counts.

    A touchpoint counts for a record as it does in ``ScoringEngine``.
    """

    def __init__(
        self,
        env,
        model_name,
        company=None,
        teams=None,
        domain=None,
        is_rolled_up=True,
        is_lead_counted=True,
        now=None,
    ):
        # lost deals are archived
        self.env = env(context={**env.context, "active_test": False})
        self.Target = self.env[model_name]
        self.company = company
        self.teams = teams
        self.domain = domain
        self.is_rolled_up = is_rolled_up
        self.is_lead_counted = is_lead_counted
        self.now = now or fields.Datetime.now()
        self.has_outcome = "won_status" in self.Target._fields
        self.kind_ids = []
        #: rules left out, with the reason: ``{number: text}``
        self.errors = {}

    def record_domain(self):
        """Records that the scoring model scores, by its company, teams, condition."""
        domain = evaluate_domain(self.env, self.domain)
        if self.company:
            domain &= Domain("company_id", "=", self.company.id)
        if self.teams and "team_id" in self.Target._fields:
            domain &= Domain("team_id", "in", self.teams.ids)
        return domain

    def measure(self, rules):
        """Return ``(totals, list of figures)``; a rule that does not work has None."""
        self.env.flush_all()
        selects = self._selects(rules)
        try:
            # no flush: nothing to write, and nothing to forget if it fails
            with self.env.cr.savepoint(flush=False):
                patterns = self._count(selects)
        except psycopg2.OperationalError:
            raise
        except psycopg2.Error:
            self._find_errors(selects)
            patterns = self._count(
                {n: sql for n, sql in selects.items() if n not in self.errors}
            )
        totals, lines = figures(
            patterns, [rule.get("points") or 0 for rule in rules], self.has_outcome
        )
        totals["is_sample"] = totals["records"] == SAMPLE_SIZE
        return totals, [
            None if number in self.errors else line for number, line in enumerate(lines)
        ]

    def matching_ids(self, rule, limit):
        """Return ids of the records behind the figure of one rule, newest first."""
        self.env.flush_all()
        selects = self._selects([rule])
        if not selects:
            return []
        rows = self.env.execute_query(
            SQL(
                "%s SELECT DISTINCT hits.id FROM hits ORDER BY hits.id DESC LIMIT %s",
                self._hits(selects),
                limit,
            )
        )
        return [record_id for (record_id,) in rows]

    # ------------------------------------------------------------
    # SQL
    # ------------------------------------------------------------

    def _count(self, selects):
        outcome = SQL("0, 0")
        group = SQL()
        if self.has_outcome:
            outcome = SQL(
                """count(*) FILTER (WHERE won_status = 'won'),
                   count(*) FILTER (WHERE won_status IN ('won', 'lost'))"""
            )
            group = SQL(", work.won_status")
        return self.env.execute_query(
            SQL(
                """
                %(hits)s, patterns AS (
                    SELECT work.id %(group)s,
                           COALESCE(array_agg(DISTINCT hits.number)
                               FILTER (WHERE hits.number IS NOT NULL),
                               '{}') AS numbers
                      FROM work LEFT JOIN hits ON hits.id = work.id
                  GROUP BY work.id %(group)s
                )
                SELECT numbers, count(*), %(outcome)s
                  FROM patterns GROUP BY numbers
                """,
                hits=self._hits(selects),
                group=group,
                outcome=outcome,
            )
        )

    def _find_errors(self, selects):
        """Try rules one by one, to name those that the database refuses."""
        for number, select in selects.items():
            try:
                with self.env.cr.savepoint(flush=False):
                    self.env.execute_query(
                        SQL(
                            "%s SELECT count(*) FROM hits",
                            self._hits({number: select}),
                        )
                    )
            except psycopg2.Error as error:
                self.errors[number] = str(error).strip().splitlines()[0]

    def _hits(self, selects):
        """``WITH`` clause: ``work`` (the records) and ``hits`` (rule number, id)."""
        try:
            work = self.Target._search(
                self.record_domain(), order="id DESC", limit=SAMPLE_SIZE
            )
        except Exception as error:
            raise ScopeError(str(error)) from error
        if selects:
            hits = SQL(" UNION ALL ").join(selects.values())
        else:
            hits = SQL("SELECT NULL::integer AS number, NULL::integer AS id")
        return SQL(
            """
            WITH work AS MATERIALIZED (
                SELECT %(columns)s FROM %(table)s t WHERE t.id IN %(ids)s
            ), touch AS (
                %(touch)s
            ), hits AS (
                %(rules)s
            )
            """,
            columns=SQL(", ").join(
                SQL.identifier("t", name) for name in self._columns()
            ),
            table=SQL.identifier(self.Target._table),
            ids=work.subselect(),
            touch=self._touches(),
            rules=hits,
        )

    def _columns(self):
        names = ["id", "company_id"]
        if self.has_outcome:
            return [*names, "partner_id", "won_status"]
        return [*names, "commercial_partner_id"]

    def _touches(self):
        """Touchpoints that the user may see, once for each record they are of."""
        if self.has_outcome:
            ways = (
                SQL("t.lead_id = w.id"),
                SQL(
                    """t.partner_id = w.partner_id AND t.lead_id IS NULL
                       AND (w.company_id IS NULL OR t.company_id IS NULL
                            OR t.company_id = w.company_id)"""
                ),
            )
        else:
            counts = SQL("TRUE") if self.is_lead_counted else SQL("t.lead_id IS NULL")
            ways = [SQL("t.partner_id = w.id AND %s", counts)]
            if self.is_rolled_up:
                ways.append(SQL("t.commercial_partner_id = w.id AND %s", counts))
        seen = self.env["crm.touchpoint"]._search(Domain.TRUE)
        company = SQL("TRUE")
        if self.company:
            company = SQL(
                "(t.company_id IS NULL OR t.company_id = %s)", self.company.id
            )
        return SQL(" UNION ALL ").join(
            SQL(
                """SELECT w.id AS record_id, t.id, t.kind_id
                     FROM work w JOIN crm_touchpoint t ON %s
                    WHERE t.kind_id = ANY(%s) AND t.date <= %s
                      AND t.is_machine IS NOT TRUE AND %s AND t.id IN %s""",
                way,
                self.kind_ids,
                self.now,
                company,
                seen.subselect(),
            )
            for way in ways
        )

    def _selects(self, rules):
        """Return ``{number: SQL of the records that match}``; notes rules that fail."""
        selects = {}
        for number, rule in enumerate(rules):
            try:
                if rule["dimension"] == "fit":
                    select = self._fit_select(rule)
                else:
                    select = self._engagement_select(rule)
            except Exception as error:  # noqa: BLE001 whatever a user may have written
                self.errors[number] = str(error)
                continue
            if select is not None:
                selects[number] = SQL("SELECT %s AS number, %s", number, select)
        return selects

    def _fit_select(self, rule):
        domain = evaluate_domain(self.env, rule.get("domain"))
        in_work = Domain("id", "in", SQL("(SELECT work.id FROM work)"))
        query = self.Target._search(domain & in_work)
        query.order = None
        return SQL("matching.id FROM (%s) matching", query.select())

    def _engagement_select(self, rule):
        if not rule.get("kind_id"):
            return None
        condition = SQL("TRUE")
        domain = evaluate_domain(self.env, rule.get("touchpoint_domain"))
        if not domain.is_true():
            query = self.env["crm.touchpoint"]._search(
                domain & Domain("kind_id", "=", rule["kind_id"])
            )
            query.order = None
            condition = SQL("touch.id IN %s", query.subselect())
        self.kind_ids.append(rule["kind_id"])
        return SQL(
            "touch.record_id AS id FROM touch WHERE touch.kind_id = %s AND %s",
            rule["kind_id"],
            condition,
        )
