from odoo import fields, models
from odoo.tools import SQL


class CrmCaseDeflectionReport(models.Model):
    """Cases that nobody had to open (K73): of those who were shown suggestions while
    they typed, who said that one solved it, and who opened the case all the same.

    Who did neither is in neither: nobody knows what became of it. Spam is no case.
    Without a single one of both, there is no figure.
    """

    _name = "crm.case.deflection.report"
    _inherit = "crm.ratio.mixin"
    _description = "Self-Service"
    _auto = False
    _order = "date desc, id desc"
    _rec_name = "date"
    _depends = {
        "crm.case.article.search": [
            "article_id",
            "company_id",
            "is_solved",
            "lang",
            "shown_count",
            "source",
        ],
        "crm.case": ["article_search_id", "is_spam"],
    }

    date = fields.Datetime(readonly=True)
    lang = fields.Char(string="Language", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    article_id = fields.Many2one("crm.case.article", readonly=True)
    category_id = fields.Many2one("crm.case.article.category", readonly=True)
    suggestions = fields.Integer(string="Suggested", readonly=True)
    solved = fields.Integer(string="Solved by It", readonly=True)
    cases = fields.Integer(string="Case Opened After It", readonly=True)
    outcomes = fields.Integer(string="Solved or Opened (n)", readonly=True)
    deflection = fields.Float(
        string="Self-Service Share (%)",
        readonly=True,
        aggregator="avg",
        help="Solved by a suggestion, of these and the cases opened after a "
        "suggestion. Look at their number, too: of few it says little.",
    )

    _ratios = {"deflection": ("solved", "outcomes", 100)}

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT r.*, %s
              FROM (
                SELECT s.id, s.create_date AS date, s.lang, s.company_id, s.article_id,
                       a.category_id, 1 AS suggestions, x.solved, x.cases,
                       x.solved + x.cases AS outcomes
                  FROM crm_case_article_search s
             LEFT JOIN crm_case_article a ON a.id = s.article_id
            CROSS JOIN LATERAL (
                    SELECT (s.is_solved IS TRUE)::int AS solved,
                           (SELECT count(*) FROM crm_case c
                             WHERE c.article_search_id = s.id
                               AND c.is_spam IS NOT TRUE)::int AS cases
                ) x
                 WHERE s.source = 'form' AND s.shown_count > 0
              ) r
            """,
            self._get_ratio_columns("r"),
        )
