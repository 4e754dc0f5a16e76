"""An answer that several people write: one draft for each case."""

from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.tools import plaintext2html


class CrmCaseDraft(models.Model):
    """The draft of an answer, with who changed it last. Each change has a number: who
    saves on top of a text that was not on their screen is warned, and loses nothing.
    """

    _name = "crm.case.draft"
    _description = "Draft of an Answer"
    _rec_name = "case_id"

    case_id = fields.Many2one(
        "crm.case", required=True, index=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="case_id.company_id")
    body = fields.Text()
    version = fields.Integer(required=True, default=1, readonly=True)
    user_id = fields.Many2one("res.users", string="Last Changed by", readonly=True)
    date = fields.Datetime(string="Last Changed", readonly=True)

    _case_uniq = models.Constraint("UNIQUE(case_id)", "A case has one draft.")


class CrmCase(models.Model):
    _inherit = "crm.case"

    def _get_draft(self):
        self.ensure_one()
        # sudo: who may read the case may read what is about to be answered on it
        return self.env["crm.case.draft"].sudo().search([("case_id", "=", self.id)])

    def _check_colleague(self, operation):
        """Customers may read their case, not what is about to be said on it."""
        self.check_access(operation)
        if not self.env.user._is_internal():
            raise AccessError(self.env._("Drafts are for colleagues."))

    def draft_read(self):
        """The draft of this case: ``{body, version, user, date}``."""
        self.ensure_one()
        self._check_colleague("read")
        return self._format_draft(self._get_draft())

    def _format_draft(self, draft):
        return {
            "body": draft.body or "",
            "version": draft.version,
            "user": draft.user_id.name or "",
            "is_mine": draft.user_id == self.env.user,
            "date": fields.Datetime.to_string(draft.date) if draft.date else False,
        }

    def draft_write(self, body, version, is_forced=False):
        """Save the draft, if nobody else did since ``version``.

        :param version: the number of the text that was on the screen; 0: there was none
        :param is_forced: on top of what somebody else wrote
        :return: the draft, with ``is_conflict`` when it was not saved
        """
        self.ensure_one()
        self._check_colleague("write")
        draft = self._get_draft()
        if draft:
            draft.lock_for_update()
            draft.invalidate_recordset()
        if draft.version != version and not is_forced and draft.body != body:
            return {**self._format_draft(draft), "is_conflict": True}
        values = {
            "body": body,
            "version": draft.version + 1,
            "user_id": self.env.uid,
            "date": fields.Datetime.now(),
        }
        if draft:
            draft.write(values)
        else:
            draft = draft.create({"case_id": self.id, **values})
        result = self._format_draft(draft)
        for person in self._get_presence():
            if person["id"] != self.env.uid:
                # sudo: a notification to whoever has the case on the screen
                self.env["res.users"].sudo().browse(person["id"])._bus_send(
                    "crm_helpdesk.draft",
                    {"case_id": self.id, "draft": {**result, "is_mine": False}},
                )
        return {**result, "is_conflict": False}

    def draft_send(self, version):
        """Answer the customer with the draft as it is on the screen."""
        self.ensure_one()
        self._check_colleague("write")
        draft = self._get_draft()
        if draft.version != version:
            return {**self._format_draft(draft), "is_conflict": True}
        if (draft.body or "").strip():
            self.message_post(
                body=plaintext2html(draft.body),
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
        return self.draft_write("", version, is_forced=True)
