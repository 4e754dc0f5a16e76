from markupsafe import Markup

from odoo import models
from odoo.tools import plaintext2html


class CrmCase(models.Model):
    """Calls about cases."""

    _inherit = "crm.case"

    def _log_call(self, notes):
        """The customer has called and talked to the user: an answer by word of mouth,
        kept as a done call.
        """
        self.ensure_one()
        call = self.env.ref("mail.mail_activity_data_call", raise_if_not_found=False)
        body = Markup("<p><strong>%s</strong></p>%s") % (
            self.env._("Call"),
            plaintext2html(notes) if notes else "",
        )
        self.message_post(
            body=body,
            message_type="comment",
            subtype_xmlid="mail.mt_note",
            mail_activity_type_id=call.id if call else False,
        )
        self._sla_on_human_answer(self.env.cr.now())
