from dateutil.relativedelta import relativedelta

from odoo import fields, models

from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS


class CrmCustomerProfile(models.Model):
    _inherit = "crm.customer.profile"

    case_cost_12 = fields.Monetary(
        string="Cost of Cases, 12 Months",
        compute="_compute_case_cost_12",
        groups=MONEY_GROUPS,
        help="Credit notes, goods, freight and time of the customer's cases.",
    )

    def _compute_case_cost_12(self):
        since = self._get_today() - relativedelta(years=1)
        # sudo: the field is for those who may see amounts; profiles have own rules
        costs = {
            (partner.id, company.id): amount
            for partner, company, amount in self.env["crm.case.cost"]
            .sudo()
            ._read_group(
                [
                    ("partner_id", "in", self.partner_id.ids),
                    ("company_id", "in", self.company_id.ids),
                    ("date", ">", since),
                ],
                ["partner_id", "company_id"],
                ["amount:sum"],
            )
        }
        for profile in self:
            key = (profile.partner_id.id, profile.company_id.id)
            profile.case_cost_12 = costs.get(key, 0.0)
