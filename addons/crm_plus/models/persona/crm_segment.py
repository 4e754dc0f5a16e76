from odoo import models


class CrmSegment(models.Model):
    _inherit = "crm.segment"

    def _get_usage(self):
        # sudo: personas the user does not see use it too
        personas = (
            self.env["crm.persona"]
            .sudo()
            .with_context(active_test=False)
            .search([("segment_id", "in", self.ids)], limit=5)
        )
        return [
            *super()._get_usage(),
            *(self.env._("persona “%s”", persona.name) for persona in personas),
        ]
