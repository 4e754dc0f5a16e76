from odoo import api, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL


class IrAttachment(models.Model):
    """Files of cases on the portal: only those of the messages that the customer sees.

    Odoo lets whoever may read a record read all its files; a guessed id must not open
    the files of internal notes.
    """

    _inherit = "ir.attachment"

    def _check_access(self, operation):
        result = super()._check_access(operation)
        if self.env.su or self.env.user._is_internal():
            return result
        hidden = self._hidden_case_attachments()
        if not hidden:
            return result
        forbidden = (result[0] if result else self.browse()) | hidden

        def error():
            return AccessError(self.env._("You are not allowed to see this file."))

        return forbidden, result[1] if result else error

    @api.model
    def _search(
        self,
        domain,
        offset=0,
        limit=None,
        order=None,
        *,
        active_test=True,
        bypass_access=False,
    ):
        if not (self.env.su or bypass_access or self.env.user._is_internal()):
            domain = Domain(domain) & (
                Domain("res_model", "!=", "crm.case")
                | Domain("create_uid", "=", self.env.uid)
                | Domain("id", "in", self._public_case_attachments_sql())
            )
        return super()._search(
            domain,
            offset=offset,
            limit=limit,
            order=order,
            active_test=active_test,
            bypass_access=bypass_access,
        )

    @api.model
    def _public_case_attachments_sql(self):
        """SQL of the ids of files that were sent to, or by, customers of cases."""
        return SQL(
            """(SELECT rel.attachment_id
                  FROM message_attachment_rel rel
                  JOIN mail_message m ON m.id = rel.message_id
                  JOIN mail_message_subtype s ON s.id = m.subtype_id
                 WHERE m.model = 'crm.case'
                   AND NOT s.internal
                   AND m.is_internal IS NOT TRUE)"""
        )

    def _hidden_case_attachments(self):
        """The files among these that belong to cases but not to a public message."""
        of_cases = self.sudo().filtered(  # sudo: what is asked for is decided here
            lambda attachment: (
                attachment.res_model == "crm.case"
                and attachment.create_uid.id != self.env.uid
                and not attachment.public
            )
        )
        if not of_cases:
            return self.browse()
        self.env["mail.message"].flush_model(["subtype_id", "is_internal", "model"])
        shown = self.sudo().search(
            Domain("id", "in", of_cases.ids)
            & Domain("id", "in", self._public_case_attachments_sql())
        )
        return (of_cases - shown).sudo(False)
