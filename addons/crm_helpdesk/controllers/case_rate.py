from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import request

from .portal import CasePortal


class CaseRate(CasePortal):
    """Customers rate a case that is over from its page, without the mail."""

    @http.route(
        ["/my/cases/<int:case_id>/rate"],
        type="http",
        auth="public",
        methods=["POST"],
        website=True,
    )
    def portal_case_rate(self, case_id, access_token=None, **kw):
        """To the page with the faces. By POST only: robots follow links, and who was
        shown the page is not asked again by mail."""
        try:
            case_sudo = self._check_case_access(case_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        if not case_sudo._may_be_rated_by(request.env.user, bool(access_token)):
            return request.redirect(
                case_sudo.get_portal_url() if access_token else case_sudo.access_url
            )
        token = case_sudo._take_rating_from_portal()
        return request.redirect(f"/rate/{token}/submit_feedback")
