from odoo import fields, models


class CrmStageApprovalRefuse(models.TransientModel):
    """Refuse what a stage gate wants approved, for a reason that who asked reads."""

    _name = "crm.stage.approval.refuse"
    _description = "Refuse a Stage Approval"

    approval_ids = fields.Many2many(
        "crm.stage.approval", string="Approvals", required=True, readonly=True
    )
    reason = fields.Text(
        string="Why",
        required=True,
        help="Kept with the request, and sent to who asked.",
    )

    def action_refuse(self):
        self.ensure_one()
        self.approval_ids._decide("refused", self.reason)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
