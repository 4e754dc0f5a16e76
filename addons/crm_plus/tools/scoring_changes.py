"""The scoring engine: what can have changed since an earlier run."""

from odoo.tools import SQL

from .scoring_fingerprint import FingerprintSql


class ChangesSql(FingerprintSql):
    """Finds the records whose score is to be computed again."""

    def _dirty(self, id_range, since):
        """``SELECT`` of the ids of records whose score can have changed, in any order,
        an id once for each score.

        One flat scan of records and scores, with nothing between them that the planner
        could not do in parallel.
        """
        return SQL(" UNION ALL ").join(
            self._dirty_slot(join, models, id_range, since)
            for join, models, _is_main in self._slots(self.models)
        )

    def _dirty_slot(self, join, models, id_range, since):
        moment, touchpoint_id = since
        bounds = self._bounds(None, id_range)
        many = len(models) > 1
        joins = {}

        def condition(rule):
            sql = self._condition(rule, self.Target, rule.domain, bounds, joins)
            if not many:
                return sql
            return SQL("m.model_id = %s AND %s", rule.model_id.id, sql)

        fingerprint = self._fingerprint(models, condition)
        return SQL(
            """
            SELECT %(id)s AS id
              FROM %(table)s
              %(joins)s
        CROSS JOIN LATERAL (%(model)s) m
         LEFT JOIN crm_score s
                ON s.%(key)s = %(id)s AND %(join)s AND %(score_bounds)s
             WHERE %(bounds)s AND (m.model_id IS NOT NULL OR s.id IS NOT NULL)
               AND (s.date_due <= %(now)s
                    OR %(written)s >= %(moment)s
                    OR s.fingerprint IS DISTINCT FROM %(fingerprint)s
                    OR %(id)s IN (%(touched)s))
            """,
            id=self._column("id"),
            table=SQL.identifier(self.Target._table),
            joins=SQL(" ").join(
                SQL("LEFT JOIN %s ON (%s)", table, on) for table, on in joins.values()
            ),
            model=self._choose_model(models),
            key=SQL.identifier(self.key),
            join=join,
            score_bounds=self._bounds_sql(
                SQL("s.%s", SQL.identifier(self.key)), None, id_range
            ),
            bounds=self._bounds_sql(self._column("id"), None, id_range),
            now=self.now,
            written=self._column("write_date"),
            moment=moment,
            fingerprint=fingerprint,
            touched=self._touched(moment, touchpoint_id),
        )

    def _touched(self, moment, touchpoint_id):
        """``SELECT`` of the records with touchpoints that an earlier run did not see,
        or that were in the future then, or whose conditions are not settled.
        """
        rules = self._rules("engagement")
        unsettled = rules.filtered(
            lambda rule: (
                rule.has_touchpoint_domain
                and self._settled_columns(
                    rule, self.env["crm.touchpoint"], rule.touchpoint_domain
                )
                is None
            )
        )
        where = SQL(
            """n.kind_id = ANY(%s) AND n.is_machine IS NOT TRUE
               AND (n.id > %s OR (n.date > %s AND n.date <= %s) OR n.kind_id = ANY(%s))
            """,
            rules.kind_id.ids,
            touchpoint_id,
            moment,
            self.now,
            unsettled.kind_id.ids,
        )
        if self._has_mql:
            return SQL(
                """SELECT n.lead_id FROM crm_touchpoint n WHERE %(where)s
                      AND n.lead_id IS NOT NULL
                    UNION ALL
                   SELECT l.id FROM crm_touchpoint n
                     JOIN crm_lead l ON l.partner_id = n.partner_id
                    WHERE %(where)s AND n.lead_id IS NULL""",
                where=where,
            )
        return SQL(
            """SELECT n.partner_id FROM crm_touchpoint n WHERE %(where)s
                  AND n.partner_id IS NOT NULL
                UNION ALL
               SELECT n.commercial_partner_id FROM crm_touchpoint n WHERE %(where)s
                  AND n.commercial_partner_id IS NOT NULL""",
            where=where,
        )
