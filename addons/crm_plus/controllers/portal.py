from odoo import http
from odoo.http import content_disposition, request

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..models.customer.res_partner_statement import OWN_KEY


class StatementPortal(CustomerPortal):
    """Customers see what is open on their own account."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "statement_count" in counters:
            values["statement_count"] = sum(
                paper["statement"].row_count for paper in self._get_own_statements()
            )
        return values

    def _get_own_customer(self):
        """The commercial partner of the portal user; nobody for all others, who have
        no account with us even where they are a contact of a company that has.
        """
        user = request.env.user
        Partner = request.env["res.partner"]
        if not user._is_portal():
            return Partner
        # sudo: the ledger is closed to portal users; what is read is of the user's own
        # commercial partner only, which _check_statement_access proves once more
        return user.sudo().commercial_partner_id.with_context(**{OWN_KEY: True})

    def _get_own_statements(self):
        """Return a paper a company in which something is open."""
        customer_sudo = self._get_own_customer()
        if not customer_sudo:
            return []
        Report = customer_sudo.env["report.crm_plus.report_customer_statement"]
        papers = []
        for company in customer_sudo._get_open_companies():
            statements = customer_sudo._get_statements(company)
            paper = Report._get_paper(customer_sudo, company, statements)
            if not paper["statement"].is_empty:
                papers.append(paper)
        return papers

    @http.route("/my/statement", type="http", auth="user", website=True)
    def portal_my_statement(self, **kw):
        return request.render(
            "crm_plus.portal_my_statement",
            {
                **self._prepare_portal_layout_values(),
                "page_name": "statement",
                "papers": self._get_own_statements(),
            },
        )

    @http.route(
        "/my/statement/<int:company_id>/pdf", type="http", auth="user", website=True
    )
    def portal_my_statement_pdf(self, company_id, **kw):
        customer_sudo = self._get_own_customer()
        companies = customer_sudo and customer_sudo._get_open_companies()
        if not companies or company_id not in companies.ids:
            return request.redirect("/my/statement")
        report = customer_sudo.env["ir.actions.report"]
        pdf, _format = report._render_qweb_pdf(
            "crm_plus.action_report_customer_statement",
            customer_sudo.ids,
            data={"company_id": company_id},
        )
        name = request.env._("Statement of Account") + ".pdf"
        return request.make_response(
            pdf,
            headers=[
                ("Content-Type", "application/pdf"),
                ("Content-Length", len(pdf)),
                ("Content-Disposition", content_disposition(name)),
            ],
        )
