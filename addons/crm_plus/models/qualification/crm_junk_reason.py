from odoo import models


class CrmJunkReason(models.Model):
    """Why something that came in as a lead never was one."""

    _name = "crm.junk.reason"
    _inherit = ["crm.closing.reason"]
    _description = "Junk Reason"
    _lead_field = "junk_reason_id"
    _lead_action = "crm_plus.crm_lead_junk_list"
