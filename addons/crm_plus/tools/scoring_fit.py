"""The scoring engine: points for what a record is."""

from odoo.tools import SQL, split_every

from .scoring_fingerprint import FingerprintSql
from .scoring_sql import FALSE, case, clamp, tenths, total_of

# PostgreSQL takes a hundred arguments a function: pairs of key and value
JSON_PAIRS = 45


class FitSql(FingerprintSql):
    """The rows that are scored, with their fit and what is stored of them."""

    def _scored(self, models, ids, id_range, is_explained=False):
        """``SELECT`` of the records at work, one row a record and score: the model that
        scores, which fit rules match, the fit, and what is stored.
        """
        slots = self._slots(models)
        if is_explained and len(models) == 1 and models.is_additional:
            slots = slots[1:]
        return SQL(" UNION ALL ").join(
            self._scored_slot(*slot, ids, id_range, is_explained) for slot in slots
        )

    def _scored_slot(self, join, models, is_main, ids, id_range, is_explained):
        bounds = self._bounds(ids, id_range)
        rules = self._rules("fit", models)
        many = len(models) > 1
        conditions = [SQL("FALSE AS f0")]
        for rule in rules:
            condition = self._condition(rule, self.Target, rule.domain, bounds)
            if many:
                condition = SQL("m.model_id = %s AND %s", rule.model_id.id, condition)
            conditions.append(SQL("%s AS %s", condition, self._name("f", rule)))
        fit = {
            model.id: self._sum(
                model,
                {
                    rule: SQL(
                        "CASE WHEN c.%s THEN %s ELSE 0 END",
                        self._name("f", rule),
                        tenths(rule.points),
                    )
                    for rule in rules & model.rule_ids
                },
            )
            for model in models
        }
        all_rules = self._rules("fit")
        return SQL(
            """
            SELECT %(id)s AS id, %(columns)s, %(is_main)s AS is_main, m.model_id,
                   g.fit, %(fits)s AS fits, %(points)s AS points,
                   %(fingerprint)s AS fingerprint,
                   s.id AS score_id, s.model_id AS old_model_id, s.fit AS old_fit,
                   s.engagement AS old_engagement, s.total AS old_total,
                   s.grade AS old_grade, s.points AS old_points,
                   s.date_due AS old_date_due, s.date AS old_date
              FROM %(table)s
        CROSS JOIN LATERAL (%(model)s) m
         LEFT JOIN crm_score s
                ON s.%(key)s = %(id)s AND %(join)s AND %(score_bounds)s
        CROSS JOIN LATERAL (SELECT %(conditions)s OFFSET 0) c
        CROSS JOIN LATERAL (SELECT (%(fit)s)::integer AS fit OFFSET 0) g
             WHERE %(bounds)s AND (m.model_id IS NOT NULL OR s.id IS NOT NULL)
            """,
            id=self._column("id"),
            columns=SQL(", ").join(map(self._column, self._work_columns())),
            is_main=is_main,
            table=SQL.identifier(self.Target._table),
            model=self._choose_model(models),
            key=SQL.identifier(self.key),
            join=join,
            score_bounds=self._bounds_sql(
                SQL("s.%s", SQL.identifier(self.key)), ids, id_range
            ),
            conditions=SQL(", ").join(conditions),
            fit=case(SQL("m.model_id"), fit),
            fits=SQL(
                "ARRAY[%s]::boolean[]",
                SQL(", ").join(
                    SQL("c.%s", self._name("f", rule)) if rule in rules else FALSE
                    for rule in all_rules
                ),
            )
            if is_explained
            else SQL("NULL::boolean[]"),
            points=self._json(
                {
                    rule: SQL(
                        "CASE WHEN c.%s THEN %s END",
                        self._name("f", rule),
                        tenths(rule.points),
                    )
                    for rule in rules
                    if tenths(rule.points)
                }
            ),
            fingerprint=self._fingerprint(
                models, lambda rule: SQL("c.%s", self._name("f", rule))
            ),
            bounds=self._bounds_sql(self._column("id"), ids, id_range),
        )

    def _sum(self, model, points_by_rule):
        """The points of a dimension: of groups within their limits, and of the rest."""
        terms = [points for rule, points in points_by_rule.items() if not rule.group_id]
        for group in model.group_ids:
            inside = [
                points
                for rule, points in points_by_rule.items()
                if rule.group_id == group
            ]
            if inside:
                terms.append(clamp(total_of(inside), *group._limits()))
        return total_of(terms)

    def _json(self, points_by_rule):
        """``{rule id: tenths}`` of the rules that give some, where models keep that."""
        items = list(points_by_rule.items())
        items = [item for item in items if item[0].model_id._keeps_points()]
        chunks = [
            SQL(
                "jsonb_build_object(%s)",
                SQL(", ").join(
                    SQL("%s, %s", str(rule.id), points) for rule, points in chunk
                ),
            )
            for chunk in split_every(JSON_PAIRS, items, list)
        ]
        if not chunks:
            return SQL("NULL::jsonb")
        return SQL("jsonb_strip_nulls(%s)", SQL(" || ").join(chunks))
