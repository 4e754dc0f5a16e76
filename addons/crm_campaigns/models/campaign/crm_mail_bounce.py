from odoo import models


class CrmMailBounce(models.Model):
    _inherit = "crm.mail.bounce"

    def _stop(self):
        """First: whoever complains is told apart from those who opted out."""
        complaints = self.filtered(lambda bounce: bounce.kind == "complaint")
        if complaints:
            self.env["crm.campaign.participant"]._on_complaint(
                complaints.mapped("email_normalized")
            )
        return super()._stop()
