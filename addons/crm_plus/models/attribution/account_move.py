from odoo import models


class AccountMove(models.Model):
    _inherit = "account.move"

    def _post(self, soft=True):
        posted = super()._post(soft=soft)
        self.env["crm.attribution"]._queue_freeze(
            posted.filtered(lambda move: move.is_sale_document())
        )
        return posted

    def action_view_attribution(self):
        """What earned this invoice, and how much of it in each model."""
        self.ensure_one()
        attribution = self.env["crm.attribution"].search([("move_id", "=", self.id)])
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What Earned It"),
            "res_model": "crm.attribution",
            "res_id": attribution.id,
            "domain": [("move_id", "=", self.id)],
            "view_mode": "form" if attribution else "list",
        }
