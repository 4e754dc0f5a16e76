from odoo import models


class MailBlacklist(models.Model):
    _inherit = "mail.blacklist"

    def _on_blocked(self):
        super()._on_blocked()
        Participant = self.env["crm.campaign.participant"]
        bounced = self.filtered("is_bounce_block")
        Participant._on_opt_out((self - bounced).mapped("email"))
        Participant._on_opt_out(bounced.mapped("email"), is_bounce=True)
