from odoo import models
from odoo.tools import SQL


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_values(self, src_partners, dst_partner):
        # Odoo takes values over with the rights of who merges; where a customer stands
        # is nobody's to write, and read anew below
        partners = src_partners + dst_partner
        fnames = partners._get_lifecycle_fields()
        partners.flush_recordset(fnames)
        self.env.cr.execute(
            SQL(
                "UPDATE res_partner SET %s WHERE id = ANY(%s)",
                SQL(", ").join(SQL("%s = NULL", SQL.identifier(f)) for f in fnames),
                partners.ids,
            )
        )
        partners.invalidate_recordset(fnames, flush=False)
        result = super()._update_values(src_partners, dst_partner)
        # sudo: history is written by the system only
        self.env["crm.lifecycle.event"].sudo()._merge_partners(dst_partner)
        return result
