from odoo import api, models
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.contact_consent import GIVEN, WITHDRAWN

OPT_OUT = {"opt_out", "opt_out_datetime", "opt_out_reason_id"}


class MailingSubscription(models.Model):
    """Whoever leaves the last list on a topic, by whatever way, no longer wants the
    topic; whoever comes back by the portal wants it again. One batch is one look.
    """

    _inherit = "mailing.subscription"

    @api.model_create_multi
    def create(self, vals_list):
        subscriptions = super().create(vals_list)
        out = subscriptions.filtered("opt_out")
        out._say_left()
        (subscriptions - out)._say_joined()
        return subscriptions

    def write(self, vals):
        if vals.keys().isdisjoint(OPT_OUT):
            return super().write(vals)
        before = self.filtered("opt_out")
        result = super().write(vals)
        out = self.filtered("opt_out")
        (out - before)._say_left()
        (before - out)._say_joined()
        return result

    @api.model
    def _get_said(self):
        """``(source, proof, company)`` as the page knows them on which somebody says
        so; the company is the one they say it to, if a mail of it led them there.
        """
        said = None
        if self.env["crm.consent"]._is_own_word():
            said = self.env.context.get("crm_campaigns_said")
        source, proof, company_id = said or (None, None, None)
        return source, proof, self.env["res.company"].browse(company_id)

    def _get_topics(self):
        """``{(address, purpose): names of lists}``"""
        topics = {}
        # sudo: whoever changes a subscription may not see all lists
        for subscription in self.sudo():
            email = subscription.contact_id.email_normalized
            purpose = subscription.list_id.consent_purpose_id
            if email and purpose:
                names = topics.setdefault((email, purpose), [])
                names.append(subscription.list_id.name)
        return topics

    def _say_left(self):
        if not self or self.env.context.get("crm_campaigns_mirrored"):
            return
        topics = self._get_topics()
        if not topics:
            return
        still_on = self._get_still_on(topics)
        source, proof, company = self._get_said()
        if not source:
            source = (
                self.env._("Import by %s", self.env.user.name)
                if self.env.context.get("import_file")
                else self.env._("Noted by %s", self.env.user.name)
            )
        self.env["crm.consent"].sudo().with_context(  # sudo: it is their word
            crm_campaigns_mirrored=True
        )._say_of_addresses(
            {
                (email, purpose): ". ".join(
                    part
                    for part in (self.env._("Left the mailing list %s", names), proof)
                    if part
                )
                for (email, purpose), names in topics.items()
                if (email, purpose.id) not in still_on
            },
            WITHDRAWN,
            source,
            company,
        )

    def _say_joined(self):
        """What others subscribe people to is no consent of theirs."""
        if not self or self.env.context.get("crm_campaigns_mirrored"):
            return
        if not self.env["crm.consent"]._is_own_word():
            return
        source, proof, company = self._get_said()
        self.env["crm.consent"].sudo().with_context(  # sudo: likewise
            crm_campaigns_mirrored=True
        )._say_of_addresses(
            {
                (email, purpose): ". ".join(
                    part
                    for part in (
                        self.env._("Subscribed to the mailing list %s", names),
                        proof,
                    )
                    if part
                )
                for (email, purpose), names in self._get_topics().items()
            },
            GIVEN,
            source or self.env._("Subscriptions page"),
            company,
        )

    @api.model
    def _get_still_on(self, topics):
        """``{(address, purpose id)}`` of who is on another list of the topic."""
        self.flush_model()
        self.env["mailing.contact"].flush_model(["email_normalized"])
        self.env["mailing.list"].flush_model(["active", "consent_purpose_id"])
        return set(
            self.env.execute_query(
                SQL(
                    """
                    SELECT DISTINCT c.email_normalized, l.consent_purpose_id
                      FROM mailing_subscription s
                      JOIN mailing_contact c ON c.id = s.contact_id
                      JOIN mailing_list l ON l.id = s.list_id AND l.active
                     WHERE s.opt_out IS NOT TRUE AND c.email_normalized = ANY(%s)
                       AND l.consent_purpose_id = ANY(%s)
                    """,
                    list({email for email, _purpose in topics}),
                    list({purpose.id for _email, purpose in topics}),
                )
            )
        )
