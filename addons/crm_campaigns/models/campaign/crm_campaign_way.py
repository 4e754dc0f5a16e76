from odoo import api, fields, models


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
    link_url = fields.Char(
        string="Link", help="Whoever has clicked this link goes this way."
    )
    mail_links = fields.Json(
        compute="_compute_mail_links", export_string_translation=False
    )
    weight = fields.Integer(
        default=1, help="How many go this way, compared with the others."
    )

    _weight_positive = models.Constraint(
        "CHECK(weight > 0)", "Someone must go each way: its share is at least 1."
    )

    @api.depends("step_id.mail_links")
    def _compute_mail_links(self):
        for way in self:
            way.mail_links = way.step_id.mail_links
