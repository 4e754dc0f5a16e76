"""Key figures of the customer page, from profiles and their monthly snapshots."""

from dateutil.relativedelta import relativedelta

from odoo import fields, models
from odoo.tools import format_amount, format_date

from ...tools.customer_panel import format_number
from .crm_customer_yardstick import MONEY_GROUPS

# months of a trend; fewer than two points are none
TREND_MONTHS = 13
# what is shown for a figure that is not known
UNKNOWN = "\N{EN DASH}"
BADNESS = {"green": 1, "amber": 2, "red": 3}


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _get_customer_figures(self, profiles):
        """Hook: key figures of these customers taken together, each ``{"key", "label",
        "value", "words", "light", "trend"}``; money only for whoever may see it.
        """
        if not profiles:
            return []
        sees_money = self.env.user.has_groups(MONEY_GROUPS)
        trends = self._get_customer_trends(sees_money)
        figures = []
        if sees_money:
            figures += self._get_customer_money_figures(profiles, trends)
        figures += self._get_customer_rhythm_figures(profiles)
        figures += self._get_customer_goods_figures(profiles)
        figures += self._get_customer_judgement_figures(profiles, trends)
        return figures

    def _get_customer_trends(self, sees_money):
        """``{field: [value a month]}``; None where one of the months is not known."""
        names = ["health", "churn_risk"] if len(self) == 1 else []
        if sees_money:
            names += ["revenue_12", "margin_12", "expected_value"]
        if not names:
            return {}
        since = fields.Date.context_today(self) - relativedelta(months=TREND_MONTHS)
        rows = self.env["crm.customer.snapshot"]._read_group(
            [
                ("partner_id", "in", self.ids),
                ("company_id", "=", self.env.company.id),
                ("date", ">=", since),
            ],
            ["date:month"],
            [f"{name}:sum" for name in names],
            order="date:month",
        )
        return {
            name: [row[place] for row in rows if row[place] is not None]
            for place, name in enumerate(names, start=1)
        }

    def _get_customer_figure(self, key, label, value, words="", light="", trend=None):
        return {
            "key": key,
            "label": label,
            "value": value,
            "words": words,
            "light": light,
            "trend": trend if trend and len(trend) > 1 else [],
        }

    def _get_customer_money_figures(self, profiles, trends):
        currency = self.env.company.currency_id

        def money(amount):
            return format_amount(self.env, amount, currency)

        figures = [
            self._get_customer_figure(
                "revenue_12",
                self.env._("Net sales, 12 months"),
                money(sum(profiles.mapped("revenue_12"))),
                self._get_customer_trend_words(profiles),
                trend=trends["revenue_12"],
            )
        ]
        # with costs unknown somewhere the sum would be less than it is
        if all(profile.value_basis == "margin" for profile in profiles):
            figures.append(
                self._get_customer_figure(
                    "margin_12",
                    self.env._("Margin, 12 months"),
                    money(sum(profiles.mapped("margin_12"))),
                    self.env._(
                        "%s since the first invoice",
                        money(sum(profiles.mapped("margin_total"))),
                    ),
                    trend=trends["margin_12"],
                )
            )
        past = sum(profiles.mapped("past_value"))
        is_expected = all(profile.expected_basis for profile in profiles)
        expected = sum(profiles.mapped("expected_value")) if is_expected else 0.0
        figures.append(
            self._get_customer_figure(
                "lifetime_value",
                self.env._("Lifetime value"),
                money(past + expected),
                self.env._(
                    "%(past)s so far, %(expected)s expected",
                    past=money(past),
                    expected=money(expected),
                )
                if is_expected
                else self.env._("So far; too few customers to expect more"),
            )
        )
        overdue = sum(profiles.mapped("overdue_amount"))
        days = max(profiles.mapped("overdue_days"))
        figures.append(
            self._get_customer_figure(
                "receivable",
                self.env._("Open receivable"),
                money(sum(profiles.mapped("receivable"))),
                self.env._(
                    "%(amount)s overdue, the oldest for %(days)s days",
                    amount=money(overdue),
                    days=days,
                )
                if overdue > 0
                else self.env._("Nothing overdue"),
                "red" if overdue > 0 else "green",
            )
        )
        paid = sum(profiles.mapped("payment_n"))
        if len(profiles) == 1:
            delay = profiles.payment_delay
            if not paid:
                value, words = UNKNOWN, self.env._("No invoice paid in 12 months")
            else:
                value = (
                    self.env._("%s days late", format_number(self.env, delay, 1))
                    if delay > 0
                    else self.env._("%s days early", format_number(self.env, -delay, 1))
                )
                words = self.env._("Weighted by amount, n = %s", paid)
            figures.append(
                self._get_customer_figure("payment", self.env._("Pays"), value, words)
            )
        return figures

    def _get_customer_trend_words(self, profiles):
        now = sum(profiles.mapped("revenue_90"))
        before = sum(profiles.mapped("revenue_90_before"))
        if not all(profile.is_trend_known for profile in profiles) or before <= 0:
            return ""
        change = round(100 * (now / before - 1))
        return self.env._("Last 90 days: %s %% against before", f"{change:+d}")

    def _get_customer_rhythm_figures(self, profiles):
        bought = profiles.filtered("date_last")
        if not bought:
            return []
        last = max(bought.mapped("date_last"))
        figures = [
            self._get_customer_figure(
                "last_invoice",
                self.env._("Last invoice"),
                format_date(self.env, last),
                self.env._("%s in 12 months", sum(profiles.mapped("invoice_count_12"))),
            )
        ]
        if len(profiles) > 1:
            return figures
        if profiles.interval_n < 2:
            value, light = UNKNOWN, ""
            words = self.env._("Not enough purchases to tell")
        else:
            value = format_date(self.env, profiles.date_next)
            usual = format_number(self.env, profiles.interval_median, 0)
            late = profiles.days_overdue
            if late > 0:
                words = self.env._(
                    "Usually every %(usual)s days; %(late)s days over",
                    usual=usual,
                    late=late,
                )
            else:
                words = self.env._("Usually every %s days", usual)
            ratio = profiles.silence_ratio
            light = "red" if ratio > 2 else "amber" if ratio > 1.2 else "green"
        figures.append(
            self._get_customer_figure(
                "next_order", self.env._("Next order expected"), value, words, light
            )
        )
        return figures

    def _get_customer_goods_figures(self, profiles):
        delivered = sum(profiles.mapped("delivery_count_12"))
        returned = sum(profiles.mapped("return_count_12"))
        if not delivered and not returned:
            return []
        late = sum(profiles.mapped("delivery_late_12"))
        return [
            self._get_customer_figure(
                "deliveries",
                self.env._("Deliveries, 12 months"),
                str(delivered),
                self.env._(
                    "%(late)s late, %(returned)s returns", late=late, returned=returned
                ),
                "amber" if late else "green",
            )
        ]

    def _get_customer_judgement_figures(self, profiles, trends):
        figures = []
        for name, label, light_name, has_level in (
            ("health", self.env._("Health"), "health_light", "health_light"),
            ("churn_risk", self.env._("Churn risk"), "churn_light", "churn_level"),
        ):
            known = profiles.filtered(has_level)
            if not known:
                figures.append(
                    self._get_customer_figure(
                        name, label, UNKNOWN, self.env._("Not enough data")
                    )
                )
                continue
            # of several customers the one to worry about
            worst = max(known, key=lambda one: BADNESS[one[light_name]])
            coverage = worst[
                "health_coverage" if name == "health" else "churn_coverage"
            ]
            figures.append(
                self._get_customer_figure(
                    name,
                    label,
                    self.env._("%s of 100", format_number(self.env, worst[name], 0)),
                    self.env._("The worst: %s", worst.partner_id.name)
                    if len(profiles) > 1
                    else self.env._(
                        "Rests on %s %% of the facts",
                        format_number(self.env, coverage, 0),
                    ),
                    worst[light_name],
                    trends.get(name),
                )
            )
        return figures
