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
    def _get_choices(self, partner, company):
        """``[(purpose, {channel: whether it is sent})]``: what was agreed to, and what
        is sent to anybody who has said nothing, where the company sends that.
        """
        who = Domain("partner_id", "=", partner.id)
        if partner.email_normalized:
            who |= Domain("email", "=", partner.email_normalized)
        rows = self.search(
            who
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
    def _choose(self, partner, company, wanted, proof):
        """Note what differs from what was shown.

        :param wanted: ``{(purpose id, channel)}`` of what shall be sent
        """
        values = []
        for topic, channels in self._get_choices(partner, company):
            for channel, is_sent in channels.items():
                is_wanted = (topic.id, channel) in wanted
                if is_wanted != is_sent:
                    values.append(
                        {
                            "partner_id": partner.id,
                            "company_id": company.id,
                            "purpose_id": topic.id,
                            "channel": channel,
                            "state": GIVEN if is_wanted else WITHDRAWN,
                            "source": self.env._("Preference page"),
                            "proof": proof,
                        }
                    )
        return self.create(values)

    @api.model
    def _choose_nothing(self, partner, company, proof):
        """No marketing any more, on any channel: no topic stays agreed to."""
        topics = self._get_topics()
        chosen = self.search(
            [
                ("partner_id", "=", partner.id),
                ("company_id", "=", company.id),
                ("purpose_id", "in", topics.ids),
                ("is_current", "=", True),
                ("state", "=", GIVEN),
            ]
        )
        words = {"source": self.env._("Preference page"), "proof": proof}
        chosen._follow(WITHDRAWN, **words)
        return self._record(partner, GENERAL, WITHDRAWN, company_id=company.id, **words)
