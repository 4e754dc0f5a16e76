import logging

import psycopg2
from markupsafe import Markup

from odoo import SUPERUSER_ID, api, fields, models, tools
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ...tools.scoring import ScoringEngine
from ...tools.scoring_sql import tenths
from ...tools.team_scope import TEAM_DOMAIN, check_team_companies
from ...tools.user_domain import domain_error, domain_fields, evaluate_domain
from ..touchpoint.crm_touchpoint import QUEUE_KEY as TOUCHPOINT_QUEUE_KEY

_logger = logging.getLogger(__name__)

QUEUE_KEY = "crm_plus.score_queue"
LETTERS = "ABCD"
DIGITS = "1234"
# A run that qualifies more leads than this (the first one of a database) tells nobody.
NOTIFY_LIMIT = 200
# More new touchpoints than this (a back-fill) are left to the scheduler.
TOUCHPOINT_LIMIT = 1000


class CrmScoreModel(models.Model):
    """What makes a lead or customer good: rules, and the thresholds of the grades.

    How points are counted is written in ``tools/scoring.py``.
    """

    _name = "crm.score.model"
    _description = "Scoring Model"
    _order = "sequence, id"

    # identity
    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(
        default=10,
        help="The first model whose company and teams fit a record scores it.",
    )
    # which records
    target = fields.Selection(
        [("lead", "Leads and Opportunities"), ("customer", "Customers")],
        string="Scores",
        required=True,
        default="lead",
    )
    target_model = fields.Char(
        compute="_compute_target_model",
        search="_search_target_model",
        export_string_translation=False,
    )
    company_id = fields.Many2one(
        "res.company", help="Only records of this company. Empty: of all."
    )
    team_ids = fields.Many2many(
        "crm.team",
        string="Sales Teams",
        domain=TEAM_DOMAIN,
        help="Only leads of these teams. Empty: of all.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        default=lambda self: self._default_user_id(),
        copy=False,
        # nobody responsible would be everybody's companies
        ondelete="restrict",
        domain=[("share", "=", False)],
        help="What leads and customers are related to, such as orders, gives points as "
        "far as this person may see it: nothing of other companies. Whoever changes a "
        "condition, and may see fewer companies, becomes responsible.",
    )
    domain = fields.Char(
        string="Condition",
        default="[]",
        help="Only records that match, such as those interested in a product line.\n"
        "Dates that move with time: choose “is in” (the last 30 days …). “today -90d” "
        "works, too, but Odoo's editor shows such a date as “Invalid DateTime”.",
    )
    is_additional = fields.Boolean(
        string="Additional Score",
        help="Scores its records beside their main score, for instance by product "
        "line. Without it, the first model that fits gives the main score.",
    )
    is_rolled_up = fields.Boolean(
        string="Contacts Count for the Company",
        default=True,
        help="What the contacts of a company do gives points to the company too.",
    )
    is_lead_counted = fields.Boolean(
        string="Leads Count for the Customer",
        default=True,
        help="What customers do in their leads and opportunities gives points to them "
        "too.",
    )
    # points
    group_ids = fields.One2many("crm.score.group", "model_id", copy=True)
    threshold_ids = fields.One2many("crm.score.threshold", "model_id", copy=True)
    has_max_total = fields.Boolean(string="Limit Total Above")
    max_total = fields.Float(string="Total at Most", default=100, digits=(16, 1))
    has_min_total = fields.Boolean(string="Limit Total Below")
    min_total = fields.Float(string="Total at Least", digits=(16, 1))
    rule_ids = fields.One2many("crm.score.rule", "model_id", copy=True)
    fit_rule_ids = fields.One2many(
        "crm.score.rule",
        "model_id",
        string="Fit Rules",
        domain=[("dimension", "=", "fit")],
    )
    engagement_rule_ids = fields.One2many(
        "crm.score.rule",
        "model_id",
        string="Engagement Rules",
        domain=[("dimension", "=", "engagement")],
    )
    # grades
    fit_a = fields.Float(string="A from", default=40, digits=(16, 1))
    fit_b = fields.Float(string="B from", default=25, digits=(16, 1))
    fit_c = fields.Float(string="C from", default=10, digits=(16, 1))
    engagement_1 = fields.Float(string="1 from", default=30, digits=(16, 1))
    engagement_2 = fields.Float(string="2 from", default=15, digits=(16, 1))
    engagement_3 = fields.Float(string="3 from", default=5, digits=(16, 1))
    # marketing-qualified
    mql_rule = fields.Selection(
        [
            ("none", "Never"),
            ("grade", "With a grade of at least"),
            ("total", "With a total of at least"),
        ],
        string="Marketing-Qualified",
        required=True,
        default="grade",
        help="An open lead that gets there is marked once, with the date, and keeps "
        "the mark when its score falls.",
    )
    mql_min_fit = fields.Selection(
        [(letter, letter) for letter in LETTERS], string="Least Fit", default="B"
    )
    mql_min_engagement = fields.Selection(
        [(digit, digit) for digit in DIGITS], string="Least Engagement", default="2"
    )
    mql_min_total = fields.Float(string="Least Total", default=50, digits=(16, 1))
    mql_notify = fields.Selection(
        [
            ("none", "Nothing"),
            ("note", "A note on the lead"),
            ("activity", "An activity for the salesperson"),
        ],
        string="When Qualified",
        required=True,
        default="note",
        help="Not when one run qualifies hundreds of leads, as the first one may.",
    )
    # reading help
    record_count = fields.Integer(string="Scored", compute="_compute_grades")
    matrix = fields.Html(compute="_compute_grades", sanitize=False)

    # ------------------------------------------------------------
    # Computes and constraints
    # ------------------------------------------------------------

    @api.depends("target")
    def _compute_target_model(self):
        for model in self:
            model.target_model = "crm.lead" if model.target == "lead" else "res.partner"

    def _search_target_model(self, operator, value):
        if operator != "in":
            return NotImplemented
        by_model = {"crm.lead": "lead", "res.partner": "customer"}
        return [
            ("target", "in", [by_model[name] for name in value if name in by_model])
        ]

    @api.depends(
        "target",
        *(f"fit_{letter}" for letter in "abc"),
        *(f"engagement_{digit}" for digit in "123"),
        "mql_rule",
        "mql_min_fit",
        "mql_min_engagement",
    )
    def _compute_grades(self):
        # sudo: how many there are of each grade, not who
        Score = self.env["crm.score"].sudo()
        counts = {
            (model.id, grade): count
            for model, grade, count in Score._read_group(
                [("model_id", "in", self._origin.ids)],
                ["model_id", "grade"],
                ["__count"],
            )
        }
        for model in self:
            grades = {
                letter + digit: counts.get((model._origin.id, letter + digit), 0)
                for letter in LETTERS
                for digit in DIGITS
            }
            model.record_count = sum(grades.values())
            model.matrix = model._render_matrix(grades)

    def _render_matrix(self, counts):
        """Return the sixteen grades as a table: what each means, how many have it."""
        self.ensure_one()

        def bounds(limits, i):
            if i == 0:
                return self.env._("%s and more", f"{limits[0]:g}")
            if i == len(limits):
                return self.env._("less than %s", f"{limits[-1]:g}")
            return self.env._(
                "%(low)s to %(high)s",
                low=f"{limits[i]:g}",
                high=f"{limits[i - 1]:g}",
            )

        fit = (self.fit_a, self.fit_b, self.fit_c)
        engagement = (self.engagement_1, self.engagement_2, self.engagement_3)
        head = Markup().join(
            Markup(
                "<th class='text-center'>%s<div class='fw-normal small'>%s</div></th>"
            )
            % (digit, bounds(engagement, i))
            for i, digit in enumerate(DIGITS)
        )
        rows = []
        for i, letter in enumerate(LETTERS):
            cells = Markup().join(
                Markup(
                    "<td class='text-center %s'><strong>%s</strong>"
                    "<div class='small'>%s</div></td>"
                )
                % (
                    "table-success" if self._is_qualified_grade(letter, digit) else "",
                    letter + digit,
                    counts[letter + digit],
                )
                for digit in DIGITS
            )
            rows.append(
                Markup("<tr><th>%s<div class='fw-normal small'>%s</div></th>%s</tr>")
                % (letter, bounds(fit, i), cells)
            )
        return Markup(
            "<table class='table table-bordered table-sm w-auto o_crm_plus_matrix'>"
            "<thead><tr><th>%s</th>%s</tr></thead><tbody>%s</tbody></table>"
        ) % (self.env._("Fit ↓ Engagement →"), head, Markup().join(rows))

    def _is_qualified_grade(self, letter, digit):
        return (
            self.target == "lead"
            and self.mql_rule == "grade"
            and letter <= (self.mql_min_fit or "D")
            and digit <= (self.mql_min_engagement or "4")
        )

    @api.constrains(
        "fit_a", "fit_b", "fit_c", "engagement_1", "engagement_2", "engagement_3"
    )
    def _check_thresholds(self):
        for model in self:
            if not (
                model.fit_a > model.fit_b > model.fit_c
                and model.engagement_1 > model.engagement_2 > model.engagement_3
            ):
                raise ValidationError(
                    self.env._(
                        "A needs more points than B, B more than C; "
                        "1 more than 2, 2 more than 3."
                    )
                )

    @api.constrains("has_max_total", "max_total", "has_min_total", "min_total")
    def _check_total_limits(self):
        for model in self:
            low, high = model._limits()
            if low is not None and high is not None and low > high:
                raise ValidationError(
                    self.env._("The most points in total are less than the least.")
                )

    @api.constrains("team_ids", "company_id")
    def _check_team_companies(self):
        check_team_companies(self)

    @api.constrains("domain", "target")
    def _check_domain(self):
        """The condition works for who writes it; scores are computed as superuser."""
        for model in self.filtered(lambda m: m._has_domain()):
            Target = self.env[model.target_model].with_user(self.env.user)
            if error := domain_error(Target, model.domain):
                raise ValidationError(
                    self.env._(
                        "The condition of model “%(model)s” does not work: %(error)s",
                        model=model.name,
                        error=error,
                    )
                ) from error

    @api.constrains("user_id")
    def _check_user(self):
        """Nobody has points tell him what only others may see."""
        if self.env.uid == SUPERUSER_ID:
            return
        own = self.env.user.company_ids
        for model in self:
            if model._get_companies_seen() - own:
                raise ValidationError(
                    self.env._(
                        "The responsible person of “%s” sees companies that you do "
                        "not. Choose somebody else, or yourself.",
                        model.name,
                    )
                )

    @api.constrains("target")
    def _check_parts_of_target(self):
        """Rules and actions are of leads or of customers: they do not change sides."""
        models_ = self.with_context(active_test=False)
        models_.rule_ids._check_domain()
        models_.threshold_ids._check_actions()

    @api.model
    def _default_user_id(self):
        return False if self.env.uid == SUPERUSER_ID else self.env.user

    def _get_companies_seen(self):
        """Of which companies the conditions see related records: of all, where nobody
        is responsible.
        """
        self.ensure_one()
        # sudo: to compare them, whichever they are
        model_sudo = self.sudo()
        if not model_sudo.user_id:
            return model_sudo.env["res.company"].search([])
        return model_sudo.company_id or model_sudo.user_id.company_ids

    def _answer_for_conditions(self):
        """Whoever wrote a condition answers for it, unless who does sees no more: it
        must tell him nothing that he may not see, be it by another's rights.
        """
        if self.env.uid == SUPERUSER_ID:
            return
        user = self.env.user
        for model in self:
            # sudo: as above
            responsible_sudo = model.sudo().user_id
            if (
                not responsible_sudo
                or model.company_id - responsible_sudo.company_ids
                or responsible_sudo.company_ids - user.company_ids
            ):
                model.user_id = user

    def _has_domain(self):
        self.ensure_one()
        return (self.domain or "[]").strip() != "[]"

    def _keeps_points(self):
        """Hook: whether what each rule gave is stored, to say later what has changed.

        It costs half as much again as the scoring itself.
        """
        self.ensure_one()
        return bool(self.threshold_ids)

    def _limits(self):
        """Return the least and most tenths of a point; None where there is no limit."""
        self.ensure_one()
        return (
            tenths(self.min_total) if self.has_min_total else None,
            tenths(self.max_total) if self.has_max_total else None,
        )

    @api.constrains("mql_rule", "mql_min_fit", "mql_min_engagement")
    def _check_mql_rule(self):
        for model in self:
            if model.mql_rule == "grade" and not (
                model.mql_min_fit and model.mql_min_engagement
            ):
                raise ValidationError(
                    self.env._("Say from which grade on a lead is qualified.")
                )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        models_ = super().create(vals_list)
        models_._answer_for_conditions()
        self._rules_changed(set(models_.mapped("target_model")))
        return models_

    def write(self, vals):
        targets = set(self.mapped("target_model"))
        result = super().write(vals)
        if vals.keys() & {"company_id", "domain"}:
            self._answer_for_conditions()
        if vals.keys() - {"name", "mql_notify", "fit_rule_ids", "engagement_rule_ids"}:
            self._rules_changed(targets | set(self.mapped("target_model")))
        return result

    def copy(self, default=None):
        copies = super().copy(default)
        # the copied rules belong to the copied groups
        for old, new in zip(self, copies, strict=True):
            groups = dict(
                zip(old.group_ids.sorted("id"), new.group_ids.sorted("id"), strict=True)
            )
            rules = zip(
                old.rule_ids.sorted("id"), new.rule_ids.sorted("id"), strict=True
            )
            for old_rule, new_rule in rules:
                if old_rule.group_id:
                    new_rule.group_id = groups[old_rule.group_id]
        return copies

    def unlink(self):
        targets = set(self.mapped("target_model"))
        result = super().unlink()
        self._rules_changed(targets)
        return result

    @api.model
    def _rules_changed(self, targets):
        """Score everything again in the background, after models or rules changed."""
        self.env.registry.clear_cache()
        if targets:
            # sudo: runs are written by the system only
            self.env["crm.score.run"].sudo()._start(targets)

    # ------------------------------------------------------------
    # Recompute
    # ------------------------------------------------------------

    @api.model
    @tools.ormcache("target_model")
    def _get_watched_fields(self, target_model):
        """Return the fields whose change asks for a new score; none without a model."""
        # sudo: all models, whoever changes a record
        models_ = self.sudo().search([("target_model", "=", target_model)])
        if not models_:
            return frozenset()
        Target = self.env[target_model]
        watched = {"company_id", "team_id", "partner_id", "parent_id"}
        fit_rules = models_.rule_ids.filtered(lambda r: r.dimension == "fit")
        for record in [*fit_rules, *models_]:
            try:
                domain = evaluate_domain(self.env, record.domain)
                watched |= domain_fields(Target, domain)
            except Exception:  # noqa: BLE001 whatever a user may have written
                _logger.info("crm_plus: condition of %s not readable", record)
        return frozenset(watched & Target._fields.keys())

    @api.model
    @tools.ormcache()
    def _get_engaging_kind_ids(self):
        """Return the ids of kinds that rules count, less those that scores cause."""
        # sudo: all models, whoever's touchpoint it is
        rules = self.sudo().search([]).rule_ids
        kinds = rules.filtered(lambda r: r.dimension == "engagement").kind_id
        derived = self.env["crm.touchpoint"]._get_derived_kinds()
        return tuple(kinds.filtered(lambda k: k.code not in derived).ids)

    @api.model
    def _recompute(self, target_model, ids):
        """Score records and follow up what changes; return the ids that changed."""
        engine = ScoringEngine(self.env, target_model)
        changed_ids = engine.recompute(ids=ids)
        self._follow_up(engine, changed_ids)
        return changed_ids

    @api.model
    def _recompute_next(self, target_model, last_id, since=None):
        """Score the records after an id; return what ``recompute_next`` of the engine
        does, and the rules that do not work.
        """
        engine = ScoringEngine(self.env, target_model)
        count, last_id, is_done, changed_ids = engine.recompute_next(last_id, since)
        self._follow_up(engine, changed_ids)
        return count, last_id, is_done, changed_ids, engine.errors

    @api.model
    def _follow_up(self, engine, changed_ids):
        self.env["crm.score.change"]._follow_up(engine.change_ids)
        self._on_scores_changed(engine.model_name, changed_ids, engine.qualified_ids)

    @api.model
    def _on_scores_changed(self, target_model, changed_ids, qualified_ids):
        """Hook: called after each recompute that changed something, in its transaction.

        :param qualified_ids: leads that became marketing-qualified, a part of the
            changed
        """
        if changed_ids:
            self.env["crm.segment"]._queue_refresh(target_model, changed_ids)
        if qualified_ids:
            # sudo: the lead is qualified whoever made it so
            leads_sudo = self.env["crm.lead"].sudo().browse(qualified_ids)
            self.env["crm.touchpoint"]._queue_harvest("lead_mql", qualified_ids)
            if len(qualified_ids) <= NOTIFY_LIMIT:
                self._notify_qualified(leads_sudo)

    @api.model
    def _notify_qualified(self, leads):
        """Tell of newly qualified leads what their models say."""
        by_way = leads.grouped(lambda lead: lead.score_model_id.mql_notify)
        if by_way.get("note"):
            by_way["note"]._message_log_batch(
                {
                    lead.id: self.env._(
                        "Marketing-qualified: grade %(grade)s, %(total)s points",
                        grade=lead.score_grade,
                        total=lead.score_total,
                    )
                    for lead in by_way["note"]
                }
            )
        owned = by_way.get("activity", leads.browse()).filtered("user_id")
        if owned:
            # sudo: the salesperson is told whoever's doing qualified the lead
            self.env["mail.activity"].sudo().create(
                [
                    {
                        "activity_type_id": self.env.ref(
                            "mail.mail_activity_data_todo"
                        ).id,
                        "summary": self.env._(
                            "Marketing-qualified (%s): get in touch", lead.score_grade
                        ),
                        "res_model_id": self.env["ir.model"]._get_id("crm.lead"),
                        "res_id": lead.id,
                        "user_id": lead.user_id.id,
                        "date_deadline": fields.Date.context_today(lead),
                    }
                    for lead in owned
                ]
            )

    @api.model
    def _queue_recompute(self, target_model, ids):
        """Score these records when the transaction commits, once if often called."""
        if not ids:
            return
        precommit = self.env.cr.precommit
        if QUEUE_KEY not in precommit.data:
            precommit.data[QUEUE_KEY] = {}
            precommit.add(self.browse()._recompute_queued)
        precommit.data[QUEUE_KEY].setdefault(target_model, set()).update(ids)

    @api.model
    def _recompute_queued(self):
        precommit = self.env.cr.precommit
        if TOUCHPOINT_QUEUE_KEY in precommit.data:
            # the touchpoints of this transaction first: they may count
            precommit.add(self._recompute_queued)
            return
        queue = precommit.data.pop(QUEUE_KEY, {})
        # A flushing savepoint would run the queues behind this one before it is done.
        self.env.flush_all()
        try:
            with self.env.cr.savepoint(flush=False):
                for target_model, ids in queue.items():
                    self._recompute(target_model, ids)
        except psycopg2.OperationalError:
            raise  # serialisation, lock timeout: the whole transaction is retried
        except Exception:
            # A scoring model that does not work must not stop a seller's work: the
            # nightly run finds out and notes the error.
            _logger.exception("crm_plus: scoring failed, left to the nightly run")

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_recompute_all(self):
        """Score all records of these models' targets in the background."""
        self.check_access("write")
        # sudo: runs are written by the system only
        self.env["crm.score.run"].sudo()._start(set(self.mapped("target_model")))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "All records are being scored in the background. "
                    "Configuration / Scoring Runs shows when it is done."
                ),
            },
        }

    def action_view_records(self):
        """Open who is scored by this model, by grade."""
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id("crm_plus.crm_score_action")
        action["name"] = self.env._("Scored by %s", self.name)
        action["domain"] = [("model_id", "=", self.id)]
        action["views"] = [(False, "graph"), (False, "pivot"), (False, "list")]
        action["context"] = {"group_by": ["grade"], "graph_groupbys": ["grade"]}
        return action

    # ------------------------------------------------------------
    # Database
    # ------------------------------------------------------------

    @api.model
    def _get_touched(self, touchpoint_ids):
        """Return ``{target model: ids}`` whose score these touchpoints may change."""
        rows = self.env.execute_query(
            SQL(
                """
                WITH new AS (
                    SELECT lead_id, partner_id, commercial_partner_id
                      FROM crm_touchpoint
                     WHERE id = ANY(%s) AND kind_id = ANY(%s) AND is_machine IS NOT TRUE
                )
                SELECT 'crm.lead', lead_id FROM new WHERE lead_id IS NOT NULL
                 UNION
                SELECT 'crm.lead', l.id
                  FROM new JOIN crm_lead l ON l.partner_id = new.partner_id
                 WHERE new.lead_id IS NULL
                 UNION
                SELECT 'res.partner', partner_id FROM new WHERE partner_id IS NOT NULL
                 UNION
                SELECT 'res.partner', commercial_partner_id FROM new
                 WHERE commercial_partner_id IS NOT NULL
                """,
                list(touchpoint_ids),
                list(self._get_engaging_kind_ids()),
            )
        )
        touched = {}
        for target_model, record_id in rows:
            touched.setdefault(target_model, set()).add(record_id)
        return touched
