from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models, tools
from odoo.tools import SQL

from ...tools.lead_history import INTAKE_MINUTES, LeadHistory

# A value read so long after its moment still counts as that of the moment, if the lead
# is open: the scheduler is not on the minute.
TOLERANCE = timedelta(hours=1)
# Moments that long ago are looked at by each run of the scheduler; what a server missed
# while it was down for longer is found when a prediction changes.
LOOK_BACK = timedelta(days=3)
# Leads kept by one statement: bounds its memory and the time that rows are locked.
BATCH_SIZE = 20_000
GC_BATCH_SIZE = 10_000
RETENTION_MONTHS = 60


class CrmPredictionSnapshot(models.Model):
    """What predictions look at, as it was when a lead had a certain age.

    Odoo keeps a history of some fields only. Of the others nobody can tell later what a
    lead looked like when it came in, so their values are kept here while they are true:
    at intake by ``create()``, at other ages by the scheduler. Values that cannot have
    changed since the moment (the lead was not written to) are kept as well, when a
    prediction begins to look at them. What was missed stays unknown.

    ``value`` holds ``{key of the input: value}``, read by ``LeadHistory``; null is a
    value that was empty, a missing key one that is not known.
    """

    _name = "crm.prediction.snapshot"
    _description = "Values Kept for Predictions"
    _order = "id desc"
    _log_access = False

    lead_id = fields.Many2one(
        "crm.lead", required=True, readonly=True, ondelete="cascade"
    )
    age_days = fields.Integer(
        string="Age (Days)",
        required=True,
        readonly=True,
        aggregator=None,
        help="0: at intake. n: n days after the lead came in.",
    )
    date = fields.Datetime(string="Kept On", required=True, readonly=True)
    value = fields.Json(required=True, readonly=True)
    company_id = fields.Many2one(related="lead_id.company_id")
    content = fields.Text(string="Values", compute="_compute_content")

    # also the index by which a lead's values are found
    _moment_uniq = models.UniqueIndex("(lead_id, age_days)")

    @api.depends("lead_id", "age_days")
    def _compute_display_name(self):
        for snapshot in self:
            snapshot.display_name = self.env._(
                "%(lead)s after %(days)s days",
                lead=snapshot.lead_id.display_name,
                days=snapshot.age_days,
            )

    @api.depends("value")
    def _compute_content(self):
        values_by_key = defaultdict(set)
        for snapshot in self:
            for key, value in (snapshot.value or {}).items():
                values_by_key[key].update(
                    value if isinstance(value, list) else [str(value)]
                )
        lines = {}
        # sudo: names of inputs that other companies look at as well
        for line in self.env["crm.prediction.input"].sudo().search([]):
            item = line._as_lead_input()
            if item:
                lines.setdefault(item.key, line)
        used = self.env["crm.prediction.input"].union(*lines.values())
        names = used._get_value_labels(values_by_key)
        for snapshot in self:
            snapshot.content = "\n".join(
                f"{lines[key]._get_label()}: {say_value(value, names.get(key, {}))}"
                for key, value in (snapshot.value or {}).items()
                if key in lines
            )

    # ------------------------------------------------------------
    # What is kept
    # ------------------------------------------------------------

    @api.model
    @tools.ormcache()
    def _get_plan(self):
        """Return ``[(age, company ids, inputs)]``: what active predictions look at and
        Odoo keeps no history of; no company ids: of all companies."""
        plan = {}
        # sudo: kept for all predictions, whoever makes the lead
        for model in self.env["crm.prediction.model"].sudo().search([]):
            items = model.input_ids._get_kept_inputs()
            if items:
                companies, found = plan.setdefault(model.age_days, (set(), {}))
                companies.add(model.company_id.id)
                found.update(items)
        return [
            (
                age,
                () if False in companies else tuple(companies),
                tuple(found[key] for key in sorted(found)),
            )
            for age, (companies, found) in sorted(plan.items())
        ]

    @api.model
    def _keep_at_intake(self, leads):
        """Keep the values of leads that were created just now."""
        for age, companies, items in self._get_plan():
            if age:
                continue
            if companies:
                leads = leads.filtered(
                    lambda lead, c=companies: lead.company_id.id in c
                )
            if leads:
                self._keep(age, items, leads.ids)

    @api.model
    def _keep_due(self, is_full=False, limit=BATCH_SIZE):
        """Keep the values of leads whose moment has come, while they are true.

        :param is_full: look at all leads, not only at those whose moment was lately
        :return: generator of the ids kept by each statement
        """
        now = fields.Datetime.now()
        for age, companies, items in self._get_plan():
            moment = timedelta(days=age, minutes=INTAKE_MINUTES)
            conditions = [SQL("crm_lead.create_date <= %s", now - moment)]
            if companies:
                conditions.append(SQL("crm_lead.company_id = ANY(%s)", list(companies)))
            if not is_full:
                conditions.append(
                    SQL("crm_lead.create_date > %s", now - moment - LOOK_BACK)
                )
            keys = [item.key for item in items]
            ids = [0]
            while ids:
                ids = self._find_due(
                    age,
                    keys,
                    SQL(" AND ").join([*conditions, SQL("crm_lead.id > %s", max(ids))]),
                    limit,
                )
                if ids:
                    self._keep(age, items, ids)
                    yield ids

    def _find_due(self, age, keys, condition, limit):
        """Return the ids of open leads whose present values are those of that age, and
        not kept yet.

        * The lead was not written to since the moment; or this was just now.
        * Something is missing; or what ``create()`` kept was changed while the lead was
          being entered: it is saved more than once, and these minutes are intake.
        """
        return [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT crm_lead.id
                      FROM crm_lead
                 LEFT JOIN crm_prediction_snapshot kept
                        ON kept.lead_id = crm_lead.id AND kept.age_days = %(age)s
                     WHERE %(condition)s
                       AND crm_lead.won_status = 'pending'
                       AND (crm_lead.write_date <= %(known_at)s
                            OR (%(known_at)s > %(lately)s AND kept.id IS NULL))
                       AND (kept.id IS NULL OR NOT kept.value ?& %(keys)s
                            OR (kept.date < crm_lead.write_date
                                AND kept.date < %(known_at)s))
                  ORDER BY crm_lead.id
                     LIMIT %(limit)s
                    """,
                    age=age,
                    keys=keys,
                    condition=condition,
                    known_at=SQL(
                        "(crm_lead.create_date + %s)",
                        timedelta(days=age, minutes=INTAKE_MINUTES),
                    ),
                    lately=fields.Datetime.now() - TOLERANCE,
                    limit=limit,
                )
            )
        ]

    def _keep(self, age, items, lead_ids):
        """Keep the present values of these leads as those of that age.

        By SQL, one statement for any number of leads: nobody waits for it.
        """
        history = LeadHistory(self.env, items)
        history.flush()
        self.env.cr.execute(
            SQL(
                """
                WITH work AS MATERIALIZED (
                    SELECT id, create_date AS known_at, id AS place
                      FROM crm_lead
                     WHERE id = ANY(%(ids)s)
                )
                INSERT INTO crm_prediction_snapshot (lead_id, age_days, date, value)
                     SELECT f.id, %(age)s, %(now)s, jsonb_build_object(%(pairs)s)
                       FROM (%(values)s) f
                ON CONFLICT (lead_id, age_days) DO UPDATE
                        SET value = crm_prediction_snapshot.value || EXCLUDED.value,
                            date = EXCLUDED.date
                """,
                ids=list(lead_ids),
                age=age,
                now=self.env.cr.now(),
                pairs=SQL(", ").join(
                    SQL("%s::text, %s", item.key, SQL.identifier("f", f"f{i}"))
                    for i, item in enumerate(items)
                ),
                values=history.select(),
            )
        )
        self.invalidate_model(flush=False)

    # ------------------------------------------------------------
    # Retention
    # ------------------------------------------------------------

    @api.autovacuum
    def _gc_snapshots(self):
        """Drop what no prediction looks at any more, archived ones included, and what
        is older than the retention setting (months; 0 keeps all)."""
        used = defaultdict(set)
        # sudo: what is kept for one company is not dropped by another
        models_ = self.env["crm.prediction.model"].sudo()
        for model in models_.with_context(active_test=False).search([]):
            used[model.age_days].update(model.input_ids._get_kept_inputs())
        self._strip(used)
        months = int(
            self.env["ir.config_parameter"]
            # sudo: a number that the engine needs, whoever triggers it
            .sudo()
            .get_param("crm_plus.prediction_retention_months", RETENTION_MONTHS)
        )
        limit = fields.Datetime.now() - timedelta(days=30.44 * months)
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM crm_prediction_snapshot
                      WHERE id IN (SELECT id FROM crm_prediction_snapshot
                                    WHERE NOT age_days = ANY(%s) OR value = '{}'
                                       OR date < %s
                                    LIMIT %s)
                """,
                list(used),
                limit if months > 0 else None,
                GC_BATCH_SIZE,
            )
        )
        self.invalidate_model(flush=False)
        return self.env.cr.rowcount, int(self.env.cr.rowcount == GC_BATCH_SIZE)

    def _strip(self, used):
        """Drop the values of inputs that were taken out of all predictions."""
        for age, keys in used.items():
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE crm_prediction_snapshot
                       SET value = value - ARRAY(
                               SELECT key FROM jsonb_object_keys(value) key
                                WHERE NOT key = ANY(%(keys)s::text[]))
                     WHERE id IN (SELECT id FROM crm_prediction_snapshot
                                   WHERE age_days = %(age)s
                                     AND value - %(keys)s::text[] <> '{}'
                                   LIMIT %(limit)s)
                    """,
                    age=age,
                    keys=sorted(keys),
                    limit=GC_BATCH_SIZE,
                )
            )
        self.invalidate_model(flush=False)


def say_value(value, names):
    """Return a kept value in words."""
    if isinstance(value, list):
        return ", ".join(names.get(tag, tag) for tag in value) or "\N{EN DASH}"
    if value is None:
        return "\N{EN DASH}"
    return names.get(str(value), str(value))
