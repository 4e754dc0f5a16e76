from odoo import fields, models


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "crm.segment.mixin"]

    segment_member_ids = fields.One2many(
        "crm.segment.member",
        "lead_id",
        string="Segment Memberships",
        domain=[("date_left", "=", False)],
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
    )
    touchpoint_ids = fields.One2many(
        "crm.touchpoint",
        "lead_id",
        string="Touchpoints",
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
        help="For conditions of segments and filters, such as a reply last week.",
    )
