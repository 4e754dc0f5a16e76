"""The scoring engine: points, grades and their reasons, for any number of records."""

from odoo import SUPERUSER_ID, api, fields
from odoo.tools import SQL, split_every

from .scoring_changes import ChangesSql
from .scoring_result import ResultSql

# Records scored by one statement: bounds the memory of its sorts and the time that
# changed rows stay locked. 20,000 to 200,000 differ by less than a tenth in speed.
BATCH_SIZE = 50_000
# Records that one statement looks at for changes: they are few, and only read.
LOOK_SIZE = 250_000
# A statement of more records than this is a batch.
BULK = 1000
# How such a statement is planned. After an import or a back-fill the tables' statistics
# are not there yet, and a planner that expects one row and finds 50,000 runs for hours
# in nested loops; hash joins are as good on any number. Sorts and hashes take memory
# rather than files, and compiling so long a text costs more than it saves. A search for
# changes may use all cores that the server grants: it sends few rows back, which the
# planner does not know.
BULK_SETTINGS = {
    "enable_nestloop": "off",
    "jit": "off",
    "parallel_tuple_cost": "0",
    "work_mem": "96MB",
}

SCORE_FIELDS = (
    "score_model_id",
    "score_fit",
    "score_engagement",
    "score_total",
    "score_grade",
    "score_date",
)


