from odoo import api, fields, models
from odoo.tools import SQL


class CrmSegment(models.Model):
    """Segments of mailing contacts, and what mailings and lists take from segments."""

    _inherit = "crm.segment"

    target = fields.Selection(
        selection_add=[("mailing.contact", "Mailing Contacts")],
        ondelete={"mailing.contact": "cascade"},
    )

    @api.model
    def _get_record_fields(self):
        return {**super()._get_record_fields(), "mailing.contact": "mailing_contact_id"}

    def _get_member_columns(self, alias):
        """The contact behind a mailing contact is the oldest one of its address."""
        columns = super()._get_member_columns(alias)
        if self.target != "mailing.contact":
            return {**columns, "mailing_contact_id": SQL("NULL::integer")}
        return {
            **columns,
            "partner_id": SQL(
                """(SELECT min(e.id) FROM res_partner e
                     WHERE e.email_normalized = %s AND e.active)""",
                SQL.identifier(alias, "email_normalized"),
            ),
            "mailing_contact_id": SQL.identifier(alias, "id"),
        }

    def _get_usage(self):
        # sudo: what the user does not see uses it too
        lists = (
            self.env["mailing.list"]
            .sudo()
            .with_context(active_test=False)
            .search([("segment_id", "=", self.id)], limit=5)
        )
        # as above; what was sent is history
        mailings = (
            self.env["mailing.mailing"]
            .sudo()
            .search([("segment_id", "=", self.id), ("state", "!=", "done")], limit=5)
        )
        return [
            *super()._get_usage(),
            *(self.env._("mailing list “%s”", one.name) for one in lists),
            *(self.env._("mailing “%s”", mailing.subject) for mailing in mailings),
        ]

    @api.model
    def _on_members_changed(self, segment, joined_member_ids, left_member_ids):
        """Mailing lists follow, by their own scheduler."""
        super()._on_members_changed(segment, joined_member_ids, left_member_ids)
        # sudo: a seller's change may be what lets somebody join
        MailingList = self.env["mailing.list"].sudo()
        if MailingList.search_count([("segment_id", "=", segment.id)], limit=1):
            MailingList._trigger_sync()
