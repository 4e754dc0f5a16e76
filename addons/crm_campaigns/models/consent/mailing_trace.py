from odoo import fields, models


class MailingTrace(models.Model):
    _inherit = "mailing.trace"

    failure_type = fields.Selection(
        selection_add=[("crm_contact_policy", "Not to be written to")],
        ondelete={"crm_contact_policy": "set null"},
    )
