from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_values(self, src_partners, dst_partner):
        result = super()._update_values(src_partners, dst_partner)
        # sudo: history is written by the system only
        self.env["crm.lifecycle.event"].sudo()._merge_partners(dst_partner)
        return result
