from odoo import http
from odoo.http import request

from ..models.contact.crm_mail_service import MAX_BODY, URL


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
    def receive_mail_events(self, key, **form):
        provider = request.httprequest.path.split("/")[-2]
        # sudo: services have no user; whatever they post is proven before it is read
        service_sudo = request.env["crm.mail.service"].sudo()._get_by_key(provider, key)
        if not service_sudo:
            return request.make_response("unknown", status=404)
        status, text = service_sudo._receive(
            request.httprequest.get_data(), request.httprequest.headers, form
        )
        return request.make_response(text, status=status)
