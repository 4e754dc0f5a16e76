from odoo import api, models
from odoo.tools import email_normalize_all

# No report names more mails, the surest of them first.
MAX_MESSAGE_IDS = 100


class CrmMailBounce(models.Model):
    """Which reports are believed.

    Anybody can write a report that somebody else's address does not exist. But only
    whoever had a mail of ours in hand knows its Message-Id: a report counts for the
    addresses to which we sent a mail that it names.
    """

    _inherit = "crm.mail.bounce"

    @api.model
    def _get_written_to(self, message_ids, emails):
        """Those of ``emails`` to which we sent a mail with one of ``message_ids``."""
        if not message_ids or not emails:
            return set()
        message_ids = list(message_ids)[:MAX_MESSAGE_IDS]
        return emails & (
            self._get_written_by_messages(message_ids)
            | self._get_written_by_mailings(message_ids)
        )

    @api.model
    def _get_written_by_messages(self, message_ids):
        # sudo: to whom we wrote does not depend on who fetches the mail
        messages = self.env["mail.message"].sudo()
        messages = messages.search(
            [
                ("message_id", "in", message_ids),
                # what came in has the Message-Id of its sender, who knows it
                ("message_type", "!=", "email"),
            ]
        )
        told = messages.notification_ids.filtered(
            lambda notification: notification.notification_type == "email"
        )
        mails = messages.mail_ids
        partners = messages.partner_ids | told.res_partner_id | mails.recipient_ids
        texts = [
            *partners.mapped("email"),
            *told.mapped("mail_email_address"),
            *messages.mapped("outgoing_email_to"),
            *mails.mapped("email_to"),
            *mails.mapped("email_cc"),
        ]
        return {email for text in texts if text for email in email_normalize_all(text)}

    @api.model
    def _get_written_by_mailings(self, message_ids):
        if "mailing.trace" not in self.env:
            return set()
        # sudo: as above
        traces = self.env["mailing.trace"].sudo()
        traces = traces.search([("message_id", "in", message_ids)])
        return {
            email
            for text in traces.mapped("email")
            if text
            for email in email_normalize_all(text)
        }
