from odoo import api, models
from odoo.fields import Domain

from odoo.addons.crm_plus.models.contact.crm_consent_policy import GENERAL
from odoo.addons.crm_plus.tools.contact_consent import GIVEN, PENDING, WITHDRAWN

MAIL_CHANNELS = (False, "email")


class CrmConsent(models.Model):
    """The ledger and Odoo's own lists say the same.

    Who leaves a list or asks to be blocked is in the ledger, see
    ``mailing_subscription.py`` and ``mail_blacklist.py``. Here is the other way: who no
    longer wants a topic leaves its lists, and who wants nothing is blocked. Only the
    person, with a word of their own, gets on a list or out of the blocklist again.
    """

    _inherit = "crm.consent"

    # ------------------------------------------------------------
    # From Odoo's lists to the ledger
    # ------------------------------------------------------------

    @api.model
    def _say_of_addresses(self, proofs, state, source, company=None):
        """Note what the people behind addresses said of mails, unless they said the
        same before.

        :param proofs: ``{(normalized address, purpose): proof}``
        """
        company = company or self.env.company
        emails = list({email for email, _purpose in proofs})
        said = self._get_last_states(emails, company)
        partners = {
            partner.email_normalized: partner.id
            for partner in self.env["res.partner"]
            .sudo()  # sudo: whoever unsubscribes has no rights
            .search_fetch(
                [("email_normalized", "in", emails)],
                ["email_normalized"],
                order="id desc",
            )
        }
        return self.create(
            [
                {
                    "email": email,
                    "partner_id": partners.get(email, False),
                    "company_id": company.id,
                    "purpose_id": purpose.id,
                    "channel": "email",
                    "state": state,
                    "source": source,
                    "proof": proof,
                }
                for (email, purpose), proof in proofs.items()
                if said.get((email, purpose.id)) != state
            ]
        )

    @api.model
    def _get_last_states(self, emails, company):
        """``{(address, purpose id): state}`` of the last words on mails."""
        rows = self.search_fetch(
            Domain("email", "in", emails)
            & Domain("company_id", "=", company.id)
            & Domain("channel", "in", MAIL_CHANNELS)
            & Domain("is_current", "=", True),
            ["email", "purpose_id", "state"],
            order="date, id",
        )
        return {(row.email, row.purpose_id.id): row.state for row in rows}

    # ------------------------------------------------------------
    # From the ledger to Odoo's lists
    # ------------------------------------------------------------

    def _on_said(self):
        super()._on_said()
        if self.env.context.get("crm_campaigns_mirrored"):
            return
        # sudo: lists and blocklist follow, whoever notes what somebody said
        words = (
            self.sudo()
            .with_context(crm_campaigns_mirrored=True)
            .filtered(
                lambda one: (
                    one.is_current
                    and one.email
                    and one.channel in MAIL_CHANNELS
                    and one.state != PENDING
                    and one.purpose_id.nature == "marketing"
                )
            )
        )
        withdrawn = words.filtered(lambda one: one.state == WITHDRAWN)
        withdrawn._mirror_lists(opt_out=True)
        withdrawn.filtered(lambda one: one.purpose_id.code == GENERAL)._mirror_block()
        if self._is_own_word():
            given = words.filtered(lambda one: one.state == GIVEN)
            given._mirror_lists(opt_out=False)
            given._mirror_unblock()

    def _mirror_lists(self, opt_out):
        """Off the lists of these topics, or back on those that they left."""
        wanted = {
            (word.email, word.purpose_id)
            for word in self
            if word.purpose_id.code != GENERAL
        }
        if not wanted:
            return
        found = self.env["mailing.subscription"].search(
            Domain("contact_id.email_normalized", "in", [email for email, _p in wanted])
            & Domain("list_id.consent_purpose_id", "in", [p.id for _e, p in wanted])
            & Domain("opt_out", "=", not opt_out)
        )
        found = found.filtered(
            lambda one: (
                (one.contact_id.email_normalized, one.list_id.consent_purpose_id)
                in wanted
            )
        )
        if found:
            found.write({"opt_out": opt_out})

    def _mirror_block(self):
        """Odoo's blocklist is one of all companies: whoever agreed to hear from another
        one of ours is not on it.
        """
        elsewhere = {
            (word.email, word.company_id.id)
            for word in self.search_fetch(
                Domain("email", "in", self.mapped("email"))
                & Domain("is_current", "=", True)
                & Domain("state", "=", GIVEN),
                ["email", "company_id"],
            )
        }
        emails = {
            word.email
            for word in self
            if not any(
                email == word.email and company_id != word.company_id.id
                for email, company_id in elsewhere
            )
        }
        if not emails:
            return
        Blacklist = self.env["mail.blacklist"].with_context(active_test=False)
        known = Blacklist.search([("email", "in", list(emails))])
        known.filtered(lambda block: not block.active).write({"active": True})
        Blacklist.create(
            [{"email": email} for email in sorted(emails - set(known.mapped("email")))]
        )

    def _mirror_unblock(self):
        """An address that does not work stays blocked, whatever anybody wants."""
        blocks = self.env["mail.blacklist"].search(
            Domain("email", "in", self.mapped("email"))
            & Domain("is_bounce_block", "=", False)
        )
        if blocks:
            blocks.write({"active": False})
