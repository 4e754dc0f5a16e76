from odoo import api, fields, models
from odoo.exceptions import ValidationError


class CrmCaseArticleCategory(models.Model):
    _name = "crm.case.article.category"
    _description = "Article Category"
    _order = "sequence, id"
    _parent_store = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    parent_id = fields.Many2one(
        "crm.case.article.category",
        index="btree_not_null",
        ondelete="restrict",
    )
    parent_path = fields.Char(index=True)
    child_ids = fields.One2many(
        "crm.case.article.category", "parent_id", string="Subcategories"
    )
    article_count = fields.Integer(string="Articles", compute="_compute_article_count")

    @api.constrains("parent_id")
    def _check_parent_id(self):
        if self._has_cycle():
            raise ValidationError(
                self.env._("A category cannot be below one of its own subcategories.")
            )

    @api.depends("name", "parent_path")
    @api.depends_context("lang")
    def _compute_display_name(self):
        ids = {
            int(part)
            for category in self
            for part in (category.parent_path or "").split("/")
            if part
        }
        names = {
            category.id: category.name
            # a parent that is archived is part of the name as well
            for category in self.with_context(active_test=False).browse(ids).exists()
        }
        for category in self:
            path = [part for part in (category.parent_path or "").split("/") if part]
            category.display_name = (
                " / ".join(names.get(int(part)) or "" for part in path) or category.name
            )

    def _compute_article_count(self):
        """With those of subcategories."""
        counts = dict(
            self.env["crm.case.article"]._read_group(
                [("category_id", "child_of", self.ids)], ["category_id"], ["__count"]
            )
        )
        for category in self:
            category.article_count = sum(
                count
                for other, count in counts.items()
                if (other.parent_path or "").startswith(category.parent_path or "-")
            )
