from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    crm_campaigns_mail_cost = fields.Float(
        string="Cost of a Marketing Mail",
        digits=(16, 4),
        help="What one mail of a mailing or campaign costs, in the currency of the "
        "company, for the profitability of customers. 0: not known.",
    )

    _check_crm_campaigns_mail_cost = models.Constraint(
        "CHECK(crm_campaigns_mail_cost >= 0)", "A mail cannot cost less than nothing."
    )
