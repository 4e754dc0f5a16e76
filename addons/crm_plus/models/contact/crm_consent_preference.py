from urllib.parse import urlencode

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, email_normalize, hmac, urls

from ...tools.webhook_signature import same

PREFERENCE_SCOPE = "crm_plus-contact-preferences"
FREQUENCIES = [
    ("week", "At most once a week"),
    ("fortnight", "At most every two weeks"),
    ("month", "At most once a month"),
]
FREQUENCY_SECONDS = {"week": 7 * 86400, "fortnight": 14 * 86400, "month": 30 * 86400}


class CrmConsentPreference(models.Model):
    """How often, and from when on, a contact wants to hear from a company of ours."""

    _name = "crm.consent.preference"
    _description = "Contact Preference"
    _order = "write_date desc, id desc"
    _rec_name = "partner_id"

    partner_id = fields.Many2one(
        "res.partner", string="Contact", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        ondelete="cascade",
        default=lambda self: self.env.company,
    )
    frequency = fields.Selection(
        FREQUENCIES, string="How Often", help="Empty: as often as we have something."
    )
    date_pause = fields.Datetime(
        string="Paused Until", help="No marketing before that moment."
    )

    _partner_uniq = models.UniqueIndex(
        "(partner_id, company_id)", "A contact has said this once."
    )

    @api.model
    def _search_of(self, partner, company):
        """What was said for a contact, or for another one of the same address."""
        who = Domain("partner_id", "=", partner.id)
        if partner.email_normalized:
            who |= Domain("partner_id.email_normalized", "=", partner.email_normalized)
        return self.with_context(active_test=False).search(
            who & Domain("company_id", "=", company.id)
        )

    @api.model
    def _get_token(self, partner, company):
        """Proof that the link was made for this contact and address by us."""
        return hmac(
            self.env(su=True),
            PREFERENCE_SCOPE,
            (partner.id, company.id, partner.email_normalized or ""),
        )

    @api.model
    def _get_url(self, partner, company):
        """Where a contact chooses what to get, without login."""
        token = self._get_token(partner, company)
        return urls.urljoin(
            company.get_base_url(),
            f"/contact/preferences/{company.id}/{partner.id}/{token}",
        )

    @api.model
    def _check_token(self, partner, company, token):
        return bool(
            partner and company and same(token, self._get_token(partner, company))
        )

    @api.model
    def _get_address_token(self, email, company):
        """The same for somebody of whom we know but the address."""
        return hmac(
            self.env(su=True), PREFERENCE_SCOPE, ("address", company.id, email or "")
        )

    @api.model
    def _get_address_url(self, email, company):
        """Where whoever has this address chooses: as a contact of ours if there is one,
        else by the address alone.
        """
        email = email_normalize(email)
        if not email:
            return False
        # sudo: whoever is sent the link has no rights
        partner = (
            self.env["res.partner"]
            .sudo()
            .search(
                [
                    ("email_normalized", "=", email),
                    ("company_id", "in", [False, company.id]),
                ],
                order="id",
                limit=1,
            )
        )
        if partner:
            return self._get_url(partner, company)
        query = urlencode(
            {"email": email, "token": self._get_address_token(email, company)}
        )
        return urls.urljoin(
            company.get_base_url(), f"/contact/preferences/{company.id}?{query}"
        )

    @api.model
    def _check_address_token(self, email, company, token):
        return bool(
            email and company and same(token, self._get_address_token(email, company))
        )

    @api.model
    def _move_partners(self, source_ids, partner_id):
        """Of contacts that are merged the last word holds."""
        self.flush_model()
        self.env.execute_query(
            SQL(
                """
                DELETE FROM crm_consent_preference p USING (
                    SELECT id, row_number() OVER (
                               PARTITION BY company_id
                               ORDER BY write_date DESC, id DESC) AS place
                      FROM crm_consent_preference
                     WHERE partner_id = ANY(%(sources)s) OR partner_id = %(kept)s) k
                 WHERE k.id = p.id AND k.place > 1
             RETURNING p.id
                """,
                sources=list(source_ids),
                kept=partner_id,
            )
        )
        self.invalidate_model(flush=False)
