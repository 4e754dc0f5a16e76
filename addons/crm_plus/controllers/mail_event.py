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
    def receive_mail_events(self, key, **kw):
        provider = request.httprequest.path.split("/")[-2]
        # sudo: services have no user; whatever they post is proven before it is read
        service_sudo = request.env["crm.mail.service"].sudo()._get_by_key(provider, key)
        if not service_sudo:
            return request.make_response("unknown", status=404)
        posted = request.httprequest
        # not the parameters: those of the address are nobody's proof
        status, text = service_sudo._receive(
            posted.get_data(), posted.headers, posted.form.to_dict()
        )
        return request.make_response(text, status=status)
