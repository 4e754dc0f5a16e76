from odoo import api, models


class MailBlacklist(models.Model):
    """Whoever is blocked, or is no longer, joins and leaves segments at once."""

    _inherit = "mail.blacklist"

    @api.model_create_multi
    def create(self, vals_list):
        blocks = super().create(vals_list)
        blocks._queue_refresh_consent()
        return blocks

    def write(self, vals):
        if "email" in vals:
            self._queue_refresh_consent()
        result = super().write(vals)
        if not vals.keys().isdisjoint({"active", "email"}):
            self._queue_refresh_consent()
        return result

    def unlink(self):
        self._queue_refresh_consent()
        return super().unlink()

    def _queue_refresh_consent(self):
        # sudo: membership does not depend on who blocks an address
        self.env["crm.segment"]._queue_refresh_addresses(
            block.email for block in self.sudo()
        )
