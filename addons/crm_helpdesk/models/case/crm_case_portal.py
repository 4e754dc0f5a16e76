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
        team = self.env["crm.case.team"].browse(values["team_id"])
        case = self.with_context(
            default_user_id=False, mail_create_nosubscribe=True
        ).create(
            {
                **values,
                "partner_id": partner.id,
                "channel": "portal",
                "is_ack_due": self._is_acknowledgeable(team, False),
            }
        )
        if files:
            # with a message: so that the customer sees his files, and only these
            case.message_post(
                body=self.env._("Files sent with the case"),
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
                author_id=partner.id,
                attachments=list(files),
            )
        if case.is_ack_due:
            self._trigger_acknowledgements()
        return case

    def _close_by_customer(self, user):
        self.ensure_one()
        author = self.partner_id if user._is_public() else user.partner_id
        self._track_set_author(author)
        self._track_set_log_message(self.env._("Closed on the portal"))
        self.action_close()
