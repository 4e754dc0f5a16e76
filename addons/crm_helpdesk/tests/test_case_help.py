import re
from unittest.mock import patch

from odoo.tests import HttpCase, JsonRpcException, tagged

from ..controllers import help as help_controller
from ..controllers.help import sitemap_articles
from .test_case_article import ArticleCommon
from .test_case_rating import BROWSER


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestHelp(HttpCase, ArticleCommon):
    """The help pages: by whom they are meant for, and by who tries."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the portal is that of the first company
        cls.env["crm.case.team"].search([("id", "!=", cls.team.id)]).is_portal = False
        cls.env.ref("base.public_user").sudo().write(
            {"company_ids": [(4, cls.company.id)], "company_id": cls.company.id}
        )
        cls.Search = cls.env["crm.case.article.search"]
        cls.Search.search([]).unlink()

    def setUp(self):
        super().setUp()
        self._log_in(None)

    def _log_in(self, login):
        self.authenticate(login, login)
        self.opener.headers["User-Agent"] = BROWSER

    def _get(self, url):
        with self.assertNoLogs("odoo.http", "ERROR"):
            return self.url_open(url)

    def _rpc(self, url, **params):
        return self.make_jsonrpc_request(url, params, headers={"User-Agent": BROWSER})

    # ------------------------------------------------------------
    # Pages
    # ------------------------------------------------------------

    def test_public_page(self):
        page = self._get(self.public.url)
        self.assertEqual(page.status_code, 200)
        self.assertIn("Grinder stays silent", page.text)
        self.assertIn("zebra cable", page.text)
        self.assertEqual(self.public.view_count, 1)
        self._get(self.public.url)
        self.public.invalidate_recordset()
        self.assertEqual(self.public.view_count, 1, "the same reader")

    def test_who_reads_what(self):
        articles = {
            "public": self.public,
            "customer": self.customer_only,
            "internal": self.internal,
            "draft": self.draft,
            "foreign": self.foreign,
        }
        for login, readable in (
            (None, {"public"}),
            ("case_ida", {"public", "customer"}),
            ("case_agent", {"public", "customer", "internal"}),
        ):
            self._log_in(login)
            home = self._get("/help").text
            search = self._get("/help?search=zebra").text
            for name, article in articles.items():
                with self.subTest(login=login, article=name):
                    may = name in readable
                    for url in (
                        article.url,
                        f"/help/article/{article.id}",
                        f"/help/article/x-{article.id}",
                    ):
                        page = self._get(url)
                        self.assertEqual(page.status_code, 200 if may else 404)
                        self.assertEqual(article.name in page.text, may)
                    self.assertEqual(article.name in home, may)
                    self.assertEqual(article.name in search, may)

    def test_what_is_for_others_looks_like_what_is_not_there(self):
        def read(article_id):
            page = self._get(f"/help/article/x-{article_id}").text
            page = re.sub(r"x-\d+", "", page)
            return re.sub(r'csrf_token: "[^"]*"|"[0-9a-f]{40,}[^"]*"', "", page)

        missing = read(99999999)
        for article in (self.internal, self.customer_only, self.draft, self.foreign):
            self.assertEqual(read(article.id), missing)

    def test_odd_addresses(self):
        for slug in (
            "x",
            "0",
            "-1",
            "x--1",
            "99999999999999",
            "%00",
            "%FF-1",
            "x-1%20",
        ):
            with self.subTest(slug):
                page = self._get(f"/help/article/{slug}")
                self.assertEqual(page.status_code, 404)
        for query in (
            "search=%00",
            "search=%27%3A*",
            "category=x",
            "category=99999999",
            "search=" + "x" * 5000,
        ):
            with self.subTest(query):
                self.assertEqual(self._get(f"/help?{query}").status_code, 200)
        self.assertEqual(self._get("/help/page/99999999").status_code, 200)

    def test_address_follows_the_title(self):
        response = self.url_open(
            f"/help/article/old-name-{self.public.id}", allow_redirects=False
        )
        self.assertEqual(response.status_code, 301)
        self.assertTrue(response.headers["Location"].endswith(self.public.url))

    def test_what_is_being_written_is_not_shown(self):
        self.public.write({"name": "Unfinished", "body": "<p>quagga</p>"})
        for url in (self.public.url, "/help", "/help?search=silent"):
            page = self._get(url).text
            self.assertIn("Grinder stays silent", page)
            self.assertNotIn("Unfinished", page)
            self.assertNotIn("quagga", page)

    def test_categories(self):
        secret = self.Category.create({"name": "Secret Category"})
        self.internal.category_id = secret
        page = self._get("/help").text
        self.assertIn("Grinders", page)
        self.assertNotIn("Secret Category", page)
        page = self._get(f"/help?category={self.machines.id}").text
        self.assertIn("Grinder stays silent", page)
        page = self._get(f"/help?category={secret.id}").text
        self.assertNotIn("Secret Category", page)
        self.assertNotIn("Grinder secrets", page)

    def test_sitemap(self):
        for user in (self.env.ref("base.public_user"), self.agent):
            locations = [
                item["loc"]
                for item in sitemap_articles(self.env(user=user, su=False), None, "")
            ]
            self.assertEqual(locations, [self.public.url])

    def test_search_is_kept_and_opened(self):
        page = self._get("/help?search=zebra").text
        self._get("/help?search=xyzzy")
        url = re.search(r'href="(/help/article/[^"?]+\?s=[^"]+)"', page)[1]
        self._get(url)
        first, second = self.Search.search([], order="id")
        self.assertRecordValues(
            first + second,
            [
                {
                    "query": "zebra",
                    "source": "help",
                    "result_count": 1,
                    "article_id": self.public.id,
                },
                {
                    "query": "xyzzy",
                    "source": "help",
                    "result_count": 0,
                    "article_id": False,
                },
            ],
        )

    def test_machines_are_not_counted(self):
        for agent in ("Googlebot/2.1", "curl/8", ""):
            self.opener.headers["User-Agent"] = agent
            self._get("/help?search=zebra")
            self._get(self.public.url)
        self.assertFalse(self.Search.search([]))
        self.assertFalse(self.public.view_count)

    # ------------------------------------------------------------
    # Feedback
    # ------------------------------------------------------------

    def _give(self, article=None, **data):
        page = self.url_open(self.public.url).text
        csrf = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
        return self.url_open(
            f"{(article or self.public).url}/feedback",
            data={"csrf_token": csrf, **data},
        )

    def test_feedback(self):
        self._log_in("case_ida")
        self._give(helpful="yes")
        page = self._give(helpful="no", comment="<b>No</b> picture")
        self.assertIn("Thank you", page.text)
        self.assertRecordValues(
            self.public.feedback_ids,
            [
                {
                    "is_helpful": False,
                    "comment": "<b>No</b> picture",
                    "partner_id": self.ida.id,
                }
            ],
        )
        self._log_in(None)
        self._give(helpful="yes")
        self._give(helpful="yes")
        self.public.invalidate_recordset()
        self.assertEqual(len(self.public.feedback_ids), 2)

    def test_feedback_that_is_none(self):
        self._give(helpful="maybe")
        self._give()
        self.opener.headers["User-Agent"] = "Googlebot/2.1"
        self._give(helpful="no")
        self.opener.headers["User-Agent"] = BROWSER
        for article in (self.internal, self.draft, self.customer_only):
            self.assertEqual(self._give(article, helpful="no").status_code, 404)
        self.assertEqual(self.url_open(f"{self.public.url}/feedback").status_code, 405)
        self.assertEqual(
            self.url_open(
                f"{self.public.url}/feedback", data={"helpful": "no"}
            ).status_code,
            400,
        )
        self.assertFalse(self.env["crm.case.article.feedback"].search([]))

    # ------------------------------------------------------------
    # Suggestions
    # ------------------------------------------------------------

    def test_suggest(self):
        found = self._rpc("/help/suggest", text="My grinder stays silent")
        self.assertEqual(
            [article["title"] for article in found["articles"]],
            ["Grinder stays silent"],
        )
        self.assertIn("?s=", found["articles"][0]["url"])
        again = self._rpc(
            "/help/suggest", text="My grinder stays silent now", token=found["token"]
        )
        self.assertEqual(again["token"], found["token"])
        self.assertEqual(len(self.Search.search([])), 1)

    def test_suggest_nothing_to_the_wrong_people(self):
        for text in ("zebra factory code", "zebra draft", "zebra elsewhere"):
            found = self._rpc("/help/suggest", text=text)
            titles = [article["title"] for article in found["articles"]]
            self.assertFalse(set(titles) - {"Grinder stays silent"})

    def test_odd_calls(self):
        for params in (
            {},
            {"text": None},
            {"text": 12345},
            {"text": ["zebra"]},
            {"text": "zebra\0cable"},
            {"text": "zebra", "token": {"x": 1}},
            {"text": "x" * 100_000},
        ):
            with self.subTest(str(params)[:50]):
                self.assertIn("articles", self._rpc("/help/suggest", **params))
        for params in (
            {},
            {"token": "1-x", "article_id": self.public.id},
            {"token": None, "article_id": "x"},
        ):
            self.assertFalse(self._rpc("/help/solved", **params))
        self.assertFalse(self.Search.search([("is_solved", "=", True)]))

    def test_solved(self):
        found = self._rpc("/help/suggest", text="grinder silent")
        self.assertTrue(
            self._rpc(
                "/help/solved",
                token=found["token"],
                article_id=found["articles"][0]["id"],
            )
        )
        self.assertRecordValues(
            self.Search.search([]),
            [{"is_solved": True, "article_id": self.public.id, "source": "form"}],
        )

    def test_solved_by_an_article_that_one_may_not_read(self):
        found = self._rpc("/help/suggest", text="grinder silent")
        self._rpc("/help/solved", token=found["token"], article_id=self.internal.id)
        self.assertFalse(self.Search.search([]).article_id)

    def test_solved_on_the_page_of_the_suggestion(self):
        found = self._rpc("/help/suggest", text="grinder silent")
        page = self._get(found["articles"][0]["url"]).text
        self.assertIn("this solved it", page)
        self.assertFalse(self.Search.search([]).is_solved, "opening is not solving")
        self._give(helpful="solved", token=found["token"])
        self.assertTrue(self.Search.search([]).is_solved)

    def _open_case(self, **data):
        self._log_in("case_ida")
        page = self.url_open("/my/cases/new").text
        csrf = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
        self.url_open(
            "/my/cases/new",
            data={
                "csrf_token": csrf,
                "name": "My grinder stays silent",
                "description": "It does nothing",
                **data,
            },
        )
        return self.env["crm.case"].search(
            [("partner_id", "=", self.ida.id)], order="id desc", limit=1
        )

    def test_case_after_a_suggestion(self):
        self._log_in("case_ida")
        found = self._rpc("/help/suggest", text="grinder silent")
        self._rpc("/help/solved", token=found["token"])
        case = self._open_case(suggestion_token=found["token"])
        self.assertEqual(case.article_search_id, self.Search.search([]))
        self.assertFalse(case.article_search_id.is_solved)

    def test_case_with_a_token_that_is_none(self):
        help_token = self.Search._keep("help", "x", 1, self.company, "n")
        for token in ("", "1-x", help_token):
            with self.subTest(token):
                case = self._open_case(suggestion_token=token)
                self.assertTrue(case)
                self.assertFalse(case.article_search_id)

    def test_suggestions_in_the_browser(self):
        # the browser of the test says that it is a program
        with patch.object(help_controller, "is_program", return_value=False):
            self.start_tour(
                "/my/cases/new", "crm_helpdesk_suggestions", login="case_ida"
            )
        self.assertTrue(self.Search.search([]).is_solved)

    def test_agent_sends_an_article(self):
        case = self._create_cases(name="My grinder stays silent")
        self.start_tour(
            f"/odoo/cases/{case.id}",
            "crm_helpdesk_answer_suggestion",
            login="case_agent",
        )
        self.assertEqual(case.article_ids, self.public)
        self.assertIn(self.public.url, case.message_ids[0].body)
        self._log_in("case_ida")
        with self.assertRaises(JsonRpcException):
            self._rpc(
                "/web/dataset/call_kw",
                model="crm.case",
                method="get_answer_suggestions",
                args=[case.ids],
                kwargs={},
            )
