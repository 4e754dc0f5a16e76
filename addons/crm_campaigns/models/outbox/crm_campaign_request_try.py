from odoo import fields, models


class CrmCampaignRequestTry(models.Model):
    """One try of a call, on record before it is made."""

    _name = "crm.campaign.request.try"
    _description = "Try of a Web Service Call"
    _order = "id desc"
    _rec_name = "date"

    request_id = fields.Many2one(
        "crm.campaign.request",
        string="Call",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="request_id.company_id")
    endpoint_id = fields.Many2one(
        "crm.campaign.endpoint",
        string="Web Service",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    # as it was then; empty: of before there was a choice, POST
    method = fields.Char(readonly=True)
    date = fields.Datetime(required=True, readonly=True)
    outcome = fields.Selection(
        [
            ("begun", "Begun, answer unknown"),
            ("ok", "Delivered"),
            ("failed", "Failed"),
        ],
        required=True,
        readonly=True,
        default="begun",
    )
    status = fields.Integer(readonly=True)
    milliseconds = fields.Integer(readonly=True)
    reason = fields.Text(string="What Came", readonly=True)
    answer = fields.Text(readonly=True, help="Its first two thousand characters.")

    _endpoint_idx = models.Index("(endpoint_id, id)")
