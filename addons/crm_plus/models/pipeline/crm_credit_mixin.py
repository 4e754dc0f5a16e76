from odoo import api, fields, models

from ..customer.res_partner import PROFILE_GROUPS


class CrmCreditMixin(models.AbstractModel):
    """The customer's standing in the ledger, as a light and words for who sells.

    Blocked: accounting marks the customer as a bad debtor. Words tell no amounts: they
    are for whoever sells, serves or accounts, and may read the record. Not for the
    customer, who reads the own quotations in the portal.
    """

    _name = "crm.credit.mixin"
    _description = "Credit Light"

    credit_light = fields.Selection(
        [("green", "Fine"), ("amber", "Careful"), ("red", "Stop"), ("none", "Unknown")],
        compute="_compute_credit_light",
        groups=PROFILE_GROUPS,
    )
    credit_words = fields.Char(
        string="Credit", compute="_compute_credit_light", groups=PROFILE_GROUPS
    )

    def _get_credit_amounts(self):
        """Hook: what each record would add to what the customer owes, in the currency
        of its company.
        """
        return dict.fromkeys(self, 0.0)

    @api.depends("partner_id", "company_id")
    @api.depends_context("company", "lang")
    def _compute_credit_light(self):
        amounts = self._get_credit_amounts()
        by_company = self.grouped(lambda record: record.company_id or self.env.company)
        for company, records in by_company.items():
            # sudo: words only are told
            standings = (
                records.sudo().partner_id.commercial_partner_id._get_credit_standings(
                    company
                )
            )
            for record in records:
                standing = standings.get(
                    # sudo: as above
                    record.sudo().partner_id.commercial_partner_id.id
                )
                record.credit_light, record.credit_words = (
                    standing.judge(self.env, amounts[record])
                    if standing
                    else ("none", False)
                )
