from odoo import models
from odoo.fields import Domain


class MailBlacklist(models.Model):
    """Who unsubscribes from all, by Odoo's link or button, is in the ledger."""

    _inherit = "mail.blacklist"

    def _on_blocked(self):
        super()._on_blocked()
        emails = self.filtered(lambda one: not one.is_bounce_block).mapped("email")
        if not emails:
            return
        # sudo: whoever unsubscribes has no rights; it is their own word
        Consent = self.env["crm.consent"].sudo()
        purpose = self.env["crm.contact.policy"]._get_purpose("marketing")
        known = Consent.search(
            Domain("email", "in", emails)
            & Domain("purpose_id", "=", purpose.id)
            & Domain("channel", "=", "email")
            & Domain("company_id", "=", self.env.company.id)
            & Domain("is_current", "=", True)
            & Domain("state", "=", "withdrawn")
        ).mapped("email")
        partners = {
            partner.email_normalized: partner.id
            for partner in self.env["res.partner"]
            .sudo()  # sudo: likewise
            .search_fetch(
                [("email_normalized", "in", emails)],
                ["email_normalized"],
                order="id desc",
            )
        }
        Consent.create(
            [
                {
                    "email": email,
                    "partner_id": partners.get(email, False),
                    "company_id": self.env.company.id,
                    "purpose_id": purpose.id,
                    "channel": "email",
                    "state": "withdrawn",
                    "source": self.env._("Unsubscribed"),
                    "proof": self.env._("Put on the list of blocked addresses"),
                }
                for email in set(emails) - set(known)
            ]
        )
