from odoo import models


class CrmLead(models.Model):
    _inherit = "crm.lead"

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # sudo: participants are written by the system only
        self.env["crm.campaign.participant"].sudo()._move_records(
            "crm.lead", opportunities.ids, self.id
        )
