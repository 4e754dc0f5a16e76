from odoo import models
from odoo.tools import email_normalize, html_escape

PREFERENCES = "/contact/preferences"


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        """A link to the preference page leads each recipient to the own one."""
        email_list = super()._prepare_outgoing_list(
            mail_server=mail_server, doc_to_followers=doc_to_followers
        )
        if not self.mailing_id or self.env.context.get("mailing_test_mail"):
            return email_list
        link = f"{self.mailing_id.get_base_url()}{PREFERENCES}"
        for values in email_list:
            body = values["body"] or ""
            if f'{link}"' not in body or not values["email_to"]:
                continue
            email = email_normalize(values["email_to"][0], strict=False)
            url = self.mailing_id._get_preference_url(email)
            if not url:
                continue
            wrap = type(body)  # markup escapes what it is given
            values["body"] = body.replace(
                wrap(f'{link}"'), wrap(f'{html_escape(url)}"')
            )
            values["body_alternative"] = values["body_alternative"].replace(
                f"{link}\n", f"{url}\n"
            )
        return email_list
