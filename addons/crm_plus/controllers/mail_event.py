import logging

import psycopg2
from werkzeug.exceptions import HTTPException

from odoo import http
from odoo.http import request

from ..models.contact.crm_mail_service import MAX_BODY, URL

_logger = logging.getLogger(__name__)


class MailEventController(http.Controller):
    """Where mail services post what became of our mails."""

    @http.route(
        [
            f"{URL}/ses/<string:key>",
            f"{URL}/mailgun/<string:key>",
            f"{URL}/sendgrid/<string:key>",
            f"{URL}/postmark/<string:key>",
        ],
        type="http",
        auth="public",
        methods=["POST"],
        # no form of ours posts here: the signature is the proof
        csrf=False,
        save_session=False,
        max_content_length=MAX_BODY,
    )
    def receive_mail_events(self, key, **kw):
        provider = request.httprequest.path.split("/")[-2]
        # sudo: services have no user; whatever they post is proven before it is read
        service_sudo = request.env["crm.mail.service"].sudo()._get_by_key(provider, key)
        if not service_sudo:
            return request.make_response("unknown", status=404)
        posted = request.httprequest
        try:
            # not the parameters: those of the address are nobody's proof
            status, text = service_sudo._receive(
                posted.get_data(), posted.headers, posted.form.to_dict()
            )
            # what the database refuses it refuses here
            request.env.flush_all()
        except (psycopg2.OperationalError, HTTPException):
            raise  # tried again; too large
        except Exception:
            # a stranger learns nothing of what is inside; a service posts it again
            _logger.exception("crm_plus: what %s posted", provider)
            request.env.cr.rollback()
            status, text = 500, "not taken in"
        return request.make_response(text, status=status)
