import hashlib
import hmac
import json

from odoo import http
from odoo.http import request
from odoo.tools import email_normalize

from odoo.addons.crm_plus.tools.webhook_signature import same

# one request is one event with some people, not an import
MAX_EMAILS = 1000


def _check_text(*texts):
    """Refuse what JSON carries and the database does not take: zeros, and halves of
    characters (``UnicodeEncodeError`` is a ``ValueError``).
    """
    for text in texts:
        if b"\0" in text.encode():
            raise ValueError(text)


class CampaignWebhook(http.Controller):
    @http.route(
        "/crm_campaigns/enter/<string:token>",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
    )
    def enter(self, token):
        """Let people enter a campaign.

        The body is JSON: ``{"emails": ["ida@brandt.example"], "event": "order-17"}``;
        an event that was told before lets nobody enter again. The header X-Signature is
        the hexadecimal HMAC-SHA256 of the body with the campaign's secret.
        """
        # sudo: the signature is what identifies the other system
        campaign_sudo = request.env["crm.campaign"].sudo()._get_by_webhook_token(token)
        body = request.httprequest.get_data()
        expected = hmac.new(
            (campaign_sudo.webhook_secret or "").encode(), body, hashlib.sha256
        ).hexdigest()
        given = request.httprequest.headers.get("X-Signature", "")
        given = given.removeprefix("sha256=")
        if not campaign_sudo.webhook_secret or not same(expected, given):
            return self._answer(403, error="unknown address or wrong signature")
        try:
            message = json.loads(body)
            emails = [email_normalize(email) for email in message["emails"]]
            event = str(message.get("event") or "")
            _check_text(event, *filter(None, message["emails"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return self._answer(400, error="no such message")
        if len(emails) > MAX_EMAILS:
            return self._answer(413, error=f"at most {MAX_EMAILS} at once")
        if not campaign_sudo._is_open():
            # stopped, or before or after the dates between which people may enter
            return self._answer(409, error="not running")
        new_ids = campaign_sudo._enrol_candidates(
            campaign_sudo._get_entry().get_email_candidates(filter(None, emails), event)
        )
        if new_ids:
            campaign_sudo.env["crm.campaign.task"]._trigger()
        return self._answer(200, entered=len(new_ids))

    def _answer(self, status, **values):
        return request.make_json_response(values, status=status)
