import json

from odoo import api, models
from odoo.tools import SQL

from .crm_customer_yardstick import CHURN_PARTS, HEALTH_PARTS, MEASURES

# An overdue, late or used-up part counts in full from here on.
LATE_DAYS_FULL = 60
SILENCE_DAYS = 180
# What is judged, the columns of it.
JUDGEMENTS = (
    "recency_score",
    "frequency_score",
    "revenue_score",
    "margin_score",
    "rfm_revenue",
    "rfm_margin",
    "label_id",
    "payment_light",
    "churn_risk",
    "churn_coverage",
    "churn_parts",
    "churn_level",
    "health",
    "health_coverage",
    "health_parts",
    "health_light",
    "expected_value",
    "expected_basis",
    "alive_probability",
    "expected_orders_12",
)


class CrmCustomerProfile(models.Model):
    """Judgement: what facts mean by the yardstick of the company, in one statement.

    Churn risk (KPI 59) and health (KPI 60) are means of parts from 0 to 1, weighted by
    the yardstick. A part for which there is no data drops out, and the others share its
    weight; ``coverage`` is the weight that there is data for.
    """

    _inherit = "crm.customer.profile"

    @api.model
    def _judge(self, partner_ids, yardsticks, today=None):
        """Judge the profiles of these customers (None: all) in the companies of
        ``yardsticks``.
        """
        today = today or self._get_today()
        yardsticks.flush_recordset()
        yardsticks.company_id.flush_recordset(["crm_plus_overdue_days"])
        self.env["crm.customer.label"].flush_model()
        scope = SQL("p.company_id = ANY(%s)", yardsticks.company_id.ids)
        if partner_ids is not None:
            scope = SQL("%s AND p.partner_id = ANY(%s)", scope, partner_ids)
        expected = [
            row
            for yardstick in yardsticks
            for row in self._expect(partner_ids, yardstick, today)
        ]
        self.env.cr.execute(
            self._get_judgement_query(scope, yardsticks, today, expected)
        )
        self.invalidate_model(flush=False)

    def _get_bounds_values(self, yardsticks):
        """``VALUES`` of (company, months a customer stays, an array a measure)."""
        return SQL(", ").join(
            SQL(
                "(%s, %s::float8, %s)",
                yardstick.company_id.id,
                yardstick._get_expected_months(),
                SQL(", ").join(
                    # no customers yet, so no bounds: everybody scores 1
                    SQL("%s::float8[]", yardstick._get_bounds(measure))
                    for measure in MEASURES
                ),
            )
            for yardstick in yardsticks
        )

    def _get_weighted(self, prefix, parts):
        """SQL of the mean of ``parts``, columns of ``q``, and of its coverage."""
        total = SQL(" + ").join(
            SQL(
                "COALESCE(y.%s * q.%s, 0)",
                SQL.identifier(f"{prefix}_{part}"),
                SQL.identifier(f"{prefix}_{part}"),
            )
            for part in parts
        )
        covered = SQL(" + ").join(
            SQL(
                "CASE WHEN q.%s IS NULL THEN 0 ELSE y.%s END",
                SQL.identifier(f"{prefix}_{part}"),
                SQL.identifier(f"{prefix}_{part}"),
            )
            for part in parts
        )
        mean = SQL("round((100.0 * (%s) / NULLIF(%s, 0))::numeric)", total, covered)
        return mean, covered

    def _get_parts_json(self, prefix, parts):
        return SQL(
            "jsonb_build_object(%s)",
            SQL(", ").join(
                SQL(
                    "%s, round(q.%s::numeric, 4)",
                    part,
                    SQL.identifier(f"{prefix}_{part}"),
                )
                for part in parts
            ),
        )

    def _get_judgement_query(self, scope, yardsticks, today, expected):
        """:param expected: what ``_expect`` says of some of them"""
        churn_risk, churn_coverage = self._get_weighted("churn", CHURN_PARTS)
        health, health_coverage = self._get_weighted("health", HEALTH_PARTS)
        return SQL(
            """
            WITH bounds (company_id, months, recency, frequency, revenue, margin) AS (
                VALUES %(bounds)s
            ), expected AS (
                SELECT * FROM json_to_recordset(%(expected)s::json)
                           AS e(id int, value numeric, alive float8, orders float8)
            ), parts AS (
                SELECT p.id, p.company_id,
                       -- least() and greatest() take NULL for nothing at all
                       CASE WHEN p.silence_ratio IS NOT NULL THEN
                            least(1, greatest(0, (p.silence_ratio - 1) / 2))
                       END AS churn_rhythm,
                       CASE WHEN p.trend_ratio IS NOT NULL THEN
                            least(1, greatest(0, 1 - p.trend_ratio))
                       END AS churn_trend,
                       CASE WHEN p.rating_n > 0 THEN CASE WHEN p.rating <= 2 THEN 1
                            WHEN p.rating <= 3 THEN 0.5 ELSE 0 END END AS churn_rating,
                       CASE WHEN p.case_late_count IS NOT NULL THEN
                            least(1, p.case_late_count / 2.0) END AS churn_cases,
                       -- owing without having bought for a year is as bad as it gets
                       CASE WHEN p.overdue_amount > 0 THEN CASE WHEN p.revenue_12 > 0
                            THEN least(1, p.overdue_amount / (p.revenue_12 / 12) / 3)
                            ELSE 1 END
                            WHEN p.invoice_count > 0 THEN 0 END AS churn_overdue,
                       -- who never wrote is not silent: the channel is not connected
                       CASE WHEN p.date_last_word IS NOT NULL THEN
                            (%(today)s - p.date_last_word > %(silence)s)::int
                       END AS churn_silence,
                       CASE WHEN p.payment_n > 0 THEN
                            least(1, greatest(0, p.payment_delay / %(late)s))
                       END AS delay,
                       CASE WHEN p.date_last_word IS NOT NULL THEN
                            1 - least(1, greatest(0,
                                (%(today)s - p.date_last_word) / %(silence)s.0))
                       END AS health_engagement
                  FROM crm_customer_profile p
                 WHERE %(scope)s
            ), q AS (
                SELECT parts.*, 1 - churn_rhythm AS health_rhythm,
                       1 - churn_trend AS health_trend,
                       1 - churn_rating AS health_satisfaction,
                       1 - greatest(churn_overdue, delay) AS health_payment
                  FROM parts
            ), scored AS (
                SELECT p.id, y.scale, b.months, y.churn_labels,
                       CASE WHEN p.invoice_count > 0 AND %(is_cut)s THEN
                            1 + width_bucket(-p.recency_days::float8, b.recency)
                       END AS recency_score,
                       CASE WHEN p.invoice_count > 0 AND %(is_cut)s THEN
                            1 + width_bucket(p.invoice_count_12::float8, b.frequency)
                       END AS frequency_score,
                       CASE WHEN p.invoice_count_12 > 0 AND %(is_cut)s THEN
                            1 + width_bucket(p.revenue_12::float8, b.revenue)
                            WHEN p.invoice_count > 0 AND %(is_cut)s THEN 1
                       END AS revenue_score,
                       CASE WHEN p.margin_12 IS NULL THEN NULL
                            WHEN p.invoice_count_12 > 0 AND %(is_cut)s THEN
                            1 + width_bucket(p.margin_12::float8, b.margin)
                            WHEN p.invoice_count > 0 AND %(is_cut)s THEN 1
                       END AS margin_score,
                       %(churn_risk)s AS churn_risk,
                       %(churn_coverage)s AS churn_coverage,
                       %(churn_parts)s AS churn_parts,
                       %(health)s AS health,
                       %(health_coverage)s AS health_coverage,
                       %(health_parts)s AS health_parts,
                       y.churn_high, y.churn_medium, y.min_coverage
                  FROM crm_customer_profile p
                  JOIN q ON q.id = p.id
                  JOIN crm_customer_yardstick y ON y.company_id = p.company_id
                  JOIN bounds b ON b.company_id = p.company_id
            ), judged AS (
                SELECT p.id, s.recency_score, s.frequency_score, s.revenue_score,
                       s.margin_score,
                       s.recency_score || '-' || s.frequency_score || '-'
                           || s.revenue_score AS rfm_revenue,
                       s.recency_score || '-' || s.frequency_score || '-'
                           || s.margin_score AS rfm_margin,
                       label.id AS label_id,
                       CASE
                           WHEN p.invoice_count = 0 THEN NULL
                           WHEN p.is_overdue AND p.overdue_days > c.red_days
                                OR p.credit_used > 100 THEN 'red'
                           WHEN p.is_overdue OR p.credit_used > 80
                                OR p.payment_n > 0 AND p.payment_delay > 7 THEN 'amber'
                           ELSE 'green' END AS payment_light,
                       s.churn_risk, s.churn_coverage, s.churn_parts,
                       CASE WHEN s.churn_coverage < s.min_coverage THEN NULL
                           WHEN s.churn_risk >= s.churn_high THEN 'high'
                           WHEN s.churn_risk >= s.churn_medium THEN 'medium'
                           WHEN s.churn_risk IS NOT NULL THEN 'low' END AS churn_level,
                       s.health, s.health_coverage, s.health_parts,
                       CASE WHEN s.health_coverage < s.min_coverage THEN NULL
                           WHEN s.health >= 70 THEN 'green'
                           WHEN s.health >= 40 THEN 'amber'
                           WHEN s.health IS NOT NULL THEN 'red' END AS health_light,
                       CASE WHEN e.id IS NOT NULL THEN round(e.value, 2)
                           WHEN s.months IS NOT NULL
                           AND p.invoice_count > 0 THEN greatest(0, round(
                               COALESCE(p.margin_12, p.revenue_12) / 12
                               * COALESCE((s.churn_labels -> label.id::text
                                           ->> 'months')::numeric, s.months::numeric),
                               2)) END AS expected_value,
                       CASE WHEN e.id IS NOT NULL THEN 'buying'
                           WHEN s.months IS NOT NULL
                           AND p.invoice_count > 0 THEN 'simple' END AS expected_basis,
                       e.alive AS alive_probability, e.orders AS expected_orders_12
                  FROM scored s
                  JOIN crm_customer_profile p ON p.id = s.id
                  JOIN (
                        SELECT id, COALESCE(crm_plus_overdue_days, 0) AS red_days
                          FROM res_company
                       ) c ON c.id = p.company_id
             LEFT JOIN expected e ON e.id = s.id
             LEFT JOIN LATERAL (
                    SELECT l.id
                      FROM crm_customer_label l,
                           LATERAL (SELECT
                               round(1 + (s.recency_score - 1) * 4.0 / (s.scale - 1))
                                   AS r,
                               round(1 + (s.frequency_score - 1) * 4.0 / (s.scale - 1))
                                   AS f,
                               round(1 + (COALESCE(s.margin_score, s.revenue_score) - 1)
                                     * 4.0 / (s.scale - 1)) AS m) five
                     WHERE l.active
                       AND five.r BETWEEN l.recency_from AND l.recency_to
                       AND five.f BETWEEN l.frequency_from AND l.frequency_to
                       AND five.m BETWEEN l.monetary_from AND l.monetary_to
                     ORDER BY l.sequence, l.id
                     LIMIT 1
                  ) label ON TRUE
            )
            UPDATE crm_customer_profile p
               SET %(assignments)s
              FROM judged j
             WHERE j.id = p.id AND (%(old)s) IS DISTINCT FROM (%(new)s)
            """,
            expected=json.dumps(expected),
            assignments=SQL(", ").join(
                SQL("%s = j.%s", SQL.identifier(name), SQL.identifier(name))
                for name in JUDGEMENTS
            ),
            # most people are judged the same as yesterday: their rows stay
            old=SQL(", ").join(SQL.identifier("p", name) for name in JUDGEMENTS),
            new=SQL(", ").join(SQL.identifier("j", name) for name in JUDGEMENTS),
            bounds=self._get_bounds_values(yardsticks),
            # before the first nightly run nobody knows who is better than others
            is_cut=SQL("(y.is_fixed OR y.population IS NOT NULL)"),
            scope=scope,
            today=SQL("%s::date", today),
            silence=SILENCE_DAYS,
            late=LATE_DAYS_FULL,
            churn_risk=churn_risk,
            churn_coverage=churn_coverage,
            churn_parts=self._get_parts_json("churn", CHURN_PARTS),
            health=health,
            health_coverage=health_coverage,
            health_parts=self._get_parts_json("health", HEALTH_PARTS),
        )

    def _expect(self, partner_ids, yardstick, today):
        """Return what the models of buying say of those who have bought before today,
        as ``{"id": …, "value": …, "alive": …, "orders": …}``; nothing where there is
        too little history for them.
        """
        models_of_buying = yardstick._get_buying()
        if not models_of_buying:
            return []
        buying, value = models_of_buying
        scope = SQL("p.company_id = %s", yardstick.company_id.id)
        if partner_ids is not None:
            scope = SQL("%s AND p.partner_id = ANY(%s)", scope, partner_ids)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id, p.purchase_days - 1, p.date_last - p.date_first,
                       %(today)s - p.date_first, COALESCE(p.repeat_value, 0)::float8,
                       -- of a sale's value, how much stays
                       CASE WHEN p.margin_total IS NULL THEN 1
                            WHEN p.revenue_total > 0
                            THEN greatest(0, p.margin_total / p.revenue_total)::float8
                            ELSE 0 END
                  FROM crm_customer_profile p
                 WHERE %(scope)s AND p.purchase_days > 0 AND p.date_first < %(today)s
                """,
                scope=scope,
                today=SQL("%s::date", today),
            )
        )
        if not rows:
            return []
        ids, x, t_x, t, mean, kept = zip(*rows, strict=True)
        days = yardstick.horizon_months * 365.25 / 12
        ahead = buying.expected(x, t_x, t, days)
        # a mean of nothing or less is none to go by: that of all
        worth = value.expected(
            [count if one > 0 else 0 for count, one in zip(x, mean, strict=True)], mean
        )
        return [
            {
                "id": one,
                "value": float(number),
                "alive": float(odds),
                "orders": float(n),
            }
            for one, number, odds, n in zip(
                ids,
                ahead * worth * kept,
                buying.alive(x, t_x, t),
                buying.expected(x, t_x, t, 365),
                strict=True,
            )
            # not a number: neither formula said anything
            if number == number and n == n
        ]
