from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        # sudo: holds of providers are written by the system only
        self.env["crm.contact.hold"].sudo()._move_partners(
            src_partners.ids, dst_partner.id
        )
        # sudo: likewise; what contacts said is theirs
        self.env["crm.consent.preference"].sudo()._move_partners(
            src_partners.ids, dst_partner.id
        )
        result = super()._update_foreign_keys(src_partners, dst_partner)
        Consent = self.env["crm.consent"].sudo()
        Consent.invalidate_model(["partner_id"], flush=False)
        Consent._move_partners(dst_partner.id)
        return result
