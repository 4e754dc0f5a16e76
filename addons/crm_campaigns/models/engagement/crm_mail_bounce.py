from odoo import models


class CrmMailBounce(models.Model):
    _inherit = "crm.mail.bounce"

    def _stop(self):
        """An address that is blocked because it bounces has not unsubscribed; who
        complains, or left at the mail service, wants no more mails."""
        wished = self.filtered(
            lambda bounce: bounce.kind in ("complaint", "unsubscribe")
        )
        for bounces, is_bounce in ((self - wished, True), (wished, False)):
            super(
                CrmMailBounce, bounces.with_context(crm_campaigns_bounce=is_bounce)
            )._stop()
