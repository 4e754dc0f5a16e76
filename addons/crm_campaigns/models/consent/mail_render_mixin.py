from odoo import api, models

from .mail_mail import PREFERENCES


class MailRenderMixin(models.AbstractModel):
    _inherit = "mail.render.mixin"

    @api.model
    def _shorten_links(self, html, link_tracker_vals, blacklist=None, base_url=None):
        """The link to the preference page is another one for each recipient."""
        return super()._shorten_links(
            html,
            link_tracker_vals,
            blacklist=[*(blacklist or ()), PREFERENCES],
            base_url=base_url,
        )
