"""The scoring engine: points, grades and their reasons, for any number of records."""

from math import log

from odoo import SUPERUSER_ID, api, fields
from odoo.fields import Domain
from odoo.tools import SQL, split_every

from .user_domain import evaluate_domain

# Records scored by one statement: bounds the memory of its sorts and the time that
# changed rows stay locked. 20,000 to 200,000 differ by less than a tenth in speed.
BATCH_SIZE = 50_000
# A statement of more records than this is a batch.
BULK = 1000
# How such a statement is planned. After an import or a back-fill the tables' statistics
# are not there yet, and a planner that expects one row and finds 50,000 runs for hours
# in nested loops; hash joins are as good on any number. Sorts and hashes take memory
# rather than files, and compiling so long a text costs more than it saves.
BULK_SETTINGS = {"enable_nestloop": "off", "work_mem": "96MB", "jit": "off"}

SCORE_FIELDS = (
    "score_model_id",
    "score_fit",
    "score_engagement",
    "score_total",
    "score_grade",
    "score_date",
)
# PostgreSQL takes a hundred arguments a function: pairs of key and value
JSON_PAIRS = 45
TRUE = SQL("TRUE")
FALSE = SQL("FALSE")


def tenths(value):
    """Points are added up as whole tenths: exact, and faster than numerics."""
    return round((value or 0.0) * 10)


def total_of(terms):
    return SQL("(%s)", SQL(" + ").join(terms)) if terms else SQL("0")


def clamp(sql, low, high):
    """Limit ``sql`` to what is not None of two numbers."""
    if low is not None:
        sql = SQL("greatest(%s, %s)", sql, low)
    if high is not None:
        sql = SQL("least(%s, %s)", sql, high)
    return sql


def case(key, branches, otherwise=None):
    """``CASE key WHEN … THEN …`` of ``{value: sql}``."""
    if otherwise is None:
        otherwise = SQL("NULL")
    if not branches:
        return otherwise
    return SQL(
        "CASE %s %s ELSE %s END",
        key,
        SQL(" ").join(SQL("WHEN %s THEN %s", k, v) for k, v in branches.items()),
        otherwise,
    )


