from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.fields import Domain
from odoo.http import request
from odoo.tools import plaintext2html

from odoo.addons.portal.controllers.portal import CustomerPortal
from odoo.addons.portal.controllers.portal import pager as portal_pager

MAX_SUBJECT = 200
MAX_DESCRIPTION = 20_000
MAX_FILES = 10


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
        return Domain("partner_id", "=", request.env.user.partner_id.id)

    def _get_cases_sortings(self):
        return {
            "newest": {"label": request.env._("Newest"), "order": "id desc"},
            "number": {"label": request.env._("Number"), "order": "number"},
            "state": {"label": request.env._("State"), "order": "stage_id, id desc"},
            "subject": {"label": request.env._("Subject"), "order": "name, id"},
        }

    def _get_cases_filters(self):
        return {
            "all": {"label": request.env._("All"), "domain": Domain.TRUE},
            "open": {
                "label": request.env._("Open"),
                "domain": Domain("is_closed", "=", False),
            },
            "closed": {
                "label": request.env._("Closed"),
                "domain": Domain("is_closed", "=", True),
            },
        }

    def _get_cases_inputs(self):
        return {
            "all": {"input": "all", "label": request.env._("Search in all")},
            "number": {"input": "number", "label": request.env._("Search in numbers")},
            "subject": {
                "input": "subject",
                "label": request.env._("Search in subjects"),
            },
        }

    def _get_cases_search_domain(self, search_in, search):
        if not search:
            return Domain.TRUE
        return {
            "number": Domain("number", "ilike", search),
            "subject": Domain("name", "ilike", search),
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
            {"case": case_sudo, "page_name": "case"},
            "my_cases_history",
            False,
            **kw,
        )
        return request.render("crm_helpdesk.portal_my_case", values)

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

    # ------------------------------------------------------------
    # A new one
    # ------------------------------------------------------------

    def _get_portal_teams(self):
        """Teams that take cases on the portal, of the company whose portal this is."""
        company = getattr(request, "website", None)
        company = company.company_id if company else request.env.company
        # sudo: customers do not read teams; the form prints their names
        return (
            request.env["crm.case.team"]
            .sudo()
            .search([("is_portal", "=", True), ("company_id", "=", company.id)])
        )

    def _get_portal_orders(self):
        """The user's confirmed orders, under the portal's own rules."""
        Order = request.env["sale.order"]
        if not Order.has_access("read"):
            return Order
        return Order.search(
            [
                ("state", "=", "sale"),
                (
                    "partner_id",
                    "child_of",
                    request.env.user.partner_id.commercial_partner_id.id,
                ),
            ],
            order="date_order desc, id desc",
            limit=100,
        )

    def _get_case_form_values(self, post=None, errors=None):
        return {
            "page_name": "case_new",
            "teams": self._get_portal_teams(),
            # sudo: found under the rights of the user; the page only shows them
            "orders": self._get_portal_orders().sudo(),
            "post": post or {},
            "errors": errors or {},
            "max_subject": MAX_SUBJECT,
        }

    @http.route(
        ["/my/cases/new"],
        type="http",
        auth="user",
        methods=["GET", "POST"],
        website=True,
    )
    def portal_case_new(self, **post):
        if request.httprequest.method != "POST":
            values = self._prepare_portal_layout_values()
            values.update(self._get_case_form_values(post=post))
            return request.render("crm_helpdesk.portal_case_new", values)
        case_values, errors = self._read_case_form(post)
        if errors:
            values = self._prepare_portal_layout_values()
            values.update(self._get_case_form_values(post=post, errors=errors))
            return request.render("crm_helpdesk.portal_case_new", values)
        files = [
            (upload.filename, upload.read())
            for upload in request.httprequest.files.getlist("attachments")[:MAX_FILES]
            if upload.filename
        ]
        case_sudo = (
            # sudo: customers may not create cases by themselves; the values are ours
            request.env["crm.case"]
            .sudo()
            ._open_from_portal(case_values, request.env.user.partner_id, files)
        )
        return request.redirect(f"{case_sudo.access_url}?success=opened")

    def _read_case_form(self, post):
        """Return the values of the case that the form asks for, and errors by field.

        Nothing but subject, text, team and order is taken from it, and of teams and
        orders only what the form offered.
        """
        errors = {}
        # zeros: the database takes none
        name = (post.get("name") or "").replace("\0", "").strip()[:MAX_SUBJECT]
        description = (post.get("description") or "").replace("\0", "")
        description = description.strip()[:MAX_DESCRIPTION]
        if not name:
            errors["name"] = request.env._(
                "Please say in a few words what it is about."
            )
        if not description:
            errors["description"] = request.env._("Please describe it.")
        teams = self._get_portal_teams()
        team = teams.filtered(lambda team: str(team.id) == post.get("team_id"))
        team = team or teams[:1]
        if not team:
            errors["name"] = request.env._(
                "No team takes cases here. Please write to us."
            )
        values = {
            "name": name,
            "description": plaintext2html(description),
            "team_id": team.id,
        }
        if post.get("order_id"):
            order = self._get_portal_orders().filtered(
                lambda order: str(order.id) == post["order_id"]
            )
            if order:
                values["sale_order_id"] = order.id
            else:
                errors["order_id"] = request.env._("This is none of your orders.")
        return values, errors
