import logging

from odoo import api, models

_logger = logging.getLogger(__name__)


class MailThread(models.AbstractModel):
    """What the gateway, which runs on no model in particular, has to know of cases."""

    _inherit = "mail.thread"

    @api.model
    def message_route(
        self, message, message_dict, model=None, thread_id=None, custom_values=None
    ):
        """Mails that would open a case may belong to one, or be nothing to open one
        for.
        """
        routes = super().message_route(
            message,
            message_dict,
            model=model,
            thread_id=thread_id,
            custom_values=custom_values,
        )
        return [
            route
            for route in (
                self.env["crm.case"]._reroute(message, message_dict, route)
                if route[0] == "crm.case" and not route[1]
                else route
                for route in routes or []
            )
            if route
        ]

    @api.model
    def _detect_loop_sender(self, message, message_dict, routes):
        """Odoo tells by mail who writes too often: machines are told nothing."""
        quiet = message_dict.get("is_machine_mail") and any(
            route[0] in ("crm.case", "crm.case.team") for route in routes or []
        )
        return super(
            MailThread, self.with_context(crm_helpdesk_quiet=True) if quiet else self
        )._detect_loop_sender(message, message_dict, routes)

    @api.model
    def _routing_create_bounce_email(
        self, email_from, body_html, message, **mail_values
    ):
        if self.env.context.get("crm_helpdesk_quiet"):
            _logger.info("Not answering the machine %s in a loop", email_from)
            return None
        return super()._routing_create_bounce_email(
            email_from, body_html, message, **mail_values
        )
