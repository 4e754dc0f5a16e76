"""The scoring engine: points, grades and their reasons, for any number of records."""

from odoo import SUPERUSER_ID, api, fields
from odoo.fields import Domain
from odoo.tools import SQL, split_every

from .user_domain import evaluate_domain

# Records scored by one statement: bounds the memory of its hash tables and the time
# that changed rows stay locked. 10,000 to 200,000 differ by less than a tenth in speed.
BATCH_SIZE = 50_000

SCORE_FIELDS = (
    "score_model_id",
    "score_fit",
    "score_engagement",
    "score_total",
    "score_grade",
    "score_date",
)


class ScoringEngine:
    """Scores the records of one model of Odoo (leads, or partners) by its scoring
    models.

    The rule, in words:

    * The first active scoring model, by sequence, whose company and teams fit the
      record scores it.
    * A *fit* rule gives its points once when the record matches its domain.
    * An *engagement* rule gives its points for each touchpoint of its kind, newest
      first, ``max_times`` at most; each worth ``points * 2^(-age / half-life)``; the
      sum is cut at ``max_points``. Touchpoints of machines, and of the future, do not
      count. A touchpoint counts once a rule, however many people or records it names.
    * The touchpoints of a lead are its own and those of its contact that belong to no
      lead; those of a company are its contacts' too.
    * A rule's points are rounded to one decimal before they are added up, so that what
      is shown rule by rule adds up to the score.
    * The grade is a letter for fit and a digit for engagement, by the model's
      thresholds.

    One SQL statement does all of it for a set of records and writes those whose result
    differs. The same statement, ended differently, explains one record. It is one
    statement, not one a rule into a temporary table: a change of a lead in the web
    client costs one query and leaves no garbage in the catalogue, and a million records
    are as many statements as batches.

    It reads as superuser: a score must not depend on who happens to trigger it.
    """

    def __init__(self, env, model_name, now=None):
        self.env = api.Environment(env.cr, SUPERUSER_ID, {"active_test": False})
        self.model_name = model_name
        self.Target = self.env[model_name]
        # not the start of the transaction: what happened since then counts already
        self.now = now or fields.Datetime.now()
        self.models = self.env["crm.score.model"].search(
            [("target_model", "=", model_name), ("active", "=", True)]
        )
        #: rules left out, with the reason: ``{rule: text}``
        self.errors = {}
        #: leads that became marketing-qualified
        self.qualified_ids = []

    # ------------------------------------------------------------
    # Use
    # ------------------------------------------------------------

    def recompute(self, ids=None, id_range=None):
        """Score records, write what differs, and return the ids that changed.

        :param ids: records to score; None for all
        :param id_range: instead of ids, ``(first id, last id)``, for batches of all
        """
        self._flush()
        changed_ids = []
        if ids is None:
            changed_ids += self._recompute_batch(id_range=id_range)
        else:
            for batch in split_every(BATCH_SIZE, sorted(set(ids))):
                changed_ids += self._recompute_batch(ids=list(batch))
        return changed_ids

    def explain(self, record_id):
        """Return the rules of the record's model with what each gives it.

        :return: list of ``(rule id, points, points before the cap, points undecayed,
            touchpoints counted, touchpoints in all, first date, last date)``, also of
            the rules that give nothing
        """
        self._flush()
        return self.env.execute_query(
            SQL(
                """
                %(lines)s
                SELECT r.id, COALESCE(l.points, 0), COALESCE(l.uncapped, 0),
                       COALESCE(l.undecayed, 0), COALESCE(l.counted, 0),
                       COALESCE(l.found, 0), l.date_first, l.date_last
                  FROM work w
                  JOIN crm_score_rule r ON r.model_id = w.model_id AND r.active
             LEFT JOIN lines l ON l.rule_id = r.id
              ORDER BY r.dimension DESC, r.sequence, r.id
                """,
                lines=self._lines(ids=[record_id]),
            )
        )

    # ------------------------------------------------------------
    # SQL
    # ------------------------------------------------------------

    def _flush(self):
        """What the statement names itself; domains carry their own fields to flush."""
        self.env["crm.score.model"].flush_model()
        self.env["crm.score.rule"].flush_model()
        names = {*self._work_columns(), *SCORE_FIELDS, "team_id"}
        self.Target.flush_model([n for n in names if n in self.Target._fields])

    @property
    def _has_mql(self):
        return "date_mql" in self.Target._fields

    def _work_columns(self):
        columns = ["company_id"]
        if self._has_mql:
            columns += ["partner_id", "active", "won_status", "date_mql"]
        else:
            columns += ["commercial_partner_id"]
        return columns

    def _bounds(self, ids, id_range):
        """The records at work as a domain, so that domains of rules read those only."""
        if ids is not None:
            return Domain("id", "in", ids)
        if id_range is not None:
            first, last = id_range
            return Domain("id", ">=", first) & Domain("id", "<=", last)
        return Domain.TRUE

    def _choose_model(self):
        """SQL that names the scoring model of the record ``t``."""
        cases = []
        for model in self.models:
            conditions = [SQL("TRUE")]
            if model.company_id:
                conditions.append(SQL("t.company_id = %s", model.company_id.id))
            if model.team_ids and "team_id" in self.Target._fields:
                conditions.append(SQL("t.team_id = ANY(%s)", model.team_ids.ids))
            cases.append(
                SQL("WHEN %s THEN %s", SQL(" AND ").join(conditions), model.id)
            )
        if not cases:
            return SQL("NULL::integer")
        return SQL("CASE %s END", SQL(" ").join(cases))

    def _lines(self, ids=None, id_range=None):
        """``WITH`` clause: ``work`` (the records and their model), ``lines`` (one row a
        record and rule that gives it something)."""
        bounds = self._bounds(ids, id_range)
        work_query = self.Target._search(bounds)
        fit = self._fit_lines(bounds)
        return SQL(
            """
            WITH work AS MATERIALIZED (
                SELECT t.id, %(model)s AS model_id, %(columns)s
                  FROM %(table)s t
                 WHERE t.id IN %(ids)s
            ), fit AS (
                %(fit)s
            ), touch AS (
                %(touch)s
            ), ranked AS (
                SELECT r.id AS rule_id, r.model_id, touch.record_id, touch.date,
                       r.points, r.max_times, r.max_points,
                       -- in doubles: powers of numerics are a hundred times slower
                       CASE WHEN r.half_life_days > 0
                            THEN r.points * power(
                                0.5::double precision,
                                extract(epoch FROM %(now)s - touch.date)
                                    ::double precision
                                / 86400 / r.half_life_days)
                            ELSE r.points END AS decayed,
                       row_number() OVER (
                           PARTITION BY r.id, touch.record_id
                           ORDER BY touch.date DESC, touch.id DESC
                       ) AS place
                  FROM touch
                  JOIN crm_score_rule r
                    ON r.model_id = touch.model_id AND r.kind_id = touch.kind_id
                   AND r.dimension = 'engagement' AND r.active
                 WHERE %(touch_domains)s
            ), engagement AS (
                SELECT rule_id, model_id, record_id, max_points,
                       sum(decayed) FILTER (WHERE counts) AS uncapped,
                       sum(points) FILTER (WHERE counts) AS undecayed,
                       count(*) FILTER (WHERE counts) AS counted,
                       count(*) AS found,
                       min(date) FILTER (WHERE counts) AS date_first,
                       max(date) AS date_last
                  FROM (SELECT *, COALESCE(max_times, 0) = 0
                                  OR place <= max_times AS counts
                          FROM ranked) ranked
              GROUP BY rule_id, model_id, record_id, max_points
            ), lines AS (
                SELECT 'fit' AS dimension, rule_id, model_id, record_id,
                       round(points::numeric, 1) AS points,
                       points AS uncapped, points AS undecayed,
                       0 AS counted, 0 AS found,
                       NULL::timestamp AS date_first, NULL::timestamp AS date_last
                  FROM fit
             UNION ALL
                SELECT 'engagement', rule_id, model_id, record_id,
                       round((CASE
                           WHEN max_points > 0
                           THEN greatest(-max_points, least(max_points, uncapped))
                           ELSE uncapped END)::numeric, 1),
                       uncapped, undecayed, counted, found, date_first, date_last
                  FROM engagement
            )
            """,
            model=self._choose_model(),
            columns=SQL(", ").join(
                SQL("t.%s", SQL.identifier(name)) for name in self._work_columns()
            ),
            table=SQL.identifier(self.Target._table),
            ids=work_query.subselect(),
            fit=fit,
            touch=self._touches(),
            touch_domains=self._touch_domains(),
            now=self.now,
        )

    def _rules(self, dimension):
        return self.models.rule_ids.filtered(
            lambda rule: rule.active and rule.dimension == dimension
        )

    def _fit_lines(self, bounds):
        selects = []
        for rule in self._rules("fit"):
            query = self._search_rule(rule, self.Target, rule.domain, bounds)
            if query is not None:
                selects.append(
                    SQL(
                        """SELECT %s AS rule_id, %s AS model_id,
                                  matching.id AS record_id,
                                  %s::double precision AS points
                             FROM (%s) matching""",
                        rule.id,
                        rule.model_id.id,
                        rule.points,
                        query.select(),
                    )
                )
        if not selects:
            return SQL(
                """SELECT NULL::integer AS rule_id, NULL::integer AS model_id,
                          NULL::integer AS record_id,
                          NULL::double precision AS points WHERE FALSE"""
            )
        return SQL(" UNION ALL ").join(selects)

    def _touches(self):
        """The touchpoints that may count, once for each record they are of."""
        kinds = self._rules("engagement").kind_id
        if self._has_mql:
            ways = (
                SQL("t.lead_id = w.id"),
                SQL(
                    """t.partner_id = w.partner_id AND t.lead_id IS NULL
                       AND (w.company_id IS NULL OR t.company_id IS NULL
                            OR t.company_id = w.company_id)"""
                ),
            )
        else:
            ways = (
                SQL("t.commercial_partner_id = w.id"),
                SQL("t.partner_id = w.id AND w.commercial_partner_id <> w.id"),
            )
        return SQL(" UNION ALL ").join(
            SQL(
                """SELECT w.id AS record_id, w.model_id, t.id, t.kind_id, t.date
                     FROM work w
                     JOIN crm_score_model m ON m.id = w.model_id
                     JOIN crm_touchpoint t ON %s
                    WHERE t.kind_id = ANY(%s) AND t.date <= %s
                      AND t.is_machine IS NOT TRUE
                      AND (m.company_id IS NULL OR t.company_id IS NULL
                           OR t.company_id = m.company_id)""",
                way,
                kinds.ids,
                self.now,
            )
            for way in ways
        )

    def _touch_domains(self):
        """SQL condition: the touchpoint matches the domain of its rule, if that has
        one.
        """
        rules = self.models.rule_ids.filtered(
            lambda r: (
                r.active and r.dimension == "engagement" and r.has_touchpoint_domain
            )
        )
        if not rules:
            return SQL("TRUE")
        Touchpoint = self.env["crm.touchpoint"]
        conditions = [SQL("r.id <> ALL(%s)", rules.ids)]
        for rule in rules:
            query = self._search_rule(rule, Touchpoint, rule.touchpoint_domain)
            if query is not None:
                query.add_where(SQL("%s = touch.id", SQL.identifier(query.table, "id")))
                conditions.append(
                    SQL("r.id = %s AND EXISTS (%s)", rule.id, query.select("1"))
                )
        return SQL("(%s)", SQL(" OR ").join(SQL("(%s)", c) for c in conditions))

    def _search_rule(self, rule, Model, text, bounds=Domain.TRUE):
        """Return the query of a rule's domain; None and a note if it does not work."""
        company = rule.model_id.company_id
        Model = Model.with_company(company) if company else Model
        try:
            query = Model._search(evaluate_domain(Model.env, text) & bounds)
            query.order = None
            return query
        except Exception as error:  # noqa: BLE001 whatever a user may have written
            self.errors[rule] = str(error)
            return None

    def _recompute_batch(self, ids=None, id_range=None):
        total = SQL("s.fit + s.engagement")
        letter = SQL(
            """CASE WHEN s.fit >= m.fit_a THEN 'A' WHEN s.fit >= m.fit_b THEN 'B'
                    WHEN s.fit >= m.fit_c THEN 'C' ELSE 'D' END"""
        )
        digit = SQL(
            """CASE WHEN s.engagement >= m.engagement_1 THEN '1'
                    WHEN s.engagement >= m.engagement_2 THEN '2'
                    WHEN s.engagement >= m.engagement_3 THEN '3' ELSE '4' END"""
        )
        qualifies = SQL("FALSE")
        set_mql = SQL()
        if self._has_mql:
            # a closed lead is not handed over any more
            qualifies = SQL(
                """w.date_mql IS NULL AND w.active AND w.won_status = 'pending'
                   AND CASE m.mql_rule
                       WHEN 'grade' THEN %s <= m.mql_min_fit
                                     AND %s <= m.mql_min_engagement
                       WHEN 'total' THEN %s >= m.mql_min_total
                       ELSE FALSE END""",
                letter,
                digit,
                total,
            )
            set_mql = SQL(
                ", date_mql = CASE WHEN g.qualifies THEN %s ELSE t.date_mql END",
                self.now,
            )
        rows = self.env.execute_query(
            SQL(
                """
                %(lines)s, sums AS (
                    SELECT w.id, m.id AS model_id,
                           COALESCE(p.fit, 0) AS fit,
                           COALESCE(p.engagement, 0) AS engagement
                      FROM work w
                      JOIN crm_score_model m ON m.id = w.model_id
                 LEFT JOIN (
                        SELECT record_id, model_id,
                               sum(points) FILTER (WHERE dimension = 'fit') AS fit,
                               sum(points) FILTER (WHERE dimension <> 'fit')
                                   AS engagement
                          FROM lines GROUP BY record_id, model_id
                      ) p ON p.record_id = w.id AND p.model_id = w.model_id
                ), graded AS (
                    SELECT w.id, s.model_id, s.fit, s.engagement,
                           %(total)s AS total,
                           CASE WHEN m.id IS NOT NULL
                                THEN %(letter)s || %(digit)s END AS grade,
                           COALESCE(%(qualifies)s, FALSE) AS qualifies
                      FROM work w
                 LEFT JOIN sums s ON s.id = w.id
                 LEFT JOIN crm_score_model m ON m.id = s.model_id
                )
                UPDATE %(table)s t
                   SET score_model_id = g.model_id, score_fit = g.fit,
                       score_engagement = g.engagement, score_total = g.total,
                       score_grade = g.grade, score_date = %(now)s %(set_mql)s
                  FROM graded g
                 WHERE t.id = g.id
                   AND (g.qualifies
                        OR (t.score_model_id, t.score_fit, t.score_engagement,
                            t.score_total, t.score_grade)
                        IS DISTINCT FROM
                           (g.model_id, g.fit, g.engagement, g.total, g.grade))
             RETURNING t.id, g.qualifies
                """,
                lines=self._lines(ids=ids, id_range=id_range),
                total=total,
                letter=letter,
                digit=digit,
                qualifies=qualifies,
                table=SQL.identifier(self.Target._table),
                now=self.now,
                set_mql=set_mql,
            )
        )
        changed_ids = [record_id for record_id, _qualifies in rows]
        qualified_ids = [record_id for record_id, qualifies in rows if qualifies]
        if changed_ids:
            names = [*SCORE_FIELDS, "date_mql"] if self._has_mql else SCORE_FIELDS
            changed = self.Target.browse(changed_ids)
            changed.invalidate_recordset(names, flush=False)
            changed.modified(names)
        self.qualified_ids += qualified_ids
        return changed_ids
