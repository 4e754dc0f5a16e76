from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        # sudo: members are written by the system only
        self.env["crm.segment.member"].sudo()._move_partners(
            src_partners.ids, dst_partner.id
        )
        return super()._update_foreign_keys(src_partners, dst_partner)
