from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, consteq, hmac

SCOPE = "crm_helpdesk-article-search"
MAX_QUERY = 200
MAX_PER_HOUR = 100  # of one network: more of them are answered, not kept
RETENTION_DAYS = 180
GC_BATCH_SIZE = 10_000


class CrmCaseArticleSearch(models.Model):
    """What somebody looked for, and what came of it.

    A row is one search in the help centre, or all the typing in one form: what is
    suggested there changes with each word, and is one suggestion in the end. Of a form,
    the row tells whether a suggestion solved it or a case was opened all the same
    (K73). Who it was is not kept; after some time, neither is what was typed.
    """

    _name = "crm.case.article.search"
    _description = "Article Search"
    _order = "id desc"
    _rec_name = "query"

    query = fields.Char(string="Looked For", readonly=True)
    key = fields.Char(readonly=True)
    lang = fields.Char(string="Language", readonly=True)
    source = fields.Selection(
        [("help", "Help pages"), ("form", "While writing a case")],
        required=True,
        readonly=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    network = fields.Char(readonly=True)
    result_count = fields.Integer(string="Found", readonly=True)
    shown_count = fields.Integer(string="Ever Suggested", readonly=True)
    article_id = fields.Many2one(
        "crm.case.article",
        string="Opened",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    is_solved = fields.Boolean(string="Solved It", readonly=True)
    case_ids = fields.One2many("crm.case", "article_search_id", string="Cases")

    _network_idx = models.Index("(network, create_date) WHERE network IS NOT NULL")
    _date_idx = models.Index("(create_date)")

    # ------------------------------------------------------------
    # Keep
    # ------------------------------------------------------------

    @api.model
    def _keep(self, source, query, result_count, company, network, token=None):
        """Keep a search; return the token that later steps name it by, or None.

        :param network: where it comes from, in some unreadable form
        :param token: of the earlier words typed in the same form
        """
        query = (query or "").replace("\0", "").strip()[:MAX_QUERY]
        search = self._read_token(token)
        Text = self.env["crm.case.article.text"]
        values = {
            "query": query,
            "key": Text._get_key(query),
            "lang": Text._get_search_lang(),
            "result_count": result_count,
        }
        if search and search.source == source:
            values["shown_count"] = max(search.shown_count, result_count)
            search.write(values)
            return token
        since = fields.Datetime.now() - timedelta(hours=1)
        if (
            self.search_count(
                [("network", "=", network), ("create_date", ">", since)],
                limit=MAX_PER_HOUR,
            )
            >= MAX_PER_HOUR
        ):
            return None
        return self.create(
            {
                **values,
                "source": source,
                "company_id": company.id,
                "network": network,
                "shown_count": result_count,
            }
        )._get_token()

    def _get_token(self):
        self.ensure_one()
        return f"{self.id}-{hmac(self.env(su=True), SCOPE, self.id)}"

    @api.model
    def _read_token(self, token):
        """Return the search that a token names, sudo, or none."""
        search_id, _sep, signature = str(token or "").partition("-")
        if (
            not (search_id.isascii() and search_id.isdecimal() and len(search_id) < 10)
            or not signature.isascii()
            or not consteq(hmac(self.env(su=True), SCOPE, int(search_id)), signature)
        ):
            return self.sudo().browse()  # sudo: nothing
        # sudo: who has the token made the search
        return self.sudo().browse(int(search_id)).exists()

    def _open(self, article):
        if self and article:
            self.article_id = article

    def _solve(self, article=None):
        """Said by the reader; unless a case was opened from it meanwhile."""
        if self and not self.case_ids:
            values = {"is_solved": True}
            if article:
                values["article_id"] = article.id
            self.write(values)

    # ------------------------------------------------------------
    # Forget
    # ------------------------------------------------------------

    @api.autovacuum
    def _gc_searches(self):
        """Forget what people typed after some time; nothing is left of searches that
        no figure needs.
        """
        days = int(
            self.env["ir.config_parameter"]
            .sudo()  # sudo: a number that the clean-up needs
            .get_param("crm_helpdesk.article_search_retention_days", RETENTION_DAYS)
        )
        self._forget_networks()
        if days <= 0:
            return None
        limit = fields.Datetime.now() - timedelta(days=days)
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM crm_case_article_search s
                 WHERE s.id IN (
                    SELECT s.id FROM crm_case_article_search s
                     WHERE s.create_date < %s AND s.is_solved IS NOT TRUE
                       AND NOT EXISTS (
                           SELECT FROM crm_case c WHERE c.article_search_id = s.id)
                     ORDER BY s.id LIMIT %s)
             RETURNING s.id
                """,
                limit,
                GC_BATCH_SIZE,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_case_article_search SET query = NULL, key = NULL
                 WHERE create_date < %s AND (query IS NOT NULL OR key IS NOT NULL)
                """,
                limit,
            )
        )
        self.invalidate_model(flush=False)
        return len(rows), int(len(rows) == GC_BATCH_SIZE)

    @api.model
    def _forget_networks(self):
        """They are kept for an hour's limit only."""
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE crm_case_article_search SET network = NULL
                 WHERE network IS NOT NULL AND create_date < %s
                """,
                fields.Datetime.now() - timedelta(days=1),
            )
        )
        self.invalidate_model(["network"], flush=False)
