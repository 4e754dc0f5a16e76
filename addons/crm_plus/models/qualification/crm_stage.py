from odoo import api, fields, models


class CrmStage(models.Model):
    _inherit = "crm.stage"

    gate_ids = fields.One2many("crm.stage.gate", "stage_id", string="Gates")
    gate_count = fields.Integer(compute="_compute_gate_count")

    @api.depends("gate_ids")
    def _compute_gate_count(self):
        for stage in self:
            stage.gate_count = len(stage.gate_ids)

    def action_view_gates(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_stage_gate_action"
        )
        action["domain"] = [("stage_id", "=", self.id)]
        action["context"] = {"default_stage_id": self.id}
        return action
