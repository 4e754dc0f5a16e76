from odoo import api, models


class CrmCase(models.Model):
    """What customers do themselves on the portal. Callers check that they may."""

    _inherit = "crm.case"

    @api.model
    def _open_from_portal(self, values, partner, files=()):
        """Open a case for ``partner`` and acknowledge it.

        :param values: checked values; of the record, not of the form
        :param files: list of ``(name, content)``
        """
        return self._open_by_customer("portal", values, partner, files)

    @api.model
    def _open_by_customer(self, channel, values, partner, files=()):
        team = self.env["crm.case.team"].browse(values["team_id"])
        case = self.with_context(
            default_user_id=False, mail_create_nosubscribe=True
        ).create(
            {
                **values,
                "partner_id": partner.id,
                "channel": channel,
                "is_ack_due": self._is_acknowledgeable(team, False),
            }
        )
        if files:
            case._keep_files(files)
        if case.is_ack_due:
            self._trigger_acknowledgements()
        return case

    def _keep_files(self, files):
        """With a message: so that the customer sees his files, and only these."""
        self.ensure_one()
        values = {"author_id": self.partner_id.id}
        if not self.partner_id:
            values = {"author_id": False, "email_from": self.partner_email or ""}
        self.message_post(
            body=self.env._("Files sent with the case"),
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            attachments=list(files),
            **values,
        )

    def _get_acting_customer(self, user):
        """Who is behind the page: the user, or whoever was sent the link."""
        self.ensure_one()
        return self.partner_id if user._is_public() else user.partner_id

    def _close_by_customer(self, user):
        self.ensure_one()
        self._track_set_author(self._get_acting_customer(user))
        self._track_set_log_message(self.env._("Closed on the portal"))
        if not self.date_first_response:
            # nobody has solved it: it was called off
            self._resolve_by_itself("crm_helpdesk.crm_case_resolution_withdrawn")
        self.action_close()

    def _reopen_by_customer(self, user, text=""):
        """The customer says it is not solved; what he writes says why, and opens it
        as any answer of his does.
        """
        self.ensure_one()
        author = self._get_acting_customer(user)
        self._track_set_author(author)
        self._track_set_log_message(self.env._("Reopened on the portal"))
        if text:
            self.message_post(
                body=text,
                author_id=author.id,
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
        else:
            self._on_customer_message()
