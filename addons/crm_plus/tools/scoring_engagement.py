"""The scoring engine: points for what people do."""

from math import log

from odoo.tools import SQL

from .score_number import MAX_RULE_POINTS
from .scoring_fit import FitSql
from .scoring_sql import TRUE, case, clamp


class EngagementSql(FitSql):
    """One row for each record with touchpoints, one column for each rule and figure."""

    def _domain_key(self, rule):
        """Rules of one key ask the same of touchpoints: once will do."""
        model = rule.model_id
        return rule.touchpoint_domain, model.company_id, model.user_id

    def _ctes(self, models, ids=None, id_range=None, is_explained=False):
        """``WITH`` clause: ``scored`` (see ``_scored``) and ``engaged`` (one row for
        each of them that has touchpoints, one column a rule and figure).
        """
        rules = self._rules("engagement", models)
        domains = {}
        for rule in rules.filtered("has_touchpoint_domain"):
            domains.setdefault(self._domain_key(rule), rule)
        flags = {
            key: (
                SQL.identifier(f"d{rule.id}"),
                self._condition(rule, self.env["crm.touchpoint"], key[0]),
            )
            for key, rule in domains.items()
        }
        partition = SQL("record_id, kind_id")
        if len(models) > 1:
            partition = SQL("record_id, model_id, kind_id")
        windows = []
        if rules.filtered(lambda r: r.max_times and not r.has_touchpoint_domain):
            windows.append((SQL.identifier("k0"), partition))
        windows += [
            (
                SQL.identifier(f"k{domains[key].id}"),
                SQL("%s, %s", partition, flag),
            )
            for key, (flag, _condition) in flags.items()
            if any(
                rule.max_times and self._domain_key(rule) == key
                for rule in rules.filtered("has_touchpoint_domain")
            )
        ]
        return SQL(
            """
            WITH scored AS MATERIALIZED (
                %(scored)s
            ), touch AS (
                %(touch)s
            ), ranked AS (
                SELECT * %(places)s FROM touch
            ), engaged AS MATERIALIZED (
                SELECT record_id, model_id %(figures)s
                  FROM ranked GROUP BY record_id, model_id
            )
            """,
            scored=self._scored(models, ids, id_range, is_explained=is_explained),
            touch=self._touches(models, rules, flags, ids, id_range, is_explained),
            places=SQL().join(
                SQL(
                    """, row_number() OVER (
                           PARTITION BY %s ORDER BY date DESC, id DESC) AS %s""",
                    by,
                    name,
                )
                for name, by in windows
            ),
            figures=SQL().join(
                self._figures(rule, len(models) > 1, domains, is_explained)
                for rule in rules
            ),
        )

    def _touches(self, models, rules, flags, ids, id_range, is_explained):
        """The touchpoints that may count, once for each record they are of."""
        company = case(
            SQL("w.model_id"),
            {
                model.id: SQL(
                    "crm_touchpoint.company_id IS NULL"
                    " OR crm_touchpoint.company_id = %s",
                    model.company_id.id,
                )
                for model in models
                if model.company_id
            },
            TRUE,
        )
        if self._has_mql:
            ways = [
                SQL(
                    "crm_touchpoint.lead_id = w.id AND %s",
                    # the planner does not see through the CTE that these are so many
                    self._bounds_sql(SQL("crm_touchpoint.lead_id"), ids, id_range),
                ),
                SQL(
                    """crm_touchpoint.partner_id = w.partner_id
                       AND crm_touchpoint.lead_id IS NULL
                       AND (w.company_id IS NULL OR crm_touchpoint.company_id IS NULL
                            OR crm_touchpoint.company_id = w.company_id)"""
                ),
            ]
        else:
            ways = [
                SQL("crm_touchpoint.partner_id = w.id AND %s", self._counts_lead("w"))
            ]
            with_contacts = models.filtered("is_rolled_up")
            if with_contacts:
                ways.append(
                    SQL(
                        """crm_touchpoint.commercial_partner_id = w.id
                           AND crm_touchpoint.partner_id IS DISTINCT FROM w.id
                           AND w.model_id = ANY(%s) AND %s""",
                        with_contacts.ids,
                        self._counts_lead("w"),
                    )
                )
        return SQL(" UNION ALL ").join(
            SQL(
                """SELECT w.id AS record_id, w.model_id, crm_touchpoint.id,
                          crm_touchpoint.kind_id, crm_touchpoint.date,
                          date_part('epoch', %(now)s - crm_touchpoint.date) / 86400
                              AS age %(told)s %(flags)s
                     FROM scored w
                     JOIN crm_touchpoint ON %(way)s
                    WHERE crm_touchpoint.kind_id = ANY(%(kinds)s)
                      AND crm_touchpoint.date <= %(now)s
                      AND crm_touchpoint.is_machine IS NOT TRUE
                      AND (%(company)s)""",
                now=SQL("%s::timestamp", self.now),
                told=self._told() if is_explained else SQL(),
                flags=SQL().join(
                    SQL(", COALESCE(%s, FALSE) AS %s", condition, name)
                    for name, condition in flags.values()
                ),
                way=way,
                kinds=rules.kind_id.ids,
                company=company,
            )
            for way in ways
        )

    def _told(self):
        """Column: whether number and date of a touchpoint may be told."""
        if self.told_companies is None:
            return SQL(", TRUE AS is_told")
        return SQL(
            ", (crm_touchpoint.company_id IS NULL"
            " OR crm_touchpoint.company_id = ANY(%s)) AS is_told",
            self.told_companies.ids,
        )

    def _counts_lead(self, alias):
        """SQL condition: a touchpoint on a lead counts for its customer too."""
        without = self.models.filtered(lambda m: not m.is_lead_counted).ids
        if not without:
            return TRUE
        return SQL(
            "(crm_touchpoint.lead_id IS NULL OR %s.model_id <> ALL(%s))",
            SQL.identifier(alias),
            without,
        )

    def _figures(self, rule, with_model, domains, is_explained):
        """Aggregates of the touchpoints of one rule: ``u`` the points before the cap,
        ``l`` how many still lose points by the day; to explain also ``n`` counted, and
        of those that may be told ``o`` counted, ``m`` found, ``a`` and ``z`` first and
        last date.
        """
        found = [SQL("kind_id = %s", rule.kind_id.id)]
        if with_model:
            found.insert(0, SQL("model_id = %s", rule.model_id.id))
        place = SQL("k0")
        if rule.has_touchpoint_domain:
            first = domains[self._domain_key(rule)]
            found.append(SQL.identifier(f"d{first.id}"))
            place = SQL.identifier(f"k{first.id}")
        found = SQL(" AND ").join(found)
        counted = found
        if rule.max_times:
            counted = SQL("%s AND %s <= %s", found, place, rule.max_times)
        points = SQL("%s::float8", rule.points)
        if rule.decay == "half_life":
            points = SQL(
                # less than that is nothing, to PostgreSQL an underflow
                "%s * exp(greatest(age * %s, -700))",
                points,
                -log(2) / rule.half_life_days,
            )
        elif rule.decay == "linear":
            points = SQL("%s * greatest(0, 1 - age / %s)", points, rule.linear_days)
        figures = SQL(
            ", sum(%s) FILTER (WHERE %s) AS %s", points, counted, self._name("u", rule)
        )
        if rule.decay == "linear":
            figures = SQL(
                "%s, count(*) FILTER (WHERE %s AND age < %s) AS %s",
                figures,
                counted,
                rule.linear_days,
                self._name("l", rule),
            )
        if is_explained:
            figures = SQL(
                """%(figures)s, count(*) FILTER (WHERE %(counted)s) AS %(n)s,
                   count(*) FILTER (WHERE %(counted)s AND is_told) AS %(o)s,
                   count(*) FILTER (WHERE %(found)s AND is_told) AS %(m)s,
                   min(date) FILTER (WHERE %(counted)s AND is_told) AS %(a)s,
                   max(date) FILTER (WHERE %(counted)s AND is_told) AS %(z)s
                """,
                figures=figures,
                counted=counted,
                found=found,
                **{letter: self._name(letter, rule) for letter in "nomaz"},
            )
        return figures

    def _points_columns(self, models):
        """The points of each engagement rule, in tenths, from its figures."""
        columns = [SQL("0 AS p0")]
        for rule in self._rules("engagement", models):
            limit = rule.max_points or MAX_RULE_POINTS
            # without touchpoints NULL, which greatest() leaves out of account
            points = SQL("COALESCE(e.%s, 0)", self._name("u", rule))
            points = clamp(points, -limit, limit)
            columns.append(
                SQL(
                    # away from zero, as people round
                    "COALESCE(sign(%(x)s) * floor(abs(%(x)s) * 10 + 0.5), 0)::int"
                    " AS %(name)s",
                    x=points,
                    name=self._name("p", rule),
                )
            )
        return SQL(", ").join(columns)

    def _days_left(self, rule):
        """In how many days the rule's points fall by a tenth, or None if never.

        All touchpoints of a rule halve together, so the sum does. A linear sum falls by
        the day's share of each that is worth something: ever less, so this is never too
        late.
        """
        value = SQL("abs(e.%s)", self._name("u", rule))
        points = self._name("p", rule)
        limit = SQL("((abs(p.%s) - 0.5) / 10)", points)
        if rule.decay == "half_life":
            days = SQL("%s * ln(%s / %s)", rule.half_life_days / log(2), value, limit)
        elif rule.decay == "linear" and rule.points:
            days = SQL(
                "(%s - %s) / (%s * e.%s)",
                value,
                limit,
                abs(rule.points) / rule.linear_days,
                self._name("l", rule),
            )
        else:
            return None
        return SQL("CASE WHEN p.%s <> 0 THEN %s END", points, days)
