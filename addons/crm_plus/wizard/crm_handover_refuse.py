from odoo import fields, models


class CrmHandoverRefuse(models.TransientModel):
    _name = "crm.handover.refuse"
    _description = "Refuse a Hand-over"

    handover_ids = fields.Many2many(
        "crm.handover", string="Hand-overs", required=True, readonly=True
    )
    reason_id = fields.Many2one(
        "crm.handover.reason", string="Why", required=True, ondelete="cascade"
    )
    reason_note = fields.Text(
        string="Remark", help="For who handed the leads over, and for reports."
    )

    def action_refuse(self):
        """Refuse; back to the list, as the lead may be out of sight now."""
        self.ensure_one()
        self.handover_ids._refuse(self.reason_id, self.reason_note)
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_handover_action_waiting"
        )
        action["target"] = "main"
        return action
