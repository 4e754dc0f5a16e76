from datetime import timedelta

from odoo import api, fields, models

MAX_PER_DAY = 20  # on one article from one network: more are thanked for, not kept
MAX_COMMENT = 2000


class CrmCaseArticleFeedback(models.Model):
    """Whether it helped: one word of each reader, the last one."""

    _name = "crm.case.article.feedback"
    _description = "Feedback on an Article"
    _order = "write_date desc, id desc"
    _rec_name = "article_id"

    article_id = fields.Many2one(
        "crm.case.article",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    version_id = fields.Many2one(
        "crm.case.article.version",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    company_id = fields.Many2one(
        related="article_id.company_id", store=True, index="btree_not_null"
    )
    is_helpful = fields.Boolean(string="Helped", readonly=True)
    comment = fields.Text(readonly=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Reader",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Empty: somebody who was not logged in.",
    )
    visitor = fields.Char(required=True, readonly=True, export_string_translation=False)
    network = fields.Char(readonly=True, export_string_translation=False)
    is_done = fields.Boolean(
        string="Done", help="Somebody has looked at the comment and done what it takes."
    )

    _visitor_uniq = models.Constraint(
        "UNIQUE(article_id, visitor)", "Each reader has one word on an article."
    )

    @api.model
    def _give(self, article, is_helpful, comment, partner, visitor, network):
        """Keep what a reader says, in place of what he said before.

        :param visitor: the same for the same person, without telling who it is
        """
        comment = (comment or "").replace("\0", "").strip()[:MAX_COMMENT]
        values = {
            "version_id": article.version_id.id,
            "is_helpful": is_helpful,
            "comment": comment or False,
            "is_done": False,
        }
        former = self.search(
            [("article_id", "=", article.id), ("visitor", "=", visitor)], limit=1
        )
        if former:
            # the form asks for words after the yes or no
            if not comment and former.is_helpful == is_helpful:
                values.pop("comment")
            former.write(values)
            return former
        since = fields.Datetime.now() - timedelta(days=1)
        if (
            self.search_count(
                [
                    ("article_id", "=", article.id),
                    ("network", "=", network),
                    ("create_date", ">", since),
                ],
                limit=MAX_PER_DAY,
            )
            >= MAX_PER_DAY
        ):
            return self.browse()
        return self.create(
            {
                **values,
                "article_id": article.id,
                "partner_id": partner.id,
                "visitor": visitor,
                "network": network,
            }
        )

    def action_done(self):
        self.is_done = True

    @api.autovacuum
    def _gc_networks(self):
        """They are kept for a day's limit only."""
        since = fields.Datetime.now() - timedelta(days=2)
        self.search(
            [("network", "!=", False), ("create_date", "<", since)]
        ).network = False
