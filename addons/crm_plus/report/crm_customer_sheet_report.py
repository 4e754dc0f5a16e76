from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_amount, format_date

from ..models.customer.crm_customer_yardstick import MONEY_GROUPS

# what fits on the two pages that are read in the car
LIMIT = 10


class ReportCustomerSheet(models.AbstractModel):
    """A customer on paper, for who goes there: read with the rights of the reader.

    What is not known is None here and is said to be so on the paper; what the reader
    may not see is not there at all.
    """

    _name = "report.crm_plus.report_customer_sheet"
    _description = "Customer Sheet"

    @api.model
    def _get_report_values(self, docids, data=None):
        partners = self.env["res.partner"].browse(docids)
        partners.check_access("read")
        return {
            "doc_ids": docids,
            "doc_model": "res.partner",
            "sheets": [self._get_sheet(partner) for partner in partners],
            "today": fields.Date.context_today(self),
        }

    @api.model
    def _get_sheet(self, partner):
        """Hook: what the template prints of a customer. A list that is None is hidden:
        the reader has no right to it.
        """
        customer = partner.commercial_partner_id
        profile = partner.customer_profile_id
        return {
            "partner": partner,
            "customer": customer,
            "profile": profile,
            "address": ", ".join(
                line
                for line in customer._display_address(without_company=True).split("\n")
                if line
            ),
            "lights": self._get_lights(customer),
            "facts": self._get_facts(profile),
            "money": self._get_money(profile),
            "contacts": self._read_some(
                "res.partner",
                Domain("commercial_partner_id", "=", customer.id)
                & Domain("id", "!=", customer.id)
                & Domain("type", "=", "contact"),
            ),
            "deals": self._read_some(
                "crm.lead",
                Domain("partner_id.commercial_partner_id", "=", customer.id)
                & Domain("type", "=", "opportunity")
                & Domain("won_status", "=", "pending"),
                order="date_deadline, id",
            ),
            "touchpoints": self._read_some(
                "crm.touchpoint",
                Domain("commercial_partner_id", "=", customer.id)
                & Domain("is_machine", "=", False)
                # what somebody did; what was concluded from it is no news at a visit
                & Domain(
                    "kind_id.code",
                    "not in",
                    self.env["crm.touchpoint"]._get_derived_kinds(),
                ),
            ),
            "products": self._read_some(
                "crm.customer.product", Domain("profile_id", "=", profile.id)
            ),
            "has_money": self.env.user.has_groups(MONEY_GROUPS),
            "deliveries": self._read_some(
                "crm.delivery.report",
                Domain("partner_id", "=", customer.id)
                & Domain("direction", "=", "delivery")
                & Domain("state", "in", ("late", "open")),
                order="date_promised, id",
            ),
            "returns": self._read_some(
                "crm.delivery.report",
                Domain("partner_id", "=", customer.id)
                & Domain("direction", "=", "return")
                & (
                    Domain("date_done", "=", False)
                    | Domain("date_done", ">=", "today -12m")
                ),
            ),
        }

    def _read_some(self, model, domain, order=None):
        Model = self.env[model]
        if not Model.has_access("read"):
            return None
        return Model.search(domain, limit=LIMIT, order=order)

    def _get_lights(self, customer):
        """Return ``[(label, words or None, light)]``, as on the customer page."""
        header = customer._get_customer_headers()[customer.id]
        lights = {one["key"]: one for one in header["lights"]}
        return [
            (
                label,
                lights.get(key, {}).get("words") or None,
                lights.get(key, {}).get("light"),
            )
            for key, label in (
                ("payment", self.env._("Payment")),
                ("churn", self.env._("Churn risk")),
                ("health", self.env._("Health")),
            )
        ]

    def _get_facts(self, profile):
        """Return ``[(label, value or None)]`` of what sellers may know."""
        known = profile.interval_n >= 2

        def day(value):
            return format_date(self.env, value) if value else None

        channels = dict(profile._fields["channel"]._description_selection(self.env))
        return [
            (self.env._("Customer since"), day(profile.date_first)),
            (self.env._("Last invoice"), day(profile.date_last)),
            (
                self.env._("Usual interval"),
                self.env._(
                    "%(days)s days (n = %(count)s)",
                    days=round(profile.interval_median, 1),
                    count=profile.interval_n,
                )
                if known
                else None,
            ),
            (
                self.env._("Next order expected"),
                day(profile.date_next) if known else None,
            ),
            (self.env._("Last word"), day(profile.date_last_word)),
            (self.env._("Preferred channel"), channels.get(profile.channel)),
            (
                self.env._("Deliveries of 12 months"),
                self.env._(
                    "%(count)s, %(late)s of them late",
                    count=profile.delivery_count_12,
                    late=profile.delivery_late_12,
                )
                if profile
                else None,
            ),
            (
                self.env._("Returns of 12 months"),
                profile.return_count_12 if profile else None,
            ),
            (
                self.env._("Open cases"),
                profile.case_open_count if profile.is_service_known else None,
            ),
            (
                self.env._("Last rating"),
                self.env._(
                    "%(rating)s (n = %(count)s)",
                    rating=round(profile.rating, 1),
                    count=profile.rating_n,
                )
                if profile.rating_n
                else None,
            ),
        ]

    def _get_money(self, profile):
        """Return ``[(label, value or None)]``; None: not for this reader."""
        if not self.env.user.has_groups(MONEY_GROUPS):
            return None

        def money(amount, is_known=True):
            if not profile or not is_known:
                return None
            return format_amount(self.env, amount, profile.currency_id)

        return [
            (self.env._("Net sales of 12 months"), money(profile.revenue_12)),
            (self.env._("Net sales, all time"), money(profile.revenue_total)),
            (
                self.env._("Margin of 12 months"),
                money(profile.margin_12, profile.value_basis == "margin"),
            ),
            (
                self.env._("Expected value"),
                money(profile.expected_value, profile.expected_basis),
            ),
            (self.env._("Open receivable"), money(profile.receivable)),
            (self.env._("Overdue"), money(profile.overdue_amount)),
            (
                self.env._("Pays after the due date"),
                self.env._(
                    "%(days)s days (n = %(count)s)",
                    days=round(profile.payment_delay, 1),
                    count=profile.payment_n,
                )
                if profile.payment_n
                else None,
            ),
            (
                self.env._("Credit used"),
                self.env._("%s %%", round(profile.credit_used, 1))
                if profile.credit_limit
                else None,
            ),
        ]
