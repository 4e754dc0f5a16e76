from odoo import models


class CrmCaseStage(models.Model):
    _inherit = "crm.case.stage"

    def write(self, vals):
        result = super().write(vals)
        if "category" in vals:
            # from now on the cases there are in another state
            # sudo: the ledger is written by the system only
            self.env["crm.case.stage.history"].sudo()._sync()
        return result