class ScoringEngine:
    """Scores the records of one model of Odoo (leads, or partners) by its scoring
    models.

    The rule, in words:

    * The first active scoring model, by sequence, whose company, teams and condition
      fit the record gives its main score, the one shown on it. Each model flagged as
      additional that fits gives one score more.
    * A rule counts between its dates, if it has any.
    * A *fit* rule gives its points once when the record matches its domain.
    * An *engagement* rule gives its points for each touchpoint of its kind, newest
      first, ``max_times`` at most; each worth ``points * 2^(-age / half-life)``, or
      ``points * (1 - age / days)`` where decay is linear; the sum is cut at
      ``max_points``. Touchpoints of machines, and of the future, do not count. A
      touchpoint counts once a rule, however many people or records it names.
    * The touchpoints of a lead are its own and those of its contact that belong to no
      lead; those of a company are its contacts' too, where its model says so.
    * A rule's points are rounded to one decimal before they are added up, so that what
      is shown rule by rule adds up to the score. Rules of a group are added up first
      and cut at the group's limits; so is the total at the model's.
    * The grade is a letter for fit and a digit for engagement, by the model's
      thresholds.

    One SQL statement does all of it for a set of records and writes the rows of
    ``crm_score`` whose result differs. The same statement, ended differently, explains
    one record. Its shape is what makes it fast:

    * one scan of the records, in which each domain is a condition; a domain that needs
      a join becomes ``id IN (…)``;
    * one sort of the touchpoints, for all rules that count them;
    * limits, thresholds and points are constants in the text, not joins;
    * scores are rows of their own, narrow and with room for their next version: a lead
      has some thirty indexes, which an ``UPDATE`` of every lead would all write, and
      users who save a lead would wait for the run or be asked to try again.

    ``recompute(since=…)`` leaves out what cannot have changed: the records whose model
    and fit are as stored, that were not written, have no new touchpoints, and whose
    next decayed tenth of a point is still to come (``date_due``, computed with the
    score). Fit is cheap, so it is compared and not guessed: rules on related records or
    on today need no bookkeeping.

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
        #: rows of ``crm.score.change`` that were written
        self.change_ids = []

    # ------------------------------------------------------------
    # Use
    # ------------------------------------------------------------

    def recompute(self, ids=None, id_range=None, since=None):
        """Score records, write what differs, and return the ids that changed.

        :param ids: records to score; None for all
        :param id_range: instead of ids, ``(first id, last id)``, for batches of all
        :param since: ``(moment, touchpoint id)`` of an earlier run: score those only
            that can have changed since
        """
        self._flush()
        if ids is not None:
            changed_ids = []
            for batch in split_every(BATCH_SIZE, sorted(set(ids))):
                changed_ids += self._recompute_batch(ids=list(batch))
            return changed_ids
        changed_ids = []
        for each_range in [id_range] if id_range else self._id_ranges():
            if since is None:
                changed_ids += self._recompute_batch(id_range=each_range)
            elif dirty_ids := self._find_dirty(each_range, since):
                changed_ids += self._recompute_batch(ids=dirty_ids)
        return changed_ids

    def explain(self, record_id, model=None):
        """Return the rules of the record's model with what each gives it.

        :param model: one of the additional models; the one of the main score if not
            given
        :return: list of ``(rule id, points, points before the cap, points undecayed,
            touchpoints counted, touchpoints in all, first date, last date)``, also of
            the rules that give nothing
        """
        self._flush()
        models = model or self.models.filtered(lambda m: not m.is_additional)
        rows = self.env.execute_query_dict(
            SQL(
                """
                %(ctes)s
                SELECT e.*, p.*, s.fits, s.model_id AS scored_by
                  FROM scored s
             LEFT JOIN engaged e ON e.record_id = s.id AND e.model_id = s.model_id
            CROSS JOIN LATERAL (SELECT %(points)s) p
                """,
                ctes=self._ctes(models, ids=[record_id], is_explained=True),
                points=self._points_columns(models),
            )
        )
        row = next((row for row in rows if row["scored_by"]), None)
        if not row:
            return []
        fit_rules = self._rules("fit", models)
        lines = []
        for rule in models.browse(row["scored_by"]).rule_ids.filtered("active"):
            if rule.dimension == "fit":
                fits = rule in fit_rules and row["fits"][fit_rules.ids.index(rule.id)]
                points = rule.points if fits else 0.0
                lines.append((rule.id, points, points, points, 0, 0, None, None))
            elif f"p{rule.id}" in row:
                lines.append(
                    (
                        rule.id,
                        row[f"p{rule.id}"] / 10,
                        row[f"u{rule.id}"] or 0.0,
                        (row[f"n{rule.id}"] or 0) * rule.points,
                        row[f"n{rule.id}"] or 0,
                        row[f"m{rule.id}"] or 0,
                        row[f"a{rule.id}"],
                        row[f"z{rule.id}"],
                    )
                )
            else:
                lines.append((rule.id, 0.0, 0.0, 0.0, 0, 0, None, None))
        return lines

    # ------------------------------------------------------------
    # Parts
    # ------------------------------------------------------------

    @property
    def _has_mql(self):
        return "date_mql" in self.Target._fields

    @property
    def key(self):
        """The column of ``crm_score`` that names the record."""
        return "lead_id" if self._has_mql else "partner_id"

    def _column(self, name):
        return SQL.identifier(self.Target._table, name)

    def _flush(self):
        """What the statement names itself; domains carry their own fields to flush."""
        names = {*self._work_columns(), "company_id", "team_id", "write_date"}
        self.Target.flush_model([n for n in names if n in self.Target._fields])

    def _work_columns(self):
        if self._has_mql:
            return ["company_id", "partner_id", "active", "won_status", "date_mql"]
        return ["company_id", "commercial_partner_id"]

    def _id_ranges(self):
        """The ids of all records as ranges of one batch each."""
        last = 0
        while True:
            [(count, highest)] = self.env.execute_query(
                SQL(
                    """SELECT count(*), max(id) FROM (
                           SELECT id FROM %s WHERE id > %s ORDER BY id LIMIT %s) b""",
                    SQL.identifier(self.Target._table),
                    last,
                    BATCH_SIZE,
                )
            )
            if not count:
                return
            yield (last + 1, highest)
            last = highest

    def _bounds(self, ids, id_range):
        """The records at work, as a domain."""
        if ids is not None:
            return Domain("id", "in", ids)
        first, last = id_range
        return Domain("id", ">=", first) & Domain("id", "<=", last)

    def _bounds_sql(self, column, ids, id_range):
        if ids is not None:
            return SQL("%s = ANY(%s)", column, ids)
        return SQL("%s BETWEEN %s AND %s", column, *id_range)

    def _rules(self, dimension, models=None):
        """The rules of a dimension that count today."""
        today = self.now.date()
        return (self.models if models is None else models).rule_ids.filtered(
            lambda rule: (
                rule.active and rule.dimension == dimension and rule._is_valid_on(today)
            )
        )

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

    def _condition(self, rule, Model, text, bounds=Domain.TRUE):
        """SQL condition on a row of ``Model``: it matches the domain of the rule."""
        query = self._search_rule(rule, Model, text)
        if query is None or query.is_empty():
            return SQL("FALSE")
        if query._joins or query.limit or len(query._tables) > 1:
            query = self._search_rule(rule, Model, text, bounds)
            return SQL(
                "%s IN %s", SQL.identifier(Model._table, "id"), query.subselect()
            )
        return SQL("(%s)", query.where_clause) if query._where_clauses else SQL("TRUE")

    # ------------------------------------------------------------
    # SQL: which model, and fit
    # ------------------------------------------------------------

    def _model_condition(self, model, bounds):
        conditions = []
        if model.company_id:
            conditions.append(
                SQL("%s = %s", self._column("company_id"), model.company_id.id)
            )
        if model.team_ids and "team_id" in self.Target._fields:
            conditions.append(
                SQL("%s = ANY(%s)", self._column("team_id"), model.team_ids.ids)
            )
        if model._has_domain():
            try:
                query = self.Target._search(evaluate_domain(self.env, model.domain))
                query.order = None
                conditions.append(
                    SQL("%s IN %s", self._column("id"), query.subselect())
                    if query._joins
                    else SQL("(%s)", query.where_clause)
                    if query._where_clauses
                    else SQL("TRUE")
                )
            except Exception as error:  # noqa: BLE001 whatever a user may have written
                self.errors[model] = str(error)
                conditions.append(SQL("FALSE"))
        return SQL(" AND ").join(conditions) if conditions else SQL("TRUE")

    def _choose_model(self, models, bounds):
        """SQL that names the one of ``models`` that scores a row of the target."""
        if not models:
            return SQL("NULL::integer")
        return SQL(
            "CASE %s END",
            SQL(" ").join(
                SQL("WHEN %s THEN %s", self._model_condition(model, bounds), model.id)
                for model in models
            ),
        )

    def _scored(self, models, ids, id_range, since=None, is_explained=False):
        """``SELECT`` of the records at work, one row a record and score: the model that
        scores, which fit rules match, the fit, and what is stored.
        """
        main = models.filtered(lambda m: not m.is_additional)
        slots = [(SQL("s.is_main"), main, TRUE)]
        slots += [
            (SQL("NOT s.is_main AND s.model_id = %s", model.id), model, FALSE)
            for model in models - main
        ]
        if is_explained and len(models) == 1 and models.is_additional:
            slots = slots[1:]
        return SQL(" UNION ALL ").join(
            self._scored_slot(*slot, ids, id_range, since) for slot in slots
        )

    def _scored_slot(self, join, models, is_main, ids, id_range, since):
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
                   s.id AS score_id, s.model_id AS old_model_id, s.fit AS old_fit,
                   s.engagement AS old_engagement, s.total AS old_total,
                   s.grade AS old_grade, s.points AS old_points,
                   s.date_due AS old_date_due, s.date AS old_date
              FROM %(table)s
        CROSS JOIN LATERAL (SELECT %(model)s AS model_id OFFSET 0) m
         LEFT JOIN crm_score s
                ON s.%(key)s = %(id)s AND %(join)s AND %(score_bounds)s
        CROSS JOIN LATERAL (SELECT %(conditions)s OFFSET 0) c
        CROSS JOIN LATERAL (SELECT (%(fit)s)::integer AS fit OFFSET 0) g
             WHERE %(bounds)s AND (m.model_id IS NOT NULL OR s.id IS NOT NULL)
               AND %(dirty)s
            """,
            id=self._column("id"),
            columns=SQL(", ").join(map(self._column, self._work_columns())),
            is_main=is_main,
            table=SQL.identifier(self.Target._table),
            model=self._choose_model(models, bounds),
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
            if ids is not None
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
            bounds=self._bounds_sql(self._column("id"), ids, id_range),
            dirty=self._dirty(ids, id_range, since),
        )

    def _dirty(self, ids, id_range, since):
        """SQL condition: the score of the row can have changed since an earlier run."""
        if since is None:
            return TRUE
        moment, touchpoint_id = since
        return SQL(
            """(s.date_due <= %(now)s OR %(written)s >= %(moment)s
                OR (m.model_id, (g.fit * 0.1)) IS DISTINCT FROM (s.model_id, s.fit)
                OR %(id)s IN (%(touched)s))""",
            now=self.now,
            written=self._column("write_date"),
            moment=moment,
            id=self._column("id"),
            touched=self._touched(moment, touchpoint_id),
        )

    def _touched(self, moment, touchpoint_id):
        """``SELECT`` of the records with touchpoints that an earlier run did not see,
        or that were in the future then.
        """
        kinds = self._rules("engagement").kind_id.ids
        where = SQL(
            "n.kind_id = ANY(%s) AND (n.id > %s OR (n.date > %s AND n.date <= %s))",
            kinds,
            touchpoint_id,
            moment,
            self.now,
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

    # ------------------------------------------------------------
    # SQL: engagement
    # ------------------------------------------------------------

    def _ctes(self, models, ids=None, id_range=None, is_explained=False):
        """``WITH`` clause: ``scored`` (see ``_scored``) and ``engaged`` (one row for
        each of them that has touchpoints, one column a rule and figure).
        """
        rules = self._rules("engagement", models)
        domains = {}
        for rule in rules.filtered("has_touchpoint_domain"):
            domains.setdefault((rule.touchpoint_domain, rule.model_id.company_id), rule)
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
                rule.max_times
                and (rule.touchpoint_domain, rule.model_id.company_id) == key
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
            touch=self._touches(models, rules, flags, ids, id_range),
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

    def _touches(self, models, rules, flags, ids, id_range):
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
                              AS age %(flags)s
                     FROM scored w
                     JOIN crm_touchpoint ON %(way)s
                    WHERE crm_touchpoint.kind_id = ANY(%(kinds)s)
                      AND crm_touchpoint.date <= %(now)s
                      AND crm_touchpoint.is_machine IS NOT TRUE
                      AND (%(company)s)""",
                now=SQL("%s::timestamp", self.now),
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

    def _name(self, prefix, rule):
        return SQL.identifier(f"{prefix}{rule.id}")

    def _figures(self, rule, with_model, domains, is_explained):
        """Aggregates of the touchpoints of one rule: ``u`` the points before the cap,
        ``l`` how many still lose points by the day; to explain also ``n`` counted,
        ``m`` found, ``a`` and ``z`` first and last date.
        """
        found = [SQL("kind_id = %s", rule.kind_id.id)]
        if with_model:
            found.insert(0, SQL("model_id = %s", rule.model_id.id))
        place = SQL("k0")
        if rule.has_touchpoint_domain:
            first = domains[rule.touchpoint_domain, rule.model_id.company_id]
            found.append(SQL.identifier(f"d{first.id}"))
            place = SQL.identifier(f"k{first.id}")
        found = SQL(" AND ").join(found)
        counted = found
        if rule.max_times:
            counted = SQL("%s AND %s <= %s", found, place, rule.max_times)
        points = SQL("%s::float8", rule.points)
        if rule.decay == "half_life":
            points = SQL("%s * exp(age * %s)", points, -log(2) / rule.half_life_days)
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
                """%s, count(*) FILTER (WHERE %s) AS %s,
                   count(*) FILTER (WHERE %s) AS %s,
                   min(date) FILTER (WHERE %s) AS %s, max(date) FILTER (WHERE %s) AS %s
                """,
                figures,
                counted,
                self._name("n", rule),
                found,
                self._name("m", rule),
                counted,
                self._name("a", rule),
                counted,
                self._name("z", rule),
            )
        return figures

    def _points_columns(self, models):
        """The points of each engagement rule, in tenths, from its figures."""
        columns = [SQL("0 AS p0")]
        for rule in self._rules("engagement", models):
            limit = rule.max_points or None
            points = clamp(SQL("e.%s", self._name("u", rule)), limit and -limit, limit)
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

    # ------------------------------------------------------------
    # SQL: sums and grades
    # ------------------------------------------------------------

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

    def _execute(self, query, is_bulk):
        """Run a statement; a bulk one with its settings, which end with it."""
        if not is_bulk:
            return self.env.execute_query(query)
        [before] = self.env.execute_query(
            SQL(
                "SELECT %s",
                SQL(", ").join(
                    SQL("current_setting(%s)", name) for name in BULK_SETTINGS
                ),
            )
        )
        self._set(BULK_SETTINGS)
        rows = self.env.execute_query(query)
        self._set(dict(zip(BULK_SETTINGS, before, strict=True)))
        return rows

    def _set(self, settings):
        self.env.execute_query(
            SQL(
                "SELECT %s",
                SQL(", ").join(
                    SQL("set_config(%s, %s, TRUE)", *item) for item in settings.items()
                ),
            )
        )

    def _find_dirty(self, id_range, since):
        """Return the ids of records whose score can have changed.

        Apart from the scoring itself: few or many, it is then planned for what they
        are.
        """
        rows = self._execute(
            SQL(
                "SELECT DISTINCT id FROM (%s) dirty ORDER BY id",
                self._scored(self.models, None, id_range, since),
            ),
            is_bulk=True,
        )
        return [row[0] for row in rows]

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

    def _recompute_batch(self, ids=None, id_range=None):
        mql = SQL()
        if self._has_mql:
            mql = SQL(
                """, qualified AS (
                    UPDATE crm_lead l SET date_mql = %s
                      FROM result r WHERE l.id = r.id AND r.qualifies
                )""",
                self.now,
            )
        rows = self._execute(
            SQL(
                """
                %(results)s, updated AS (
                    UPDATE crm_score s
                       SET model_id = r.model_id, fit = r.new_fit,
                           engagement = r.new_engagement, total = r.new_total,
                           grade = r.grade, points = r.new_points,
                           date_due = r.date_due,
                           date = CASE WHEN r.is_changed THEN %(now)s ELSE s.date END
                      FROM result r
                     WHERE s.id = r.score_id AND r.model_id IS NOT NULL
                       AND %(score_bounds)s
                       AND (r.is_changed OR s.date_due <= %(now)s
                            OR r.date_due < s.date_due - interval '1 hour'
                            OR (r.date_due IS NULL) <> (s.date_due IS NULL))
                ), inserted AS (
                    INSERT INTO crm_score (
                        %(key)s, model_id, is_main, fit, engagement, total, grade,
                        points, date_due, date
                    )
                    SELECT id, model_id, is_main, new_fit, new_engagement, new_total,
                           grade, new_points, date_due, %(now)s
                      FROM result WHERE score_id IS NULL
                ), deleted AS (
                    DELETE FROM crm_score s USING result r
                     WHERE s.id = r.score_id AND r.model_id IS NULL
                ), crossed AS (
                    %(crossings)s
                ) %(mql)s
                SELECT id, is_main, qualifies, NULL::integer
                  FROM result WHERE is_changed OR qualifies
             UNION ALL
                SELECT NULL, NULL, NULL, id FROM crossed
                """,
                results=self._results(self.models, ids, id_range),
                key=SQL.identifier(self.key),
                score_bounds=self._bounds_sql(
                    SQL("s.%s", SQL.identifier(self.key)), ids, id_range
                ),
                now=self.now,
                mql=mql,
                crossings=self._crossings(),
            ),
            is_bulk=ids is None or len(ids) > BULK,
        )
        changed_ids = [row[0] for row in rows if row[1]]
        qualified_ids = [row[0] for row in rows if row[2]]
        self.change_ids += [row[3] for row in rows if row[3]]
        self.env["crm.score"].invalidate_model(flush=False)
        if changed_ids:
            changed = self.Target.browse(changed_ids)
            changed.invalidate_recordset(SCORE_FIELDS, flush=False)
            changed.modified(SCORE_FIELDS)
        if qualified_ids:
            qualified = self.Target.browse(qualified_ids)
            qualified.invalidate_recordset(["date_mql"], flush=False)
            qualified.modified(["date_mql"])
        self.qualified_ids += qualified_ids
        return changed_ids
