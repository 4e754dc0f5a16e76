from odoo import api, fields, models

MAILING_GROUP = "mass_mailing.group_mass_mailing_user"


class CrmSegmentMember(models.Model):
    _inherit = "crm.segment.member"

    # sellers do not see the addresses that marketing collects
    mailing_contact_id = fields.Many2one(
        "mailing.contact",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        groups=MAILING_GROUP,
    )

    @api.depends("res_model", "res_id")
    @api.depends_context("uid")
    def _compute_display_name(self):
        of_mailing = self.filtered(lambda m: m.res_model == "mailing.contact")
        super(CrmSegmentMember, self - of_mailing)._compute_display_name()
        may_see = self.env.su or self.env.user.has_group(MAILING_GROUP)
        for member in of_mailing:
            name = may_see and member.mailing_contact_id.display_name
            member.display_name = name or self.env._(
                "Mailing contact %s", member.res_id
            )


class CrmSegmentPin(models.Model):
    _inherit = "crm.segment.pin"

    mailing_contact_id = fields.Many2one(
        "mailing.contact",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
        groups=MAILING_GROUP,
    )

    @api.depends("res_model", "res_id")
    @api.depends_context("uid")
    def _compute_display_name(self):
        of_mailing = self.filtered(lambda pin: pin.res_model == "mailing.contact")
        super(CrmSegmentPin, self - of_mailing)._compute_display_name()
        may_see = self.env.su or self.env.user.has_group(MAILING_GROUP)
        for pin in of_mailing:
            name = may_see and pin.mailing_contact_id.display_name
            pin.display_name = name or self.env._("Mailing contact %s", pin.res_id)
