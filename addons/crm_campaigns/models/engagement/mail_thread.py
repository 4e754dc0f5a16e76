from odoo import api, models


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _message_route_process(self, message, message_dict, routes):
        """Out-of-office answers and the like are no replies to a mailing."""
        threads = self
        if message_dict.get("is_machine_mail"):
            threads = self.with_context(crm_campaigns_machine_mail=True)
        return super(MailThread, threads)._message_route_process(
            message, message_dict, routes
        )

    @api.model
    def _routing_handle_bounce(self, email_message, message_dict):
        """An address that is blocked because it bounces has not unsubscribed."""
        threads = self.with_context(crm_campaigns_bounce=True)
        return super(MailThread, threads)._routing_handle_bounce(
            email_message, message_dict
        )
