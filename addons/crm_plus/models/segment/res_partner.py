from odoo import fields, models


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "crm.segment.mixin"]

    segment_member_ids = fields.One2many(
        "crm.segment.member",
        "partner_id",
        string="Segment Memberships",
        # those of the contact's leads name the contact too
        domain=[("date_left", "=", False), ("res_model", "=", "res.partner")],
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
    )
    touchpoint_ids = fields.One2many(
        "crm.touchpoint",
        "partner_id",
        string="Touchpoints",
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
        help="For conditions of segments and filters, such as a reply last week.",
    )
