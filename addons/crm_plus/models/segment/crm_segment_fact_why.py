from odoo import models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import format_date, formatLang

from ...tools.sales import SALE_TYPES


class CrmSegmentFact(models.Model):
    """What a fact finds of one record now, for whoever asks why it is in or not."""

    _inherit = "crm.segment.fact"

    def _get_present(self, record):
        """Return what stands behind a fact, in words, as far as the reader may read
        it; ``None`` where there is nothing to say.
        """
        self.ensure_one()
        try:
            return self._say_present(record, self._get_customer(record))
        except AccessError:
            return None

    def _get_customer(self, record):
        """Hook: the commercial partner whose facts are those of a record."""
        partner = record if record._name == "res.partner" else record.partner_id
        return partner.commercial_partner_id

    def _say_present(self, record, customer):
        """Hook: ``_get_present``; fields that may not be read raise."""
        if self.kind == "score":
            return str(round(record[f"score_{self.score_measure}"], 1))
        if self.kind == "grade":
            return record.score_grade or self.env._("not set")
        if not customer:
            return self.env._("no customer")
        if self.kind == "touched":
            return self._say_last_touched(customer)
        if self.kind == "bought":
            return self._say_last_bought(customer)
        if self.kind == "spent":
            return self._say_spent(customer)
        profile = self._get_profile(customer)
        if not profile:
            return self.env._("not a customer yet")
        return self._say_profile(profile)

    def _say_profile(self, profile):
        if self.kind == "label":
            return profile.label_id.display_name or self.env._("no label")
        if self.kind == "silent":
            words = profile._get_part_words("rhythm", "rhythm")
            return words or self.env._("rhythm not known")
        if self.kind == "overdue" and self._tells_amounts():
            return self._say_amount(profile, profile.overdue_amount)
        if self.kind == "overdue":
            return profile.payment_words
        return None

    def _say_last_touched(self, customer):
        last = self.env["crm.touchpoint"].search(
            [
                ("commercial_partner_id", "=", customer.id),
                ("kind_id", "in", self.touchpoint_kind_ids.ids),
                ("is_machine", "=", False),
            ],
            limit=1,
        )
        if not last:
            return self.env._("never")
        return self.env._("last on %s", format_date(self.env, last.date.date()))

    def _get_companies(self):
        segment = self.segment_id
        return segment.company_id or segment.user_id.company_ids

    def _get_profile(self, customer):
        return self.env["crm.customer.profile"].search(
            [
                ("partner_id", "=", customer.id),
                ("company_id", "in", self._get_companies().ids),
            ],
            limit=1,
        )

    def _say_amount(self, profile, amount):
        return formatLang(self.env, amount, currency_obj=profile.currency_id)

    def _say_last_bought(self, customer):
        domain = Domain("partner_id", "=", customer.id) & Domain(
            "company_id", "in", self._get_companies().ids
        )
        if self.product_ids or self.categ_ids:
            domain &= Domain("product_id", "in", self.product_ids.ids) | Domain(
                "product_id.categ_id", "child_of", self.categ_ids.ids
            )
        [[last]] = self.env["crm.customer.product"]._read_group(
            domain, [], ["date_last:max"]
        )
        if not last:
            return self.env._("never")
        return self.env._("last on %s", format_date(self.env, last))

    def _say_spent(self, customer):
        # whoever may not read the ledger is told nothing
        Profile = self.env["crm.customer.profile"]
        Profile._check_field_access(Profile._fields["revenue_12"], "read")
        domain = [
            ("commercial_partner_id", "=", customer.id),
            ("company_id", "in", self._get_companies().ids),
            ("state", "=", "posted"),
            ("move_type", "in", SALE_TYPES),
        ]
        if self.days:
            domain.append(("invoice_date", ">", f"today -{self.days}d"))
        [[spent]] = self.env["account.move"]._read_group(
            domain, [], ["amount_untaxed_signed:sum"]
        )
        return formatLang(self.env, spent or 0, currency_obj=self.currency_id)
