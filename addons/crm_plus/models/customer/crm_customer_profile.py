from odoo import api, fields, models
from odoo.tools import format_date

from ...tools.sales import SALE_TYPES
from ..touchpoint.crm_touchpoint_kind import CHANNELS
from .crm_customer_yardstick import CHURN_PARTS, HEALTH_PARTS, MONEY_GROUPS

LEVELS = [("green", "Green"), ("amber", "Amber"), ("red", "Red")]


class CrmCustomerProfile(models.Model):
    """What the ledger, the warehouse and the timeline say about a customer, in a
    company: one row a commercial partner and company.

    Written by the system only (see ``_rebuild``), in SQL, each night for all and at
    once for those that were invoiced, paid, delivered to, or took something back. What
    is not known is NULL and beside each figure stands on how much it rests; views hide
    what rests on nothing.
    """

    _name = "crm.customer.profile"
    _description = "Customer Profile"
    _order = "date_last desc nulls last, id desc"
    _rec_name = "partner_id"
    _rec_names_search = ["partner_id"]

    # who
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    user_id = fields.Many2one(related="partner_id.user_id", store=True, index=True)
    country_id = fields.Many2one(related="partner_id.country_id", store=True)
    date_rebuilt = fields.Datetime(string="As Of", readonly=True)
    date_read = fields.Datetime(
        string="Ledger Read",
        readonly=True,
        help="When invoices, payments, deliveries and messages were last read. Each "
        "night that is done for whom something changed; for the others only what "
        "follows from the date is.",
    )
    # label
    label_id = fields.Many2one(
        "crm.customer.label", readonly=True, index=True, ondelete="set null"
    )
    recency_score = fields.Integer(readonly=True, aggregator="avg")
    frequency_score = fields.Integer(readonly=True, aggregator="avg")
    revenue_score = fields.Integer(readonly=True, aggregator="avg")
    margin_score = fields.Integer(readonly=True, aggregator="avg")
    rfm_revenue = fields.Char(
        string="RFM by Revenue",
        readonly=True,
        help="Scores for how recently, how often and for how much the customer buys.",
    )
    rfm_margin = fields.Char(
        string="RFM by Margin",
        readonly=True,
        help="The same with the margin; empty where the margin is not known.",
    )
    # purchases
    date_first = fields.Date(string="First Invoice", readonly=True)
    date_last = fields.Date(string="Last Invoice", readonly=True)
    date_last_order = fields.Date(string="Last Order", readonly=True)
    recency_days = fields.Integer(
        string="Days Since Last Invoice", readonly=True, aggregator="avg"
    )
    invoice_count = fields.Integer(string="Invoices", readonly=True)
    invoice_count_12 = fields.Integer(string="Invoices in 12 Months", readonly=True)
    refund_count_12 = fields.Integer(string="Credit Notes in 12 Months", readonly=True)
    order_count = fields.Integer(string="Orders", readonly=True)
    purchase_days = fields.Integer(readonly=True, help="Days with an invoice.")
    # money
    revenue_total = fields.Monetary(
        string="Net Sales, All Time",
        readonly=True,
        groups=MONEY_GROUPS,
        help="Untaxed, less credit notes.",
    )
    revenue_12 = fields.Monetary(
        string="Net Sales, 12 Months", readonly=True, groups=MONEY_GROUPS
    )
    revenue_90 = fields.Monetary(
        string="Net Sales, 90 Days", readonly=True, groups=MONEY_GROUPS
    )
    revenue_90_before = fields.Monetary(
        string="Net Sales to Compare With",
        readonly=True,
        groups=MONEY_GROUPS,
        help="The same 90 days a year before; without sales then, the 90 days before.",
    )
    repeat_value = fields.Float(
        string="Mean Value of a Repeat Purchase", readonly=True, groups=MONEY_GROUPS
    )
    margin_total = fields.Monetary(
        string="Margin, All Time",
        readonly=True,
        groups=MONEY_GROUPS,
        help="Net sales less the cost of the products, as in Invoice Analysis, of the "
        "lines whose product has a cost.",
    )
    margin_12 = fields.Monetary(
        string="Margin, 12 Months", readonly=True, groups=MONEY_GROUPS
    )
    margin_coverage = fields.Float(
        string="Margin Known",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        groups=MONEY_GROUPS,
        help="Percentage of the sales whose product has a cost.",
    )
    value_basis = fields.Selection(
        [("margin", "Margin"), ("revenue", "Revenue, as the margin is not known")],
        string="Value Measured In",
        readonly=True,
    )
    past_value = fields.Monetary(
        readonly=True,
        groups=MONEY_GROUPS,
        help="All that the customer left so far: margin, or revenue where the margin "
        "is not known.",
    )
    expected_value = fields.Monetary(
        readonly=True,
        groups=MONEY_GROUPS,
        help="What is still to be expected, not discounted.",
    )
    expected_basis = fields.Selection(
        [
            ("simple", "Monthly value of the last 12 months / monthly churn"),
            ("buying", "BG/NBD and Gamma-Gamma"),
        ],
        string="Expected By",
        readonly=True,
    )
    expected_why = fields.Char(
        string="Expectation Rests On",
        compute="_compute_why",
        help="On how many customers, or why it is by the simple formula.",
    )
    lifetime_value = fields.Monetary(
        compute="_compute_lifetime_value",
        groups=MONEY_GROUPS,
        help="Past and expected value.",
    )
    alive_probability = fields.Float(
        string="Still a Customer",
        readonly=True,
        aggregator="avg",
        help="Probability, by BG/NBD.",
    )
    expected_orders_12 = fields.Float(
        string="Expected Purchases, 12 Months", readonly=True, digits=(16, 2)
    )
    # rhythm
    interval_median = fields.Float(
        string="Usual Interval",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        help="Median of the days between invoice dates; needs three of them.",
    )
    interval_n = fields.Integer(string="Intervals", readonly=True)
    date_next = fields.Date(
        string="Next Expected", readonly=True, help="Last invoice + usual interval."
    )
    days_overdue = fields.Integer(
        readonly=True,
        aggregator="avg",
        help="Since the next order was expected; negative: still to come.",
    )
    silence_ratio = fields.Float(
        string="Silence",
        readonly=True,
        digits=(16, 2),
        aggregator="avg",
        help="Days since the last invoice / usual interval.",
    )
    trend_ratio = fields.Float(
        string="Trend",
        readonly=True,
        digits=(16, 2),
        aggregator="avg",
        groups=MONEY_GROUPS,
        help="Net sales of the last 90 days / those of the same 90 days a year before.",
    )
    is_trend_known = fields.Boolean(readonly=True)
    # payment
    payment_light = fields.Selection(LEVELS, readonly=True)
    payment_words = fields.Char(compute="_compute_payment_words", string="Payment")
    receivable = fields.Monetary(readonly=True, groups=MONEY_GROUPS)
    overdue_amount = fields.Monetary(
        string="Overdue", readonly=True, groups=MONEY_GROUPS
    )
    date_overdue = fields.Date(
        string="Overdue Since", readonly=True, groups=MONEY_GROUPS
    )
    overdue_days = fields.Integer(
        string="Oldest Overdue", readonly=True, aggregator="max", groups=MONEY_GROUPS
    )
    is_overdue = fields.Boolean(string="Has Overdue Invoices", readonly=True)
    credit_limit = fields.Float(readonly=True, groups=MONEY_GROUPS)
    credit_used = fields.Float(
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        groups=MONEY_GROUPS,
        help="Percentage of the credit limit: open receivable, without orders that are "
        "still to be invoiced.",
    )
    payment_delay = fields.Float(
        string="Days Late",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        groups=MONEY_GROUPS,
        help="Payment date - due date, weighted by amount, of the invoices paid in 12 "
        "months; negative: early.",
    )
    payment_n = fields.Integer(
        string="Paid Invoices", readonly=True, help="On which the days late rest."
    )
    dso = fields.Float(
        string="DSO",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
        groups=MONEY_GROUPS,
        help="Days of sales outstanding: open receivable / sales of 12 months with tax "
        "x 365. The figure on the contact is of all invoices since the first.",
    )
    # goods
    delivery_count_12 = fields.Integer(string="Deliveries in 12 Months", readonly=True)
    delivery_late_12 = fields.Integer(string="Of Them Late", readonly=True)
    return_count_12 = fields.Integer(string="Returns in 12 Months", readonly=True)
    # contact, service
    channel = fields.Selection(CHANNELS, string="Preferred Channel", readonly=True)
    channel_n = fields.Integer(
        string="Contacts in 12 Months",
        readonly=True,
        help="Messages from the customer, calls and meetings.",
    )
    date_last_word = fields.Date(
        string="Last Word",
        readonly=True,
        help="When the customer last wrote, clicked or filled in something.",
    )
    rating = fields.Float(string="Last Rating", readonly=True, aggregator="avg")
    rating_n = fields.Integer(string="Ratings", readonly=True)
    case_open_count = fields.Integer(string="Open Cases", readonly=True)
    case_late_count = fields.Integer(string="Cases Past Their Promise", readonly=True)
    case_count_12 = fields.Integer(string="Cases in 12 Months", readonly=True)
    is_service_known = fields.Boolean(readonly=True)
    # judgement
    churn_risk = fields.Float(
        readonly=True, digits=(16, 0), aggregator="avg", help="0 to 100."
    )
    churn_level = fields.Selection(
        [("low", "Low"), ("medium", "Medium"), ("high", "High")],
        readonly=True,
    )
    churn_light = fields.Selection(LEVELS, compute="_compute_lights")
    churn_coverage = fields.Float(
        string="Churn Risk Rests On",
        readonly=True,
        digits=(16, 0),
        aggregator="avg",
        help="Percentage of the weights for which there is data.",
    )
    churn_parts = fields.Json(readonly=True)
    churn_why = fields.Text(string="Why This Risk", compute="_compute_why")
    health = fields.Float(
        readonly=True, digits=(16, 0), aggregator="avg", help="0 to 100."
    )
    health_light = fields.Selection(LEVELS, readonly=True)
    health_coverage = fields.Float(
        string="Health Rests On",
        readonly=True,
        digits=(16, 0),
        aggregator="avg",
        help="Percentage of the weights for which there is data.",
    )
    health_parts = fields.Json(readonly=True)
    health_why = fields.Text(string="Why This Health", compute="_compute_why")
    # what was bought
    product_ids = fields.One2many(
        "crm.customer.product", "profile_id", string="Products Bought"
    )

    _customer_uniq = models.Constraint(
        "UNIQUE(partner_id, company_id)", "A customer has one profile a company."
    )
    # the nightly run: whose turn it is
    _date_rebuilt_idx = models.Index("(date_rebuilt)")

    # ------------------------------------------------------------
    # Computes
    # ------------------------------------------------------------

    @api.depends("past_value", "expected_value", "expected_basis")
    def _compute_lifetime_value(self):
        for profile in self:
            profile.lifetime_value = profile.past_value + profile.expected_value

    @api.depends("payment_light", "is_overdue", "payment_n")
    def _compute_payment_words(self):
        for profile in self:
            profile.payment_words = profile._get_payment_words()

    def _get_payment_words(self):
        if not self.payment_light:
            return self.env._("Not known")
        if self.payment_light == "green":
            # of who has not paid anything yet nothing better is known
            if not self.payment_n:
                return self.env._("Nothing overdue")
            return self.env._("Pays on time")
        if not self.is_overdue:
            if self.payment_light == "amber":
                return self.env._("Pays late, or the credit limit is near")
            return self.env._("Over the credit limit")
        if self.payment_light == "amber":
            return self.env._("Owes for some days")
        return self.env._("Long overdue, or over the credit limit")

    @api.depends("churn_level")
    def _compute_lights(self):
        lights = {"low": "green", "medium": "amber", "high": "red"}
        for profile in self:
            profile.churn_light = lights.get(profile.churn_level, False)

    @api.depends("churn_parts", "health_parts", "expected_basis", "label_id")
    @api.depends_context("lang")
    def _compute_why(self):
        # sudo: the weights are no secret from whoever sees what they lead to
        yardsticks = {
            yardstick.company_id: yardstick
            for yardstick in self.env["crm.customer.yardstick"]
            .sudo()
            .search([("company_id", "in", self.company_id.ids)])
        }
        for profile in self:
            yardstick = yardsticks.get(profile.company_id)
            if not yardstick:
                profile.churn_why = profile.health_why = profile.expected_why = False
                continue
            profile.expected_why = profile._get_expected_words(yardstick)
            profile.churn_why = profile._explain(
                yardstick, "churn", CHURN_PARTS, profile.churn_parts or {}
            )
            profile.health_why = profile._explain(
                yardstick, "health", HEALTH_PARTS, profile.health_parts or {}
            )

    def _get_expected_words(self, yardstick):
        if self.expected_basis == "buying":
            return self.env._(
                "BG/NBD and Gamma-Gamma, fitted to n = %(count)s that bought again; "
                "this customer bought on %(days)s days.",
                count=yardstick.buying_n,
                days=self.purchase_days,
            )
        if self.expected_basis == "simple":
            found = (yardstick.churn_labels or {}).get(str(self.label_id.id))
            if found:
                churn = self.env._(
                    "Monthly churn of n = %(count)s customers with the label "
                    "%(label)s.",
                    count=found["n"],
                    label=self.label_id.name,
                )
            else:
                churn = self.env._(
                    "Monthly churn of n = %s customers.", yardstick.churn_n
                )
            return f"{churn} {yardstick.buying_message or ''}".strip()
        return self.env._(
            "Not enough data (n = %s customers of a year ago).", yardstick.churn_n
        )

    def _explain(self, yardstick, prefix, parts, values):
        """Return a line a part, those that say most first, unknown ones at the end."""
        known, unknown = [], []
        for part in parts:
            field = yardstick._fields[f"{prefix}_{part}"]
            weight = yardstick[field.name]
            name = field._description_string(self.env)
            words = self._get_part_words(prefix, part)
            if words:
                name = f"{name} ({words})"
            value = values.get(part)
            if value is None:
                unknown.append(self.env._("%s: not known", name))
                continue
            points = weight * value
            known.append(
                (
                    -points if prefix == "churn" else points - weight,
                    self.env._(
                        "%(part)s: %(points)s of %(weight)s points",
                        part=name,
                        points=round(points, 1),
                        weight=weight,
                    ),
                )
            )
        known.sort(key=lambda one: one[0])
        return "\n".join([line for _order, line in known] + unknown)

    def _get_part_words(self, prefix, part):
        """What stands behind a part, without amounts."""
        if part == "rhythm" and self.interval_n >= 2:
            return self.env._(
                "%(days)s days since the last invoice, usually %(usual)s, "
                "n = %(count)s",
                days=self.recency_days,
                usual=round(self.interval_median, 1),
                count=self.interval_n,
            )
        if part in ("silence", "engagement") and self.date_last_word:
            return self.env._(
                "last word on %s", format_date(self.env, self.date_last_word)
            )
        if part in ("rating", "satisfaction") and self.rating_n:
            return self.env._(
                "last rating %(rating)s, n = %(count)s",
                rating=round(self.rating, 1),
                count=self.rating_n,
            )
        if part == "cases" and self.is_service_known:
            return self.env._("%s late", self.case_late_count)
        return ""

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_rebuild(self):
        """Look at the ledger again, now."""
        self.check_access("read")
        # sudo: profiles are written by the system only
        self.sudo()._rebuild(self.partner_id.ids)
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_open_partner(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "views": [(False, "form")],
        }

    def action_view_invoices(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "account.action_move_out_invoice_type"
        )
        action["domain"] = [
            ("move_type", "in", SALE_TYPES),
            ("commercial_partner_id", "=", self.partner_id.id),
            ("company_id", "=", self.company_id.id),
        ]
        action["context"] = {}
        return action

    def action_suggest_offers(self):
        self.ensure_one()
        return self.env["crm.customer.offer"]._open(self.partner_id, self.company_id)

    def action_view_touchpoints(self):
        self.ensure_one()
        return self.partner_id.action_view_touchpoints()
