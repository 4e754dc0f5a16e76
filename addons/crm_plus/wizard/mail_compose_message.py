from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..report.crm_customer_statement_report import DATE_KEY


class MailComposeMessage(models.TransientModel):
    """Statements go out without staying with the contact, where all may read them: a
    note says that one was sent.
    """

    _inherit = "mail.compose.message"

    def _generate_template_for_composer(
        self,
        res_ids,
        render_fields,
        allow_suggested=False,
        find_or_create_partners=True,
    ):
        if (
            self.composition_mode == "comment"
            and self.template_id._is_customer_statement()
        ):
            raise UserError(
                self.env._(
                    "A message stays with the contact, and its attachments with it, "
                    "where all may read what the customer owes. Accounting sends "
                    "statements by the action “Send Statement” of contacts."
                )
            )
        return super()._generate_template_for_composer(
            res_ids,
            render_fields,
            allow_suggested=allow_suggested,
            find_or_create_partners=find_or_create_partners,
        )

    def _is_statement(self):
        return (
            self.composition_mode == "mass_mail"
            and self.model == "res.partner"
            and self.template_id._is_customer_statement()
        )

    def _prepare_mail_values(self, res_ids):
        values = super()._prepare_mail_values(res_ids)
        if self._is_statement():
            # sent mails are deleted; those that wait or failed must not show either
            for mail_values in values.values():
                mail_values.update(model=False, res_id=False)
        return values

    def _action_send_mail_mass_mail(self, res_ids, auto_commit=False):
        if not self._is_statement():
            return super()._action_send_mail_mass_mail(res_ids, auto_commit=auto_commit)
        # whatever was ticked by whoever picked the template by hand
        self.write({"auto_delete": True, "auto_delete_keep_log": False})
        mails = super()._action_send_mail_mass_mail(res_ids, auto_commit=auto_commit)
        # those that left without an error are deleted by now, or wait in the queue
        failed = mails.exists().filtered(
            lambda mail: mail.state in ("exception", "cancel")
        )
        customers = self.env["res.partner"].browse(res_ids)
        customers -= failed.recipient_ids.commercial_partner_id
        at = self.env.context.get(DATE_KEY) or fields.Date.context_today(self)
        body = self.env._("Statement at %s sent by e-mail.", format_date(self.env, at))
        customers._message_log_batch(bodies=dict.fromkeys(customers.ids, body))
        return mails
