"""Complaints (RFC 5965), and what Amazon SES writes by mail."""

import json
import re

from .codes import STATUS_ALONE
from .mail import block_text
from .report import BOUNCE, COMPLAINT, DELIVERED, Recipient, Report
from .status import StatusReader
from .words import ADDRESS, first_address


class FeedbackReader(StatusReader):
    """Reads who complained, and notifications of a sending service."""

    def _read_feedback(self):
        parts = self._of_type("message/feedback-report")
        if not parts:
            return None
        fields = "\n".join(block_text(part) for part in parts)
        addresses = re.findall(
            rf"^(?:Original-Rcpt-To|Removal-Recipient):\s*<?({ADDRESS})>?",
            fields,
            re.IGNORECASE | re.MULTILINE,
        )
        if not addresses:
            addresses = re.findall(ADDRESS, self._carried_header("To"))
        kind = re.search(r"^Feedback-Type:\s*([\w-]+)", fields, re.I | re.M)
        if kind and kind[1].lower() == "not-spam":
            return None
        recipients = [
            Recipient(
                address=address.lower(),
                reason="feedback",
                action="",
                diagnostic=kind[1].lower() if kind else "abuse",
            )
            for address in dict.fromkeys(addresses)
        ]
        return Report(
            COMPLAINT, recipients or [Recipient(reason="feedback", action="")]
        )

    def _read_hotmail(self):
        """Complaints of Outlook.com, which come without a feedback report."""
        if not re.match(r"(?i)complaint about message from", self.subject):
            return None
        carried = self._of_type("message/rfc822")
        if not carried:
            return None
        address = first_address(
            self._carried_header("X-HmXmrOriginalRecipient")
            or self._carried_header("To")
        )
        return Report(
            COMPLAINT,
            [Recipient(address, reason="feedback", action="", diagnostic="abuse")],
        )

    # ---- notifications of a sending service
    def _read_service(self):
        """Bounces, complaints and deliveries that Amazon SES writes as JSON."""
        if "sns.amazonaws.com" not in self.sender.lower():
            return None
        text = re.sub(r"\n ?", "", "".join(self.texts))
        try:
            notice, _end = json.JSONDecoder().raw_decode(text[text.index("{") :])
        except ValueError:
            return None
        notice = notice if isinstance(notice, dict) else {}
        if isinstance(notice.get("Message"), str):
            try:
                notice = json.loads(notice["Message"])
            except ValueError:
                return None
        kind = notice.get("notificationType") or notice.get("eventType") or ""
        readers = {
            "Bounce": self._service_bounce,
            "Complaint": self._service_complaint,
            "Delivery": self._service_delivery,
        }
        return readers[kind](notice) if kind in readers else None

    def _service_bounce(self, notice):
        bounce = notice.get("bounce") or {}
        recipients = []
        for row in bounce.get("bouncedRecipients") or []:
            fields = {
                "final-recipient": row.get("emailAddress") or "",
                "action": row.get("action") or "failed",
                "status": row.get("status") or "",
                "diagnostic-code": row.get("diagnosticCode") or "",
            }
            found = self._from_fields(fields, "")
            if (
                not fields["diagnostic-code"]
                and bounce.get("bounceType") == "Permanent"
            ):
                found.reason, found.is_hard = "userunknown", True
            recipients.append(found)
        return Report(BOUNCE, recipients)

    def _service_complaint(self, notice):
        rows = (notice.get("complaint") or {}).get("complainedRecipients") or []
        return Report(
            COMPLAINT,
            [
                Recipient(
                    address=row.get("emailAddress", "").lower(),
                    reason="feedback",
                    action="",
                    diagnostic="abuse",
                )
                for row in rows
            ],
        )

    def _service_delivery(self, notice):
        delivery = notice.get("delivery") or {}
        answer = delivery.get("smtpResponse") or ""
        status = STATUS_ALONE.search(answer)
        return Report(
            DELIVERED,
            [
                Recipient(
                    address=address,
                    status=status[1] if status else "",
                    reply_code=answer[:3] if answer[:3].isdigit() else "",
                    reason="delivered",
                    action="delivered",
                    diagnostic=answer,
                )
                for address in delivery.get("recipients") or []
            ],
        )
