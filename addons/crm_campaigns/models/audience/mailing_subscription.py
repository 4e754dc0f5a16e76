from odoo import api, fields, models


class MailingSubscription(models.Model):
    _inherit = "mailing.subscription"

    segment_id = fields.Many2one(
        "crm.segment",
        string="Subscribed by Segment",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Goes when the contact leaves the segment. Empty: subscribed by a person, "
        "and stays.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.context.get("crm_campaigns_sync"):
            vals_list = [
                {key: value for key, value in vals.items() if key != "segment_id"}
                for vals in vals_list
            ]
        subscriptions = super().create(vals_list)
        subscriptions._queue_refresh_consent()
        return subscriptions

    def write(self, vals):
        if "contact_id" in vals:
            self._queue_refresh_consent()
        result = super().write(vals)
        # opting out by its date or reason is added to vals by Odoo
        if not vals.keys().isdisjoint({"contact_id", "list_id", "opt_out"}):
            self._queue_refresh_consent()
        return result

    def unlink(self):
        """Whoever is taken off a list by hand is not put on it again by its segment."""
        if not self.env.context.get("crm_campaigns_sync"):
            self._note_removed()
        self._queue_refresh_consent()
        return super().unlink()

    def _queue_refresh_consent(self):
        """Segments follow at once, but not what a list took from its segment: one that
        asks for the subscriptions it makes would never come to rest.
        """
        if not self.env.context.get("crm_campaigns_sync"):
            # sudo: membership does not depend on who subscribes
            self.sudo().contact_id._queue_refresh_consent()

    def _note_removed(self):
        of_segment = self.filtered(lambda s: s.list_id.segment_id)
        # sudo: the log is written by the system only
        self.env["crm.mailing.list.move"].sudo().create(
            [
                {
                    "list_id": subscription.list_id.id,
                    "segment_id": subscription.list_id.segment_id.id,
                    "contact_id": subscription.contact_id.id,
                    "email": subscription.contact_id.email_normalized,
                    "kind": "kept_out",
                    "reason": "removed",
                }
                for subscription in of_segment
                if subscription.contact_id.email_normalized
            ]
        )