class ScoringEngine(ResultSql, ChangesSql):
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

    ``recompute(since=…)`` leaves out what cannot have changed: the records whose
    fingerprint is as stored (``FingerprintSql``: models, rules, columns and conditions
    are compared and not guessed, so rules on related records or on today need no
    bookkeeping), that were not written, have no new touchpoints, and whose next decayed
    tenth of a point is still to come (``date_due``, computed with the score).

    The parts are in modules of their own, each building on the one before:
    ``scoring_records``, ``scoring_fingerprint`` (and ``scoring_changes``),
    ``scoring_fit``, ``scoring_engagement``, ``scoring_result``.

    It reads as superuser: a score must not depend on who happens to trigger it.
    """

    def __init__(self, env, model_name, now=None):
        self.env = api.Environment(env.cr, SUPERUSER_ID, {"active_test": False})
        self.model_name = model_name
        self.Target = self.env[model_name]
        # not the start of the transaction: what happened since then counts already
        self.now = now or fields.Datetime.now()
        #: of whose touchpoints an explanation tells the number and the dates; None: all
        self.told_companies = None
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

    def recompute(self, ids=None, since=None):
        """Score records, write what differs, and return the ids that changed.

        :param ids: records to score; None for all
        :param since: see ``recompute_next``
        """
        changed_ids = []
        if ids is not None:
            self._flush()
            for batch in split_every(BATCH_SIZE, sorted(set(ids))):
                changed_ids += self._recompute_batch(ids=list(batch))
            return changed_ids
        last_id, is_done = 0, False
        while not is_done:
            _count, last_id, is_done, ids = self.recompute_next(last_id, since)
            changed_ids += ids
        return changed_ids

    def recompute_next(self, last_id, since=None):
        """Score the records that come after an id, as many as one statement should.

        :param since: ``(moment, touchpoint id)`` of an earlier run: look at more, and
            score those only that can have changed since
        :return: how many were looked at, the id of the last of them, whether it is the
            very last, the ids that changed
        """
        self._flush()
        size = BATCH_SIZE if since is None else LOOK_SIZE
        count, highest = self._look_ahead(last_id, size)
        if not count:
            return 0, last_id, True, []
        id_range, is_done = (last_id + 1, highest), count < size
        if since is None:
            changed_ids = self._recompute_batch(id_range=id_range)
            return count, highest, is_done, changed_ids
        dirty_ids = self._find_dirty(id_range, since)
        if len(dirty_ids) == BATCH_SIZE:
            # so many are enough for one transaction
            highest, is_done = dirty_ids[-1], False
            count = self._count((last_id + 1, highest))
        changed_ids = self._recompute_batch(ids=dirty_ids) if dirty_ids else []
        return count, highest, is_done, changed_ids

    def preview(self, ids):
        """Return what ``recompute`` would store of these records, and write nothing.

        :return: list of ``(record id, whether it is the main score, model id or None,
            grade, total, whether the lead becomes marketing-qualified)``
        """
        self._flush()
        rows = []
        for batch in split_every(BATCH_SIZE, sorted(set(ids)), list):
            rows += self._execute(
                SQL(
                    """%s
                    SELECT id, is_main, model_id, grade, new_total::float8, qualifies
                      FROM result""",
                    self._results(self.models, batch),
                ),
                is_bulk=len(batch) > BULK,
            )
        return rows

    def explain(self, record_id, model=None, companies=None):
        """Return the rules of the record's model with what each gives it.

        :param model: one of the additional models; the one of the main score if not
            given
        :param companies: of which touchpoints are told; those of others still give
            their points
        :return: list of ``(rule id, points, points before the cap, points undecayed,
            touchpoints counted, touchpoints in all, first date, last date, whether it
            matches, whether touchpoints count that are not told)``, also of the rules
            that give nothing
        """
        self.told_companies = companies
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
        fit_rules = self._rules("fit")
        lines = []
        for rule in models.browse(row["scored_by"]).rule_ids.filtered("active"):
            if rule.dimension == "fit":
                fits = rule in fit_rules and row["fits"][fit_rules.ids.index(rule.id)]
                points = rule.points if fits else 0.0
                lines.append(
                    (
                        rule.id,
                        points,
                        points,
                        points,
                        0,
                        0,
                        None,
                        None,
                        bool(fits),
                        False,
                    )
                )
            elif f"p{rule.id}" in row:
                lines.append(
                    (
                        rule.id,
                        row[f"p{rule.id}"] / 10,
                        row[f"u{rule.id}"] or 0.0,
                        (row[f"n{rule.id}"] or 0) * rule.points,
                        row[f"o{rule.id}"] or 0,
                        row[f"m{rule.id}"] or 0,
                        row[f"a{rule.id}"],
                        row[f"z{rule.id}"],
                        bool(row[f"n{rule.id}"] or row[f"p{rule.id}"]),
                        row[f"n{rule.id}"] != row[f"o{rule.id}"],
                    )
                )
            else:
                lines.append((rule.id, 0.0, 0.0, 0.0, 0, 0, None, None, False, False))
        return lines

    # ------------------------------------------------------------
    # Database
    # ------------------------------------------------------------

    def _find_dirty(self, id_range, since):
        """Return the ids of records whose score can have changed, a batch at most.

        Apart from the scoring itself: few or many, it is then planned for what they
        are.
        """
        rows = self._execute(self._dirty(id_range, since), is_bulk=True)
        # not in SQL: a limit would have the planner read both tables in order of ids
        return sorted({row[0] for row in rows})[:BATCH_SIZE]

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
                           date_due = r.date_due, fingerprint = r.fingerprint,
                           date = CASE WHEN r.is_changed THEN %(now)s ELSE s.date END
                      FROM result r
                     WHERE s.id = r.score_id AND r.model_id IS NOT NULL
                       AND %(score_bounds)s
                       AND (r.is_changed OR s.date_due <= %(now)s
                            OR r.fingerprint IS DISTINCT FROM s.fingerprint
                            OR r.date_due < s.date_due - interval '1 hour'
                            OR (r.date_due IS NULL) <> (s.date_due IS NULL))
                ), inserted AS (
                    INSERT INTO crm_score (
                        %(key)s, model_id, is_main, fit, engagement, total, grade,
                        points, date_due, fingerprint, date
                    )
                    SELECT id, model_id, is_main, new_fit, new_engagement, new_total,
                           grade, new_points, date_due, fingerprint, %(now)s
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
