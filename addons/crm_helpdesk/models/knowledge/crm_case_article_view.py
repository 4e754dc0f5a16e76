from odoo import api, fields, models
from odoo.tools import SQL


class CrmCaseArticleView(models.Model):
    """How often an article was read on a day; who read it is not kept."""

    _name = "crm.case.article.view"
    _description = "Reads of an Article"
    _order = "date desc, id desc"
    _rec_name = "article_id"

    article_id = fields.Many2one(
        "crm.case.article",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="article_id.company_id", store=True, index="btree_not_null"
    )
    date = fields.Date(required=True, readonly=True)
    count = fields.Integer(string="Read", readonly=True)

    _date_uniq = models.Constraint("UNIQUE(article_id, date)", "A row a day.")

    @api.model
    def _count(self, article):
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_case_article_view AS v
                            (article_id, company_id, date, count)
                VALUES (%s, %s, %s, 1)
           ON CONFLICT (article_id, date) DO UPDATE SET count = v.count + 1
                """,
                article.id,
                article.company_id.id or None,
                fields.Date.context_today(self),
            )
        )
        self.invalidate_model(flush=False)
