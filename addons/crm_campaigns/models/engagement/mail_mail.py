from markupsafe import Markup

from odoo import models
from odoo.tools import urls
from odoo.tools.mail import append_content_to_html

NO_TRAP = "crm_campaigns.no_hidden_link"
TRAP = Markup(
    '<a href="%s" style="display:none;mso-hide:all" tabindex="-1" rel="nofollow"'
    ' aria-hidden="true"></a>'
)


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        """Marketing mails have a link that nobody sees: whoever follows it is a
        machine. It is not in the text that mail programs show instead of the page.
        """
        email_list = super()._prepare_outgoing_list(
            mail_server=mail_server, doc_to_followers=doc_to_followers
        )
        if (
            not self.mailing_id
            or not self.mailing_trace_ids
            or self.env.context.get("mailing_test_mail")
            # sudo: whether there are hidden links is read for whoever sends
            or self.env["ir.config_parameter"].sudo().get_param(NO_TRAP)
        ):
            return email_list
        link = TRAP % urls.urljoin(
            self.get_base_url(), self.env["crm.mail.hit"]._get_trap_path(self.id)
        )
        for values in email_list:
            if values["body"]:
                values["body"] = append_content_to_html(
                    values["body"], link, plaintext=False
                )
        return email_list
