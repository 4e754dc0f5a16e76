from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.fields import Domain
from odoo.http import request

from .portal import CasePortal


class MergedCasePortal(CasePortal):
    """Links to a merged case lead to the one that lives on."""

    def _prepare_cases_domain(self):
        # sudo-less: merged or not is no field of the customers'; their rules hold, too
        merged = (
            request.env["crm.case"]
            .sudo()  # only which of the user's own cases were merged
            ._search(
                [
                    ("merged_into_id", "!=", False),
                    ("partner_id", "=", request.env.user.partner_id.id),
                ]
            )
        )
        return super()._prepare_cases_domain() & Domain("id", "not in", merged)

    @http.route()
    def portal_my_case(self, case_id, access_token=None, **kw):
        try:
            case_sudo = self._check_case_access(case_id, access_token)
        except (AccessError, MissingError):
            return super().portal_my_case(case_id, access_token=access_token, **kw)
        survivor_sudo = case_sudo._get_survivor()
        # a colleague's case is not shown to who asked the same: see the page
        if survivor_sudo != case_sudo and (
            survivor_sudo.partner_id == case_sudo.partner_id
        ):
            return request.redirect(
                survivor_sudo.get_portal_url()
                if access_token
                else survivor_sudo.access_url
            )
        return super().portal_my_case(case_id, access_token=access_token, **kw)
