from odoo import api, models

CACHE_KEY = "crm_helpdesk.own_addresses"


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    @api.model
    def _find_aliases(self, email_list):
        """While one mail is taken in Odoo asks half a dozen times which of its
        addresses are ours, by two queries each: the answer is kept meanwhile."""
        known = self.env.cr.cache.get(CACHE_KEY)
        if known is None:
            return super()._find_aliases(email_list)
        asked = [email for email in email_list if email and "@" in email]
        new = [email for email in asked if email not in known]
        if new:
            ours = set(super()._find_aliases(new))
            known.update((email, email in ours) for email in new)
        return [email for email in asked if known[email]]


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def message_process(
        self,
        model,
        message,
        custom_values=None,
        save_original=False,
        strip_attachments=False,
        thread_id=None,
    ):
        cache = self.env.cr.cache
        is_outer = CACHE_KEY not in cache
        cache.setdefault(CACHE_KEY, {})
        try:
            return super().message_process(
                model,
                message,
                custom_values=custom_values,
                save_original=save_original,
                strip_attachments=strip_attachments,
                thread_id=thread_id,
            )
        finally:
            if is_outer:  # not a mail within a mail
                cache.pop(CACHE_KEY, None)
