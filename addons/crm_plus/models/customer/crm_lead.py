from odoo import models
from odoo.exceptions import UserError


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "crm.customer.header.mixin"]

    def action_suggest_offers(self):
        """What to offer the customer of the deal next, on a quotation of the deal."""
        self.ensure_one()
        if not self.partner_id:
            raise UserError(self.env._("Set the customer of “%s” first.", self.name))
        return self.env["crm.customer.offer"]._open(
            self.partner_id, self.company_id or self.env.company, lead=self
        )
