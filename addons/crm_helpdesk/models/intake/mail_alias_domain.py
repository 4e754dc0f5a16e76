from odoo import api, models
from odoo.tools import ormcache


class MailAliasDomain(models.Model):
    """A handful of rows that are asked for each mail."""

    _name = "mail.alias.domain"
    _inherit = ["mail.alias.domain", "crm.cached.mixin"]

    @api.model
    @ormcache()
    def _get_own_names(self):
        """``(names of domains, addresses)`` that Odoo itself writes from and to, of all
        companies."""
        # sudo: addresses of all companies are ours
        domains_sudo = self.sudo().search([])
        own = ("bounce_email", "catchall_email", "default_from_email")
        emails = {email for name in own for email in domains_sudo.mapped(name) if email}
        return frozenset(domains_sudo.mapped("name")), frozenset(emails)
