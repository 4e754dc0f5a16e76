import logging
from email.message import EmailMessage

from odoo import api, models
from odoo.tools import email_normalize

from ...tools.bounce import read_bounce
from ...tools.bounce.report import BOUNCE, COMPLAINT, DELAY, DELIVERED

_logger = logging.getLogger(__name__)

REPORTS = (BOUNCE, DELAY, DELIVERED, COMPLAINT)


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _message_parse_extract_bounce(self, email_message, message_dict):
        """Know delivery reports that Odoo takes for mails of people, and take for no
        bounce what Odoo takes for one: a mail still tried, delivered or complained of.
        """
        if not isinstance(email_message, EmailMessage):
            return super()._message_parse_extract_bounce(email_message, message_dict)
        try:
            values = super()._message_parse_extract_bounce(email_message, message_dict)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # without a proper copy of the mail it is about; what can be read of it is
            _logger.info(
                "Delivery report %s cannot be read by Odoo: %s",
                message_dict.get("message_id"),
                error,
            )
            values = self._get_empty_bounce_values()
        try:
            report = read_bounce(email_message)
        except Exception:
            # junk mails are endless in kind; none may stop the mail server's job
            _logger.exception(
                "Delivery report %s cannot be read", message_dict.get("message_id")
            )
            return values
        if report.kind not in REPORTS:
            return values
        return self._get_report_values(report, values, message_dict)

    @api.model
    def _get_empty_bounce_values(self):
        """A report of nobody knows what, in sudo as the caller expects."""
        return {
            "is_bounce": True,
            "bounced_email": False,
            # sudo: empty, as Odoo's own
            "bounced_partner": self.env["res.partner"].sudo(),
            "bounced_msg_ids": False,
            # sudo: likewise
            "bounced_message": self.env["mail.message"].sudo(),
        }

    def _get_report_values(self, report, values, message_dict):
        """What Odoo's gateway wants to know of a report."""
        # sudo: the gateway looks for what came back, whoever it runs as
        Message = self.env["mail.message"].sudo()
        message = values.get("bounced_message") or Message
        if not message and report.message_ids:
            message = Message.search(
                [("message_id", "in", report.message_ids)], limit=1
            )
        values = {
            **values,
            "is_bounce": True,
            "bounced_email": values.get("bounced_email") or False,
            "bounced_partner": values.get("bounced_partner")
            # sudo: empty, as Odoo's own
            or self.env["res.partner"].sudo(),
            "bounced_msg_ids": values.get("bounced_msg_ids") or report.message_ids,
            "bounced_message": message,
            "delivery_report": report,
            # in any header that Odoo knows, too
            "delivery_message_ids": list(
                dict.fromkeys(
                    [*report.message_ids, *(values.get("bounced_msg_ids") or ())]
                )
            ),
        }
        if report.kind != BOUNCE:
            # nothing is counted against the address, and no mailing is told of it
            values["bounced_email"] = False
            values["bounced_partner"] = self.env["res.partner"].sudo()
            values["bounced_msg_ids"] = False
        elif not values["bounced_email"] and report.recipients:
            values["bounced_email"] = email_normalize(report.recipients[0].address)
        if values["bounced_email"] and not values["bounced_partner"]:
            values["bounced_partner"] = (
                self.env["res.partner"]
                # sudo: the gateway counts it for whoever has the address
                .sudo()
                .search([("email_normalized", "=", values["bounced_email"])])
            )
        return values

    @api.model
    def _routing_handle_bounce(self, email_message, message_dict):
        """Keep the history of each address; a report that comes twice counts once.

        Nothing is counted against an address to which the mail that came back was not
        sent, as far as we know: the report may be forged.
        """
        report = message_dict.get("delivery_report")
        if not report:
            return super()._routing_handle_bounce(email_message, message_dict)
        Bounce = self.env["crm.mail.bounce"]
        emails = {
            email
            for row in report.recipients
            if (email := email_normalize(row.address))
        }
        known = Bounce._get_recorded(
            message_dict["message_id"],
            list(emails),
            message_dict["bounced_message"],
            report.kind,
        )
        if emails and emails <= known:
            return None
        first = email_normalize(message_dict["bounced_email"])
        written_to = Bounce._get_written_to(
            message_dict["delivery_message_ids"], emails | ({first} - {False})
        )
        if first and first not in written_to:
            message_dict = {
                **message_dict,
                "bounced_email": False,
                # sudo: empty, as Odoo's own
                "bounced_partner": self.env["res.partner"].sudo(),
            }
        result = super()._routing_handle_bounce(email_message, message_dict)
        if report.kind == BOUNCE:
            # Odoo reads the first recipient only
            others = (emails & written_to) - known - {first}
            for email, partner in Bounce._get_partners(others).items():
                super()._routing_handle_bounce(
                    email_message,
                    {
                        **message_dict,
                        "bounced_email": email,
                        "bounced_partner": partner,
                        "bounced_msg_ids": False,
                    },
                )
        if report.kind != DELIVERED:
            Bounce._record_report(report, message_dict, written_to)
        return result
