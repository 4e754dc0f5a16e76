"""The scoring engine: sums, grades, and thresholds that are crossed."""

from odoo.tools import SQL

from .scoring_engagement import EngagementSql
from .scoring_sql import FALSE, case, clamp, tenths


class ResultSql(EngagementSql):
    """What is to be stored of each record."""

    def _results(self, models, ids=None, id_range=None):
        """``WITH`` clause up to ``result``: for each row of ``scored`` what is to be
        stored.
        """
        rules = self._rules("engagement", models)
        engagement, total, letter, digit, qualifies = {}, {}, {}, {}, {}
        for model in models:
            engagement[model.id] = self._sum(
                model,
                {
                    rule: SQL("p.%s", self._name("p", rule))
                    for rule in rules & model.rule_ids
                },
            )
            total[model.id] = clamp(SQL("s.fit + g.engagement"), *model._limits())
            letter[model.id] = SQL(
                """CASE WHEN s.fit >= %s THEN 'A' WHEN s.fit >= %s THEN 'B'
                        WHEN s.fit >= %s THEN 'C' ELSE 'D' END""",
                tenths(model.fit_a),
                tenths(model.fit_b),
                tenths(model.fit_c),
            )
            digit[model.id] = SQL(
                """CASE WHEN g.engagement >= %s THEN '1'
                        WHEN g.engagement >= %s THEN '2'
                        WHEN g.engagement >= %s THEN '3' ELSE '4' END""",
                tenths(model.engagement_1),
                tenths(model.engagement_2),
                tenths(model.engagement_3),
            )
            if model.mql_rule == "grade":
                qualifies[model.id] = SQL(
                    "left(grade, 1) <= %s AND right(grade, 1) <= %s",
                    model.mql_min_fit,
                    model.mql_min_engagement,
                )
            elif model.mql_rule == "total":
                qualifies[model.id] = SQL(
                    "total_tenths >= %s", tenths(model.mql_min_total)
                )
        key = SQL("s.model_id")
        days = [days for rule in rules if (days := self._days_left(rule)) is not None]
        return SQL(
            """
            %(ctes)s, summed AS MATERIALIZED (
                SELECT s.*, g.engagement AS engagement, t.total AS total_tenths,
                       (s.fit * 0.1) AS new_fit,
                       (g.engagement * 0.1) AS new_engagement,
                       (t.total * 0.1) AS new_total,
                       %(letter)s || %(digit)s AS grade,
                       date_trunc('second', %(now)s::timestamp
                           + %(days)s * interval '1 day' + interval '1 second')
                           AS date_due,
                       COALESCE(s.points || %(points)s, s.points, %(points)s)
                           AS new_points
                  FROM scored s
             LEFT JOIN engaged e ON e.record_id = s.id AND e.model_id = s.model_id
            CROSS JOIN LATERAL (SELECT %(columns)s OFFSET 0) p
            CROSS JOIN LATERAL (SELECT %(engagement)s AS engagement OFFSET 0) g
            CROSS JOIN LATERAL (SELECT %(total)s AS total OFFSET 0) t
            ), result AS MATERIALIZED (
                SELECT *, %(qualifies)s AS qualifies,
                       (model_id, new_fit, new_engagement, new_total, grade, new_points)
                       IS DISTINCT FROM
                       (old_model_id, old_fit, old_engagement, old_total, old_grade,
                        old_points) AS is_changed
                  FROM summed
            )
            """,
            ctes=self._ctes(models, ids, id_range),
            letter=case(key, letter),
            digit=case(key, digit),
            now=self.now,
            days=SQL("least(%s)", SQL(", ").join(days))
            if days
            else SQL("NULL::float8"),
            points=self._json(
                {rule: SQL("NULLIF(p.%s, 0)", self._name("p", rule)) for rule in rules}
            ),
            columns=self._points_columns(models),
            engagement=case(key, engagement, SQL("0")),
            total=case(key, total, SQL("0")),
            # a closed lead is not handed over any more
            qualifies=SQL(
                """COALESCE(is_main AND date_mql IS NULL AND active
                            AND won_status = 'pending' AND %s, FALSE)""",
                case(SQL("model_id"), qualifies, FALSE),
            )
            if self._has_mql and qualifies
            else FALSE,
        )

    def _crossings(self):
        """``INSERT`` of the rows of ``result`` that cross a threshold of their model,
        with what its rules give more or less than they gave.
        """
        selects = []
        for threshold in self.models.threshold_ids:
            new = SQL("COALESCE(%s, FALSE)", threshold._reached(""))
            old = SQL(
                "COALESCE(old_model_id = model_id AND %s, FALSE)",
                threshold._reached("old_"),
            )
            selects.append(
                SQL(
                    """SELECT %s, id, model_id,
                              CASE WHEN %s THEN 'rise' ELSE 'fall' END, %s::timestamp,
                              old_grade, grade, old_total, new_total,
                              (SELECT jsonb_object_agg(
                                          key, COALESCE(n.value::int, 0)
                                               - COALESCE(o.value::int, 0))
                                 FROM jsonb_each(COALESCE(old_points, '{}')) o
                            FULL JOIN jsonb_each(COALESCE(new_points, '{}')) n
                                USING (key)
                                WHERE n.value IS DISTINCT FROM o.value),
                              'todo'
                         FROM result
                        WHERE is_changed AND model_id = %s AND %s <> %s""",
                    threshold.id,
                    new,
                    self.now,
                    threshold.model_id.id,
                    new,
                    old,
                )
            )
            # who leaves the model falls from what it reached
            selects.append(
                SQL(
                    """SELECT %s, id, old_model_id, 'fall', %s::timestamp,
                              old_grade, NULL, old_total, NULL, NULL::jsonb, 'todo'
                         FROM result
                        WHERE old_model_id = %s AND model_id IS DISTINCT FROM %s
                          AND COALESCE(%s, FALSE)""",
                    threshold.id,
                    self.now,
                    threshold.model_id.id,
                    threshold.model_id.id,
                    threshold._reached("old_"),
                )
            )
        if not selects:
            return SQL("SELECT NULL::integer AS id WHERE FALSE")
        return SQL(
            """INSERT INTO crm_score_change (
                   threshold_id, %s, model_id, direction, date, grade_before,
                   grade_after, total_before, total_after, moves, state
               ) %s RETURNING id""",
            SQL.identifier(self.key),
            SQL(" UNION ALL ").join(selects),
        )
