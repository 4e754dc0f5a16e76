from odoo import api, fields, models


class CrmCampaign(models.Model):
    """What the messages of a campaign are for, and which campaign goes first when
    people get so much that not all can be sent.
    """

    _inherit = "crm.campaign"

    contact_purpose_id = fields.Many2one(
        "crm.consent.purpose",
        string="Purpose",
        domain="[('nature', '!=', 'transaction')]",
        ondelete="restrict",
        index="btree_not_null",
        help="What its messages are for, by which people chose what they get: whoever "
        "has withdrawn it, or must agree and has not, gets none. Empty: marketing in "
        "general. A single message may be for something else.",
    )
    contact_priority = fields.Integer(
        string="Priority",
        default=50,
        required=True,
        tracking=True,
        help="0 to 100, of all its messages. When the contact policy lets somebody get "
        "no more, the campaign of the higher priority goes first; caps may let pass "
        "from some priority on.",
    )

    _contact_priority = models.Constraint(
        "CHECK(contact_priority BETWEEN 0 AND 100)", "Priorities go from 0 to 100."
    )

    @api.model
    def _get_approved_fields(self):
        return super()._get_approved_fields() | {"contact_purpose_id"}


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    contact_purpose_id = fields.Many2one(
        "crm.consent.purpose",
        string="Purpose",
        domain="[('nature', '!=', 'transaction')]",
        compute="_compute_contact_purpose_id",
        inverse="_inverse_contact_purpose_id",
        help="What this message is for, if not for what the campaign says: people "
        "chose by it what they get.",
    )
    campaign_purpose_id = fields.Many2one(
        related="campaign_id.contact_purpose_id", string="Purpose of the Campaign"
    )

    @api.depends("mailing_id.contact_purpose_id")
    def _compute_contact_purpose_id(self):
        for step in self:
            # sudo: whoever may read the campaign may read its mails
            step.contact_purpose_id = step.mailing_id.sudo().contact_purpose_id

    def _inverse_contact_purpose_id(self):
        changed = self.filtered(
            # sudo: see above
            lambda s: (
                s.kind in ("mail", "sms")
                and s.contact_purpose_id != s.mailing_id.sudo().contact_purpose_id
            )
        )
        self._check_not_running(changed.campaign_id)
        for step in changed:
            # before the mailing is made: then it is read from it
            purpose = step.contact_purpose_id
            step._prepare_mailings()
            step.mailing_id.contact_purpose_id = purpose

    def _copy_into(self, copy, copies):
        super()._copy_into(copy, copies)
        if self.contact_purpose_id and copy.mailing_id:
            copy.mailing_id.contact_purpose_id = self.contact_purpose_id
