from odoo import api, models


class CrmScoreModel(models.Model):
    _inherit = "crm.score.model"

    @api.model
    def _on_scores_changed(self, target_model, changed_ids, qualified_ids):
        """Whose score has changed may have reached a goal, or enter a campaign."""
        result = super()._on_scores_changed(target_model, changed_ids, qualified_ids)
        ids = [*(changed_ids or ()), *(qualified_ids or ())]
        # sudo: journeys move by what happens, whoever makes it happen
        Look = self.env["crm.campaign.look"].sudo()
        if target_model == "crm.lead":
            Look._ask(lead_ids=ids)
        else:
            Look._ask(partner_ids=ids)
        self.env["crm.campaign"]._enter_changed("score", target_model, ids)
        return result
