from odoo import models


class MailBlacklist(models.Model):
    _inherit = "mail.blacklist"

    def _on_blocked(self):
        super()._on_blocked()
        self.env["crm.campaign.participant"]._on_opt_out(self.mapped("email"))
