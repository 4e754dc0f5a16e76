from odoo import api, models


class AccountPartialReconcile(models.Model):
    """A payment that meets an invoice, or leaves it again, changes what is owed."""

    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        partials._queue_customer_profiles()
        return partials

    def unlink(self):
        self._queue_customer_profiles()
        return super().unlink()

    def _queue_customer_profiles(self):
        # sudo: only whose account it is
        invoices = (self.debit_move_id + self.credit_move_id).sudo().move_id
        invoices._queue_customer_profiles()
