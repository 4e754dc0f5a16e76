from odoo import models
from odoo.tools import SQL


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    """Odoo moves what points to merged contacts by plain SQL, and stops where an index
    allows one row a contact, as with scores.
    """

    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        self.env.flush_all()
        # what a score was of: two contacts; the kept one is scored anew below
        self.env.cr.execute(
            SQL("DELETE FROM crm_score WHERE partner_id = ANY(%s)", src_partners.ids)
        )
        # one past is kept: that of the contact that stays, else of the oldest
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM crm_score_past
                 WHERE partner_id = ANY(%(sources)s)
                   AND id <> COALESCE((
                       SELECT id FROM crm_score_past
                        WHERE partner_id = %(kept)s OR partner_id = ANY(%(sources)s)
                     ORDER BY partner_id = %(kept)s DESC, partner_id LIMIT 1), 0)
                """,
                sources=src_partners.ids,
                kept=dst_partner.id,
            )
        )
        result = super()._update_foreign_keys(src_partners, dst_partner)
        self.env["crm.score.model"]._queue_recompute("res.partner", dst_partner.ids)
        return result
