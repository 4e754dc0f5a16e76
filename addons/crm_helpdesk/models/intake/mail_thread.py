from odoo import api, models

from .crm_case_mail_filtered import FLAGS

OURS = ("crm.case", "crm.case.team")


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def message_route(
        self, message, message_dict, model=None, thread_id=None, custom_values=None
    ):
        """Mail to the signed address of a case belongs to it, unless its references
        tell of another place; mail to a case that is over may need a new one."""
        Case = self.env["crm.case"]
        case = (
            Case.browse()
            if message_dict.get("is_bounce")
            else Case._take_reply_token(message_dict)
        )
        if case:
            message_dict["reply_case_id"] = case.id
            model, thread_id = "crm.case", case.id
        routes = super().message_route(
            message,
            message_dict,
            model=model,
            thread_id=thread_id,
            custom_values=custom_values,
        )
        message_dict.pop("reply_case_id", None)
        return Case._finish_routes(message, message_dict, routes or [], case)

    @api.model
    def _detect_loop_sender(self, message, message_dict, routes):
        """What is nothing but a note of teams is answered by nobody."""
        flags = [
            (route[2] or {}).get(FLAGS) for route in routes or [] if route[0] in OURS
        ]
        if flags and all(flags):
            message_dict = {**message_dict, **flags[0]}
        return super()._detect_loop_sender(message, message_dict, routes)

    @api.model
    def _message_route_process(self, message, message_dict, routes):
        """What becomes of a mail on one route is nothing to the next one: whose it is,
        that a machine wrote it, who is in copy."""
        routes = routes or []
        if not any(route[0] in OURS for route in routes):
            return super()._message_route_process(message, message_dict, routes)
        thread_id = False
        for model, res_id, values, user_id, alias in routes:
            flags = (values or {}).get(FLAGS)
            if flags:
                values = {key: values[key] for key in values if key != FLAGS}
            own = {**message_dict, **(flags or {})}
            thread_id = super()._message_route_process(
                message, own, [(model, res_id, values or None, user_id, alias)]
            )
            if not message_dict.get("author_id") and (
                own.get("email_from") == message_dict.get("email_from")
            ):
                # who was not known is a contact now, and one is enough
                message_dict["author_id"] = own.get("author_id")
        return thread_id
