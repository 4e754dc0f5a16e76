from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.fields import Domain
from odoo.http import request
from odoo.tools.misc import format_datetime, format_time

from odoo.addons.portal.controllers.portal import CustomerPortal
from odoo.addons.portal.controllers.portal import pager as portal_pager

MAX_SUBJECT = 200
MAX_DESCRIPTION = 20_000


class CasePortal(CustomerPortal):
    # ------------------------------------------------------------
    # List
    # ------------------------------------------------------------

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "case_count" in counters:
            Case = request.env["crm.case"]
            values["case_count"] = (
                Case.search_count(self._prepare_cases_domain())
                if Case.has_access("read")
                else 0
            )
        return values

    def _prepare_cases_domain(self):
        """Hook: the cases on the portal page of the user. Rules restrict them further;
        who is an agent, too, sees only what he asked for himself here."""
        return self._get_own_cases_domain() | Domain("is_of_my_company", "=", True)

    def _get_own_cases_domain(self):
        return Domain("partner_id", "=", request.env.user.partner_id.id)

    def _get_cases_sortings(self):
        return {
            "newest": {"label": request.env._("Newest"), "order": "id desc"},
            "number": {"label": request.env._("Number"), "order": "number"},
            "state": {"label": request.env._("State"), "order": "stage_id, id desc"},
            "subject": {"label": request.env._("Subject"), "order": "name, id"},
            "due": {
                "label": request.env._("Promised first"),
                "order": "sla_due, id desc",
            },
        }

    def _get_cases_filters(self):
        filters = {
            "all": {"label": request.env._("All"), "domain": Domain.TRUE},
            "open": {
                "label": request.env._("Open"),
                "domain": Domain("is_closed", "=", False),
            },
            "closed": {
                "label": request.env._("Closed"),
                "domain": Domain("is_closed", "=", True),
            },
            "waiting": {
                "label": request.env._("Waiting for you"),
                "domain": Domain("stage_category", "=", "waiting_customer"),
            },
        }
        if request.env["res.partner"]._get_case_company(request.env.user):
            filters["mine"] = {
                "label": request.env._("Asked by me"),
                "domain": self._get_own_cases_domain(),
            }
        return filters

    def _get_cases_inputs(self):
        inputs = {
            "all": {"input": "all", "label": request.env._("Search in all")},
            "number": {"input": "number", "label": request.env._("Search in numbers")},
            "subject": {
                "input": "subject",
                "label": request.env._("Search in subjects"),
            },
        }
        if request.env["res.partner"]._get_case_company(request.env.user):
            inputs["person"] = {
                "input": "person",
                "label": request.env._("Search in people"),
            }
        return inputs

    def _get_cases_search_domain(self, search_in, search):
        if not search:
            return Domain.TRUE
        return {
            "number": Domain("number", "ilike", search),
            "subject": Domain("name", "ilike", search),
            "person": Domain("partner_name", "ilike", search),
        }.get(
            search_in,
            Domain("number", "ilike", search)
            | Domain("name", "ilike", search)
            | Domain("description", "ilike", search),
        )

    @http.route(
        ["/my/cases", "/my/cases/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
    )
    def portal_my_cases(
        self,
        page=1,
        sortby=None,
        filterby=None,
        search=None,
        search_in="all",
        **kw,
    ):
        Case = request.env["crm.case"]
        sortings, filters = self._get_cases_sortings(), self._get_cases_filters()
        sortby = sortby if sortby in sortings else "newest"
        filterby = filterby if filterby in filters else "all"
        search = (search or "").replace("\0", "")  # the database takes no zeros
        domain = (
            self._prepare_cases_domain()
            & filters[filterby]["domain"]
            & self._get_cases_search_domain(search_in, search)
        )
        pager = portal_pager(
            url="/my/cases",
            url_args={
                "sortby": sortby,
                "filterby": filterby,
                "search": search,
                "search_in": search_in,
            },
            total=Case.search_count(domain),
            page=page,
            step=self._items_per_page,
        )
        cases = Case.search(
            domain,
            order=sortings[sortby]["order"],
            limit=self._items_per_page,
            offset=pager["offset"],
        )
        request.session["my_cases_history"] = cases.ids[:100]
        values = self._prepare_portal_layout_values()
        values.update(
            {
                # sudo: found under the user's rules; the page prints team and stage
                "cases": cases.sudo(),
                "sees_company": bool(
                    request.env["res.partner"]._get_case_company(request.env.user)
                ),
                # sudo: customers do not read who may what; it is about themselves
                "manages_people": request.env.user.partner_id.sudo().case_access
                == "manage"
                and request.env.user._is_portal(),
                "page_name": "case",
                "pager": pager,
                "default_url": "/my/cases",
                "searchbar_sortings": sortings,
                "sortby": sortby,
                "searchbar_filters": filters,
                "filterby": filterby,
                "searchbar_inputs": self._get_cases_inputs(),
                "search_in": search_in,
                "search": search,
            }
        )
        return request.render("crm_helpdesk.portal_my_cases", values)

    # ------------------------------------------------------------
    # One case
    # ------------------------------------------------------------

    def _check_case_access(self, case_id, access_token):
        """The case, sudo: for who may read it or has its token."""
        if not (access_token or "").isascii():
            # none of ours, and the comparison would stumble
            access_token = None
        return self._document_check_access("crm.case", case_id, access_token)

    @http.route(["/my/cases/<int:case_id>"], type="http", auth="public", website=True)
    def portal_my_case(self, case_id, access_token=None, **kw):
        try:
            case_sudo = self._check_case_access(case_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        values = self._get_page_view_values(
            case_sudo,
            access_token,
            {
                "case": case_sudo,
                "page_name": "case",
                **self._get_promise_values(case_sudo),
                "claims": case_sudo._get_portal_claims(),
            },
            "my_cases_history",
            False,
            **kw,
        )
        return request.render("crm_helpdesk.portal_my_case", values)

    def _get_promise_values(self, case_sudo):
        """The promise in words and in the reader's own time."""
        zone = self._get_reader_zone(case_sudo)
        promise = case_sudo._get_promise()
        return {
            "promise": {
                **promise,
                "lines": [
                    {**line, "due": self._format_moment(line["due"], zone)}
                    for line in promise["lines"]
                ],
            },
            "back": self._format_moment(case_sudo.team_id._get_next_opening(), zone)
            if not case_sudo.is_closed
            else None,
        }

    def _get_reader_zone(self, case_sudo=None):
        user = request.env.user
        if not user._is_public() and user.tz:
            return user.tz
        return case_sudo._get_customer_timezone() if case_sudo else None

    def _format_moment(self, moment, zone=None):
        """A moment as the reader's clock shows it, with the zone; None for none."""
        if not moment:
            return None
        zone = zone or request.env.context.get("tz") or "UTC"
        env = request.env
        return env._(
            "%(date)s, %(time)s (%(zone)s)",
            date=format_datetime(env, moment, tz=zone, dt_format="EEE d MMM y"),
            time=format_time(env, moment, tz=zone, time_format="short"),
            zone=zone.replace("_", " "),
        )

    @http.route(
        ["/my/cases/<int:case_id>/close"],
        type="http",
        auth="public",
        methods=["POST"],
        website=True,
    )
    def portal_case_close(self, case_id, access_token=None, **kw):
        """The customer says it is solved. By POST only: robots follow links."""
        try:
            case_sudo = self._check_case_access(case_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        if not case_sudo.is_closed:
            case_sudo._close_by_customer(request.env.user)
        return request.redirect(
            case_sudo.get_portal_url() if access_token else case_sudo.access_url
        )

    @http.route(
        ["/my/cases/<int:case_id>/reopen"],
        type="http",
        auth="public",
        methods=["POST"],
        website=True,
    )
    def portal_case_reopen(self, case_id, access_token=None, message="", **kw):
        """The customer says it is not solved."""
        try:
            case_sudo = self._check_case_access(case_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        if case_sudo.is_closed and not case_sudo._get_late_rule():
            text = message.replace("\0", "").strip()[:MAX_DESCRIPTION]
            case_sudo._reopen_by_customer(request.env.user, text)
        return request.redirect(
            case_sudo.get_portal_url() if access_token else case_sudo.access_url
        )

    # ------------------------------------------------------------
    # Who sees the company's cases
    # ------------------------------------------------------------

    def _get_case_manager(self):
        """The portal user who says who of the company sees its cases; else nobody."""
        user = request.env.user
        # sudo: customers read neither their right nor their colleagues
        partner_sudo = user.partner_id.sudo()
        if not user._is_portal() or partner_sudo.case_access != "manage":
            raise request.not_found()
        return partner_sudo

    @http.route(["/my/cases/people"], type="http", auth="user", website=True)
    def portal_case_people(self, **kw):
        manager_sudo = self._get_case_manager()
        values = self._prepare_portal_layout_values()
        Partner = manager_sudo.env["res.partner"]
        values.update(
            {
                "page_name": "case_people",
                "people": manager_sudo._get_case_colleagues(),
                "company": manager_sudo.commercial_partner_id,
                "choices": Partner._fields["case_access"]._description_selection(
                    request.env
                ),
            }
        )
        return request.render("crm_helpdesk.portal_case_people", values)

    @http.route(
        ["/my/cases/people/<int:partner_id>"],
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def portal_case_people_set(self, partner_id, access="", **kw):
        manager_sudo = self._get_case_manager()
        colleague_sudo = manager_sudo.browse(partner_id)
        if not manager_sudo._set_case_access_of(colleague_sudo, access):
            raise request.not_found()
        return request.redirect("/my/cases/people")
