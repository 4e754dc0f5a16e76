from odoo import api, models


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
