from odoo import models


class CrmWonReason(models.Model):
    """Why a deal was won: beside Odoo's lost reasons."""

    _name = "crm.won.reason"
    _inherit = ["crm.closing.reason"]
    _description = "Won Reason"
    _lead_field = "won_reason_id"
    _lead_action = "crm.crm_lead_opportunities"
