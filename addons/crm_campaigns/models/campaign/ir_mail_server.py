from odoo import api, models


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    @api.model
    def send_email(
        self,
        message,
        mail_server_id=None,
        smtp_server=None,
        smtp_port=None,
        smtp_user=None,
        smtp_password=None,
        smtp_encryption=None,
        smtp_ssl_certificate=None,
        smtp_ssl_private_key=None,
        smtp_debug=False,
        smtp_session=None,
    ):
        """Campaign mails go out at most once: see ``Delivery``."""

        def send():
            return super(IrMailServer, self).send_email(
                message,
                mail_server_id=mail_server_id,
                smtp_server=smtp_server,
                smtp_port=smtp_port,
                smtp_user=smtp_user,
                smtp_password=smtp_password,
                smtp_encryption=smtp_encryption,
                smtp_ssl_certificate=smtp_ssl_certificate,
                smtp_ssl_private_key=smtp_ssl_private_key,
                smtp_debug=smtp_debug,
                smtp_session=smtp_session,
            )

        delivery = self.env.context.get("crm_campaigns_delivery")
        if delivery is None:
            return send()
        try:
            if hasattr(smtp_session, "data") and hasattr(smtp_session, "rset"):
                with delivery.at_data(smtp_session):
                    return send()
            # another way of sending: on record before all of it
            return send() if delivery.reserve() else message["Message-Id"]
        except Exception as error:
            if delivery.is_settled_by(error):
                return message["Message-Id"]
            raise
