from odoo import models
from odoo.tools import format_date

from ..report.crm_customer_statement_report import DATE_KEY


class MailComposeMessage(models.TransientModel):
    _inherit = "mail.compose.message"

    def _action_send_mail_mass_mail(self, res_ids, auto_commit=False):
        mails = super()._action_send_mail_mass_mail(res_ids, auto_commit=auto_commit)
        template = self.env.ref(
            "crm_plus.mail_template_customer_statement", raise_if_not_found=False
        )
        at = self.env.context.get(DATE_KEY)
        if at and template and self.template_id == template:
            # those that left without an error are deleted by now, or wait in the queue
            failed = mails.exists().filtered(
                lambda mail: mail.state in ("exception", "cancel")
            )
            customers = self.env["res.partner"].browse(
                set(res_ids) - set(failed.mapped("res_id"))
            )
            body = self.env._(
                "Statement at %s sent by e-mail.", format_date(self.env, at)
            )
            customers._message_log_batch(bodies=dict.fromkeys(customers.ids, body))
        return mails
