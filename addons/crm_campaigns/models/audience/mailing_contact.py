from odoo import fields, models


class MailingContact(models.Model):
    _name = "mailing.contact"
    _inherit = ["mailing.contact", "crm.segment.mixin"]

    segment_member_ids = fields.One2many(
        "crm.segment.member",
        "mailing_contact_id",
        string="Segment Memberships",
        domain=[("date_left", "=", False)],
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
    )
