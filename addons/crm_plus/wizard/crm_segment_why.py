from odoo import api, fields, models


class CrmSegmentWhy(models.TransientModel):
    """Choose a record, read why it is in a segment or not."""

    _name = "crm.segment.why"
    _description = "Why In a Segment, or Why Not"

    segment_id = fields.Many2one("crm.segment", required=True, ondelete="cascade")
    target = fields.Selection(related="segment_id.target")
    lead_id = fields.Many2one(
        "crm.lead",
        string="Lead/Opportunity",
        context={"active_test": False},
        ondelete="cascade",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        context={"active_test": False},
        ondelete="cascade",
    )
    why = fields.Html(compute="_compute_why", sanitize=False)

    def _get_record(self):
        self.ensure_one()
        names = self.env["crm.segment"]._get_record_fields()
        return self[names[self.target]] if self.target else None

    @api.depends(
        lambda self: [
            "segment_id",
            *self.env["crm.segment"]._get_record_fields().values(),
        ]
    )
    def _compute_why(self):
        for wizard in self:
            record = wizard._get_record()
            wizard.why = wizard.segment_id._render_why(record) if record else False
