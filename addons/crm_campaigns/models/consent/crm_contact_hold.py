from odoo import models


class CrmContactHold(models.Model):
    """Who lets somebody go whom a sunset rule holds takes the rule's word back."""

    _inherit = "crm.contact.hold"

    def write(self, vals):
        result = super().write(vals)
        if vals.get("date_released"):
            # sudo: lines are written by the system only
            self.env["crm.sunset.line"].sudo().search(
                [("hold_id", "in", self.ids), ("state", "=", "done")]
            ).write({"state": "reversed", "date_back": vals["date_released"]})
        return result
