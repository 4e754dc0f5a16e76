from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    _customer_profile_idx = models.Index(
        "(commercial_partner_id, company_id)"
        " WHERE move_type IN ('out_invoice', 'out_refund') AND state = 'posted'"
    )

    def write(self, vals):
        if "invoice_date" in vals:
            day = fields.Date.to_date(vals["invoice_date"])
            self.filtered(lambda move: move.invoice_date != day)._forget_months()
        return super().write(vals)

    def unlink(self):
        self._forget_months()
        return super().unlink()

    def _post(self, soft=True):
        posted = super()._post(soft=soft)
        posted._queue_customer_profiles()
        return posted

    def button_draft(self):
        result = super().button_draft()
        self._queue_customer_profiles()
        return result

    def _forget_months(self):
        """Once posted, they counted in the month that they are of until now."""
        counted = self.filtered(
            lambda move: (
                move.posted_before and move.invoice_date and move.is_sale_document()
            )
        )
        # sudo: whoever corrects an invoice need not read what is counted
        Retention = self.env["crm.customer.retention"].sudo()
        for company, moves in counted.grouped("company_id").items():
            Retention._forget_from(company, min(moves.mapped("invoice_date")))

    def _queue_customer_profiles(self):
        sales = self.filtered(lambda move: move.is_sale_document())
        self.env["crm.customer.profile"]._queue_rebuild(sales.partner_id)
