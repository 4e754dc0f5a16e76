from odoo import http
from odoo.http import request

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class CaseHook(http.Controller):
    @http.route(
        "/crm_helpdesk/hook/<string:token>",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
    )
    def hook(self, token, **form):
        """Open a case, or write on one.

        The header X-Signature is the hexadecimal HMAC-SHA256 of the body with the
        team's secret; the body is JSON, see the README.
        """
        if request.httprequest.mimetype in FORM_TYPES:
            # read as a form already: what was signed cannot be looked at any more
            return request.make_json_response(
                {"error": "Content-Type: application/json is expected"}, status=415
            )
        # sudo: the signature is what identifies the other system
        team_sudo = request.env["crm.case.team"].sudo()._get_by_hook_token(token)
        if not team_sudo:
            return request.make_json_response({"error": "unknown address"}, status=404)
        # of the company that the case is of, not that of the public user
        team_sudo = team_sudo.with_company(team_sudo.company_id)
        status, answer = team_sudo.env["crm.case.hook.call"]._take(
            team_sudo,
            request.httprequest.get_data(),
            request.httprequest.headers.get("X-Signature", ""),
            request.httprequest.remote_addr,
        )
        return request.make_json_response(answer, status=status)
