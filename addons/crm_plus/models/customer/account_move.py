from odoo import models


class AccountMove(models.Model):
    _inherit = "account.move"

    _customer_profile_idx = models.Index(
        "(commercial_partner_id, company_id)"
        " WHERE move_type IN ('out_invoice', 'out_refund') AND state = 'posted'"
    )

    def _post(self, soft=True):
        posted = super()._post(soft=soft)
        posted._queue_customer_profiles()
        return posted

    def button_draft(self):
        result = super().button_draft()
        self._queue_customer_profiles()
        return result

    def _queue_customer_profiles(self):
        sales = self.filtered(lambda move: move.is_sale_document())
        self.env["crm.customer.profile"]._queue_rebuild(sales.partner_id)
