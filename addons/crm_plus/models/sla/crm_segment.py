from odoo import models


class CrmSegment(models.Model):
    _inherit = "crm.segment"

    def _get_usage(self):
        # sudo: policies the user does not see use it too
        policies = (
            self.env["crm.sla.policy"]
            .sudo()
            .with_context(active_test=False)
            .search([("segment_ids", "in", self.ids)], limit=5)
        )
        return [
            *super()._get_usage(),
            *(self.env._("response time policy “%s”", one.name) for one in policies),
        ]
