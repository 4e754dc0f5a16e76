from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from ...tools.assignment import parse_zip_ranges
from ...tools.user_domain import domain_error, evaluate_domain
from ..scoring.crm_score_model import DIGITS, LETTERS

STRATEGIES = [
    ("round_robin", "Round robin"),
    ("least_loaded", "Least loaded"),
    ("best_closer", "Best closer"),
    ("team", "The team only"),
]
HOURS = [
    ("next", "Who is at work, else who starts next"),
    ("working", "Only who is at work now"),
    ("any", "Anybody, at work or not"),
]


class CrmAssignmentRule(models.Model):
    """One row of the routing table: which records go to which team, and to whom of it.

    Rules of a model are tried in order and the first one that holds takes the record,
    alone: when nobody of its team can, the record waits in the queue of this rule.

    A rule takes records without team, and those that are in its own team already. A
    record of a company is taken by rules of this company or of none.
    """

    _name = "crm.assignment.rule"
    _description = "Assignment Rule"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(
        default=10, help="Rules are tried in this order: the first match holds."
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        compute="_compute_company_id",
        store=True,
        readonly=False,
        precompute=True,
        index="btree_not_null",
        help="Leave empty for a rule of all companies. That of the team, when it has"
        " one.",
    )
    res_model = fields.Selection(
        "_selection_res_model",
        string="Assigns",
        required=True,
        index=True,
        default="crm.lead",
    )
    # which
    country_ids = fields.Many2many("res.country", string="Countries")
    state_ids = fields.Many2many("res.country.state", string="States")
    zip_ranges = fields.Char(
        string="Zip Codes",
        help="Ranges, starts and single codes: 10000-19999, 2*, 75001. Blanks and signs"
        " within a code do not count.",
    )
    lang_ids = fields.Many2many("res.lang", string="Languages")
    industry_ids = fields.Many2many("res.partner.industry", string="Industries")
    segment_ids = fields.Many2many("crm.segment", string="Segments", check_company=True)
    min_fit = fields.Selection([(letter, letter) for letter in LETTERS], "Fit at least")
    min_engagement = fields.Selection(
        [(digit, digit) for digit in DIGITS], "Engagement at least"
    )
    min_total = fields.Float(string="Score at least", digits=(16, 1))
    product_ids = fields.Many2many(
        "product.product",
        string="Products",
        help="On one of the quotations of the lead.",
    )
    categ_ids = fields.Many2many(
        "product.category",
        string="Product Categories",
        help="Of a product on one of the quotations of the lead.",
    )
    tag_ids = fields.Many2many("crm.tag", string="Tags")
    source_ids = fields.Many2many("utm.source", string="Sources")
    medium_ids = fields.Many2many("utm.medium", string="Media")
    campaign_ids = fields.Many2many("utm.campaign", string="Campaigns")
    domain = fields.Char(
        string="Condition",
        default="[]",
        required=True,
        help="Only records that meet this condition, too.\n"
        "Dates that move with time: choose “is in” (the last 30 days …). “today -90d” "
        "works, too, but Odoo's editor shows such a date as “Invalid DateTime”.",
    )
    # to whom
    # any team may be chosen: its company becomes that of the rule
    team_id = fields.Many2one("crm.team", string="Sales Team", index="btree_not_null")
    team_engine = fields.Selection(related="team_id.assignment_engine")
    strategy = fields.Selection(
        STRATEGIES,
        required=True,
        default="round_robin",
        help="Round robin: who has been longest without a record of this rule.\n"
        "Least loaded: who has least open for their capacity.\n"
        "Best closer: who wins the largest share of records of this kind; in turn"
        " while too few are decided to tell.\n"
        "The team only: nobody yet. The team's own way of assigning goes on.",
    )
    is_sticky = fields.Boolean(
        string="Owner of the Company First",
        help="Whoever has the customer, or an open or won lead of the same company,"
        " goes first. Not when paused, away or full.",
    )
    skill_ids = fields.Many2many(
        "crm.assignment.skill", string="Skills", help="People need all of these."
    )
    hours = fields.Selection(
        HOURS,
        string="Working Hours",
        required=True,
        default="next",
        help="Hours, time zone and time off of each person. Who has time off gets"
        " nothing in any case.",
    )
    notify = fields.Selection(
        [
            ("none", "Nobody"),
            ("mail", "The assignee, by message"),
            ("activity", "The assignee, by activity"),
        ],
        string="Tell",
        required=True,
        default="mail",
        help="Not when one run assigns hundreds, as an import may.",
    )
    is_converted = fields.Boolean(
        string="Convert to Opportunity",
        help="As Odoo's own assignment does.",
    )
    # silence
    silence_minutes = fields.Integer(
        string="Taken Back after",
        help="Working minutes of the assignee without any sign of work on the record."
        " It then is offered to the next one. 0: never taken back.",
    )
    max_rounds = fields.Integer(
        string="Rounds",
        default=3,
        help="After so many silent people it goes to the team leader.",
    )
    # state
    turn = fields.Integer(
        readonly=True,
        copy=False,
        export_string_translation=False,
        help="Assignments so far; written by each run, so that two never overlap.",
    )
    assigned_count = fields.Integer(
        string="Assigned (30 days)", compute="_compute_assigned_count"
    )
    match_count = fields.Integer(
        string="Matches (30 days)",
        compute="_compute_match_counts",
        help="Records created in the last 30 days that meet the conditions.",
    )
    take_count = fields.Integer(
        string="Takes (30 days)",
        compute="_compute_match_counts",
        help="Those of them that no earlier rule takes.",
    )
    overlap = fields.Text(
        compute="_compute_match_counts",
        help="Which earlier rules take what this one would match, too.",
    )

    _check_silence_minutes = models.Constraint(
        "CHECK(silence_minutes >= 0)", "Nothing is taken back before it is given."
    )
    _check_max_rounds = models.Constraint(
        "CHECK(max_rounds >= 1)", "There is one round at least."
    )

    @api.depends("team_id.company_id")
    def _compute_company_id(self):
        for rule in self:
            rule.company_id = rule.team_id.company_id or rule.company_id

    def _compute_assigned_count(self):
        counts = dict(
            # a manager's figure, of records of all people
            self.env["crm.assignment.log"]._read_group(
                [("rule_id", "in", self.ids), ("date", ">=", "today -30d")],
                ["rule_id"],
                ["__count"],
            )
        )
        for rule in self:
            rule.assigned_count = counts.get(rule, 0)

    @api.depends("sequence", "domain", "res_model")
    def _compute_match_counts(self):
        for rule in self:
            rule.match_count = rule.take_count = 0
            rule.overlap = False
        for res_model, rules in self._origin.grouped("res_model").items():
            if not res_model:
                continue
            found = rules._get_overlaps(res_model)
            for rule in self.filtered(lambda r, name=res_model: r.res_model == name):
                matched, taken, lost = found.get(rule._origin.id, (0, 0, {}))
                rule.match_count = matched
                rule.take_count = taken
                rule.overlap = (
                    "\n".join(
                        self.env._(
                            "%(count)s go to “%(rule)s” before", count=count, rule=name
                        )
                        for name, count in lost.items()
                    )
                    or False
                )

    @api.model
    def _selection_res_model(self):
        """The models that are assigned: those with ``crm.assignment.mixin``."""
        names = self.env["crm.assignment.mixin"]._assignment_get_models()
        return [
            (model.model, model.name)
            # names of models are shown to whoever sees a rule
            for model in self.env["ir.model"].sudo().search([("model", "in", names)])
        ]

    @api.constrains("domain", "res_model")
    def _check_domain(self):
        """Conditions work, under the rights of who writes them: records are matched in
        sudo, and what matches is shown.
        """
        for rule in self:
            # rules of all records are made by who may see none of them, too
            Model = self.env[rule.res_model].with_user(self.env.user)
            if error := domain_error(Model, rule.domain):
                raise ValidationError(
                    self.env._(
                        "The condition of “%(rule)s” cannot be used: %(error)s",
                        rule=rule.name,
                        error=error,
                    )
                ) from error

    @api.constrains("zip_ranges")
    def _check_zip_ranges(self):
        for rule in self:
            try:
                parse_zip_ranges(rule.zip_ranges)
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "“%s” is no range of zip codes. Write 10000-19999 (both ends of"
                        " the same length), 2* or 75001, with commas between.",
                        error,
                    )
                ) from error

    @api.constrains("min_fit", "min_engagement")
    def _check_grade(self):
        for rule in self:
            if bool(rule.min_fit) != bool(rule.min_engagement):
                raise ValidationError(
                    self.env._("A grade has a letter for fit and a digit.")
                )

    @api.constrains("team_id", "res_model", "strategy")
    def _check_team(self):
        for rule in self:
            if rule.active and not self.env[rule.res_model]._assignment_get_team(rule):
                raise ValidationError(
                    self.env._("Say to which team “%s” gives its records.", rule.name)
                )

    @api.constrains("team_id", "company_id")
    def _check_company_of_team(self):
        for rule in self:
            company = rule.team_id.company_id
            if company and rule.company_id != company:
                raise ValidationError(
                    self.env._(
                        "“%(rule)s” gives to a team of %(company)s: it is a rule of"
                        " this company.",
                        rule=rule.name,
                        company=company.name,
                    )
                )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        self._rules_changed(set(rules.mapped("res_model")))
        return rules

    def write(self, vals):
        names = set(self.mapped("res_model"))
        result = super().write(vals)
        if vals.keys() - {"name", "turn"}:
            self._rules_changed(names | set(self.mapped("res_model")))
        return result

    def unlink(self):
        names = set(self.mapped("res_model"))
        result = super().unlink()
        self._rules_changed(names)
        return result

    @api.model
    def _rules_changed(self, names):
        """What waits is asked again, by the scheduler."""
        self.env.registry.clear_cache()
        for name in names:
            self.env[name]._assignment_retry()

    # ------------------------------------------------------------
    # Conditions
    # ------------------------------------------------------------

    def _get_free_domain(self):
        self.ensure_one()
        return evaluate_domain(self.env, self.domain)

    def _get_grades(self):
        """Grades that are at least the one asked for."""
        self.ensure_one()
        return [
            letter + digit
            for letter in LETTERS
            for digit in DIGITS
            if letter <= self.min_fit and digit <= self.min_engagement
        ]

    def _get_company_domain(self):
        """Records of the rule's company, or of none yet."""
        self.ensure_one()
        if not self.company_id:
            return Domain.TRUE
        return Domain("company_id", "in", [self.company_id.id, False])

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_view_log(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "crm_plus.crm_assignment_log_action"
        )
        action["domain"] = [("rule_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_view_matches(self):
        """The records of the last 30 days that the conditions hold for."""
        self.ensure_one()
        Model = self.env[self.res_model]
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Matched by %s", self.name),
            "res_model": self.res_model,
            "view_mode": "list,form",
            "domain": [
                ("id", "in", list(self._filter_ids(Model._assignment_sample())))
            ],
            "context": {"create": False, "active_test": False},
        }
