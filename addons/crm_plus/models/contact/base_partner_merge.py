from odoo import models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        # Odoo's savepoints run what waits for the commit (holds set, segments joined):
        # it is written before the rooms move their rows, not while rows are moved, when
        # it would be written twice or for a contact that goes
        self.env.cr.flush()
        return super()._merge(partner_ids, dst_partner, extra_checks)

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
