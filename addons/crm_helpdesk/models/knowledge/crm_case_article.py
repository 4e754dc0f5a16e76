from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, is_html_empty

AUDIENCES = [
    ("internal", "Our people"),
    ("customer", "Customers who are logged in"),
    ("public", "Everybody"),
]
# who reads what, by who he is
READABLE = {
    "public": ("public",),
    "portal": ("public", "customer"),
    "internal": ("public", "customer", "internal"),
}
REVIEW = "crm_helpdesk.mail_activity_type_article_review"
REVIEW_BATCH_SIZE = 200
REVIEW_AHEAD = 7  # days in which the owner finds time


class CrmCaseArticle(models.Model):
    """What we know: written by people here, read by them or by customers.

    What readers see is not this text but its last published version: it can be worked
    on in peace. Who reads it (the audience) holds at once, though. Readers who are no
    agents have no access to these records; the pages of the help centre show them what
    ``_get_reader_domain`` lets them read.
    """

    _name = "crm.case.article"
    _description = "Article"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "name, id"

    # text
    name = fields.Char(
        string="Title", required=True, translate=True, index="trigram", tracking=1
    )
    body = fields.Html(string="Text", translate=True, sanitize_style=True)
    keywords = fields.Char(
        translate=True,
        help="Other words that people use for it; found, but not shown.",
    )
    # who reads it
    audience = fields.Selection(
        AUDIENCES, string="For", required=True, default="internal", tracking=2
    )
    state = fields.Selection(
        [("draft", "Draft"), ("published", "Published")],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        tracking=3,
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        default=lambda self: self.env.company,
        help="Leave empty for the customers of all companies.",
    )
    category_id = fields.Many2one(
        "crm.case.article.category",
        index="btree_not_null",
        ondelete="restrict",
        tracking=4,
    )
    url = fields.Char(string="Address", compute="_compute_url")
    # versions
    version_id = fields.Many2one(
        "crm.case.article.version",
        string="Published Version",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    version_ids = fields.One2many(
        "crm.case.article.version", "article_id", string="Versions", readonly=True
    )
    has_changes = fields.Boolean(
        string="Not Yet Published",
        compute="_compute_has_changes",
        help="The text was changed since it was last published.",
    )
    date_published = fields.Datetime(
        string="Published On", related="version_id.date", store=True
    )
    # care
    user_id = fields.Many2one(
        "res.users",
        string="Owner",
        domain=[("share", "=", False)],
        default=lambda self: self.env.user,
        index="btree_not_null",
        tracking=5,
        help="Gets the questions about it, and looks at it again from time to time.",
    )
    review_months = fields.Integer(
        string="Review Every",
        default=12,
        help="Months after which the owner is asked whether it is still right; 0: "
        "never.",
    )
    date_review = fields.Date(string="Review On", copy=False)
    case_id = fields.Many2one(
        "crm.case",
        string="Written From",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    # figures
    case_ids = fields.Many2many(
        "crm.case",
        "crm_case_article_rel",
        "article_id",
        "case_id",
        string="Sent In",
        copy=False,
        readonly=True,
    )
    feedback_ids = fields.One2many("crm.case.article.feedback", "article_id")
    view_count = fields.Integer(string="Read", compute="_compute_figures")
    helpful_count = fields.Integer(string="Helped", compute="_compute_figures")
    unhelpful_count = fields.Integer(string="Did Not Help", compute="_compute_figures")
    helpful_words = fields.Char(string="Helpful", compute="_compute_figures")
    solved_count = fields.Integer(
        string="Saved a Case",
        compute="_compute_figures",
        help="Customers who found it while they were typing a case, and said that it "
        "solved it.",
    )
    case_count = fields.Integer(string="Sent", compute="_compute_figures")

    _review_months_positive = models.Constraint(
        "CHECK(review_months BETWEEN 0 AND 1200)",
        "Articles are looked at again after 0 to 1,200 months.",
    )
    _review_idx = models.Index("(date_review) WHERE date_review IS NOT NULL")
    _reader_idx = models.Index("(audience, state)")

    # ------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------

    @api.depends("version_id")
    @api.depends_context("lang")
    def _compute_url(self):
        slug = self.env["ir.http"]._slug
        for article in self:
            title = article.version_id.name or article.name
            article.url = (
                f"/help/article/{slug((article.id, title or ''))}"
                if article.id
                else False
            )

    @api.depends("name", "body", "keywords", "version_id")
    def _compute_has_changes(self):
        """Whether any language differs from what is published."""
        self.flush_recordset(["name", "body", "keywords", "version_id"])
        changed = set()
        if self.ids:
            changed = {
                article_id
                for (article_id,) in self.env.execute_query(
                    SQL(
                        """
                        SELECT a.id
                          FROM crm_case_article a
                     LEFT JOIN crm_case_article_version v ON v.id = a.version_id
                         WHERE a.id = ANY(%s)
                           AND (v.id IS NULL OR a.name IS DISTINCT FROM v.name
                                OR a.body IS DISTINCT FROM v.body
                                OR a.keywords IS DISTINCT FROM v.keywords)
                        """,
                        self.ids,
                    )
                )
            }
        for article in self:
            article.has_changes = not article.id or article.id in changed

    def _compute_figures(self):
        Feedback = self.env["crm.case.article.feedback"]
        votes = {
            (article, is_helpful): count
            for article, is_helpful, count in Feedback._read_group(
                [("article_id", "in", self.ids)],
                ["article_id", "is_helpful"],
                ["__count"],
            )
        }
        views = dict(
            self.env["crm.case.article.view"]._read_group(
                [("article_id", "in", self.ids)], ["article_id"], ["count:sum"]
            )
        )
        solved = dict(
            self.env["crm.case.article.search"]._read_group(
                [("article_id", "in", self.ids), ("is_solved", "=", True)],
                ["article_id"],
                ["__count"],
            )
        )
        sent = dict(
            self.env["crm.case"]._read_group(
                [("article_ids", "in", self.ids)], ["article_ids"], ["__count"]
            )
        )
        for article in self:
            helped = votes.get((article, True), 0)
            not_helped = votes.get((article, False), 0)
            article.view_count = views.get(article, 0)
            article.helpful_count = helped
            article.unhelpful_count = not_helped
            article.helpful_words = (
                self.env._(
                    "%(share)s %% of %(count)s",
                    share=round(100 * helped / (helped + not_helped)),
                    count=helped + not_helped,
                )
                if helped + not_helped
                else ""
            )
            article.solved_count = solved.get(article, 0)
            article.case_count = sent.get(article, 0)

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    def copy_data(self, default=None):
        return [
            {**vals, "name": self.env._("%s (copy)", vals["name"])}
            for vals in super().copy_data(default)
        ]

    @api.ondelete(at_uninstall=False)
    def _unlink_except_published(self):
        if self.filtered("version_ids"):
            raise UserError(
                self.env._("What was published is kept: archive the article instead.")
            )

    # ------------------------------------------------------------
    # Readers
    # ------------------------------------------------------------

    @api.model
    def _get_reader_domain(self, user, company):
        """Hook: what ``user`` may read in the help centre of ``company``. The only
        thing between readers and articles: every page, search and list applies it.
        """
        kind = "portal" if user._is_portal() else "public"
        if user._is_internal():
            kind = "internal"
        return (
            Domain("state", "=", "published")
            & Domain("version_id", "!=", False)
            & Domain("audience", "in", READABLE[kind])
            & Domain("company_id", "in", [False, company.id])
        )

    # ------------------------------------------------------------
    # Publish, withdraw, review
    # ------------------------------------------------------------

    def action_publish(self):
        """Make the present text a version, and the one that readers see."""
        self.check_access("write")
        for article in self:
            if is_html_empty(article.body):
                raise UserError(
                    self.env._("%s has no text to publish yet.", article.display_name)
                )
        changed = self.filtered("has_changes")
        # sudo: versions are written by nobody but this
        versions = self.env["crm.case.article.version"].sudo()._create_from(changed)
        today = fields.Date.context_today(self)
        for article in self:
            version = versions.get(article, article.version_id)
            values = {"state": "published"}
            if version != article.version_id:
                values["version_id"] = version.id
            if article.review_months and (
                not article.date_review or article.date_review <= today
            ):
                values["date_review"] = fields.Date.add(
                    today, months=article.review_months
                )
            article.write(values)  # each with dates and a version of its own
        self._close_reviews()
        # sudo: the index of the search is nobody's
        self.env["crm.case.article.text"].sudo()._rebuild(self)
        return True

    def action_withdraw(self):
        """Readers see it no more; its versions stay."""
        self.state = "draft"
        return True

    def action_reviewed(self):
        """Still right: until the next time."""
        today = fields.Date.context_today(self)
        for months, articles in self.grouped("review_months").items():
            articles.date_review = (
                fields.Date.add(today, months=months) if months else False
            )
        self._close_reviews()
        return True

    def _close_reviews(self):
        self.activity_feedback([REVIEW], feedback=self.env._("Looked at"))

    @api.model
    def _cron_review(self, batch_size=REVIEW_BATCH_SIZE):
        """Ask owners whether what they wrote is still right; once each time."""
        type_id = self.env["ir.model.data"]._xmlid_to_res_id(
            REVIEW, raise_if_not_found=False
        )
        if not type_id:
            return
        today = fields.Date.context_today(self)
        domain = (
            Domain("state", "=", "published")
            & Domain("date_review", "<=", fields.Date.add(today, days=REVIEW_AHEAD))
            & Domain("user_id.active", "=", True)
            & ~Domain("activity_ids.activity_type_id", "in", [type_id])
        )
        articles = self.search(domain, limit=batch_size, order="date_review, id")
        for article in articles:
            # a deadline and a person of its own each
            article.activity_schedule(
                REVIEW,
                date_deadline=max(article.date_review, today),
                summary=self.env._("Is it still right?"),
                user_id=article.user_id.id,
            )
        self.env["ir.cron"]._commit_progress(
            len(articles), remaining=self.search_count(domain)
        )

    # ------------------------------------------------------------
    # Search
    # ------------------------------------------------------------

    @api.model
    def _find(self, text, domain, limit=10, offset=0):
        """Search what is published, in the language of the environment.

        Articles that have all words come first, then those with most of them; at least
        half of the words have to be there.

        :param domain: which articles, see ``_get_reader_domain``
        :return: list of dicts ``id``, ``title``, ``excerpt`` (Markup, with ``mark``)
            and ``is_exact`` (has all words), and how many there are in all
        """
        # sudo: the domain says what may be read
        article_query = self.sudo()._search(domain)
        return (
            self.env["crm.case.article.text"]  # sudo: likewise
            .sudo()
            ._search_text(text, article_query, limit, offset)
        )

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_open_page(self):
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": self.url, "target": "new"}

    def action_view_versions(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_article_version_action"
        )
        action["domain"] = [("article_id", "=", self.id)]
        return action

    def action_view_feedback(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_article_feedback_action"
        )
        action["domain"] = [("article_id", "=", self.id)]
        return action

    def action_view_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action["domain"] = [("article_ids", "in", self.ids)]
        action["context"] = {}
        return action
