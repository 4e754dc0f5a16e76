from odoo import api, fields, models


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

    # segments, lists and the customer page look contacts up by it
    _email_normalized_idx = models.Index(
        "(email_normalized) WHERE email_normalized IS NOT NULL"
    )

    @api.model_create_multi
    def create(self, vals_list):
        contacts = super().create(vals_list)
        if any(vals.get("list_ids") for vals in vals_list):
            contacts._queue_refresh_consent()
        return contacts

    def write(self, vals):
        is_consent = not vals.keys().isdisjoint({"email", "list_ids"})
        if is_consent:
            self._queue_refresh_consent()
        result = super().write(vals)
        if "email" in vals:
            # those of the new address, too
            self._queue_refresh_consent()
        return result

    def unlink(self):
        self._queue_refresh_consent()
        return super().unlink()

    def _queue_refresh_consent(self):
        """Who may be mailed changes for all of these addresses; see ``crm.segment``."""
        Segment = self.env["crm.segment"]
        # whoever has no address may still be on a list
        if self._name in Segment._get_consent_targets():
            Segment._queue_refresh(self._name, self.ids)
        # sudo: membership does not depend on who changes the contact
        Segment._queue_refresh_addresses(
            contact.email_normalized for contact in self.sudo()
        )
