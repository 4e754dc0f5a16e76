from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    crm_campaigns_approval_limit = fields.Integer(
        string="Campaigns Need an Approval From",
        help="Campaigns that so many people or more enter are approved by an "
        "administrator of campaigns before they start. 0: never.",
    )
    crm_campaigns_approval_self = fields.Boolean(
        string="People Approve Their Own",
        help="Whoever asks for an approval may also give it.",
    )

    _check_crm_campaigns_approval_limit = models.Constraint(
        "CHECK(crm_campaigns_approval_limit >= 0)", "So many people there are not."
    )
