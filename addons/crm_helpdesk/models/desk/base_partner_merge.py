from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Contracts go to who stays, by SQL: those kept in memory are read anew."""
        result = super()._update_foreign_keys(src_partners, dst_partner)
        self.env.registry.clear_cache()
        return result
