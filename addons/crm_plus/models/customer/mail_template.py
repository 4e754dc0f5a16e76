from odoo import models

STATEMENT_REPORT = "crm_plus.report_customer_statement"


class MailTemplate(models.Model):
    """Statements do not stay with the contact, where all may read them: neither in
    mails that wait or failed, nor in the history.
    """

    _inherit = "mail.template"

    def _is_customer_statement(self):
        """Whether the mail carries a statement: ours, and copies of it."""
        # sudo: what is attached concerns whoever uses the template
        return STATEMENT_REPORT in self.sudo().report_template_ids.mapped("report_name")

    def send_mail_batch(
        self,
        res_ids,
        force_send=False,
        raise_exception=False,
        email_values=None,
        email_layout_xmlid=False,
    ):
        if self._is_customer_statement():
            email_values = {
                **(email_values or {}),
                "model": False,
                "res_id": False,
                "auto_delete": True,
            }
        return super().send_mail_batch(
            res_ids,
            force_send=force_send,
            raise_exception=raise_exception,
            email_values=email_values,
            email_layout_xmlid=email_layout_xmlid,
        )
