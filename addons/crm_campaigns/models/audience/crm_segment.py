from odoo import api, fields, models, tools
from odoo.tools import SQL

from odoo.addons.crm_plus.models.segment.crm_segment_refresh import INCREMENTAL_LIMIT

from .crm_segment_fact import CONSENT_KINDS

# Fields of conditions on whether somebody may be mailed.
CONSENT_FIELDS = {"is_blacklisted", "list_ids", "opt_out", "subscription_ids"}


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

    # ------------------------------------------------------------
    # Refresh when somebody subscribes, unsubscribes, is blocked
    # ------------------------------------------------------------

    @api.model
    @tools.ormcache()
    def _get_consent_targets(self):
        """Return the models of which an active segment asks who may be mailed."""
        # sudo: all segments, whoever changes a subscription
        facts = (
            self.env["crm.segment.fact"]
            .sudo()
            .search([("kind", "in", CONSENT_KINDS), ("segment_id.active", "=", True)])
        )
        targets = set(facts.mapped("target"))
        for model in self._get_record_fields():
            if CONSENT_FIELDS & self._get_watched_fields(model):
                targets.add(model)
        return tuple(sorted(targets))

    @api.model
    def _queue_refresh_addresses(self, emails):
        """Refresh whoever has one of these normalised addresses when the transaction
        commits: leads, contacts and mailing contacts, as far as segments of them ask
        who may be mailed. ``emails`` is read only then.
        """
        targets = self._get_consent_targets()
        emails = {email for email in emails if email} if targets else set()
        if not emails:
            return
        if len(emails) > INCREMENTAL_LIMIT:
            self._trigger_refresh()
            return
        for model in targets:
            self.env[model].flush_model(["email_normalized"])
            rows = self.env.execute_query(
                SQL(
                    "SELECT id FROM %s WHERE email_normalized = ANY(%s)",
                    SQL.identifier(self.env[model]._table),
                    list(emails),
                )
            )
            self._queue_refresh(model, [record_id for (record_id,) in rows])
