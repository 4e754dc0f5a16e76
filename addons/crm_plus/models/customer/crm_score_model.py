from odoo import api, models, tools


class CrmScoreModel(models.Model):
    _inherit = "crm.score.model"

    @api.model
    @tools.ormcache()
    def _get_profile_targets(self):
        """Return the models on which a rule asks for the profile of the customer."""
        # sudo: all models, whoever's invoice changes a profile
        return frozenset(
            model.target_model
            for model in self.sudo().search([])
            if any(
                # labels, lights and profiles are all named so on the contact
                "customer_" in (record.domain or "")
                for record in [model, *model.rule_ids]
            )
        )
