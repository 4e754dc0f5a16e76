from odoo import fields, models
from odoo.fields import Domain


class AccountMove(models.Model):
    _inherit = "account.move"

    case_claim_id = fields.Many2one(
        "crm.case.claim",
        string="After-Sales Request",
        copy=False,
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )

    def _post(self, soft=True):
        posted = super()._post(soft)
        (self | posted)._report_case_claims()
        return posted

    def button_draft(self):
        result = super().button_draft()
        self._report_case_claims()
        return result

    def button_cancel(self):
        result = super().button_cancel()
        self._report_case_claims()
        return result

    def unlink(self):
        # sudo: who deletes a draft need not see requests
        claims = self.sudo().case_claim_id
        result = super().unlink()
        claims._report()
        return result

    def _report_case_claims(self):
        # sudo: accountants need not see requests of goods
        self.sudo().case_claim_id._report()


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    case_claim_line_ids = fields.One2many(
        "crm.case.claim.line",
        "invoice_line_id",
        string="After-Sales Goods",
        readonly=True,
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )

    def _get_case_refund_lines(self):
        """Lines of credit notes of the invoice of these lines, on the same product."""
        return self.search(
            Domain("move_id.reversed_entry_id", "in", self.move_id.ids)
            & Domain("product_id", "in", self.product_id.ids)
            & Domain("display_type", "=", "product")
        )
