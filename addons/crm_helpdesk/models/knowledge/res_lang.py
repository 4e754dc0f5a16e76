from odoo import api, models


class ResLang(models.Model):
    _inherit = "res.lang"

    @api.model_create_multi
    def create(self, vals_list):
        langs = super().create(vals_list)
        if any(lang.active for lang in langs):
            self._index_articles()
        return langs

    def write(self, vals):
        result = super().write(vals)
        if vals.get("active"):
            self._index_articles()
        return result

    @api.model
    def _index_articles(self):
        """Readers of a new language search articles in it at once."""
        # sudo: the index of the search is nobody's
        self.env["crm.case.article.text"].sudo()._rebuild()
