from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, html2plaintext, is_html_empty

from ..case.crm_case_stage import DONE

MAX_SUGGESTIONS = 5
MIN_SIMILARITY = 0.3  # of subjects; what PostgreSQL's own "%" takes as alike
MAX_EXCERPT = 240


class CrmCase(models.Model):
    """What is known that helps with a case: articles, and cases that were solved."""

    _inherit = "crm.case"

    article_search_id = fields.Many2one(
        "crm.case.article.search",
        string="Suggestions Shown",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
        help="What was suggested to the customer while he wrote.",
    )
    article_ids = fields.Many2many(
        "crm.case.article",
        "crm_case_article_rel",
        "case_id",
        "article_id",
        string="Articles Sent",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )

    @api.model_create_multi
    def create(self, vals_list):
        cases = super().create(vals_list)
        search_ids = [
            vals["article_search_id"]
            for vals in vals_list
            if vals.get("article_search_id")
        ]
        if search_ids:
            # sudo: whoever asks, after all; then it was not solved by a suggestion
            self.env["crm.case.article.search"].sudo().browse(
                search_ids
            ).is_solved = False
        return cases

    # ------------------------------------------------------------
    # Suggestions
    # ------------------------------------------------------------

    @api.readonly
    def get_answer_suggestions(self):
        """What may help to answer, for the case form: articles, and solved cases like
        this one with what they were answered.
        """
        self.ensure_one()
        self.check_access("read")
        return {
            "articles": self._suggest_articles(),
            "cases": self._suggest_cases(),
        }

    def _suggest_articles(self):
        Article = self.env["crm.case.article"]
        if not Article.has_access("read"):
            return []
        domain = Article._get_reader_domain(self.env.user, self.company_id)
        found, _total = Article._find(self.name, domain, limit=MAX_SUGGESTIONS)
        articles = Article.browse(article["id"] for article in found)
        audiences = dict(Article._fields["audience"]._description_selection(self.env))
        return [
            {
                "id": article.id,
                "title": item["title"],
                "excerpt": str(item["excerpt"]),
                "audience": audiences[article.audience],
                "is_internal": article.audience == "internal",
                "is_sent": article in self.article_ids,
                "url": article.url,
            }
            for article, item in zip(articles, found, strict=True)
        ]

    def _suggest_cases(self):
        """Solved cases with a subject like this one; those of the same product first.
        Only cases that the agent may read.
        """
        if not self.env.registry.has_trigram or not self.name:
            return []
        unaccent = self.env.registry.unaccent
        subject = unaccent(SQL("c.name"))
        wanted = unaccent(SQL("%s", self.name))
        readable = self._search(
            Domain("stage_category", "in", DONE)
            & Domain("id", "!=", self.id)
            & Domain("company_id", "=", self.company_id.id)
            & Domain("is_machine", "=", False)
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id
                  FROM crm_case c
                 WHERE %(subject)s %% %(wanted)s AND c.id IN %(readable)s
                   AND similarity(%(subject)s, %(wanted)s) >= %(enough)s
                 ORDER BY (c.product_id = %(product)s) IS TRUE DESC,
                          similarity(%(subject)s, %(wanted)s) DESC, c.id DESC
                 LIMIT %(limit)s
                """,
                subject=subject,
                wanted=wanted,
                readable=readable.subselect(),
                enough=MIN_SIMILARITY,
                product=self.product_id.id or None,
                limit=MAX_SUGGESTIONS,
            )
        )
        cases = self.browse(row[0] for row in rows)
        answers = cases._get_answers()
        return [
            {
                "id": case.id,
                "name": case.display_name,
                "stage": case.stage_id.name,
                "answer": html2plaintext(answers[case].body)[:MAX_EXCERPT]
                if case in answers
                else "",
            }
            for case in cases
        ]

    def _get_answers(self):
        """Return ``{case: the last answer that one of us gave the customer}``."""
        answers = {}
        # sudo: of cases that the caller may read; who wrote them tells answers
        for message in (
            self.env["mail.message"]
            .sudo()
            .search(
                [
                    ("model", "=", self._name),
                    ("res_id", "in", self.ids),
                    ("message_type", "in", ("comment", "email", "email_outgoing")),
                    ("subtype_id", "=", self.env.ref("mail.mt_comment").id),
                    ("is_internal", "=", False),
                    ("author_id.user_ids.share", "=", False),
                ],
                order="id",
            )
        ):
            if not is_html_empty(message.body):
                answers[self.browse(message.res_id)] = message
        return answers

    def action_insert_article(self, article_id, with_text=False):
        """Open the answer to the customer with an article in it.

        :param with_text: its text, rather than a link to it
        """
        self.ensure_one()
        self.check_access("write")
        article = self.env["crm.case.article"].browse(article_id).exists()
        article.check_access("read")
        domain = article._get_reader_domain(self.env.user, self.company_id)
        if not article.filtered_domain(domain):
            raise UserError(self.env._("This article is not published."))
        if article.audience == "internal":
            raise UserError(
                self.env._("This article is for our people only: it is not sent.")
            )
        # in the customer's language
        article = article.with_context(lang=self.partner_id.lang or self.env.lang)
        version = article.version_id
        title = version.name
        if with_text:
            body = Markup("<p><strong>%s</strong></p>%s") % (title, version.body or "")
        else:
            url = self.get_base_url() + article.url
            body = Markup('<p><a href="%s">%s</a></p>') % (url, title)
        # sudo: a note of what was sent, of a case that may be written
        self.sudo().article_ids |= article
        return self._open_answer(body)

    def action_insert_answer(self, case_id):
        """Open the answer to the customer with what another case was answered."""
        self.ensure_one()
        case = self.browse(case_id).exists()
        case.check_access("read")
        answer = case._get_answers().get(case)
        if not answer:
            raise UserError(self.env._("Nobody has answered that case."))
        return self._open_answer(answer.body)

    def _open_answer(self, body):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Answer"),
            "res_model": "mail.compose.message",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_model": self._name,
                "default_res_ids": self.ids,
                "default_composition_mode": "comment",
                "default_subtype_xmlid": "mail.mt_comment",
                "default_partner_ids": self.partner_id.ids,
                "default_body": str(body),
            },
        }

    # ------------------------------------------------------------
    # Article from a case
    # ------------------------------------------------------------

    def action_write_article(self):
        """Draft an article with the question of this case and its answer."""
        self.ensure_one()
        answer = self._get_answers().get(self)
        article = self.env["crm.case.article"].create(
            {
                "name": self.name,
                "body": Markup("<h2>%s</h2>%s<h2>%s</h2>%s")
                % (
                    self.env._("Question"),
                    self._get_question() or Markup("<p>%s</p>") % self.name,
                    self.env._("Answer"),
                    answer.body if answer else Markup("<p><br></p>"),
                ),
                "case_id": self.id,
                "company_id": self.company_id.id,
            }
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case.article",
            "res_id": article.id,
            "views": [(False, "form")],
        }

    def _get_question(self):
        """What the customer wanted: the description, else the first message."""
        if not is_html_empty(self.description):
            return self.description
        # sudo: of a case that the caller may read
        message = (
            self.env["mail.message"]
            .sudo()
            .search(
                [
                    ("model", "=", self._name),
                    ("res_id", "=", self.id),
                    ("message_type", "in", ("email", "comment")),
                    ("is_internal", "=", False),
                    ("author_id", "not any", [("user_ids.share", "=", False)]),
                ],
                order="id",
                limit=1,
            )
        )
        return message.body
