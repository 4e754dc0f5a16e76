import logging
import math

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

# Who may see what a customer is worth, owes and leaves as margin.
MONEY_GROUPS = (
    "account.group_account_readonly,account.group_account_invoice,"
    "crm_plus.crm_plus_group_amounts"
)
MEASURES = ("recency", "frequency", "revenue", "margin")
CHURN_PARTS = ("rhythm", "trend", "rating", "cases", "overdue", "silence")
HEALTH_PARTS = ("rhythm", "trend", "satisfaction", "payment", "engagement")
# Fewer customers than that are cut into thirds (KPI 53), and say nothing about churn.
SMALL_NUMBER = 25
# The models of buying need some who bought again, watched for a while.
BUYING_MIN_REPEATERS = 100
BUYING_MIN_DAYS = 180
# To fit four parameters so many customers are plenty; more only take longer.
BUYING_MAX_CUSTOMERS = 20_000


class CrmCustomerYardstick(models.Model):
    """By what the customers of a company are measured: one row a company.

    What people set (weights, number of buckets) and what follows from all customers
    together (bounds of the buckets, churn, models of buying), which the nightly run
    renews. A single profile that is rebuilt in between is measured by last night's.
    """

    _name = "crm.customer.yardstick"
    _description = "Customer Yardstick"
    _order = "company_id"
    _rec_name = "company_id"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
        default=lambda self: self.env.company,
    )
    # buckets
    bucket_count = fields.Integer(
        string="Buckets",
        required=True,
        default=5,
        help="Into how many groups of equal size customers are cut by each measure; "
        "three while there are fewer than 25 customers.",
    )
    is_fixed = fields.Boolean(
        string="Fixed Bounds",
        help="Keep the bounds below as they are, instead of renewing them every night "
        "from the customers.",
    )
    scale = fields.Integer(
        string="Best Score", readonly=True, default=5, help="Buckets in use."
    )
    recency_bounds = fields.Char(
        help="Days since the last invoice, best first: up to so many give the best "
        "score, and so on; more than the last number gives 1.",
    )
    frequency_bounds = fields.Char(
        help="Invoices of 12 months: less than the first number gives 1, from the last "
        "number on the best score.",
    )
    revenue_bounds = fields.Char(
        groups=MONEY_GROUPS, help="Net sales of 12 months, likewise."
    )
    margin_bounds = fields.Char(
        groups=MONEY_GROUPS, help="Margin of 12 months, likewise."
    )
    population = fields.Integer(
        string="Customers Compared",
        readonly=True,
        help="Invoiced in the last 12 months. Others score 1.",
    )
    # margin, expected value
    margin_coverage = fields.Integer(
        string="Margin Needs",
        required=True,
        default=80,
        help="Percentage of the sales whose product has a cost: with less, the margin "
        "of a customer is unknown and revenue is used instead.",
    )
    horizon_months = fields.Integer(
        string="Expected Value Looks Ahead", required=True, default=60
    )
    churn_monthly = fields.Float(
        string="Monthly Churn",
        readonly=True,
        digits=(16, 6),
        help="Of the customers that were active a year ago (an invoice in the year "
        "before), the share that had none since, by month.",
    )
    churn_n = fields.Integer(
        string="Churn Rests On", readonly=True, help="Customers active a year ago."
    )
    churn_labels = fields.Json(
        readonly=True,
        help="{label id: {n, monthly, months}} of labels with enough customers.",
    )
    churn_label_words = fields.Text(
        string="Churn by Label", compute="_compute_churn_label_words"
    )
    # models of buying
    buying_n = fields.Integer(
        string="Buying Model Rests On",
        readonly=True,
        help="Customers that bought again. Fewer than 100 are not enough data.",
    )
    buying_r = fields.Float(string="r", readonly=True, digits=(16, 6))
    buying_alpha = fields.Float(string="alpha (days)", readonly=True, digits=(16, 6))
    buying_a = fields.Float(string="a", readonly=True, digits=(16, 6))
    buying_b = fields.Float(string="b", readonly=True, digits=(16, 6))
    value_p = fields.Float(string="p", readonly=True, digits=(16, 6))
    value_q = fields.Float(string="q", readonly=True, digits=(16, 6))
    value_v = fields.Float(
        string="v",
        readonly=True,
        digits=(16, 6),
        groups=MONEY_GROUPS,
    )
    buying_message = fields.Char(string="Buying Model", readonly=True)
    # what to offer next
    offer_months = fields.Integer(
        string="Offers Look Back",
        required=True,
        default=24,
        help="Months: what customers bought within is compared.",
    )
    offer_min_count = fields.Integer(
        string="Offers Need (n)",
        required=True,
        default=5,
        help="So many similar customers must have bought a product before it is "
        "offered to another one.",
    )
    offer_min_lift = fields.Float(
        string="Offers Need Lift",
        required=True,
        default=1.2,
        digits=(16, 2),
        help="So many times as often as all customers similar ones must buy it.",
    )
    offer_population = fields.Integer(
        string="Offers Rest On",
        readonly=True,
        help="Customers compared, of those that bought within the months.",
    )
    # weights
    churn_rhythm = fields.Integer(string="Beyond the Own Rhythm", default=35)
    churn_trend = fields.Integer(string="Buys Less", default=25)
    churn_rating = fields.Integer(string="Bad Last Rating", default=15)
    churn_cases = fields.Integer(string="Cases Past Their Promise", default=10)
    churn_overdue = fields.Integer(string="Owes Overdue", default=10)
    churn_silence = fields.Integer(string="No Word for Half a Year", default=5)
    churn_high = fields.Integer(string="High Risk From", default=60)
    churn_medium = fields.Integer(string="Medium Risk From", default=30)
    min_coverage = fields.Integer(
        string="Judge From",
        default=30,
        help="Percentage of the weights for which there must be data: with less, risk "
        "and health of a customer get no level and no light.",
    )
    health_rhythm = fields.Integer(string="Order Rhythm", default=30)
    health_trend = fields.Integer(string="Spend Trend", default=20)
    health_satisfaction = fields.Integer(string="Satisfaction", default=20)
    health_payment = fields.Integer(string="Payment", default=15)
    health_engagement = fields.Integer(string="Engagement", default=15)
    # last run
    date = fields.Date(string="Renewed On", readonly=True)

    _company_uniq = models.Constraint(
        "UNIQUE(company_id)", "A company has one yardstick."
    )
    _check_numbers = models.Constraint(
        """CHECK(bucket_count BETWEEN 3 AND 10 AND horizon_months BETWEEN 1 AND 120
             AND margin_coverage BETWEEN 1 AND 100)""",
        "Buckets are 3 to 10, months 1 to 120, percentages 1 to 100.",
    )
    _check_offers = models.Constraint(
        """CHECK(offer_months BETWEEN 1 AND 120 AND offer_min_count >= 2
             AND offer_min_lift >= 1)""",
        "Offers look back 1 to 120 months; they need 2 customers, and a lift of 1.",
    )

    @api.depends("churn_labels")
    @api.depends_context("lang")
    def _compute_churn_label_words(self):
        labels = {
            label.id: label.name for label in self.env["crm.customer.label"].search([])
        }
        for yardstick in self:
            yardstick.churn_label_words = "\n".join(
                self.env._(
                    "%(label)s: %(churn)s %% a month (n = %(count)s)",
                    label=labels[int(label_id)],
                    churn=round(100 * found["monthly"], 2),
                    count=found["n"],
                )
                for label_id, found in (yardstick.churn_labels or {}).items()
                if int(label_id) in labels
            )

    @api.constrains(*(f"churn_{part}" for part in CHURN_PARTS))
    def _check_churn_weights(self):
        self._check_weights("churn", CHURN_PARTS)

    @api.constrains(*(f"health_{part}" for part in HEALTH_PARTS))
    def _check_health_weights(self):
        self._check_weights("health", HEALTH_PARTS)

    def _check_weights(self, prefix, parts):
        for yardstick in self:
            weights = [yardstick[f"{prefix}_{part}"] for part in parts]
            if min(weights) < 0 or sum(weights) != 100:
                raise ValidationError(
                    self.env._("Weights are not negative and add up to 100.")
                )

    @api.constrains("is_fixed", "bucket_count", *(f"{m}_bounds" for m in MEASURES))
    def _check_bounds(self):
        # sudo: bounds of money are not for everybody who sets weights
        for yardstick in self.sudo():
            for measure in MEASURES:
                # fixed or not, profiles are measured by them until the next night
                bounds = yardstick._get_bounds(measure)
                if not yardstick.is_fixed:
                    continue
                # the scores that the last run used, or will from now on
                if bounds != sorted(bounds) or len(bounds) + 1 != yardstick.scale:
                    raise ValidationError(
                        self.env._(
                            "%(field)s: %(count)s numbers in order are needed.",
                            field=yardstick._fields[
                                f"{measure}_bounds"
                            ]._description_string(self.env),
                            count=yardstick.scale - 1,
                        )
                    )

    def write(self, vals):
        if vals.get("is_fixed") or "bucket_count" in vals:
            for yardstick in self:
                if vals.get("is_fixed", yardstick.is_fixed):
                    # whoever sets the bounds means all of the buckets
                    super(CrmCustomerYardstick, yardstick).write(
                        {"scale": vals.get("bucket_count", yardstick.bucket_count)}
                    )
        if "margin_coverage" in vals:
            # sudo: whoever sets the yardstick may have it applied
            self.env["crm.customer.profile"].sudo()._mark_stale(
                Domain("company_id", "in", self.company_id.ids)
            )
        return super().write(vals)

    # ------------------------------------------------------------
    # Bounds
    # ------------------------------------------------------------

    def _get_bounds(self, measure):
        """Return the ascending values from which on the next higher score is given;
        recency is negative days, so that more is better for all measures.
        """
        self.ensure_one()
        text = self[f"{measure}_bounds"] or ""
        sign = -1 if measure == "recency" else 1
        try:
            bounds = [sign * float(one) for one in text.split(",") if one.strip()]
            if any(map(math.isnan, bounds)):
                raise ValueError(text)
        except ValueError as error:
            raise ValidationError(
                self.env._("Bounds are numbers, parted by commas: %s", text)
            ) from error
        return bounds[::sign]

    @api.model
    def _format_bounds(self, measure, bounds):
        sign = -1 if measure == "recency" else 1
        return ", ".join(f"{sign * bound:.12g}" for bound in bounds[::sign])

    # ------------------------------------------------------------
    # Renewal
    # ------------------------------------------------------------

    @api.model
    def _get_all(self):
        """Return the yardsticks of all companies; make the missing ones."""
        companies = self.env["res.company"].with_context(active_test=False).search([])
        yardsticks = self.search([])
        missing = companies - yardsticks.company_id
        return yardsticks + self.create(
            [{"company_id": company.id} for company in missing]
        )

    def _renew(self, today=None):
        """Renew what follows from all customers together, from profiles whose facts
        are up to date.
        """
        today = today or self.env["crm.customer.profile"]._get_today()
        for yardstick in self:
            values = {"date": today}
            if not yardstick.is_fixed:
                values.update(yardstick._compute_bounds())
            values.update(yardstick._compute_churn(today))
            values["churn_labels"] = yardstick._compute_churn_labels(today)
            values.update(yardstick._compute_buying(today))
            yardstick.write(values)

    def _compute_bounds(self):
        """Quantiles of the customers of the last 12 months; ties share the higher."""
        self.ensure_one()
        Profile = self.env["crm.customer.profile"]
        Profile.flush_model()
        [[population]] = self.env.execute_query(
            SQL(
                """
                SELECT count(*) FROM crm_customer_profile
                 WHERE company_id = %s AND invoice_count_12 > 0
                """,
                self.company_id.id,
            )
        )
        scale = self.bucket_count if population >= SMALL_NUMBER else 3
        values = {"population": population, "scale": scale}
        for measure, column in (
            ("recency", SQL("-recency_days")),
            ("frequency", SQL("invoice_count_12")),
            ("revenue", SQL("revenue_12")),
            ("margin", SQL("margin_12")),
        ):
            lowest = dict(
                self.env.execute_query(
                    SQL(
                        """
                        WITH valued AS (
                            SELECT %(column)s AS value
                              FROM crm_customer_profile
                             WHERE company_id = %(company)s AND invoice_count_12 > 0
                               AND %(column)s IS NOT NULL
                        ), ranked AS (
                            -- so many are not above this value
                            SELECT value, count(*) OVER (ORDER BY value) AS reached,
                                   count(*) OVER () AS total
                              FROM valued
                        )
                        SELECT ceil(%(scale)s * reached / total::numeric)::int,
                               min(value)::float8
                          FROM ranked
                         GROUP BY 1
                        """,
                        column=column,
                        company=self.company_id.id,
                        scale=scale,
                    )
                )
            )
            bounds = []
            for score in range(scale, 1, -1):
                # nobody has this score: it begins where the next higher one does
                bounds.append(lowest.get(score, bounds[-1] if bounds else math.inf))
            values[f"{measure}_bounds"] = (
                self._format_bounds(measure, bounds[::-1]) if lowest else False
            )
        return values

    def _compute_churn(self, today):
        """Of the customers invoiced in the year before last, how many were not since:
        KPI 56 over a year, as a monthly rate.
        """
        self.ensure_one()
        [[active, kept]] = self.env.execute_query(
            SQL(
                """
                WITH active AS (
                    SELECT p.commercial_partner_id,
                           bool_or(m.invoice_date > %(year_ago)s) AS kept
                      FROM account_move m
                      JOIN res_partner p ON p.id = m.commercial_partner_id
                     WHERE m.company_id = %(company)s AND m.state = 'posted'
                       AND m.move_type = 'out_invoice'
                       AND m.invoice_date > %(two_years_ago)s
                       AND m.invoice_date <= %(today)s
                     GROUP BY p.commercial_partner_id
                    HAVING bool_or(m.invoice_date <= %(year_ago)s)
                )
                SELECT count(*), count(*) FILTER (WHERE kept) FROM active
                """,
                company=self.company_id.id,
                today=today,
                year_ago=fields.Date.subtract(today, days=365),
                two_years_ago=fields.Date.subtract(today, days=730),
            )
        )
        if active < SMALL_NUMBER:
            return {"churn_n": active, "churn_monthly": 0}
        return {"churn_n": active, "churn_monthly": 1 - (kept / active) ** (1 / 12)}

    def _compute_churn_labels(self, today):
        """The same of those that had a label a year ago, as the snapshot of that month
        says: customers stay as long as others of their label did.
        """
        self.ensure_one()
        rows = self.env.execute_query(
            SQL(
                """
                WITH month AS (
                    SELECT max(date) AS date
                      FROM crm_customer_snapshot
                     WHERE company_id = %(company)s
                       AND date BETWEEN %(today)s - 400 AND %(today)s - 335
                ), bought AS (
                    SELECT p.commercial_partner_id AS id,
                           bool_or(m.invoice_date > n.date) AS kept
                      FROM account_move m
                      JOIN res_partner p ON p.id = m.commercial_partner_id
                CROSS JOIN month n
                     WHERE m.company_id = %(company)s AND m.state = 'posted'
                       AND m.move_type = 'out_invoice'
                       AND m.invoice_date > n.date - 365
                       AND m.invoice_date <= %(today)s
                     GROUP BY p.commercial_partner_id
                    HAVING bool_or(m.invoice_date <= n.date)
                )
                SELECT s.label_id, count(*), count(*) FILTER (WHERE b.kept),
                       %(today)s - s.date
                  FROM crm_customer_snapshot s
                  JOIN month n ON n.date = s.date
                  JOIN bought b ON b.id = s.partner_id
                 WHERE s.company_id = %(company)s AND s.label_id IS NOT NULL
                 GROUP BY s.label_id, s.date
                HAVING count(*) >= %(least)s
                """,
                company=self.company_id.id,
                today=SQL("%s::date", today),
                least=SMALL_NUMBER,
            )
        )
        found = {}
        for label_id, count, kept, days in rows:
            monthly = 1 - (kept / count) ** (365.25 / 12 / days)
            found[label_id] = {
                "n": count,
                "monthly": monthly,
                "months": self._get_months(monthly),
            }
        return found

    def _get_months(self, monthly):
        return min(self.horizon_months, 1 / max(monthly, 1 / self.horizon_months))

    def _get_expected_months(self):
        """For how long a customer is expected to stay (KPI 52); None: not known. Those
        of a label with enough customers a year ago stay as long as these did.
        """
        self.ensure_one()
        if self.churn_n < SMALL_NUMBER:
            return None
        return self._get_months(self.churn_monthly)

    # ------------------------------------------------------------
    # Models of buying
    # ------------------------------------------------------------

    def _compute_buying(self, today):
        """Fit BG/NBD and Gamma-Gamma to the customers, if there are enough."""
        self.ensure_one()
        # scipy takes a while to import, and only this needs it
        from ...tools import buying

        names = ("r", "alpha", "a", "b")
        values = dict.fromkeys([f"buying_{name}" for name in names], 0)
        values.update(value_p=0, value_q=0, value_v=0, buying_n=0)
        if not buying.is_available():
            return values | {
                "buying_message": self.env._(
                    "scipy is not installed on the server (it comes with "
                    "scikit-learn): expected value is by the simple formula."
                )
            }
        rows = self.env.execute_query(
            SQL(
                """
                SELECT purchase_days - 1, date_last - date_first,
                       %(today)s - date_first,
                       repeat_value
                  FROM crm_customer_profile
                 WHERE company_id = %(company)s AND purchase_days > 0
                   AND date_first < %(today)s
                 -- the same ones each night, and no pattern in them
                 ORDER BY md5(partner_id::varchar)
                 LIMIT %(limit)s
                """,
                today=today,
                company=self.company_id.id,
                limit=BUYING_MAX_CUSTOMERS,
            )
        )
        repeaters = sum(row[0] > 0 for row in rows)
        values["buying_n"] = repeaters
        observed = max((row[2] for row in rows), default=0)
        if repeaters < BUYING_MIN_REPEATERS or observed < BUYING_MIN_DAYS:
            return values | {
                "buying_message": self.env._(
                    "Not enough data (n = %(count)s that bought again, %(days)s days): "
                    "expected value is by the simple formula.",
                    count=repeaters,
                    days=observed,
                )
            }
        x, t_x, t, mean = zip(*rows, strict=True)
        model = buying.BuyingModel.fit(x, t_x, t)
        # a customer whose purchases were worth nothing says nothing of their worth
        value_model = buying.ValueModel.fit(x, [float(one or 0) for one in mean])
        if not model or not value_model or value_model.q <= 1:
            return values | {
                "buying_message": self.env._(
                    "No model fits these customers (n = %s): expected value is by the "
                    "simple formula.",
                    repeaters,
                )
            }
        values.update({f"buying_{name}": getattr(model, name) for name in names})
        values.update({f"value_{name}": getattr(value_model, name) for name in "pqv"})
        return values | {
            "buying_message": self.env._(
                "BG/NBD and Gamma-Gamma, fitted to %s that bought again.", repeaters
            )
        }

    def _get_buying(self):
        """Return the two models, or None where there are none or scipy is missing."""
        self.ensure_one()
        if not self.buying_r:
            return None
        from ...tools import buying

        if not buying.is_available():
            return None
        # value_v is read by the system on behalf of all
        return (
            buying.BuyingModel(
                self.buying_r, self.buying_alpha, self.buying_a, self.buying_b
            ),
            buying.ValueModel(self.value_p, self.value_q, self.value_v),
        )

    def action_renew(self):
        """Measure all customers of the company anew, in the background."""
        self.check_access("write")
        # sudo: whoever sets the yardstick may have it applied
        self.sudo().write({"date": False})
        self.env["crm.customer.profile"]._trigger_rebuild()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Customers are being measured."),
            },
        }
