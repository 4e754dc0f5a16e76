from odoo import fields, models


class CrmSegmentWhy(models.TransientModel):
    _inherit = "crm.segment.why"

    mailing_contact_id = fields.Many2one("mailing.contact", ondelete="cascade")
