from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.html_editor.models.diff_utils import generate_comparison

TEXTS = ("name", "body", "keywords")


class CrmCaseArticleVersion(models.Model):
    """A text as it was published, in all its languages. Nobody changes it any more."""

    _name = "crm.case.article.version"
    _description = "Version of an Article"
    _order = "article_id, number desc"

    article_id = fields.Many2one(
        "crm.case.article", required=True, index=True, ondelete="cascade"
    )
    number = fields.Integer(string="Version", required=True)
    name = fields.Char(string="Title", required=True, translate=True)
    body = fields.Html(string="Text", translate=True, sanitize=False)
    keywords = fields.Char(translate=True)
    user_id = fields.Many2one("res.users", string="Published By", ondelete="set null")
    date = fields.Datetime(string="Published On", required=True)
    is_current = fields.Boolean(compute="_compute_is_current")
    changes = fields.Html(
        string="Compared with the One Before",
        compute="_compute_changes",
        sanitize=False,
    )
    changes_now = fields.Html(
        string="Compared with the Text of Today",
        compute="_compute_changes",
        sanitize=False,
    )

    _number_uniq = models.Constraint(
        "UNIQUE(article_id, number)", "Versions of an article are numbered."
    )

    @api.depends("article_id.version_id")
    def _compute_is_current(self):
        for version in self:
            version.is_current = version.article_id.version_id == version

    @api.depends("number", "article_id")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for version in self:
            version.display_name = self.env._(
                "%(title)s, version %(number)s",
                title=version.name,
                number=version.number,
            )

    @api.depends("body", "article_id.body")
    @api.depends_context("lang")
    def _compute_changes(self):
        """Both texts were sanitized when they were written; only marks are added."""
        before = {
            (version.article_id, version.number): version.body
            for version in self.article_id.version_ids
        }
        for version in self:
            former = before.get((version.article_id, version.number - 1), "")
            version.changes = self._mark_changes(version.body, former)
            version.changes_now = self._mark_changes(
                version.article_id.body, version.body
            )

    @api.model
    def _mark_changes(self, new, old):
        marked = generate_comparison(str(new or ""), str(old or ""))
        for tag, css in (("added", "success"), ("removed", "danger")):
            marked = marked.replace(
                f"<{tag}>", f'<span class="o_crm_helpdesk_{tag} bg-{css}-subtle">'
            ).replace(f"</{tag}>", "</span>")
        return Markup(marked)

    @api.model
    def _create_from(self, articles):
        """Keep the texts of these articles, in all languages: ``{article: version}``"""
        if not articles:
            return {}
        last = dict(
            self._read_group(
                [("article_id", "in", articles.ids)], ["article_id"], ["number:max"]
            )
        )
        now = fields.Datetime.now()
        versions = self.create(
            [
                {
                    "article_id": article.id,
                    "number": last.get(article, 0) + 1,
                    "name": article.name,
                    "user_id": self.env.uid,
                    "date": now,
                }
                for article in articles
            ]
        )
        self._copy_texts(
            SQL("crm_case_article_version"),
            SQL("crm_case_article"),
            SQL("t.id = ANY(%s) AND f.id = t.article_id", versions.ids),
        )
        return {version.article_id: version for version in versions}

    def _copy_texts(self, target, source, condition):
        """Copy the texts of ``f`` to ``t`` with all their translations, which the ORM
        copies by the terms of one language only.
        """
        self.env["crm.case.article"].flush_model(TEXTS)
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE %s t SET name = f.name, body = f.body, keywords = f.keywords
                  FROM %s f WHERE %s
                """,
                target,
                source,
                condition,
            )
        )
        self.invalidate_model(TEXTS, flush=False)
        self.env["crm.case.article"].invalidate_model(
            [*TEXTS, "has_changes"], flush=False
        )

    def action_restore(self):
        """Take this text back into the article, to be worked on and published."""
        self.ensure_one()
        article = self.article_id
        article.check_access("write")
        self._copy_texts(
            SQL("crm_case_article"),
            SQL("crm_case_article_version"),
            SQL("t.id = %s AND f.id = %s", article.id, self.id),
        )
        article.message_post(
            body=self.env._(
                "The text of version %s was taken back. Publish it to show it.",
                self.number,
            )
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case.article",
            "res_id": article.id,
            "views": [(False, "form")],
        }
