from odoo import api, models
from odoo.fields import Domain

from ...tools.contact_consent import GIVEN, WITHDRAWN, ConsentRow, judge_consent
from .crm_consent_policy import GENERAL

# the channels people choose on the page
CHOSEN_CHANNELS = ("email", "sms")


class CrmConsent(models.Model):
    """What contacts choose on the page that the signed link opens."""

    _inherit = "crm.consent"

    @api.model
    def _get_topics(self):
        return self.env["crm.consent.purpose"].search(
            [("nature", "=", "marketing"), ("code", "!=", GENERAL)]
        )

    @api.model
    def _get_who_domain(self, partner, email=None):
        """What a person has said: as a contact, and by the address.

        :param partner: empty: known by the address only
        """
        email = email or partner.email_normalized
        who = Domain("partner_id", "=", partner.id) if partner else Domain.FALSE
        return who | Domain("email", "=", email) if email else who

    @api.model
    def _get_choices(self, partner, company, email=None):
        """``[(purpose, {channel: whether it is sent})]``: what was agreed to, and what
        is sent to anybody who has said nothing, where the company sends that.
        """
        rows = self.search(
            self._get_who_domain(partner, email)
            & Domain("company_id", "=", company.id)
            & Domain("is_current", "=", True)
        )
        at = self.env.cr.now()
        return [
            (
                topic,
                {
                    channel: self._is_wanted(rows, topic, channel, company, at)
                    for channel in CHOSEN_CHANNELS
                },
            )
            for topic in self._get_topics()
        ]

    def _is_wanted(self, rows, topic, channel, company, at):
        words = [
            ConsentRow(
                row.id,
                row.date,
                row.state,
                row.purpose_id.code == GENERAL,
                row.date_expiry or None,
            )
            for row in rows
            if row.channel in (False, channel)
            and (row.purpose_id == topic or row.purpose_id.code == GENERAL)
        ]
        verdict, _consent_id = judge_consent(words, max(at, self._get_latest(rows, at)))
        if verdict == "none":
            return not company.crm_plus_consent_enforced
        return verdict == GIVEN

    def _get_latest(self, rows, at):
        """A word of this very second counts, too."""
        return max([at, *rows.mapped("date")])

    @api.model
    def _choose(self, partner, company, wanted, proof, email=None):
        """Note what differs from what was shown.

        :param email: of whom is known by the address only, without ``partner``
        :param wanted: ``{(purpose id, channel)}`` of what shall be sent
        """
        values = []
        for topic, channels in self._get_choices(partner, company, email):
            for channel, is_sent in channels.items():
                is_wanted = (topic.id, channel) in wanted
                if is_wanted != is_sent:
                    values.append(
                        {
                            "partner_id": partner.id,
                            "email": email,
                            "company_id": company.id,
                            "purpose_id": topic.id,
                            "channel": channel,
                            "state": GIVEN if is_wanted else WITHDRAWN,
                            "source": self.env._("Preference page"),
                            "proof": proof,
                        }
                    )
        return self.with_context(crm_plus_own_word=True).create(values)

    @api.model
    def _choose_nothing(self, partner, company, proof, email=None):
        """No marketing any more, on any channel: no topic stays agreed to."""
        chosen = self.with_context(crm_plus_own_word=True).search(
            self._get_who_domain(partner, email)
            & Domain("company_id", "=", company.id)
            & Domain("purpose_id", "in", self._get_topics().ids)
            & Domain("is_current", "=", True)
            & Domain("state", "=", GIVEN)
        )
        words = {"source": self.env._("Preference page"), "proof": proof}
        chosen._follow(WITHDRAWN, **words)
        return chosen.create(
            [
                {
                    "partner_id": partner.id,
                    "email": email,
                    "company_id": company.id,
                    "purpose_id": self.env["crm.contact.policy"]
                    ._get_purpose(GENERAL)
                    .id,
                    "state": WITHDRAWN,
                    **words,
                }
            ]
        )
