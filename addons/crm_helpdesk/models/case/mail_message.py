from odoo import models


class MailMessage(models.Model):
    _inherit = "mail.message"

    def _get_forbidden_access(self, operation):
        """Notes on cases are for colleagues, whatever type of message they are.

        Odoo keeps internal *comments* from customers; what was mailed or written by the
        system they could read by guessing its id, having the right to read the case.
        """
        forbidden = super()._get_forbidden_access(operation)
        if operation != "read" or self.env.su or self.env.user._is_internal():
            return forbidden
        # in sudo: it decides about the right
        hidden = (
            (self - forbidden)
            .sudo()
            .filtered(
                lambda message: (
                    message.model == "crm.case"
                    and (
                        message.is_internal
                        or not message.subtype_id
                        or message.subtype_id.internal
                    )
                )
            )
        )
        return forbidden + hidden.sudo(False)
