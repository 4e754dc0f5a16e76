from odoo import fields, http
from odoo.fields import Domain
from odoo.http import request
from odoo.tools import hmac

from odoo.addons.portal.controllers.portal import pager as portal_pager

from ..tools.machine_visit import is_program
from .case_form import CaseForm

PAGE_SIZE = 20
MIN_TYPED = 4  # letters before something is suggested
MAX_TYPED = 300
MAX_SUGGESTIONS = 4
STORED_SID = 42  # the part of a session's name that stays the same


def sitemap_articles(env, rule, qs):
    """Public articles only, whoever asks: robots are nobody."""
    Article = env["crm.case.article"].sudo()  # sudo: the domain is the public's
    company = (
        env["website"].get_current_website().company_id
        if "website" in env
        else env.company
    )
    domain = Article._get_reader_domain(env.ref("base.public_user"), company)
    for article in Article.search(domain, order="id"):
        if not qs or qs.lower() in article.url:
            yield {"loc": article.url, "lastmod": article.date_published.date()}


class HelpCenter(http.Controller):
    """The help pages, for whoever comes by. What somebody may read is one domain, and
    is the same for pages, lists and searches; whatever is not in it is not found,
    whether it exists or not.
    """

    # ------------------------------------------------------------
    # Who, where
    # ------------------------------------------------------------

    def _get_company(self):
        website = getattr(request, "website", None)
        return website.company_id if website else request.env.company

    def _get_domain(self):
        return request.env["crm.case.article"]._get_reader_domain(
            request.env.user, self._get_company()
        )

    def _get_article(self, slug):
        """The article of an address, sudo, as its reader sees it, or none."""
        # sudo: found by what the reader may read
        Article = request.env["crm.case.article"].sudo()
        _name, article_id = request.env["ir.http"]._unslug(slug)
        if not article_id or not 0 < article_id < 2**31:
            return Article
        return Article.search(Domain("id", "=", article_id) & self._get_domain())

    def _hash(self, text):
        # sudo: the secret of the database
        return hmac(request.env(su=True), "crm_helpdesk-visitor", text)[:24]

    def _get_network(self):
        return self._hash(request.httprequest.remote_addr or "")

    def _get_visitor(self):
        user = request.env.user
        if user._is_public():
            return "s" + self._hash(request.session.sid[:STORED_SID])
        return f"p{user.partner_id.id}"

    def _is_machine(self):
        agent = request.httprequest.user_agent.string
        return request.env["ir.http"].is_a_bot() or is_program(agent)

    def _get_searches(self):
        # sudo: readers have no access to the log; they only add to it
        return request.env["crm.case.article.search"].sudo()

    def _clean(self, text, size=MAX_TYPED):
        # zeros: the database takes none
        return str(text or "").replace("\0", "").strip()[:size]

    # ------------------------------------------------------------
    # Pages
    # ------------------------------------------------------------

    @http.route(
        ["/help", "/help/page/<int:page>"],
        type="http",
        auth="public",
        website=True,
        sitemap=True,
    )
    def help_home(self, page=1, search="", category="", **kw):
        search = self._clean(search)
        # sudo: of the categories, names of those with articles for this reader
        Article = request.env["crm.case.article"].sudo()
        domain = self._get_domain()
        categories = self._get_categories(domain)
        chosen = categories.filtered(lambda c: str(c.id) == category)
        if chosen:
            domain &= Domain("category_id", "child_of", chosen.ids)
        offset = (min(max(page, 1), 1000) - 1) * PAGE_SIZE
        token = None
        if search:
            found, total = Article._find(search, domain, PAGE_SIZE, offset)
            articles = Article.browse(item["id"] for item in found)
            token = self._keep_search(search, total) if page == 1 else None
        else:
            total = Article.search_count(domain)
            articles = Article.search(domain, limit=PAGE_SIZE, offset=offset)
            found = [
                {"id": article.id, "title": article.version_id.name, "excerpt": ""}
                for article in articles
            ]
        urls = {article.id: article.url for article in articles}
        query = f"?s={token}" if token else ""
        return request.render(
            "crm_helpdesk.help_home",
            {
                "page_name": "help",
                "search": search,
                "categories": categories,
                "chosen": chosen,
                "found": [{**item, "url": urls[item["id"]] + query} for item in found],
                "total": total,
                "pager": portal_pager(
                    url="/help",
                    url_args={"search": search, "category": category},
                    total=total,
                    page=page,
                    step=PAGE_SIZE,
                ),
            },
        )

    def _keep_search(self, search, total):
        if self._is_machine():
            return None
        return self._get_searches()._keep(
            "help", search, total, self._get_company(), self._get_network()
        )

    def _get_categories(self, domain):
        """Those that have something to read for this reader, below or in them."""
        Article = request.env["crm.case.article"].sudo()  # sudo: counted by the domain
        used = [
            category
            for [category] in Article._read_group(
                domain & Domain("category_id", "!=", False), ["category_id"]
            )
        ]
        ids = {
            int(part)
            for category in used
            for part in (category.parent_path or "").split("/")
            if part
        }
        Category = request.env["crm.case.article.category"].sudo()  # sudo: names
        return Category.search([("id", "in", list(ids))], order="parent_path, id")

    @http.route(
        "/help/article/<string:slug>",
        type="http",
        auth="public",
        methods=["GET"],
        website=True,
        sitemap=sitemap_articles,
    )
    def help_article(self, slug, s=None, thanks=None, **kw):
        article_sudo = self._get_article(slug)
        if not article_sudo:
            return self._show_missing()
        if article_sudo.url.rpartition("/")[2] != slug:
            query = f"?s={s}" if s and s.isascii() and s.isprintable() else ""
            return request.redirect(article_sudo.url + query, code=301)
        search_sudo = self._get_searches()._read_token(s)
        if not self._is_machine():
            self._count_view(article_sudo)
            search_sudo._open(article_sudo)
        return request.render(
            "crm_helpdesk.help_article",
            {
                "page_name": "help",
                "article": article_sudo,
                "version": article_sudo.version_id,
                "token": s if search_sudo else None,
                "is_suggestion": search_sudo.source == "form",
                "thanks": thanks,
                "categories": self._get_parents(article_sudo.category_id),
            },
        )

    def _get_parents(self, category):
        ids = [int(part) for part in (category.parent_path or "").split("/") if part]
        return category.browse(ids)

    def _show_missing(self):
        """The same page for what is not there and for what is for others."""
        response = request.render(
            "crm_helpdesk.help_missing",
            {"page_name": "help", "path": request.httprequest.path},
        )
        response.status_code = 404
        return response

    def _count_view(self, article_sudo):
        """Once a day and visit."""
        today = str(fields.Date.today())
        seen = request.session.get("crm_helpdesk_read") or {}
        if seen.get("date") != today:
            seen = {"date": today, "ids": []}
        if article_sudo.id in seen["ids"]:
            return
        request.session["crm_helpdesk_read"] = {
            "date": today,
            "ids": [*seen["ids"], article_sudo.id][-200:],
        }
        # sudo: readers only add to it
        request.env["crm.case.article.view"].sudo()._count(article_sudo)

    @http.route(
        "/help/article/<string:slug>/feedback",
        type="http",
        auth="public",
        methods=["POST"],
        website=True,
        sitemap=False,
    )
    def help_feedback(self, slug, helpful=None, comment="", token=None, **kw):
        article_sudo = self._get_article(slug)
        if not article_sudo:
            return self._show_missing()
        if helpful in ("yes", "no", "solved") and not self._is_machine():
            # sudo: readers only add to it
            request.env["crm.case.article.feedback"].sudo()._give(
                article_sudo,
                helpful != "no",
                self._clean(comment, 2000),
                request.env.user.partner_id
                if not request.env.user._is_public()
                else request.env["res.partner"],
                self._get_visitor(),
                self._get_network(),
            )
            if helpful == "solved":
                self._get_searches()._read_token(token)._solve(article_sudo)
        thanks = "solved" if helpful == "solved" else "1"
        return request.redirect(f"{article_sudo.url}?thanks={thanks}")

    # ------------------------------------------------------------
    # Suggestions while somebody writes a case
    # ------------------------------------------------------------

    @http.route(
        "/help/suggest", type="jsonrpc", auth="public", website=True, sitemap=False
    )
    def help_suggest(self, text="", token=None, **kw):
        """Articles that may answer what is being typed.

        :param token: what the call before returned; of the same form
        """
        text = self._clean(text)
        if len(text) < MIN_TYPED:
            return {"articles": [], "token": token}
        # sudo: found by what the reader may read
        Article = request.env["crm.case.article"].sudo()
        found, total = Article._find(text, self._get_domain(), MAX_SUGGESTIONS)
        if not self._is_machine():
            token = self._get_searches()._keep(
                "form", text, total, self._get_company(), self._get_network(), token
            )
        query = f"?s={token}" if token else ""
        urls = {a.id: a.url for a in Article.browse(item["id"] for item in found)}
        return {
            "token": token,
            "articles": [
                {
                    "id": item["id"],
                    "title": item["title"],
                    "excerpt": str(item["excerpt"]),
                    "url": urls[item["id"]] + query,
                }
                for item in found
            ],
        }

    @http.route(
        "/help/solved", type="jsonrpc", auth="public", website=True, sitemap=False
    )
    def help_solved(self, token=None, article_id=None, **kw):
        """The reader says that a suggestion solved it: no case is needed."""
        search_sudo = self._get_searches()._read_token(token)
        if not search_sudo or self._is_machine():
            return False
        article_id = article_id if isinstance(article_id, int) else 0
        # sudo: found by what the reader may read
        article_sudo = (
            request.env["crm.case.article"]
            .sudo()
            .search(Domain("id", "=", article_id) & self._get_domain())
        )
        search_sudo._solve(article_sudo)
        return search_sudo.is_solved


class CaseFormHelp(CaseForm):
    def _read_case_form(self, team, post):
        """The case knows what was suggested while it was typed (K73)."""
        values, files, errors = super()._read_case_form(team, post)
        search_sudo = (
            request.env["crm.case.article.search"]
            .sudo()  # sudo: the token is the right to name it
            ._read_token(post.get("suggestion_token"))
        )
        if values and search_sudo.source == "form":
            values["article_search_id"] = search_sudo.id
        return values, files, errors
