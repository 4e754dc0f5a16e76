from odoo import models


class CrmLead(models.Model):
    _inherit = "crm.lead"

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & self.env["crm.campaign"]._get_watched_fields(self._name):
            # sudo: journeys move by what happens, whoever makes it happen
            self.env["crm.campaign.look"].sudo()._ask(lead_ids=self.ids)
        return result

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # sudo: participants are written by the system only
        self.env["crm.campaign.participant"].sudo()._move_records(
            "crm.lead", opportunities.ids, self.id
        )
