from datetime import timedelta
from unittest.mock import patch

from markupsafe import Markup

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import SQL

from ..tools.text_search import CONFIGS, get_config, query_words, split_words
from .common import CaseCommon


class ArticleCommon(CaseCommon):
    """An article of each audience about the same thing, one draft, and one of another
    company.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("de_DE")
        cls.Article = cls.env["crm.case.article"]
        # articles of the database that the test runs on
        cls.Article.search([]).write({"state": "draft"})
        cls.Category = cls.env["crm.case.article.category"]
        cls.machines = cls.Category.create({"name": "Machines"})
        cls.grinders = cls.Category.create(
            {"name": "Grinders", "parent_id": cls.machines.id}
        )
        cls.public = cls._write("Grinder stays silent", "Plug the zebra cable in.")
        cls.customer_only = cls._write(
            "Grinder guarantee", "Zebra guarantee of two years.", audience="customer"
        )
        cls.internal = cls._write(
            "Grinder secrets", "Zebra factory code 4711.", audience="internal"
        )
        cls.draft = cls._write("Grinder draft", "Zebra draft.", publish=False)
        cls.foreign = cls._write(
            "Grinder elsewhere", "Zebra elsewhere.", company_id=cls.company_2.id
        )

    @classmethod
    def _write(cls, name, text, audience="public", publish=True, **values):
        article = cls.Article.create(
            {
                "name": name,
                "body": Markup("<p>%s</p>") % text,
                "audience": audience,
                "category_id": cls.grinders.id,
                "user_id": cls.manager.id,
                "company_id": cls.company.id,
                **values,
            }
        )
        if publish:
            article.action_publish()
        return article

    def _find(self, text, user=None, lang=None, company=None):
        Article = self.Article.with_context(lang=lang or "en_US")
        domain = Article._get_reader_domain(
            user or self.env.ref("base.public_user"), company or self.company
        )
        return Article._find(text, domain)

    def _titles(self, *args, **kw):
        return [item["title"] for item in self._find(*args, **kw)[0]]


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestTextSearchTools(CaseCommon):
    def test_words(self):
        for text, words in (
            ("", []),
            (None, []),
            ("  The  GRINDER!", ["the", "grinder"]),
            ("E-47 & 'x' | !y:* (z)", ["e", "47", "x", "y", "z"]),
            ("Mühle _mahlt_ nicht", ["mühle", "mahlt", "nicht"]),
            ("a a a", ["a"]),
            ("x" * 5000, ["x" * 50]),
        ):
            self.assertEqual(split_words(text), words)
        self.assertEqual(len(split_words(" ".join(map(str, range(99))))), 12)
        self.assertEqual(query_words("my grin"), ["'my'", "'grin':*"])
        self.assertEqual(query_words("it is"), ["'it'", "'is'"])

    def test_languages(self):
        self.assertEqual(get_config("de_CH", {"german"}), "german")
        self.assertEqual(get_config("th_TH", {"german"}), "simple")
        self.assertEqual(get_config("de_DE", {"simple"}), "simple", "not installed")
        self.assertEqual(get_config(None, {"german"}), "simple")
        available = self.env["crm.case.article.text"]._get_configs()
        self.assertFalse(set(CONFIGS.values()) - available)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestArticle(ArticleCommon):
    # ------------------------------------------------------------
    # Versions
    # ------------------------------------------------------------

    def test_readers_see_the_published_version(self):
        self.assertFalse(self.public.has_changes)
        self.public.write({"name": "Changed", "body": "<p>quagga</p>"})

        self.assertTrue(self.public.has_changes)
        self.assertEqual(self.public.version_id.name, "Grinder stays silent")
        self.assertEqual(self._titles("zebra cable"), ["Grinder stays silent"])
        self.assertFalse(self._titles("quagga"))

        self.public.action_publish()
        self.assertEqual(self.public.version_ids.mapped("number"), [2, 1])
        self.assertEqual(self._titles("quagga"), ["Changed"])
        self.assertFalse(self._titles("cable"))

    def test_publishing_the_same_is_no_version(self):
        self.public.action_publish()
        self.assertEqual(len(self.public.version_ids), 1)
        self.public.action_withdraw()
        self.assertFalse(self._titles("cable"))
        self.public.action_publish()
        self.assertEqual(len(self.public.version_ids), 1)
        self.assertTrue(self._titles("cable"))

    def test_nothing_to_publish(self):
        article = self._write("Empty", "", publish=False)
        with self.assertRaises(UserError):
            article.action_publish()

    def test_versions_keep_all_languages(self):
        german = self.public.with_context(lang="de_DE")
        german.write({"name": "Mühle schweigt"})
        self.assertTrue(self.public.has_changes)
        self.public.action_publish()
        german.name = "Anders"
        self.public.action_publish()

        first, second = self.public.version_ids[1], self.public.version_ids[0]
        self.assertEqual(first.with_context(lang="de_DE").name, "Mühle schweigt")
        self.assertEqual(second.with_context(lang="de_DE").name, "Anders")
        self.assertEqual(first.name, "Grinder stays silent")

        first.action_restore()
        self.assertEqual(german.name, "Mühle schweigt")
        self.assertTrue(self.public.has_changes)
        self.assertEqual(self.public.version_id, second, "until it is published")

    def test_compare(self):
        self.public.body = "<p>Plug the quagga cable in.</p>"
        self.public.action_publish()
        second, first = self.public.version_ids
        self.assertIn("quagga", second.changes)
        self.assertIn("zebra", second.changes)
        self.assertIn("o_crm_helpdesk_added", second.changes)
        self.assertIn("o_crm_helpdesk_removed", second.changes)
        self.assertIn("quagga", first.changes_now)
        self.assertFalse(second.changes_now and "removed" in second.changes_now)

    def test_versions_are_nobodys_to_write(self):
        version = self.public.version_id
        for user in (self.agent, self.manager):
            with self.assertRaises(AccessError):
                version.with_user(user).write({"name": "x"})
            with self.assertRaises(AccessError):
                version.with_user(user).unlink()
            with self.assertRaises(AccessError):
                version.with_user(user).create(
                    {
                        "article_id": self.public.id,
                        "number": 9,
                        "name": "x",
                        "date": fields.Datetime.now(),
                    }
                )
        with self.assertRaises(UserError):
            self.public.with_user(self.manager).unlink()

    def test_scripts_are_taken_out(self):
        self.public.body = '<p onclick="x()">a</p><script>alert(1)</script>'
        self.public.action_publish()
        self.assertNotIn("script", self.public.version_id.body)
        self.assertNotIn("onclick", self.public.version_id.body)

    # ------------------------------------------------------------
    # Search
    # ------------------------------------------------------------

    def test_who_finds_what(self):
        everybody = ["Grinder stays silent"]
        customers = [*everybody, "Grinder guarantee"]
        for user, titles in (
            (self.env.ref("base.public_user"), everybody),
            (self.portal_ida, customers),
            (self.agent, [*customers, "Grinder secrets"]),
            (self.env.ref("base.user_admin"), [*customers, "Grinder secrets"]),
        ):
            self.assertCountEqual(self._titles("zebra", user), titles)

    def test_other_company(self):
        self.assertEqual(
            self._titles("zebra", self.agent_c2, company=self.company_2),
            ["Grinder elsewhere"],
        )
        self.public.company_id = False
        found = self._titles("zebra", self.agent_c2, company=self.company_2)
        self.assertCountEqual(found, ["Grinder elsewhere", "Grinder stays silent"])

    def test_archived_and_internal_at_once(self):
        self.public.audience = "internal"
        self.assertFalse(self._titles("zebra"), "without publishing it again")
        self.public.audience = "public"
        self.public.active = False
        self.assertFalse(self._titles("zebra"))

    def test_word_forms_and_unfinished_words(self):
        self._write("Cleaning", "Cleaning the burrs of grinders every month.")
        self.assertEqual(self._titles("clean burr"), ["Cleaning"])
        self.assertEqual(self._titles("cleaned the bur"), ["Cleaning"])
        self.assertFalse(self._titles("the of"), "words that mean nothing")
        self.assertFalse(self._titles(""))
        self.assertFalse(self._titles("xyzzy"))

    def test_title_goes_before_text(self):
        text = self._write("Other matters", "About descaling, too.")
        title = self._write("Descaling", "How it is done.")
        words = self._write("Chalk", "How it goes.", keywords="descaling")
        found, total = self._find("descaling")
        self.assertEqual(total, 3)
        self.assertEqual(found[-1]["id"], text.id)
        self.assertCountEqual([item["id"] for item in found[:2]], [title.id, words.id])

    def test_a_sentence_finds_what_has_half_of_its_words(self):
        article = self._write("Water leaks", "The pump drips below the boiler.")
        found, _total = self._find("water drips from my new kettle today please")
        self.assertNotIn(article.id, [item["id"] for item in found])
        found, _total = self._find("since today water drips")
        self.assertEqual([item["id"] for item in found], [article.id])
        self.assertFalse(found[0]["is_exact"])
        self.assertTrue(self._find("water drips")[0][0]["is_exact"])

    def test_languages(self):
        article = self._write("Water hardness", "Houses have taps.")
        article.with_context(lang="de_DE").name = "Wasserhärte"
        article.update_field_translations(
            "body", {"de_DE": {"Houses have taps.": "Die Häuser haben Hähne."}}
        )
        article.action_publish()

        self.assertEqual(self._titles("haus", lang="de_DE"), ["Wasserhärte"])
        self.assertFalse(self._titles("Häuser"), "English readers get English")
        self.assertEqual(self._titles("house"), ["Water hardness"])
        # what is not translated is found as what it is
        self.assertEqual(
            self._titles("cables zebras", lang="de_DE"), ["Grinder stays silent"]
        )

    def test_accents(self):
        """Who writes without them finds what has them, and the other way round."""
        registry = self.env.registry
        if not registry.has_unaccent:
            self.skipTest("the extension unaccent is not in this database")
        self._write("Café crème", "How to foam the milk.", keywords="señor")
        for text in ("cafe creme", "Café Crème", "CAFÈ", "senor", "Señor"):
            with self.subTest(text):
                self.assertEqual(self._titles(text), ["Café crème"])

        # before the extension was there
        with patch.object(registry, "unaccent", lambda text: text):
            self.env["crm.case.article.text"]._rebuild()
        self.assertFalse(self._titles("café"))
        self.env["ir.config_parameter"].set_param(
            "crm_helpdesk.article_unaccent", "False"
        )
        self.env["crm.case.article.text"]._gc_accents()
        self.assertEqual(self._titles("café"), ["Café crème"])
        with patch.object(
            type(self.env["crm.case.article.text"]), "_rebuild"
        ) as rebuild:
            self.env["crm.case.article.text"]._gc_accents()
        rebuild.assert_not_called()

    def test_similar_cases_without_accents(self):
        if not (self.env.registry.has_unaccent and self.env.registry.has_trigram):
            self.skipTest("the extension unaccent is not in this database")
        solved = self._create_cases(name="Café crème brûlé dans la machine")
        solved.action_close()
        case = self._create_cases(name="cafe creme brule dans la machine")
        cases = case.with_user(self.agent).get_answer_suggestions()["cases"]
        self.assertEqual([one["id"] for one in cases], solved.ids)

    def test_new_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.assertEqual(self._titles("cables", lang="fr_FR"), [self.public.name])

    def test_reader_without_a_language(self):
        Article = self.Article.with_context(lang=False)
        domain = Article._get_reader_domain(self.agent, self.company)
        self.assertTrue(Article._find("zebra cable", domain)[0])

    def test_codes_are_found_as_they_are_written(self):
        article = self._write("Error E-47", "Water is missing.")
        self.assertEqual(self._find("e-47")[0][0]["id"], article.id)
        self.assertEqual(self._find("E 47")[0][0]["id"], article.id)

    def test_excerpt_is_safe(self):
        self._write("Attack", "<script>alert(1)</script> wombat & \x02 friends")
        [item] = self._find("wombat")[0]
        self.assertIn("<mark>wombat</mark>", item["excerpt"])
        self.assertIn("&amp;", item["excerpt"])
        self.assertNotIn("<script", item["excerpt"])

    def test_odd_queries(self):
        for text in ("'", "a' | 'b", "!!!", "x:*", "((", "%s %(x)s", "\\", "zebra\\:*"):
            with self.subTest(text):
                self._find(text)

    def test_index_is_used(self):
        self.env.flush_all()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        plan = self.env.execute_query(
            SQL(
                """
                EXPLAIN SELECT id FROM crm_case_article_text
                 WHERE vector @@ to_tsquery('english', 'zebra')
                """
            )
        )
        self.assertIn("crm_case_article_text_vector_idx", str(plan))

    def test_queries_do_not_grow_with_the_articles(self):
        for i in range(30):
            self._write(f"Wombat {i}", f"Wombat number {i}")
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        self._find("wombat")
        self.assertLess(self.env.cr.sql_log_count - before, 8)

    # ------------------------------------------------------------
    # Care
    # ------------------------------------------------------------

    def test_review(self):
        kind = self.env.ref("crm_helpdesk.mail_activity_type_article_review")
        today = fields.Date.context_today(self.public)
        self.assertEqual(self.public.date_review, fields.Date.add(today, months=12))
        (self.public + self.draft).date_review = fields.Date.add(today, days=3)

        for _i in range(2):
            with self.enter_registry_test_mode():
                self.env.ref(
                    "crm_helpdesk.ir_cron_review_articles"
                ).method_direct_trigger()
        [activity] = self.public.activity_ids
        self.assertEqual(activity.user_id, self.manager)
        self.assertEqual(activity.activity_type_id, kind)
        self.assertFalse(self.draft.activity_ids)

        self.public.with_user(self.manager).action_reviewed()
        self.assertFalse(self.public.activity_ids)
        self.assertEqual(self.public.date_review, fields.Date.add(today, months=12))
        self.public.review_months = 0
        self.public.action_reviewed()
        self.assertFalse(self.public.date_review)

    def test_categories(self):
        self.assertEqual(self.grinders.display_name, "Machines / Grinders")
        self.assertEqual(self.machines.article_count, 5)
        with self.assertRaises(UserError):
            self.machines.parent_id = self.grinders

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_readers_have_no_records(self):
        """They read pages; a record would show what is not published."""
        models = (
            "crm.case.article",
            "crm.case.article.version",
            "crm.case.article.text",
            "crm.case.article.search",
            "crm.case.article.feedback",
            "crm.case.article.view",
            "crm.case.article.gap",
            "crm.case.article.category",
            "crm.case.deflection.report",
        )
        for user in (self.portal_ida, self.env.ref("base.public_user")):
            for model in models:
                with self.subTest(user=user.login, model=model):
                    with self.assertRaises(AccessError):
                        self.env[model].with_user(user).search([])

    def test_agents_of_another_company(self):
        Article = self.Article.with_user(self.agent_c2)
        self.assertEqual(Article.search([]), self.foreign)
        for record in (self.internal, self.internal.version_id):
            with self.assertRaises(AccessError):
                record.with_user(self.agent_c2).read(["name"])
        with self.assertRaises(AccessError):
            self.internal.with_user(self.agent_c2).action_publish()
        with self.assertRaises(AccessError):
            self.internal.version_id.with_user(self.agent_c2).action_restore()

    def test_agents_write_managers_delete(self):
        draft = self.draft.with_user(self.agent)
        draft.name = "Better"
        draft.action_publish()
        other = self._write("Other", "text", publish=False)
        with self.assertRaises(AccessError):
            other.with_user(self.agent).unlink()
        other.with_user(self.manager).unlink()


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestArticleOfCase(ArticleCommon):
    """Articles where cases are answered."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._create_cases(name="My grinder stays silent")

    def _suggest(self, user=None):
        return self.case.with_user(user or self.agent).get_answer_suggestions()

    def test_suggested_articles(self):
        articles = self._suggest()["articles"]
        self.assertEqual(articles[0]["title"], "Grinder stays silent")
        self.assertNotIn("Grinder draft", str(articles))
        self.assertNotIn("Grinder elsewhere", str(articles))

    def test_similar_solved_cases(self):
        alike = self._create_cases(name="Grinder stays silent again")
        self._answer(alike, body=Markup("<p>Try the <b>zebra</b> cable.</p>"))
        self._answer(alike, user=self.portal_ida, body="Thanks")
        alike.action_close()
        self._create_cases(name="Invoice is wrong").action_close()
        still_open = self._create_cases(name="My grinder stays silent")
        hidden = self._create_cases(
            name="My grinder stays silent",
            team_id=self.team.copy(
                {"name": "Closed", "alias_name": False, "visibility": "members"}
            ).id,
        )
        hidden.team_id.member_ids = self.agent_2
        hidden.action_close()

        cases = self._suggest(self.outsider)["cases"]

        self.assertEqual([case["id"] for case in cases], [alike.id])
        self.assertIn("zebra", cases[0]["answer"])
        self.assertNotIn(still_open.id, [case["id"] for case in cases])
        self.assertIn(
            hidden.id, [case["id"] for case in self._suggest(self.agent_2)["cases"]]
        )

    def test_same_product_goes_first(self):
        alike = self._create_cases(name="My grinder stays silent")
        product = self._create_cases(name="Grinder silent", product_id=self.product.id)
        (alike + product).action_close()
        self.case.product_id = self.product
        ids = [case["id"] for case in self._suggest()["cases"]]
        self.assertEqual(ids, [product.id, alike.id])

    def test_no_suggestions_of_cases_that_one_may_not_read(self):
        self.case.team_id.visibility = "members"
        with self.assertRaises(AccessError):
            self._suggest(self.outsider)
        with self.assertRaises(AccessError):
            self._suggest(self.portal_jan)

    def test_insert_link(self):
        case = self.case.with_user(self.agent)
        context = case.action_insert_article(self.public.id)["context"]
        self.assertIn(f"{self.public.url}", context["default_body"])
        self.assertIn("Grinder stays silent", context["default_body"])
        self.assertEqual(context["default_partner_ids"], self.ida.ids)
        self.assertEqual(case.article_ids, self.public)
        self.assertEqual(self.public.case_count, 1)

        composer = (
            self.env["mail.compose.message"]
            .with_user(self.agent)
            .with_context(**context)
            .create({})
        )
        with self.mock_mail_gateway():
            composer._action_send_mail()
        message = self.case.message_ids[0]
        self.assertIn(self.public.url, message.body)
        self.assertIn(self.ida, message.notified_partner_ids)
        self.assertTrue(self.case.date_first_response)

    def test_insert_text_in_the_customers_language(self):
        self.public.with_context(lang="de_DE").write({"name": "Mühle schweigt"})
        self.public.action_publish()
        self.ida.lang = "de_DE"
        context = self.case.with_user(self.agent).action_insert_article(
            self.public.id, with_text=True
        )["context"]
        self.assertIn("Mühle schweigt", context["default_body"])
        self.assertIn("zebra", context["default_body"])

    def test_what_is_not_sent(self):
        case = self.case.with_user(self.agent)
        for article in (self.internal, self.draft):
            with self.assertRaises(UserError):
                case.action_insert_article(article.id)
        with self.assertRaises(AccessError):
            case.action_insert_article(self.foreign.id)
        self.case.team_id.visibility = "members"
        with self.assertRaises(AccessError):
            self.case.with_user(self.outsider).action_insert_article(self.public.id)
        self.assertFalse(self.case.article_ids)

    def test_use_an_answer(self):
        other = self._create_cases()
        with self.assertRaises(UserError):
            self.case.with_user(self.agent).action_insert_answer(other.id)
        self._answer(other, body="Try the zebra cable.")
        action = self.case.with_user(self.agent).action_insert_answer(other.id)
        self.assertIn("zebra", action["context"]["default_body"])
        other.team_id = self.team.copy(
            {"name": "Closed", "alias_name": False, "visibility": "members"}
        )
        other.team_id.member_ids = self.agent_2
        with self.assertRaises(AccessError):
            self.case.with_user(self.agent).action_insert_answer(other.id)

    def test_article_from_a_case(self):
        case = self._receive("The grinder does not start")
        self._answer(case, body="Please plug it in.")
        case.message_post(body="internal remark")
        case.action_close()

        action = case.with_user(self.agent).action_write_article()

        article = self.Article.browse(action["res_id"])
        self.assertRecordValues(
            article,
            [
                {
                    "name": "The grinder does not start",
                    "audience": "internal",
                    "state": "draft",
                    "case_id": case.id,
                    "user_id": self.agent.id,
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertIn("Hello, the grinder does not start", article.body)
        self.assertIn("Please plug it in", article.body)
        self.assertNotIn("internal remark", article.body)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestArticleFigures(ArticleCommon):
    """K73, what is missing, and what is forgotten."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Search = cls.env["crm.case.article.search"]
        cls.Search.search([]).unlink()

    def _keep(self, query, found, source="form", token=None, network="n", company=None):
        return self.Search._keep(
            source, query, found, company or self.company, network, token
        )

    def _log(self, *args, **kw):
        return self.Search._read_token(self._keep(*args, **kw))

    def _deflection(self):
        [figures] = self.env["crm.case.deflection.report"]._read_group(
            [],
            [],
            ["suggestions:sum", "solved:sum", "cases:sum", "deflection:avg"],
        )
        return figures

    def test_share(self):
        self.assertIs(self._deflection()[3], False, "no figure without a single one")
        for _i in range(3):
            self._log("grinder", 2)._solve(self.public)
        search = self._log("grinder", 2)
        self._create_cases(article_search_id=search.id)
        self._log("grinder", 1)  # nobody knows what became of it
        nothing = self._log("xyzzy", 0)  # nothing was suggested
        self._create_cases(article_search_id=nothing.id)
        self._log("grinder", 2, source="help")._solve()  # no suggestion

        self.assertEqual(self._deflection(), (5, 3, 1, 75))
        self.assertEqual(self.public.solved_count, 3)

    def test_solved_and_then_a_case_was_not_solved(self):
        search = self._log("grinder", 2)
        search._solve(self.public)
        self._create_cases(article_search_id=search.id)
        self.assertEqual(self._deflection()[1:], (0, 1, 0))
        search._solve(self.public)
        self.assertEqual(self._deflection()[1:], (0, 1, 0), "the case is there")

    def test_typing_is_one_suggestion(self):
        token = self._keep("gri", 3)
        self.assertEqual(self._keep("grinder on fire", 0, token=token), token)
        search = self.Search._read_token(token)
        self.assertRecordValues(
            search,
            [{"query": "grinder on fire", "result_count": 0, "shown_count": 3}],
        )
        self.assertEqual(self._deflection()[0], 1)

    def test_tokens(self):
        token = self._keep("grinder", 1)
        other = self._keep("grinder", 1)
        number, _sep, _signature = token.partition("-")
        for wrong in (
            None,
            "",
            "-",
            number,
            f"{number}-",
            f"{number}-{other.partition('-')[2]}",
            f"{number}-\u00f6",
            "9" * 30 + "-x",
            "\u0661-x",
            ["x"],
            {"a": 1},
        ):
            self.assertFalse(self.Search._read_token(wrong), wrong)
        self.assertTrue(self.Search._read_token(token))

    def test_limit_by_network(self):
        with patch(
            "odoo.addons.crm_helpdesk.models.knowledge.crm_case_article_search"
            ".MAX_PER_HOUR",
            2,
        ):
            self.assertTrue(self._keep("one", 0))
            self.assertTrue(self._keep("two", 0))
            self.assertIsNone(self._keep("three", 0))
            self.assertTrue(self._keep("three", 0, network="else"))

    def test_missing_articles(self):
        self._log("Warranty of burrs", 0)
        self._log("warranty for the burr", 0, source="help")
        search = self._log("cable", 2)
        self._create_cases(article_search_id=search.id)
        opened = self._log("guarantee", 1, source="help")
        opened._open(self.public)
        self.env.flush_all()

        gaps = self.env["crm.case.article.gap"].search([("missed", ">", 0)])

        self.assertRecordValues(
            gaps,
            [
                {
                    "query": "warranty for the burr",
                    "searches": 2,
                    "without_result": 2,
                    "without_click": 0,
                    "missed": 2,
                    "cases": 0,
                },
                {
                    "query": "cable",
                    "searches": 1,
                    "without_result": 0,
                    "without_click": 1,
                    "missed": 1,
                    "cases": 1,
                },
            ],
        )
        context = gaps[0].action_write_article()["context"]
        self.assertEqual(context["default_name"], "Warranty for the burr")

    def test_gaps_of_other_companies(self):
        self._log("warranty", 0)
        self._log("secret plans", 0, company=self.company_2)
        self.env.flush_all()
        for model in ("crm.case.article.gap", "crm.case.article.search"):
            rows = self.env[model].with_user(self.agent).search([])
            self.assertEqual(rows.company_id, self.company)

    def test_forgetting(self):
        old = fields.Datetime.now() - timedelta(days=400)
        vain, solved, case_search, fresh = (self._log(f"word{i}", 1) for i in range(4))
        solved._solve(self.public)
        self._create_cases(article_search_id=case_search.id)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_case_article_search SET create_date = %s WHERE id = ANY(%s)",
            (old, (vain + solved + case_search).ids),
        )
        self.env.invalidate_all()

        self.Search._gc_searches()

        self.assertFalse(vain.exists())
        self.assertRecordValues(
            solved + case_search,
            [
                {"query": False, "key": False, "network": False, "is_solved": True},
                {"query": False, "key": False, "network": False, "is_solved": False},
            ],
        )
        self.assertEqual(fresh.query, "word3")
        self.assertEqual(self._deflection()[1:], (1, 1, 50), "figures stay")

        self.env["ir.config_parameter"].set_param(
            "crm_helpdesk.article_search_retention_days", 0
        )
        self.assertIsNone(self.Search._gc_searches())

    def test_feedback_is_one_word_a_reader(self):
        Feedback = self.env["crm.case.article.feedback"]

        def give(is_helpful, comment="", visitor="s1", network="n"):
            return Feedback._give(
                self.public, is_helpful, comment, self.ida, visitor, network
            )

        give(True)
        give(False, "No picture")
        give(False)
        self.assertRecordValues(
            self.public.feedback_ids,
            [{"is_helpful": False, "comment": "No picture", "partner_id": self.ida.id}],
        )
        give(True, visitor="s2")
        self.public.invalidate_recordset()
        self.assertEqual(self.public.helpful_words, "50 % of 2")
        self.assertFalse(self.internal.helpful_words, "nobody said anything")

        with patch(
            "odoo.addons.crm_helpdesk.models.knowledge.crm_case_article_feedback"
            ".MAX_PER_DAY",
            2,
        ):
            self.assertFalse(give(True, visitor="s3"))
            self.assertTrue(give(True, visitor="s3", network="else"))

    def test_reads(self):
        View = self.env["crm.case.article.view"]
        for _i in range(3):
            View._count(self.public)
        self.assertEqual(self.public.view_count, 3)
        self.assertEqual(len(View.search([("article_id", "=", self.public.id)])), 1)
