from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, formatLang

# For who may see what customers spend and owe: yes or no tells something of amounts.
MONEY_KINDS = ("spent", "overdue")


class CrmSegmentFact(models.Model):
    """A condition of a segment on what the customer has done, from the ledger and the
    touchpoints.

    Facts are of the commercial partner: what one contact bought, the company bought. Of
    a lead they are those of its customer; a lead without one has done nothing.
    """

    _name = "crm.segment.fact"
    _description = "Segment Fact"
    _order = "sequence, id"
    _rec_name = "summary"

    segment_id = fields.Many2one(
        "crm.segment", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    is_not = fields.Boolean(
        string="Not", help="Only those for whom this is not so, such as never bought."
    )
    kind = fields.Selection(
        [
            ("bought", "Bought"),
            ("spent", "Spent"),
            ("overdue", "Has overdue"),
            ("touched", "Did or got"),
        ],
        string="Fact",
        required=True,
        default="bought",
        help="Bought: products on posted invoices.\n"
        "Spent: posted invoices less credit notes, untaxed.\n"
        "Has overdue: open amounts of invoices past their due date.\n"
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
        help="Invoices, or touchpoints.",
    )
    product_ids = fields.Many2many("product.product", string="Products")
    categ_ids = fields.Many2many("product.category", string="Product Categories")
    touchpoint_kind_ids = fields.Many2many(
        "crm.touchpoint.kind", string="Touchpoint Kinds"
    )
    amount = fields.Monetary(string="At Least", currency_field="currency_id")
    currency_id = fields.Many2one("res.currency", compute="_compute_currency_id")
    summary = fields.Char(compute="_compute_summary")

    _check_days = models.Constraint(
        "CHECK(days >= 0)", "A number of days is zero or more."
    )
    _check_times = models.Constraint("CHECK(times >= 1)", "Once is the least.")

    @api.model
    def _get_definition_fields(self):
        return {
            "is_not",
            "kind",
            "days",
            "times",
            "product_ids",
            "categ_ids",
            "touchpoint_kind_ids",
            "amount",
        }

    @api.depends("segment_id.company_id")
    def _compute_currency_id(self):
        for fact in self:
            company = fact.segment_id.company_id or self.env.company
            fact.currency_id = company.currency_id

    @api.depends(lambda self: [*self._get_definition_fields(), "currency_id"])
    @api.depends_context("lang")
    def _compute_summary(self):
        for fact in self:
            fact.summary = fact._say()

    def _say(self):
        self.ensure_one()
        what = {
            "bought": ", ".join(
                self.product_ids.mapped("display_name")
                + self.categ_ids.mapped("display_name")
            )
            or self.env._("anything"),
            "touched": ", ".join(self.touchpoint_kind_ids.mapped("display_name")),
        }.get(self.kind) or formatLang(
            self.env, self.amount, currency_obj=self.currency_id
        )
        text = {
            "bought": self.env._("bought %s", what),
            "spent": self.env._("spent at least %s", what),
            "overdue": self.env._("has at least %s overdue", what),
            "touched": what,
        }[self.kind or "bought"]
        if self.times > 1 and self.kind in ("bought", "touched"):
            text = self.env._("%(fact)s, %(times)s times", fact=text, times=self.times)
        if self.days and self.kind == "overdue":
            text = self.env._("%(fact)s for %(days)s days", fact=text, days=self.days)
        elif self.days:
            text = self.env._(
                "%(fact)s in the last %(days)s days", fact=text, days=self.days
            )
        return self.env._("Not: %s", text) if self.is_not else text

    @api.constrains("kind", "touchpoint_kind_ids", "amount", "segment_id")
    def _check_complete(self):
        """Facts say what they look for, to who may know it."""
        for fact in self:
            if fact.kind == "touched" and not fact.touchpoint_kind_ids:
                raise ValidationError(
                    self.env._(
                        "Say which touchpoints a fact of “%s” looks for.",
                        fact.segment_id.name,
                    )
                )
            if fact.kind not in MONEY_KINDS:
                continue
            if fact.amount <= 0:
                raise ValidationError(
                    self.env._("Say from which amount on “%s” holds.", fact.summary)
                )
            # Constraints are called as superuser: who writes is told by env.uid.
            for user in fact.segment_id.user_id | self.env.user:
                Profile = self.env["crm.customer.profile"].with_user(user)
                if not Profile._has_field_access(Profile._fields["revenue_12"], "read"):
                    raise ValidationError(
                        self.env._(
                            "%(user)s may not see what customers spend and owe, and so "
                            "not use “%(fact)s”.",
                            user=user.name,
                            fact=fact.summary,
                        )
                    )

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
        who = self._select_commercial_partners(
            Target.env.companies, fields.Date.context_today(Target)
        )
        is_lead = Target._name == "crm.lead"
        is_not = self.is_not

        def to_sql(model, alias, query):
            partner = model._field_to_sql(
                alias, "partner_id" if is_lead else "commercial_partner_id", query
            )
            if is_lead:
                found = SQL(
                    "%s IN (SELECT id FROM res_partner"
                    " WHERE commercial_partner_id IN (%s))",
                    partner,
                    who,
                )
            else:
                found = SQL("%s IN (%s)", partner, who)
            return SQL("(%s) IS NOT TRUE", found) if is_not else SQL("(%s)", found)

        return Domain.custom(to_sql=to_sql)

    def _select_commercial_partners(self, companies, today):
        """Return the ``SELECT`` of the commercial partners for whom this is so."""
        models_read = {
            "bought": ("account.move", "account.move.line", "product.product"),
            "spent": ("account.move",),
            "overdue": ("account.move", "account.move.line"),
            "touched": ("crm.touchpoint",),
        }[self.kind]
        for name in models_read:
            self.env[name].flush_model()
        values = {
            "companies": companies.ids,
            "days": self.days,
            "today": today,
            "times": self.times,
            "amount": self.amount,
            "is_ever": not self.days,
        }
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
            # amount_untaxed_signed: company currency, credit notes negative
            return SQL(
                """
                SELECT m.commercial_partner_id
                  FROM account_move m
                 WHERE m.state = 'posted'
                   AND m.move_type IN ('out_invoice', 'out_refund')
                   AND m.company_id = ANY(%(companies)s)
                   AND (%(is_ever)s OR m.invoice_date > %(today)s::date - %(days)s)
                 GROUP BY m.commercial_partner_id
                HAVING sum(m.amount_untaxed_signed) >= %(amount)s
                """,
                **values,
            )
        if self.kind == "overdue":
            return SQL(
                """
                SELECT m.commercial_partner_id
                  FROM account_move m
                  JOIN account_move_line l ON l.move_id = m.id
                                          AND l.display_type = 'payment_term'
                 WHERE m.state = 'posted'
                   AND m.move_type IN ('out_invoice', 'out_receipt')
                   AND m.company_id = ANY(%(companies)s)
                   AND l.amount_residual > 0
                   AND l.date_maturity < %(today)s::date - %(days)s
                 GROUP BY m.commercial_partner_id
                HAVING sum(l.amount_residual) >= %(amount)s
                """,
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
