from odoo import api, models


class CrmScoreModel(models.Model):
    _inherit = "crm.score.model"

    @api.model
    def _on_scores_changed(self, target_model, changed_ids, qualified_ids):
        result = super()._on_scores_changed(target_model, changed_ids, qualified_ids)
        self.env["crm.lifecycle.event"]._queue("lead", qualified_ids)
        return result
