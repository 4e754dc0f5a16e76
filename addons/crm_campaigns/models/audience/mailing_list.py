from odoo import Command, api, fields, models


class MailingList(models.Model):
    _inherit = "mailing.list"

    segment_id = fields.Many2one(
        "crm.segment",
        index="btree_not_null",
        ondelete="restrict",
        help="Its members are subscribed, and taken off again when they leave it. "
        "Whoever unsubscribed, or was taken off by hand, is never subscribed again; "
        "whoever was subscribed by hand stays.",
    )
    date_synced = fields.Datetime(string="Synchronised On", readonly=True, copy=False)
    sync_error = fields.Text(readonly=True, copy=False)
    move_count = fields.Integer(compute="_compute_move_count")

    def _compute_move_count(self):
        counts = dict(
            self.env["crm.mailing.list.move"]._read_group(
                [("list_id", "in", self.ids)], ["list_id"], ["__count"]
            )
        )
        for mailing_list in self:
            mailing_list.move_count = counts.get(mailing_list, 0)

    @api.model_create_multi
    def create(self, vals_list):
        lists = super().create(vals_list)
        if any(vals.get("contact_ids") for vals in vals_list):
            lists.contact_ids._queue_refresh_consent()
        if lists.segment_id:
            self.env["crm.segment"]._check_may_mail()
            self._trigger_sync()
        return lists

    def write(self, vals):
        if vals.get("segment_id"):
            self.env["crm.segment"]._check_may_mail()
        contacts = self._get_contacts_changed(vals.get("contact_ids"))
        result = super().write(vals)
        contacts._queue_refresh_consent()
        if "segment_id" in vals or "active" in vals:
            self._trigger_sync()
        return result

    def _get_contacts_changed(self, commands):
        """Return whom a write on ``contact_ids`` may put on the list or take off it:
        that is a write past their subscriptions.
        """
        contacts = self.env["mailing.contact"]
        for code, contact_id, value in commands or ():
            if code in (Command.SET, Command.CLEAR):
                contacts |= self.contact_ids
            contacts |= contacts.browse(
                (value or ()) if code == Command.SET else contact_id or ()
            )
        return contacts

    def action_merge(self, src_lists, archive):
        """Merges are written in SQL: whom they concern, the scheduler finds out."""
        result = super().action_merge(src_lists, archive)
        if self.env["crm.segment"]._get_consent_targets():
            self.env["crm.segment"]._trigger_refresh()
        return result

    def action_sync(self):
        """Bring the list up to date now."""
        self.check_access("write")
        self.ensure_one()
        # sudo: contacts and subscriptions are written by the system
        joined, left = self.sudo()._sync()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(joined)s subscribed, %(left)s taken off",
                    joined=joined,
                    left=left,
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_view_moves(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_campaigns.crm_mailing_list_move_action"
        )
        action["domain"] = [("list_id", "=", self.id)]
        action["context"] = {}
        return action
