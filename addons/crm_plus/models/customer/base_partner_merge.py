from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Who stays has the invoices of both; the profile of who goes is gone."""
        result = super()._update_foreign_keys(src_partners, dst_partner)
        self.env["crm.customer.profile"]._queue_rebuild(dst_partner)
        return result
