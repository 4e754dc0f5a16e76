from odoo import fields, models


class CrmCampaignWay(models.Model):
    """One of several ways out of a step: by value, or by chance."""

    _name = "crm.campaign.way"
    _description = "Campaign Way"
    _order = "step_id, sequence, id"

    step_id = fields.Many2one(
        "crm.campaign.step", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="step_id.company_id")
    name = fields.Char(required=True)
    sequence = fields.Integer(default=10)
    value = fields.Char(help="Records with this value go this way.")
    weight = fields.Integer(
        default=1, help="How many go this way, compared with the others."
    )

    _weight_positive = models.Constraint(
        "CHECK(weight > 0)", "Someone must go each way: its share is at least 1."
    )
