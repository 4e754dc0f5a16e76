from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Who stays has the invoices of both; the profile of who goes is gone, the
        moves of both are kept, and customers of a month are counted again.
        """
        # sudo: written by the system only
        self.env["crm.customer.snapshot"].sudo()._move_partners(
            src_partners.ids, dst_partner.commercial_partner_id.id
        )
        # as above
        self.env["crm.customer.retention"].sudo()._forget_counts()
        result = super()._update_foreign_keys(src_partners, dst_partner)
        self.env["crm.customer.profile"]._queue_rebuild(dst_partner)
        return result
