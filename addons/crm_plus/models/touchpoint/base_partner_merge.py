from odoo import models
from odoo.tools import SQL


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_values(self, src_partners, dst_partner):
        result = super()._update_values(src_partners, dst_partner)
        commercial = dst_partner.commercial_partner_id
        if commercial != dst_partner:
            # Odoo put the kept contact where a merged company was; it may be a contact
            # of another one
            Touchpoint = self.env["crm.touchpoint"]
            self.env.cr.execute(
                SQL(
                    "UPDATE crm_touchpoint SET commercial_partner_id = %s"
                    " WHERE commercial_partner_id = %s",
                    commercial.id,
                    dst_partner.id,
                )
            )
            Touchpoint.invalidate_model(["commercial_partner_id"], flush=False)
        return result
