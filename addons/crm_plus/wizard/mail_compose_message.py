from odoo import models
from odoo.tools import format_date

from ..report.crm_customer_statement_report import DATE_KEY


class MailComposeMessage(models.TransientModel):
    """Statements go out without staying with the contact, where all may read them: a
    note says that one was sent.
    """

    _inherit = "mail.compose.message"

    def _is_statement(self):
        template = self.env.ref(
            "crm_plus.mail_template_customer_statement", raise_if_not_found=False
        )
        return (
            self.composition_mode == "mass_mail"
            and self.env.context.get(DATE_KEY)
            and template
            and self.template_id == template
        )

    def _prepare_mail_values(self, res_ids):
        values = super()._prepare_mail_values(res_ids)
        if self._is_statement():
            # sent mails are deleted; those that wait or failed must not show either
            for mail_values in values.values():
                mail_values.update(model=False, res_id=False)
        return values

    def _action_send_mail_mass_mail(self, res_ids, auto_commit=False):
        mails = super()._action_send_mail_mass_mail(res_ids, auto_commit=auto_commit)
        if self._is_statement():
            # those that left without an error are deleted by now, or wait in the queue
            failed = mails.exists().filtered(
                lambda mail: mail.state in ("exception", "cancel")
            )
            customers = self.env["res.partner"].browse(res_ids)
            customers -= failed.recipient_ids.commercial_partner_id
            body = self.env._(
                "Statement at %s sent by e-mail.",
                format_date(self.env, self.env.context[DATE_KEY]),
            )
            customers._message_log_batch(bodies=dict.fromkeys(customers.ids, body))
        return mails
