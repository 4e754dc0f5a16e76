from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain


class MailingMailing(models.Model):
    """A mailing goes to those of its recipients who are in a segment."""

    _inherit = "mailing.mailing"

    segment_id = fields.Many2one(
        "crm.segment",
        compute="_compute_segment_id",
        store=True,
        readonly=False,
        copy=True,
        index="btree_not_null",
        ondelete="restrict",
        domain="[('target', '=', mailing_model_real)]",
        help="Of the recipients, only those in this segment when the mailing is sent.",
    )
    segment_recipient_count = fields.Integer(
        string="Recipients in the Segment", compute="_compute_segment_recipient_count"
    )

    @api.depends("mailing_model_id")
    def _compute_segment_id(self):
        """What is sent to others cannot keep the segment."""
        for mailing in self:
            # sudo: what it is about, of a segment that the mailing has already
            if mailing.segment_id.sudo().target != mailing.mailing_model_real:
                mailing.segment_id = False

    @api.depends("segment_id", "mailing_domain", "mailing_model_id")
    def _compute_segment_recipient_count(self):
        for mailing in self:
            if not mailing.segment_id:
                mailing.segment_recipient_count = 0
                continue
            mailing.segment_recipient_count = self.env[
                mailing.mailing_model_real
            ].search_count(mailing._get_recipients_domain())

    @api.constrains("segment_id", "mailing_model_id")
    def _check_segment(self):
        for mailing in self.filtered("segment_id"):
            if mailing.segment_id.target != mailing.mailing_model_real:
                raise ValidationError(
                    self.env._(
                        "The segment “%s” holds other records than this mailing goes "
                        "to.",
                        mailing.segment_id.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        mailings = super().create(vals_list)
        # whatever it came by: the client may send a default
        if mailings.segment_id:
            self.env["crm.segment"]._check_may_mail()
        return mailings

    def write(self, vals):
        if vals.get("segment_id"):
            self.env["crm.segment"]._check_may_mail()
        return super().write(vals)

    def _get_recipients_domain(self):
        domain = super()._get_recipients_domain()
        if self.segment_id:
            # sudo: members are of the segment, whoever sends
            domain &= Domain("id", "in", self.sudo().segment_id._get_current_members())
        return domain


class CrmSegment(models.Model):
    _inherit = "crm.segment"

    def _check_may_mail(self):
        """Members are found with the rights of the segment's responsible: whoever mails
        them reaches people that they may not see. Marketing may.
        """
        if not self.env.su and not self.env.user.has_group(
            "crm_campaigns.crm_campaigns_group_manager"
        ):
            raise AccessError(
                self.env._("Only administrators of campaigns mail segments.")
            )
