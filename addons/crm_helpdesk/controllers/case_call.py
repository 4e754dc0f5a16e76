from odoo import http
from odoo.http import request

MAX_NUMBER = 40


class CaseCall(http.Controller):
    @http.route("/crm_helpdesk/call", type="http", auth="user", methods=["GET"])
    def call(self, number="", **kw):
        """What a telephone opens by itself when somebody calls: who it is, and a form
        for what is said. Nothing is kept of it before the agent says so.
        """
        Call = request.env["crm.case.call"]
        if not Call.has_access("create"):
            raise request.not_found()
        call = Call.create({"phone": number.replace("\0", "").strip()[:MAX_NUMBER]})
        return request.redirect(f"/odoo/crm.case.call/{call.id}")
