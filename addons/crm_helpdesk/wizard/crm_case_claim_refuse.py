from odoo import fields, models


class CrmCaseClaimRefuse(models.TransientModel):
    _name = "crm.case.claim.refuse"
    _description = "Refuse After-Sales Requests"

    claim_ids = fields.Many2many("crm.case.claim", required=True)
    reason = fields.Char(
        string="Reason (Internal)",
        required=True,
        help="Whoever requested reads it. The customer does not.",
    )
    told = fields.Text(
        string="To the Customer",
        help="Sent to the customer as an answer on the case, in your name, and shown on"
        " the portal. Empty: nothing is sent, and whoever works on the case tells the"
        " customer.",
    )

    def action_refuse(self):
        self.ensure_one()
        self.claim_ids._refuse(self.reason, self.told or "")
        return {"type": "ir.actions.act_window_close"}
