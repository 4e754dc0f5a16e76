from odoo import api, models

from ...tools.machine_mail import machine_reason


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def message_parse(self, message, save_original=False):
        """Tell machines from people before anything is done with a mail."""
        msg_dict = super().message_parse(message, save_original=save_original)
        reason = machine_reason(message)
        msg_dict["machine_reason"] = reason
        msg_dict["is_machine_mail"] = bool(reason)
        return msg_dict

    def _get_message_create_valid_field_names(self):
        return super()._get_message_create_valid_field_names() | {
            "is_machine_mail",
            "machine_reason",
        }
