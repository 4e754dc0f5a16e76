from odoo import api, fields, models


class CrmAttributionRecompute(models.TransientModel):
    _name = "crm.attribution.recompute"
    _description = "Compute Attribution Again"

    attribution_ids = fields.Many2many(
        "crm.attribution",
        string="Invoices",
        required=True,
        default=lambda self: self.env["crm.attribution"].browse(
            self.env.context.get("active_ids", [])
            if self.env.context.get("active_model") == "crm.attribution"
            else []
        ),
    )
    attribution_count = fields.Integer(
        string="Invoices (n)", compute="_compute_attribution_count"
    )
    reason = fields.Char(
        required=True, help="Kept on each invoice, with your name and the date."
    )

    @api.depends("attribution_ids")
    def _compute_attribution_count(self):
        for wizard in self:
            wizard.attribution_count = len(wizard.attribution_ids)

    def action_recompute(self):
        self.ensure_one()
        count = self.attribution_ids.action_recompute(self.reason)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%s invoices and credit notes are computed again.", count
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
