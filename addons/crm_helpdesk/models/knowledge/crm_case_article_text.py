from markupsafe import Markup, escape

from odoo import api, fields, models
from odoo.tools import SQL, html2plaintext

from ...tools.text_search import get_config, query_words

# what marks hits in what the database returns; texts do not contain them
START, STOP = "\x02", "\x03"
HEADLINE = (
    f"StartSel={START}, StopSel={STOP}, MaxWords=35, MinWords=15, MaxFragments=2,"
    " FragmentDelimiter=' … '"
)


class CrmCaseArticleText(models.Model):
    """What is published, as it is searched: a row an article and language.

    Title and keywords weigh most, then the category, then the text. An article that is
    not translated stands there in the language it was written in, and is searched as
    that language is.
    """

    _name = "crm.case.article.text"
    _description = "Searched Text of an Article"
    _log_access = False

    article_id = fields.Many2one(
        "crm.case.article", required=True, index=True, ondelete="cascade"
    )
    lang = fields.Char(required=True)
    config = fields.Char(required=True)
    title = fields.Char(required=True)
    text = fields.Text()

    _article_uniq = models.Constraint(
        "UNIQUE(article_id, lang)", "An article has one text in a language."
    )

    def init(self):
        # tsvector is no type of field
        self.env.cr.execute(
            SQL(
                """
                ALTER TABLE crm_case_article_text
                    ADD COLUMN IF NOT EXISTS vector tsvector;
                CREATE INDEX IF NOT EXISTS crm_case_article_text_vector_idx
                    ON crm_case_article_text USING gin (vector);
                """
            )
        )

    # ------------------------------------------------------------
    # Index
    # ------------------------------------------------------------

    @api.model
    def _get_configs(self):
        """Return the text search configurations that this database has."""
        return {
            name
            for (name,) in self.env.execute_query(
                SQL("SELECT cfgname FROM pg_ts_config")
            )
        }

    def _unaccent(self, sql):
        return self.env.registry.unaccent(sql)

    @api.model
    def _rebuild(self, articles=None):
        """Write the texts of these articles, or of all, anew in all languages."""
        Article = self.env["crm.case.article"].with_context(active_test=False)
        if articles is None:
            articles = Article.search([("version_id", "!=", False)])
        if not articles:
            return
        available = self._get_configs()
        translated = self._get_translated(articles)
        rows = []
        for code, _name in self.env["res.lang"].get_installed():
            versions = articles.version_id.with_context(lang=code)
            for version in versions:
                source = code if (version.id, code) in translated else "en_US"
                category = version.article_id.category_id.display_name or ""
                rows.append(
                    (
                        version.article_id.id,
                        code,
                        get_config(source, available),
                        self._clean(version.name),
                        self._clean(version.keywords),
                        self._clean(category),
                        self._clean(html2plaintext(version.body or "")),
                    )
                )
        self.flush_model()
        self.env.cr.execute(
            SQL(
                "DELETE FROM crm_case_article_text WHERE article_id = ANY(%s)",
                articles.ids,
            )
        )
        if rows:
            self.env.cr.execute(self._get_insert_query(rows))
        self.invalidate_model(flush=False)

    def _clean(self, text):
        return (text or "").replace(START, "").replace(STOP, "").replace("\0", "")

    def _get_insert_query(self, rows):
        def vector(column, weight):
            return SQL(
                "setweight(to_tsvector(r.config::regconfig, %s), %s)",
                self._unaccent(column),
                weight,
            )

        title = SQL("COALESCE(r.title, '')")
        return SQL(
            """
            INSERT INTO crm_case_article_text
                   (article_id, lang, config, title, text, vector)
            SELECT r.article_id, r.lang, r.config, r.title, r.text,
                   %(title)s || %(keywords)s || %(category)s || %(text)s
                   -- names and codes as they are written
                   || setweight(to_tsvector('simple', %(plain)s), 'B')
              FROM (VALUES %(rows)s)
                   r (article_id, lang, config, title, keywords, category, text)
            """,
            title=vector(title, "A"),
            keywords=vector(SQL("r.keywords"), "A"),
            category=vector(SQL("r.category"), "C"),
            text=vector(SQL("r.text"), "D"),
            plain=self._unaccent(SQL("r.title || ' ' || r.keywords")),
            rows=SQL(", ").join(
                SQL("(%s::integer, %s, %s, %s, %s, %s, %s)", *row) for row in rows
            ),
        )

    def _get_translated(self, articles):
        """Return ``{(version id, language)}`` of the published texts' own languages."""
        Version = self.env["crm.case.article.version"]
        Version.flush_model(["name", "body"])
        return set(
            self.env.execute_query(
                SQL(
                    """
                    SELECT v.id, k.lang
                      FROM crm_case_article_version v
                CROSS JOIN LATERAL jsonb_object_keys(
                               COALESCE(v.body, v.name)) k (lang)
                     WHERE v.id = ANY(%s)
                    """,
                    articles.version_id.ids,
                )
            )
        )

    @api.autovacuum
    def _gc_accents(self):
        """Words are kept without accents where the database can take them off. Where
        that has changed since, all texts are written anew: they would not be found.
        """
        # sudo: a note of ours
        params = self.env["ir.config_parameter"].sudo()
        now = str(bool(self.env.registry.has_unaccent))
        if params.get_param("crm_helpdesk.article_unaccent") != now:
            self._rebuild()
            params.set_param("crm_helpdesk.article_unaccent", now)

    @api.autovacuum
    def _gc_missing(self):
        """Languages that were added past the web client, and articles that were
        imported: whatever has no text in some language gets one.
        """
        codes = [code for code, _name in self.env["res.lang"].get_installed()]
        rows = self.env.execute_query(
            SQL(
                """
                SELECT a.id FROM crm_case_article a
                 WHERE a.version_id IS NOT NULL
                   AND (SELECT count(*) FROM crm_case_article_text t
                         WHERE t.article_id = a.id AND t.lang = ANY(%s)) < %s
                """,
                codes,
                len(codes),
            )
        )
        self._rebuild(self.env["crm.case.article"].browse(row[0] for row in rows))

    # ------------------------------------------------------------
    # Search
    # ------------------------------------------------------------

    @api.model
    def _search_text(self, text, article_query, limit, offset=0):
        """See ``crm.case.article._find``."""
        words = query_words(text)
        if not words:
            return [], 0
        rows = self.env.execute_query(
            SQL(
                """
                WITH words AS (
                    SELECT c.config, to_tsquery(c.config::regconfig, %(word)s) AS query
                      FROM (SELECT DISTINCT config FROM crm_case_article_text
                             WHERE lang = %(lang)s) c
                CROSS JOIN unnest(%(words)s) w (word)
                ), kept AS (
                    -- words such as "the" mean nothing
                    SELECT * FROM words WHERE numnode(query) > 0
                ), wanted AS (
                    SELECT config, count(*) AS n,
                           string_agg('(' || query::text || ')', ' | ')::tsquery
                               AS query
                      FROM kept GROUP BY config
                ), found AS (
                    SELECT t.article_id, t.title, t.text, t.config, w.query, m.n,
                           m.n = w.n AS is_exact,
                           ts_rank_cd(t.vector, w.query, 1) AS rank,
                           count(*) OVER () AS total
                      FROM wanted w
                      JOIN crm_case_article_text t
                        ON t.config = w.config AND t.lang = %(lang)s
                           AND t.vector @@ w.query
                CROSS JOIN LATERAL (
                        SELECT count(*) AS n FROM kept k
                         WHERE k.config = w.config AND t.vector @@ k.query) m
                     WHERE m.n * 2 >= w.n AND t.article_id IN %(articles)s
                     ORDER BY m.n::float / w.n DESC, rank DESC, t.article_id
                     LIMIT %(limit)s OFFSET %(offset)s
                )
                SELECT article_id, title, is_exact, total,
                       ts_headline(config::regconfig, COALESCE(text, ''), query,
                                   %(headline)s)
                  FROM found
                 ORDER BY is_exact DESC, n DESC, rank DESC, article_id
                """,
                word=self._unaccent(SQL("w.word")),
                words=words,
                lang=self._get_search_lang(),
                articles=article_query.subselect(),
                limit=limit,
                offset=offset,
                headline=HEADLINE,
            )
        )
        found = [
            {
                "id": article_id,
                "title": title,
                "is_exact": is_exact,
                "excerpt": self._mark(headline),
            }
            for article_id, title, is_exact, _total, headline in rows
        ]
        return found, rows[0][3] if rows else 0

    @api.model
    def _get_search_lang(self):
        """The reader's language, if articles may have it."""
        installed = dict(self.env["res.lang"].get_installed())
        lang = self.env.lang
        return lang if lang in installed else next(iter(installed), "en_US")

    @api.model
    def _mark(self, headline):
        """The database's marks as ours; whatever else is in the text is text."""
        return Markup(
            str(escape(headline or ""))
            .replace(START, "<mark>")
            .replace(STOP, "</mark>")
        )

    @api.model
    def _get_key(self, text):
        """Return what two searches for the same thing have in common: their words, as
        the language knows them, in alphabetical order.
        """
        config = get_config(self._get_search_lang(), self._get_configs())
        [[key]] = self.env.execute_query(
            SQL(
                """
                SELECT array_to_string(
                    tsvector_to_array(to_tsvector(%s::regconfig, %s)), ' ')
                """,
                config,
                self._unaccent(SQL("%s", text or "")),
            )
        )
        return (key or (text or "").strip().lower())[:500]
