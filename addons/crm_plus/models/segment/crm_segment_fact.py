from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, formatLang

from ...tools.receivable import DUE, OPEN, overdue
from ...tools.sales import SALE_TYPES
from ..scoring.crm_score_model import DIGITS, LETTERS
from .crm_segment import FEW_KEY


class CrmSegmentFact(models.Model):
    """A condition of a segment on what the customer has done, from the ledger and the
    touchpoints, or on what is known of the customer.

    Facts are of the commercial partner: what one contact bought, the company bought. Of
    a lead they are those of its customer; a lead without one has done nothing. Scores
    are of the record itself.

    An addon adds a kind of fact by ``selection_add`` on ``kind``, its fields by
    ``_get_definition_fields``, its words by ``_say_fact``, and its SQL by
    ``_select_commercial_partners`` or, where it is of single records, by ``_to_sql``.
    With ``ondelete`` it calls ``_forget_kind``.
    """

    _name = "crm.segment.fact"
    _description = "Segment Fact"
    _order = "sequence, id"
    _rec_name = "summary"

    segment_id = fields.Many2one(
        "crm.segment", required=True, index=True, ondelete="cascade"
    )
    target = fields.Selection(related="segment_id.target")
    sequence = fields.Integer(default=10)
    is_not = fields.Boolean(
        string="Not", help="Only those for whom this is not so, such as never bought."
    )
    kind = fields.Selection(
        [
            ("bought", "Bought"),
            ("spent", "Spent"),
            ("overdue", "Has overdue invoices"),
            ("label", "Has the customer label"),
            ("silent", "Silent longer than usual"),
            ("score", "Has a score"),
            ("grade", "Has a grade"),
            ("touched", "Did or got"),
        ],
        string="Fact",
        required=True,
        default="bought",
        help="Bought: products on posted invoices.\n"
        "Spent: posted invoices less credit notes, untaxed.\n"
        "Has overdue invoices: open amounts past their due date, less what is open in "
        "the customer's favour.\n"
        "Has the customer label: by how recently, how often and how much one buys.\n"
        "Silent longer than usual: days since the last invoice against the median of "
        "the days between invoices, of whoever bought on three days or more.\n"
        "Has a score, has a grade: the record itself, by its main score.\n"
        "Did or got: touchpoints of people; those of machines never count.",
    )
    days = fields.Integer(
        string="In the Last … Days",
        help="0: ever. Of overdue amounts: overdue for at least so many days.",
    )
    times = fields.Integer(
        string="At Least … Times",
        default=1,
        required=True,
        help="Invoices, touchpoints, or whatever the fact counts.",
    )
    product_ids = fields.Many2many("product.product", string="Products")
    categ_ids = fields.Many2many("product.category", string="Product Categories")
    touchpoint_kind_ids = fields.Many2many(
        "crm.touchpoint.kind", string="Touchpoint Kinds"
    )
    label_ids = fields.Many2many("crm.customer.label", string="Customer Labels")
    amount = fields.Monetary(string="At Least", currency_field="currency_id")
    currency_id = fields.Many2one("res.currency", compute="_compute_currency_id")
    ratio = fields.Float(
        string="Times the Usual Interval",
        default=1.5,
        digits=(16, 1),
        help="1.5: half as long again as the customer usually waits between invoices.",
    )
    score_measure = fields.Selection(
        [("total", "Score"), ("fit", "Fit"), ("engagement", "Engagement")],
        string="Score",
        default="total",
    )
    points = fields.Float(string="At Least … Points", digits=(16, 1))
    grade_letter = fields.Selection(
        [(letter, letter) for letter in LETTERS], string="Fit at Least", default="B"
    )
    grade_digit = fields.Selection(
        [(digit, digit) for digit in DIGITS], string="Engagement at Least", default="2"
    )
    summary = fields.Char(compute="_compute_summary")

    _check_days = models.Constraint(
        "CHECK(days >= 0)", "A number of days is zero or more."
    )
    _check_times = models.Constraint("CHECK(times >= 1)", "Once is the least.")
    _check_ratio = models.Constraint(
        "CHECK(ratio > 0)", "A number of intervals is more than zero."
    )

    @api.model
    def _get_definition_fields(self):
        """Hook: fields that say what a fact asks for."""
        return {
            "is_not",
            "kind",
            "days",
            "times",
            "product_ids",
            "categ_ids",
            "touchpoint_kind_ids",
            "label_ids",
            "amount",
            "ratio",
            "score_measure",
            "points",
            "grade_letter",
            "grade_digit",
        }

    @api.model
    def _get_counted_kinds(self):
        """Hook: kinds that may be asked for several times."""
        return {"bought", "touched"}

    @api.model
    def _get_undated_kinds(self):
        """Hook: kinds of what is so now, whenever it began."""
        return {"label", "silent", "score", "grade"}

    def _get_watched_fields(self):
        """Hook: fields of a record by which these facts find the customer: when one is
        written, the record is looked at again.
        """
        return {
            "commercial_partner_id" if fact.target == "res.partner" else "partner_id"
            for fact in self
            if fact.kind not in ("score", "grade")
        }

    @api.depends("segment_id.company_id", "segment_id.user_id.company_id")
    def _compute_currency_id(self):
        for fact in self:
            fact.currency_id = fact._get_main_company().currency_id

    def _get_main_company(self):
        """Whose currency and rates amounts are in; not those of who reads."""
        segment = self.segment_id
        return segment.company_id or segment.user_id.company_id or self.env.company

    # ------------------------------------------------------------
    # Words
    # ------------------------------------------------------------

    @api.depends(lambda self: [*self._get_definition_fields(), "currency_id"])
    @api.depends_context("lang")
    def _compute_summary(self):
        for fact in self:
            fact.summary = fact._say()

    def _say(self):
        self.ensure_one()
        text = self._say_fact()
        if self.times > 1 and self.kind in self._get_counted_kinds():
            text = (
                self.env._("%(fact)s %(times)s times", fact=text, times=self.times)
                if not self.is_not
                else self.env._(
                    "%(fact)s, at least %(times)s times", fact=text, times=self.times
                )
            )
        if not self.days or self.kind in self._get_undated_kinds():
            return text
        if self.kind == "overdue":
            return self.env._("%(fact)s for %(days)s days", fact=text, days=self.days)
        return self.env._(
            "%(fact)s in the last %(days)s days", fact=text, days=self.days
        )

    def _say_fact(self):
        """Hook: say what is asked for, without how often and since when, or that it is
        not so.
        """
        say = {
            "bought": self._say_bought,
            "spent": self._say_money,
            "overdue": self._say_money,
            "score": self._say_score,
            "grade": self._say_score,
        }.get(self.kind)
        if say:
            return say()
        if self.kind == "silent":
            if self.is_not:
                return self.env._(
                    "not silent for %s times the usual interval", self.ratio
                )
            return self.env._("silent for %s times the usual interval", self.ratio)
        if self.kind == "label":
            labels = ", ".join(self.label_ids.mapped("display_name"))
            if self.is_not:
                return self.env._("is not: %s", labels)
            return self.env._("is: %s", labels)
        text = ", ".join(self.touchpoint_kind_ids.mapped("display_name"))
        return self.env._("Not: %s", text) if self.is_not else text

    def _say_bought(self):
        what = ", ".join(
            self.product_ids.mapped("display_name")
            + self.categ_ids.mapped("display_name")
        ) or self.env._("anything")
        if not self.is_not:
            return self.env._("bought %s", what)
        if self.days or self.times > 1:
            return self.env._("did not buy %s", what)
        return self.env._("never bought %s", what)

    def _say_money(self):
        amount = formatLang(self.env, self.amount, currency_obj=self.currency_id)
        if self.kind == "spent":
            if self.is_not:
                return self.env._("spent less than %s", amount)
            return self.env._("spent at least %s", amount)
        if not self.amount:
            if self.is_not:
                return self.env._("has nothing overdue")
            return self.env._("has overdue invoices")
        if self.is_not:
            return self.env._("has less than %s overdue", amount)
        return self.env._("has at least %s overdue", amount)

    def _say_score(self):
        if self.kind == "grade":
            letter = self.grade_letter or LETTERS[-1]
            grade = letter + (self.grade_digit or DIGITS[-1])
            if self.is_not:
                return self.env._("grade below %s", grade)
            return self.env._("grade %s or better", grade)
        measure = dict(
            self._fields["score_measure"]._description_selection(self.env)
        ).get(self.score_measure)
        if self.is_not:
            return self.env._(
                "%(score)s less than %(points)s", score=measure, points=self.points
            )
        return self.env._(
            "%(score)s at least %(points)s", score=measure, points=self.points
        )

    # ------------------------------------------------------------
    # Checks
    # ------------------------------------------------------------

    @api.constrains(lambda self: [*self._get_definition_fields(), "segment_id"])
    def _check_complete(self):
        """Facts say what they look for, to who may know it."""
        for fact in self:
            if problem := fact._get_problem():
                raise ValidationError(problem)
            if not fact._tells_amounts():
                continue
            # Constraints are called as superuser: who writes is told by env.uid.
            for user in fact.segment_id.user_id | self.env.user:
                if refusal := fact._get_refusal(user):
                    raise ValidationError(refusal)

    def _get_problem(self):
        """Hook: what a fact lacks, as a sentence."""
        self.ensure_one()
        name = self.segment_id.name
        if self.kind == "touched" and not self.touchpoint_kind_ids:
            return self.env._(
                "Say which touchpoints a fact of “%s” looks for.",
                name,
            )
        if self.kind == "label" and not self.label_ids:
            return self.env._("Say which label a fact of “%s” looks for.", name)
        if self.kind == "grade" and not (self.grade_letter and self.grade_digit):
            return self.env._("Say from which grade on a fact of “%s” holds.", name)
        if self.kind == "spent" and self.amount <= 0:
            return self.env._("Say from which amount on “%s” holds.", self.summary)
        if (
            self.kind in ("score", "grade")
            and "score_total" not in self.env[self.target]._fields
        ):
            return self.env._(
                "“%s” asks for a score of records that have none.", self.summary
            )
        return None

    def _get_refusal(self, user):
        """Say why ``user`` may not use a fact that tells amounts; or nothing."""
        Profile = self.env["crm.customer.profile"].with_user(user)
        if Profile._has_field_access(Profile._fields["revenue_12"], "read"):
            return ""
        return self.env._(
            "%(user)s may not see what customers spend and owe, and so not use "
            "“%(fact)s”.",
            user=user.name,
            fact=self.summary,
        )

    def _tells_amounts(self):
        """Whether yes or no tells something of what customers spend or owe. That
        something is overdue, the profile tells everybody.
        """
        return self.kind == "spent" or (
            self.kind == "overdue" and bool(self.amount or self.days)
        )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        facts = super().create(vals_list)
        facts.segment_id._definition_changed()
        return facts

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & self._get_definition_fields():
            self.segment_id._definition_changed()
        return result

    def unlink(self):
        segments = self.segment_id
        result = super().unlink()
        segments.exists()._definition_changed()
        return result

    # ------------------------------------------------------------
    # Who
    # ------------------------------------------------------------

    def _get_domain(self, Target):
        """Return the domain of the records of ``Target`` for whom this is so, in the
        companies of its environment.
        """
        self.ensure_one()
        # Target's user: the preview asks for facts that no constraint has seen yet
        if self._tells_amounts() and (refusal := self._get_refusal(Target.env.user)):
            raise AccessError(refusal)
        is_not = self.is_not

        def to_sql(model, alias, query):
            found = self._to_sql(Target, model, alias, query)
            return SQL("(%s) IS NOT TRUE", found) if is_not else SQL("(%s)", found)

        return Domain.custom(to_sql=to_sql)

    def _to_sql(self, Target, model, alias, query):
        """Hook: SQL of whether this is so of the record ``alias`` of ``model``, which
        may be NULL; ``Target`` tells the companies and the time zone.
        """
        if self.kind in ("score", "grade"):
            return SQL(
                "%s IN (SELECT %s FROM crm_score s WHERE s.is_main AND %s)",
                SQL.identifier(alias, "id"),
                SQL.identifier("s", model._score_key),
                self._score_sql(),
            )
        who = self._select_commercial_partners(
            Target.env.companies, fields.Date.context_today(Target)
        )
        return self._customer_sql(model, alias, query, who)

    @api.model
    def _customer_sql(self, model, alias, query, who):
        """Hook: SQL of whether the customer of a record is among ``who``, a SELECT of
        commercial partners.
        """
        if "commercial_partner_id" in model._fields and model._name == "res.partner":
            column = model._field_to_sql(alias, "commercial_partner_id", query)
            return self._in_sql(model, column, who)
        return self._in_sql(
            model,
            model._field_to_sql(alias, "partner_id", query),
            SQL(
                "SELECT p.id FROM res_partner p WHERE %s",
                self._in_sql(model, SQL("p.commercial_partner_id"), who),
            ),
        )

    @api.model
    def _in_sql(self, model, value, select):
        """SQL of whether ``value`` is among the one column that ``select`` gives.

        Of few records, as when a change is followed up, each is looked up by itself:
        planners would count the invoices of all customers for a single one.
        """
        if model.env.context.get(FEW_KEY):
            return SQL(
                """COALESCE((SELECT TRUE FROM (%s) AS few (value)
                              WHERE few.value = %s LIMIT 1), FALSE)""",
                select,
                value,
            )
        return SQL("%s IN (%s)", value, select)

    def _score_sql(self):
        self.env["crm.score"].flush_model()
        if self.kind == "score":
            return SQL("%s >= %s", SQL.identifier("s", self.score_measure), self.points)
        # A is better than B, 1 better than 2
        return SQL(
            "left(s.grade, 1) <= %s AND right(s.grade, 1) <= %s",
            self.grade_letter,
            self.grade_digit,
        )

    def _select_commercial_partners(self, companies, today):
        """Hook: the ``SELECT`` of the commercial partners for whom this is so."""
        models_read = {
            "bought": ("account.move", "account.move.line", "product.product"),
            "spent": ("account.move",),
            "overdue": ("account.move", "account.move.line", "res.partner"),
            "label": ("crm.customer.profile",),
            "silent": ("crm.customer.profile",),
            "touched": ("crm.touchpoint",),
        }[self.kind]
        for name in models_read:
            self.env[name].flush_model()
        values = {
            "companies": companies.ids,
            "sale_types": SALE_TYPES,
            "days": self.days,
            "today": today,
            "times": self.times,
            "amount": self.amount,
            "is_ever": not self.days,
            "rate": self._get_rate_sql(companies, today),
        }
        if self.kind == "label":
            return SQL(
                """
                SELECT c.partner_id FROM crm_customer_profile c
                 WHERE c.company_id = ANY(%(companies)s)
                   AND c.label_id = ANY(%(labels)s)
                """,
                labels=self.label_ids.ids,
                **values,
            )
        if self.kind == "silent":
            return SQL(
                """
                SELECT c.partner_id FROM crm_customer_profile c
                 WHERE c.company_id = ANY(%(companies)s)
                   AND c.interval_median > 0
                   AND %(today)s::date - c.date_last
                       >= c.interval_median * %(ratio)s::float8
                """,
                ratio=self.ratio,
                **values,
            )
        if self.kind == "bought":
            return SQL(
                """
                SELECT m.commercial_partner_id
                  FROM account_move m
                 WHERE m.state = 'posted' AND m.move_type = 'out_invoice'
                   AND m.company_id = ANY(%(companies)s)
                   AND (%(is_ever)s OR m.invoice_date > %(today)s::date - %(days)s)
                   AND EXISTS (
                       SELECT FROM account_move_line l
                        WHERE l.move_id = m.id AND l.display_type = 'product'
                          AND l.quantity > 0 AND %(products)s)
                 GROUP BY m.commercial_partner_id
                HAVING count(*) >= %(times)s
                """,
                products=self._products_sql(),
                **values,
            )
        if self.kind == "spent":
            # amount_untaxed_signed: of the company's currency, credit notes negative
            return SQL(
                """
                SELECT m.commercial_partner_id
                  FROM account_move m
                 WHERE m.state = 'posted'
                   AND m.move_type IN %(sale_types)s
                   AND m.company_id = ANY(%(companies)s)
                   AND (%(is_ever)s OR m.invoice_date > %(today)s::date - %(days)s)
                 GROUP BY m.commercial_partner_id
                HAVING sum(m.amount_untaxed_signed * %(rate)s) >= %(amount)s
                """,
                **values,
            )
        if self.kind == "overdue":
            return SQL(
                """
                SELECT m.customer_id FROM (%(overdue)s) m
                 GROUP BY m.customer_id
                HAVING sum(m.amount * %(rate)s) >= greatest(%(amount)s, 0.005)
                """,
                overdue=overdue(
                    SQL(
                        """
                        SELECT l.id, p.commercial_partner_id AS customer_id,
                               l.company_id, l.move_id, %(due)s AS due,
                               l.amount_residual AS residual
                          FROM account_move_line l
                          JOIN res_partner p ON p.id = l.partner_id
                         WHERE l.account_id IN (
                                   SELECT id FROM account_account
                                    WHERE account_type = 'asset_receivable')
                           AND %(open)s AND l.company_id = ANY(%(companies)s)
                           AND (l.amount_residual < 0
                                OR %(due)s < %(today)s::date - %(days)s)
                        """,
                        due=DUE,
                        open=OPEN,
                        **values,
                    )
                ),
                **values,
            )
        return SQL(
            """
            SELECT t.commercial_partner_id
              FROM crm_touchpoint t
             WHERE t.kind_id = ANY(%(kinds)s) AND t.is_machine IS NOT TRUE
               AND t.commercial_partner_id IS NOT NULL
               AND (t.company_id IS NULL OR t.company_id = ANY(%(companies)s))
               AND (%(is_ever)s OR t.date >= %(today)s::date - %(days)s)
             GROUP BY t.commercial_partner_id
            HAVING count(*) >= %(times)s
            """,
            kinds=self.touchpoint_kind_ids.ids,
            **values,
        )

    def _get_rate_sql(self, companies, today):
        """SQL of what an amount of a move ``m`` in the currency of its company is to be
        multiplied with to be one in the currency of the fact, by the rates of today.
        """
        # sudo: what currencies companies have is no secret
        main = self._get_main_company().sudo()
        rates = [
            SQL(
                "WHEN %s THEN %s",
                company.id,
                company.currency_id._get_conversion_rate(
                    company.currency_id, main.currency_id, main, today
                ),
            )
            # sudo: currencies and their rates are no secret
            for company in companies.sudo()
            if company.currency_id != main.currency_id
        ]
        if not rates:
            return SQL("1")
        return SQL("CASE m.company_id %s ELSE 1 END", SQL(" ").join(rates))

    def _forget_kind(self):
        """For ``ondelete`` of kinds, when the addon of a fact goes.

        A segment that lost a condition would take in everybody: it is archived, with
        the members it has.
        """
        self.segment_id.active = False
        self.unlink()

    def _products_sql(self):
        """Which invoice lines ``l`` count."""
        if not self.product_ids and not self.categ_ids:
            return SQL("l.product_id IS NOT NULL")
        # sudo: products of all who buy them, in whatever company they are kept
        products = self.env["product.product"].sudo().with_context(active_test=False)
        found = products._search(
            Domain("id", "in", self.product_ids.ids)
            | Domain("categ_id", "child_of", self.categ_ids.ids)
        )
        return SQL("l.product_id IN %s", found.subselect())


class CrmSegment(models.Model):
    _inherit = "crm.segment"

    fact_ids = fields.One2many("crm.segment.fact", "segment_id", copy=True)

    @api.constrains("user_id", "fact_ids")
    def _check_facts(self):
        self.fact_ids._check_complete()
