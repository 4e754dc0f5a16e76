from odoo import fields, models


class AccountAnalyticLine(models.Model):
    """Time and expenses of a case: what it cost."""

    _inherit = "account.analytic.line"

    case_id = fields.Many2one(
        "crm.case",
        check_company=True,
        index="btree_not_null",
        ondelete="set null",
        groups="crm_helpdesk.crm_helpdesk_group_user",
        help="The case that this time or expense was spent on.",
    )
