from functools import partial

from odoo import api, fields, models, tools
from odoo.tools import SQL

from ...tools.collision import COLLISIONS, rested, succeeds, try_again
from ...tools.lead_history import LeadHistory
from ...tools.prediction_sql import probability_sql

# Leads scored by one statement: bounds its memory and the time that rows are locked.
BATCH_SIZE = 50_000


class CrmPredictionModel(models.Model):
    """Scoring: the points of the version in use, added up by the database."""

    _inherit = "crm.prediction.model"

    @api.model
    def _get_scoring_models(self):
        """Return the predictions that score, the best informed first: a lead gets the
        one with the greatest age that it has reached."""
        # sudo: all of them, whoever's lead it is
        return (
            self.sudo()
            .search([])
            .filtered("version_id")
            .sorted(lambda model: (-model.age_days, model.sequence, model.id))
        )

    @api.model
    @tools.ormcache()
    def _has_intake_model(self):
        """Whether new leads can be scored at once."""
        return any(not model.age_days for model in self._get_scoring_models())

    @api.model
    def _trigger_scoring(self, at=None):
        cron = self.env.ref(
            "crm_plus.ir_cron_score_predictions", raise_if_not_found=False
        )
        if cron:
            # sudo: a seller's new lead asks for its score
            cron.sudo()._trigger(at)

    def _get_inputs(self, version):
        """Return the ``LeadInput`` of the inputs that the version uses."""
        items = {}
        for line in self.input_ids:
            item = line._as_lead_input()
            if item:
                items[item.key] = item
        shapes = version.scorecard["inputs"]
        # an input deleted since is not known any more
        return [items[key] for key in shapes if key in items]

    def _get_due_query(self, better):
        """Return the query of the open leads to score now.

        :param better: predictions that come before this one
        """
        now = fields.Datetime.now()
        query = self._get_lead_query(
            SQL("crm_lead.won_status = 'pending' AND crm_lead.active"),
            SQL(
                "crm_lead.create_date + %s * interval '1 day' <= %s", self.age_days, now
            ),
            SQL(
                """(crm_lead.predict_version_id IS DISTINCT FROM %(version)s
                    -- a lead scored while it was entered: again, once, when it is in
                    OR (crm_lead.predict_date < %(known)s AND %(known)s <= %(now)s))""",
                version=self.version_id.id,
                known=self._known_at(),
                now=now,
            ),
        )
        for other in better:
            taken = other._get_lead_query(
                SQL(
                    "crm_lead.create_date + %s * interval '1 day' <= %s",
                    other.age_days,
                    now,
                )
            )
            query.add_where(SQL("crm_lead.id NOT IN %s", taken.subselect()))
        return query

    def _score_due(self, limit=BATCH_SIZE, better=None, after_id=0):
        """Score open leads that this prediction has not scored yet; return their ids.

        :param after_id: leads up to that are done, and not read again
        """
        self.ensure_one()
        query = self._get_due_query(self.browse() if better is None else better)
        query.add_where(SQL("crm_lead.id > %s", after_id))
        query.limit = limit
        query.order = SQL("crm_lead.id")
        return self._score(
            SQL(
                "SELECT work.*, id AS place FROM (%s) work",
                query.select(
                    SQL("crm_lead.id"), SQL("%s AS known_at", self._known_at())
                ),
            )
        )

    def _score(self, work):
        """Write the probability of the leads of ``work``; return their ids.

        By SQL, without ``write``: it is derived, so the chatter and ``write_date`` do
        not change with it.
        """
        version = self.version_id
        inputs = self._get_inputs(version)
        history = LeadHistory(self.env, inputs, self.age_days)
        history.flush()
        rows = self.env.execute_query(
            SQL(
                """
                WITH work AS MATERIALIZED (%(work)s)
                UPDATE crm_lead t
                   SET predict_probability = round((%(probability)s)::numeric, 2),
                       predict_date = %(now)s,
                       predict_version_id = %(version)s
                  FROM (%(values)s) f
                 WHERE f.id = t.id
             RETURNING t.id
                """,
                work=work,
                probability=probability_sql(version._get_scorecard(), inputs),
                now=fields.Datetime.now(),
                version=version.id,
                values=history.select(),
            )
        )
        names = ["predict_probability", "predict_date", "predict_version_id"]
        leads = self.env["crm.lead"].browse([row[0] for row in rows])
        leads.invalidate_recordset(names, flush=False)
        leads.modified(names)
        return leads.ids

    @api.model
    def _cron_score(self):
        """Keep what will be asked for, of new leads and those that reached an age; then
        score these, and all for a new version."""
        IrCron = self.env["ir.cron"]
        time_left = 1
        changed = self.search([("is_look_due", "=", True)])
        # somebody may write on one of these leads, or delete one, meanwhile
        for ids in self._keep_batches(is_full=bool(changed)):
            if ids is None:
                self._trigger_scoring(rested())
                return
            time_left = IrCron._commit_progress(len(ids), remaining=len(ids))
            if not time_left:
                break
        else:
            if not succeeds(self.env, lambda: changed.write({"is_look_due": False})):
                self._trigger_scoring(rested())
                return
            IrCron._commit_progress()
        models_ = self._get_scoring_models()
        better = self.browse()
        for model in models_:
            ids = [0]
            while ids and time_left:
                score = partial(model._score_due, better=better, after_id=max(ids))
                ids = try_again(self.env, score)
                if ids is None:
                    self._trigger_scoring(rested())
                    return
                time_left = IrCron._commit_progress(len(ids), remaining=len(ids))
            better += model
        if not time_left:
            self._trigger_scoring()

    @api.model
    def _keep_batches(self, is_full):
        """Yield the ids kept by each transaction; None when it collides every time."""
        Snapshot = self.env["crm.prediction.snapshot"]
        batches = Snapshot._keep_due(is_full=is_full)

        def keep_next():
            nonlocal batches
            try:
                return next(batches, [])
            except COLLISIONS:
                # that generator is at its end; what is kept already is not due
                batches = Snapshot._keep_due(is_full=is_full)
                raise

        while (ids := try_again(self.env, keep_next)) != []:
            yield ids
            if ids is None:
                return
