import logging

from odoo import api, models

from ...tools.mail_charset import mend_charsets

_logger = logging.getLogger(__name__)

# Odoo cleans the whole body again for each text part it appends: a mail of 3,000 parts
# (seen in the wild) takes hours. No person writes so many.
MAX_TEXT_PARTS = 100


def _drop_text_parts(message, left):
    """Take all but the first ``left`` text parts out of ``message``; return the rest of
    ``left``, below zero when parts were dropped."""
    kept = []
    for part in message.get_payload():
        if part.is_multipart():
            left = _drop_text_parts(part, left)
            kept.append(part)
            continue
        if part.get_content_maintype() == "text":
            left -= 1
            if left < 0:
                continue
        kept.append(part)
    message.set_payload(kept)
    return left


class MailThread(models.AbstractModel):
    """What the gateway, which runs on no model in particular, has to know of cases."""

    _inherit = "mail.thread"

    @api.model
    def message_parse(self, message, save_original=False):
        """Take out zeros, which the database does not take: a subject with one would
        lose the mail."""
        msg_dict = super().message_parse(message, save_original=save_original)
        for name, value in msg_dict.items():
            if isinstance(value, str) and "\0" in value:
                msg_dict[name] = value.replace("\0", "")
        return msg_dict

    def _message_parse_extract_payload(
        self, message, message_dict, save_original=False
    ):
        """Read mails of absurdly many parts in bounded time: the first ones make the
        body, the whole mail is kept beside it. And those whose charsets nobody knows,
        or that lie about them."""
        original = None
        mend_charsets(message)
        if message.is_multipart():
            text_parts = sum(
                part.get_content_maintype() == "text" for part in message.walk()
            )
            if text_parts > MAX_TEXT_PARTS:
                original = message.as_bytes()
                _drop_text_parts(message, MAX_TEXT_PARTS)
        result = super()._message_parse_extract_payload(
            message, message_dict, save_original=save_original
        )
        if original and not save_original:
            result["attachments"].append(
                self._Attachment("original_email.eml", original, {})
            )
        return result

    @api.model
    def message_route(
        self, message, message_dict, model=None, thread_id=None, custom_values=None
    ):
        """Mails that would open a case may belong to one, or be nothing to open one
        for.
        """
        routes = super().message_route(
            message,
            message_dict,
            model=model,
            thread_id=thread_id,
            custom_values=custom_values,
        )
        return [
            route
            for route in (
                self.env["crm.case"]._reroute(message, message_dict, route)
                if route[0] == "crm.case" and not route[1]
                else route
                for route in routes or []
            )
            if route
        ]

    @api.model
    def _detect_loop_sender(self, message, message_dict, routes):
        """Odoo tells by mail who writes too often: machines are told nothing."""
        quiet = message_dict.get("is_machine_mail") and any(
            route[0] in ("crm.case", "crm.case.team") for route in routes or []
        )
        return super(
            MailThread, self.with_context(crm_helpdesk_quiet=True) if quiet else self
        )._detect_loop_sender(message, message_dict, routes)

    @api.model
    def _routing_create_bounce_email(
        self, email_from, body_html, message, **mail_values
    ):
        if self.env.context.get("crm_helpdesk_quiet"):
            _logger.info("Not answering the machine %s in a loop", email_from)
            return None
        return super()._routing_create_bounce_email(
            email_from, body_html, message, **mail_values
        )
