from odoo import api, fields, models
from odoo.tools import SQL, consteq, hmac, urls

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
            partner
            and company
            and token
            and consteq(token, self._get_token(partner, company))
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
