"""The scoring engine: which records, and which of the scoring models scores them."""

import re
from functools import cached_property

from odoo import SUPERUSER_ID
from odoo.fields import Domain
from odoo.tools import SQL

from .scoring_sql import FALSE, TRUE
from .user_domain import evaluate_domain


class RecordsSql:
    """The records at work as SQL, and conditions that users wrote on them.

    Part of ``ScoringEngine``, as are the classes that build on this one.
    """

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

    def _look_ahead(self, last_id, size):
        """Return how many records come after an id, ``size`` at most, and the id of the
        last of these.
        """
        [(count, highest)] = self.env.execute_query(
            SQL(
                """SELECT count(*), max(id) FROM (
                       SELECT id FROM %s WHERE id > %s ORDER BY id LIMIT %s) batch""",
                SQL.identifier(self.Target._table),
                last_id,
                size,
            )
        )
        return count, highest

    def _count(self, id_range):
        [(count,)] = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM %s WHERE id BETWEEN %s AND %s",
                SQL.identifier(self.Target._table),
                *id_range,
            )
        )
        return count

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
        """The rules of a dimension that count now."""
        return (self.models if models is None else models).rule_ids.filtered(
            lambda rule: (
                rule.active
                and rule.dimension == dimension
                and rule._is_valid_at(self.now)
            )
        )

    @cached_property
    def _has_companies(self):
        # sudo: of whoever scores
        return self.env["res.company"].sudo().search_count([], limit=2) > 1

    def _search_as(self, model, Model, text, bounds=Domain.TRUE):
        """Return the query of a condition of a scoring model.

        All records of ``Model`` are asked, but of what they are related to that only
        which the responsible person may see: else points would tell of orders and
        invoices of other companies. Where there is one company there are none.
        """
        user, company = model.user_id, model.company_id
        if user and user.id != SUPERUSER_ID and self._has_companies:
            companies = company or user.company_id | user.company_ids
            Model = Model.with_user(user).with_context(
                allowed_company_ids=companies.ids,
                # a day is the same whoever is responsible
                tz=self.env.context.get("tz") or self.env.user.tz or "UTC",
            )
        elif company:
            Model = Model.with_company(company)
        return Model._search(
            evaluate_domain(Model.env, text) & bounds, bypass_access=True
        )

    def _search_rule(self, rule, Model, text, bounds=Domain.TRUE):
        """Return the query of a rule's domain; None and a note if it does not work."""
        try:
            query = self._search_as(rule.model_id, Model, text, bounds)
            query.order = None
            return query
        except Exception as error:  # noqa: BLE001 whatever a user may have written
            self.errors[rule] = str(error)
            return None

    def _condition(self, rule, Model, text, bounds=Domain.TRUE, joins=None):
        """SQL condition on a row of ``Model``: it matches the domain of the rule.

        :param joins: dictionary to add the joins to that the condition needs, as
            ``{alias: (table, condition)}``, all ``LEFT JOIN`` of at most one row; else
            it needs none
        """
        query = self._search_rule(rule, Model, text)
        if query is None or query.is_empty():
            return FALSE
        if query._joins or query.limit or len(query._tables) > 1:
            own = self._plain_joins(query)
            if joins is None or own is None:
                query = self._search_rule(rule, Model, text, bounds)
                return SQL(
                    "%s IN %s", SQL.identifier(Model._table, "id"), query.subselect()
                )
            joins.update(own)
        return SQL("(%s)", query.where_clause) if query._where_clauses else TRUE

    def _plain_joins(self, query):
        """Return the joins of a query as ``{alias: (table, condition)}`` if all they do
        is to follow many2one fields; else None.
        """
        if query.limit or len(query._tables) > 1:
            return None
        joins = {}
        for alias, (kind, table, condition) in query._joins.items():
            if (
                kind.code != "LEFT JOIN"
                or not re.fullmatch(r'"\w+"', table.code)
                or not re.fullmatch(rf'"\w+"\."\w+" = "{alias}"\."id"', condition.code)
            ):
                return None
            joins[alias] = (SQL("%s AS %s", table, SQL.identifier(alias)), condition)
        return joins

    def _name(self, prefix, rule):
        return SQL.identifier(f"{prefix}{rule.id}")

    def _slots(self, models):
        """The scores that a record may have: ``[(which rows of ``crm_score``, the
        models of which one gives it, whether it is the main score)]``.
        """
        main = models.filtered(lambda model: not model.is_additional)
        return [
            (SQL("s.is_main"), main, TRUE),
            *(
                (SQL("NOT s.is_main AND s.model_id = %s", model.id), model, FALSE)
                for model in models - main
            ),
        ]

    def _model_condition(self, model):
        """SQL condition: the model scores the record; None if it scores all."""
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
                query = self._search_as(model, self.Target, model.domain)
                query.order = None
                conditions.append(
                    SQL("%s IN %s", self._column("id"), query.subselect())
                    if query._joins
                    else SQL("(%s)", query.where_clause)
                    if query._where_clauses
                    else TRUE
                )
            except Exception as error:  # noqa: BLE001 whatever a user may have written
                self.errors[model] = str(error)
                conditions.append(FALSE)
        return SQL(" AND ").join(conditions) if conditions else None

    def _choose_model(self, models):
        """``SELECT`` of ``model_id``: the one of ``models`` that scores a row of the
        target.
        """
        branches, otherwise = [], SQL("NULL::integer")
        for model in models:
            condition = self._model_condition(model)
            if condition is None:
                otherwise = SQL("%s", model.id)
                break
            branches.append(SQL("WHEN %s THEN %s", condition, model.id))
        if not branches:
            return SQL("SELECT %s AS model_id", otherwise)
        return SQL(
            # once a row, however often it is named
            "SELECT CASE %s ELSE %s END AS model_id OFFSET 0",
            SQL(" ").join(branches),
            otherwise,
        )
