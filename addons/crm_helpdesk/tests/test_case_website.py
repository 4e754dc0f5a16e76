from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from .test_case_article import ArticleCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseWebsite(HttpCase, ArticleCommon):
    """Pages without login, where the app Website is installed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "website" not in cls.env:
            return
        cls.website = cls.env["website"].search([], limit=1)
        cls.website.company_id = cls.company
        cls.team.is_public_form = True
        cls.pages = ("/help", cls.public.url, cls.team._get_form_path())

    def setUp(self):
        super().setUp()
        if "website" not in self.env:
            self.skipTest("Website is not installed")
        self.authenticate(None, None)

    def test_pages_are_of_the_site(self):
        """Its menu above, its foot below."""
        self.env["website.menu"].create(
            {
                "name": "Visit our roastery",
                "url": "/",
                "website_id": self.website.id,
                "parent_id": self.website.menu_id.id,
            }
        )
        for path in self.pages:
            with self.subTest(path):
                response = self.url_open(path)
                self.assertEqual(response.status_code, 200)
                self.assertIn("Visit our roastery", response.text)
                self.assertIn(f'data-website-id="{self.website.id}"', response.text)
                self.assertIn("<footer", response.text)

    def test_portal_is_of_the_site(self):
        case = self._create_cases()
        self.authenticate("case_ida", "case_ida")
        for path in ("/my/cases", f"/my/cases/{case.id}", "/my/cases/new"):
            with self.subTest(path):
                response = self.url_open(path)
                self.assertEqual(response.status_code, 200)
                self.assertIn(f'data-website-id="{self.website.id}"', response.text)
                self.assertIn("<footer", response.text)

    def test_articles_of_the_company_of_the_site(self):
        page = self.url_open("/help").text
        self.assertIn("Grinder stays silent", page)
        self.assertNotIn("Grinder elsewhere", page)
        self.website.company_id = self.company_2
        page = self.url_open("/help").text
        self.assertIn("Grinder elsewhere", page)
        self.assertNotIn("Grinder stays silent", page)
        self.assertEqual(self.url_open(self.public.url).status_code, 404)

    def test_teams_of_the_company_of_the_site(self):
        self.team_2.is_portal = True
        self.portal_ida.company_ids |= self.company_2
        self.website.company_id = self.company_2
        self.authenticate("case_ida", "case_ida")
        page = self.url_open("/my/cases/new").text
        self.assertRegex(page, rf'name="team_id" value="{self.team_2.id}"')

    def test_sitemap(self):
        page = self.url_open("/sitemap.xml").text
        self.assertIn(self.public.url, page)
        self.assertIn("/help<", page)
        for article in (self.customer_only, self.internal, self.draft, self.foreign):
            self.assertNotIn(article.url, page)
        self.assertNotIn("/case/new", page)

    def test_in_another_language(self):
        german = self.env.ref("base.lang_de")
        self.website.language_ids = [Command.link(german.id)]
        self.public.with_context(lang="de_DE").name = "Die Mühle bleibt still"
        self.public.action_publish()
        response = self.url_open(f"/{german.url_code}/help")
        self.assertEqual(response.status_code, 200)
        self.assertIn("Die Mühle bleibt still", response.text)
        response = self.url_open(f"/{german.url_code}{self.team._get_form_path()}")
        self.assertEqual(response.status_code, 200)
        self.assertIn('name="form_token"', response.text)
