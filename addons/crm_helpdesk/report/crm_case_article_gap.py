from odoo import fields, models
from odoo.tools import SQL


class CrmCaseArticleGap(models.Model):
    """What people looked for and did not find: a row for searches of the same words.

    Without a result: nothing was found. Without a click: something was, and nobody
    opened it. A case after it says that it mattered.
    """

    _name = "crm.case.article.gap"
    _description = "Missing Article"
    _auto = False
    _order = "missed desc, searches desc, id desc"
    _rec_name = "query"
    _depends = {
        "crm.case.article.search": [
            "article_id",
            "company_id",
            "is_solved",
            "key",
            "lang",
            "query",
            "result_count",
        ],
        "crm.case": ["article_search_id"],
    }

    query = fields.Char(string="Looked For", readonly=True)
    lang = fields.Char(string="Language", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    searches = fields.Integer(readonly=True)
    without_result = fields.Integer(string="No Result", readonly=True)
    without_click = fields.Integer(string="None Opened", readonly=True)
    missed = fields.Integer(string="In Vain", readonly=True)
    cases = fields.Integer(
        string="Then a Case", readonly=True, help="Opened all the same, in the end."
    )
    date_last = fields.Datetime(string="Last Time", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT max(s.id) AS id,
                   (array_agg(s.query ORDER BY s.id DESC))[1] AS query,
                   s.lang, s.company_id, count(*) AS searches,
                   count(*) FILTER (WHERE s.result_count = 0) AS without_result,
                   count(*) FILTER (WHERE s.result_count > 0 AND s.article_id IS NULL
                                      AND s.is_solved IS NOT TRUE) AS without_click,
                   count(*) FILTER (WHERE s.article_id IS NULL
                                      AND s.is_solved IS NOT TRUE) AS missed,
                   count(*) FILTER (WHERE EXISTS (
                       SELECT FROM crm_case c WHERE c.article_search_id = s.id))
                       AS cases,
                   max(s.create_date) AS date_last
              FROM crm_case_article_search s
             WHERE s.key IS NOT NULL
             GROUP BY s.key, s.lang, s.company_id
            """
        )

    def action_write_article(self):
        """Start the article that was looked for."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case.article",
            "views": [(False, "form")],
            "context": {
                "default_name": (self.query or "").capitalize(),
                "default_keywords": self.query,
                "default_company_id": self.company_id.id,
            },
        }
