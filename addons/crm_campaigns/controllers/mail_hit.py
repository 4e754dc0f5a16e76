from odoo import http
from odoo.http import Response, request

from odoo.addons.mass_mailing.controllers.main import MassMailController


class MailHitController(MassMailController):
    @http.route()
    def track_mail_open(self, mail_id, token, **post):
        """The picture of a mail was loaded: note by whom, as far as one can tell."""
        if not token.isascii():
            # Odoo's comparison would stumble
            raise request.not_found()
        response = super().track_mail_open(mail_id, token, **post)
        # sudo: whoever opens a mail has no rights; Odoo has checked the token
        request.env["crm.mail.hit"].sudo()._note(mail_id, "open")
        return response

    @http.route(
        "/mail/more/<int:mail_id>/<string:token>",
        type="http",
        auth="public",
        methods=["GET", "HEAD"],
        save_session=False,
        sitemap=False,
    )
    def mail_trap(self, mail_id, token):
        """Nobody sees the link that leads here. The answer tells a machine nothing."""
        # sudo: as above; the token is checked here
        Hit = request.env["crm.mail.hit"].sudo()
        if not Hit._check_trap_token(mail_id, token):
            raise request.not_found()
        Hit._note(mail_id, "trap")
        return Response("", headers={"X-Robots-Tag": "noindex"})
