from odoo import api, fields, models

MAILING_GROUP = "mass_mailing.group_mass_mailing_user"


class CrmSegmentMailingMixin(models.AbstractModel):
    """For rows that name a record of a segment: mailing contacts, too."""

    _name = "crm.segment.mailing.mixin"
    _description = "Row of a Segment of Mailing Contacts"

    # sellers do not see the addresses that marketing collects
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
        of_mailing = self.filtered(lambda row: row.res_model == "mailing.contact")
        super(CrmSegmentMailingMixin, self - of_mailing)._compute_display_name()
        may_see = self.env.su or self.env.user.has_group(MAILING_GROUP)
        for row in of_mailing:
            name = may_see and row.mailing_contact_id.display_name
            row.display_name = name or self.env._("Mailing contact %s", row.res_id)


class CrmSegmentMember(models.Model):
    _name = "crm.segment.member"
    _inherit = ["crm.segment.mailing.mixin", "crm.segment.member"]

    # a stay is history
    mailing_contact_id = fields.Many2one(ondelete="set null")


class CrmSegmentPin(models.Model):
    _name = "crm.segment.pin"
    _inherit = ["crm.segment.mailing.mixin", "crm.segment.pin"]
