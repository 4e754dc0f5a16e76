from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_values(self, src_partners, dst_partner):
        """Who stays sees no more on the portal than before: the right that came with
        another contact may have been one of another company's.
        """
        # sudo: the right is not for all to read
        dst_sudo = dst_partner.sudo()
        access = dst_sudo.case_access
        super()._update_values(src_partners, dst_partner)
        if dst_sudo.case_access != access:
            dst_sudo.case_access = access

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Contracts go to who stays, by SQL: those kept in memory are read anew."""
        result = super()._update_foreign_keys(src_partners, dst_partner)
        self.env.registry.clear_cache()
        return result
