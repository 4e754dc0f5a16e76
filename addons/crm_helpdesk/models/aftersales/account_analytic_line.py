from odoo import api, fields, models


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

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        of_cases = [
            line.id
            for line, vals in zip(lines, vals_list, strict=True)
            if vals.get("case_id") or "default_case_id" in self.env.context
        ]
        self.browse(of_cases)._warn_of_case_hours()
        return lines

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"case_id", "unit_amount", "product_uom_id"}:
            self._warn_of_case_hours()
        return result

    def _warn_of_case_hours(self):
        """Time of a case uses up the prepaid hours of its contract."""
        # sudo: whoever notes the time need not see the case
        self.sudo().case_id.contract_id._warn_of_hours()
