from odoo import fields, models


class CrmStagePass(models.Model):
    """A manager let a lead through a gate it did not meet: who, when, why.

    Written by the system only; opens the gate once.
    """

    _name = "crm.stage.pass"
    _description = "Passed Stage Gate"
    _order = "date desc, id desc"
    _rec_name = "lead_id"

    lead_id = fields.Many2one("crm.lead", required=True, ondelete="cascade", index=True)
    gate_id = fields.Many2one("crm.stage.gate", ondelete="set null", index=True)
    stage_id = fields.Many2one(
        "crm.stage",
        string="Into Stage",
        required=True,
        ondelete="cascade",
        index=True,
    )
    from_stage_id = fields.Many2one("crm.stage", ondelete="set null")
    user_id = fields.Many2one("res.users", string="Passed By", required=True)
    seller_id = fields.Many2one("res.users", string="Salesperson")
    team_id = fields.Many2one("crm.team", string="Sales Team", ondelete="set null")
    date = fields.Datetime(required=True, index=True)
    date_used = fields.Datetime(string="Moved On")
    reason = fields.Text(required=True)
    missing = fields.Text(string="What Was Missing")
