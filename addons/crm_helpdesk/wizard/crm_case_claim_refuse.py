from odoo import fields, models


class CrmCaseClaimRefuse(models.TransientModel):
    _name = "crm.case.claim.refuse"
    _description = "Refuse After-Sales Requests"

    claim_ids = fields.Many2many("crm.case.claim", required=True)
    reason = fields.Char(
        required=True, help="Whoever requested reads it, and tells the customer."
    )

    def action_refuse(self):
        self.ensure_one()
        self.claim_ids._refuse(self.reason)
        return {"type": "ir.actions.act_window_close"}
