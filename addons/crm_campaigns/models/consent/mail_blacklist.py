from odoo import models

from odoo.addons.crm_plus.tools.contact_consent import GIVEN, WITHDRAWN


class MailBlacklist(models.Model):
    """Who unsubscribes from all, by Odoo's link or button, is in the ledger; who comes
    back by it is, too. Of whom a colleague takes off the list nothing is known: the
    person's last word holds.
    """

    _inherit = "mail.blacklist"

    def write(self, vals):
        unblocked = self.browse()
        if vals.get("active") is False:
            unblocked = self.filtered("active")
        result = super().write(vals)
        if unblocked.env["crm.consent"]._is_own_word():
            unblocked._say(GIVEN, self.env._("Taken off the list of blocked addresses"))
        return result

    def _on_blocked(self):
        super()._on_blocked()
        self.filtered(lambda one: not one.is_bounce_block)._say(
            WITHDRAWN, self.env._("Put on the list of blocked addresses")
        )

    def _say(self, state, proof):
        if not self or self.env.context.get("crm_campaigns_mirrored"):
            return
        # sudo: whoever unsubscribes has no rights; it is their own word
        Consent = self.env["crm.consent"].sudo()
        purpose = self.env["crm.contact.policy"]._get_purpose("marketing")
        source, own_proof, company = self.env["mailing.subscription"]._get_said()
        Consent.with_context(crm_campaigns_mirrored=True)._say_of_addresses(
            {(email, purpose): own_proof or proof for email in self.mapped("email")},
            state,
            source or self.env._("Unsubscribed"),
            company,
        )
