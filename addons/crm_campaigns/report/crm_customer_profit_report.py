from odoo import api, models
from odoo.tools import SQL


class CrmCustomerProfitReport(models.Model):
    """What marketing mails cost a customer: each that left, at the price of the company
    it left from. Without a price the cost is not known, and nothing is taken off.
    """

    _inherit = "crm.customer.profit.report"
    _depends = {
        "mailing.trace": ["email", "res_id", "model", "sent_datetime"],
        "mailing.mailing": ["user_id"],
        "crm.lead": ["company_id", "partner_id"],
        "res.company": ["crm_campaigns_mail_cost"],
        "res.users": ["company_id"],
    }

    @api.model
    def _get_known_costs(self, company):
        known = super()._get_known_costs(company)
        # sudo: who reads the profit may know whether mails are in it
        if company.sudo().crm_campaigns_mail_cost:
            known = known | {"campaign"}
        return known

    @api.model
    def _get_cost_queries(self):
        Touchpoint = self.env["crm.touchpoint"]
        return [
            *super()._get_cost_queries(),
            SQL(
                """
                SELECT p.commercial_partner_id AS partner_id, c.id AS company_id,
                       t.sent_datetime::date AS date,
                       c.crm_campaigns_mail_cost AS cost
                  FROM %s
             LEFT JOIN res_users u ON u.id = m.user_id
                  JOIN res_company c
                    ON c.id = COALESCE(l.company_id, p.company_id, u.company_id)
                 WHERE %s AND p.commercial_partner_id IS NOT NULL
                   AND t.sent_datetime IS NOT NULL AND c.crm_campaigns_mail_cost > 0
                """,
                Touchpoint._get_trace_from(),
                Touchpoint._get_trace_where(),
            ),
        ]
