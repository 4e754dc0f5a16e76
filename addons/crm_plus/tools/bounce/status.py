"""Delivery status notifications (RFC 3464), also where a gateway left their fields as
plain text."""

import re

from .codes import STATUS_ALONE, codes, smtp_stage
from .mail import ReportMail, before_original, block_text, part_text
from .reason import Refusal
from .report import BOUNCE, DELAY, DELIVERED, Recipient, Report
from .words import ADDRESS_ONLY, answers

STATUS_FIELD = re.compile(
    r"^(Original-Recipient|Final-Recipient|X-Actual-Recipient|Action|Status"
    r"|Diagnostic-Code|Remote-MTA|Reporting-MTA|Received-From-MTA|Arrival-Date"
    r"|Last-Attempt-Date|Will-Retry-Until|Final-Log-ID|X-[\w-]+|Content-[\w-]+"
    r"|Original-Envelope-Id|MIME-Version)\s*:[ \t]*(.*)$",
    re.IGNORECASE,
)


class StatusReader(ReportMail):
    """Reads the fields of each recipient."""

    def _read_status_parts(self):
        blocks = [block_text(part) for part in self._of_type("message/delivery-status")]
        if not blocks:
            # left as plain text by a gateway, or the parts were cut wrongly
            is_report = self.message.get_content_type() == "multipart/report"
            if not (is_report or self._is_daemon()):
                return None
            blocks = [
                part_text(part)
                for part in self.parts
                if part.get_content_type() not in ("message/rfc822", "text/html")
            ]
            blocks = [
                block
                for block in blocks
                if re.search(r"(?im)^(?:Final|Original)-Recipient:", block)
                and not re.search(r"(?m)^> ?Final-Recipient:", block)
            ]
            blocks = [before_original(block, fields=True) for block in blocks]
        rows = [row for block in blocks for row in _status_fields(block)]
        if not rows:
            return None
        return self._from_rows(rows)

    def _from_rows(self, rows):
        spoken = self._spoken_blocks()
        whole = "\n".join(before_original(text) for text in self.texts)
        recipients = []
        for row in rows:
            address = _field_address(row)
            said = spoken.get(address) or (whole if len(rows) == 1 else "")
            recipients.append(self._from_fields(row, said))
        actions = {recipient.action for recipient in recipients}
        if actions & {"failed", ""} or not actions:
            kind = BOUNCE
        elif "delayed" in actions:
            kind = DELAY
        else:
            kind = DELIVERED
        return Report(kind, recipients)

    def _from_fields(self, row, said):
        """A recipient out of the fields of RFC 3464, and what the text says of him."""
        address = _field_address(row) or self._other_address()
        action = re.match(r"\w*", row.get("action", "failed").strip())[0].lower()
        diagnostic = without_type(row.get("diagnostic-code", ""))
        status_field = row.get("status", "")
        comment = re.search(r"\((.+)\)", status_field, re.DOTALL)
        found = STATUS_ALONE.search(status_field)
        declared = found[1] if found else ""
        refused = diagnostic
        if len(diagnostic.strip()) < 6:
            # "smtp;" and a number: the text before says what happened
            refused = answers(said) or (comment[1] if comment else "")
            if not refused and any(codes(said)):
                refused = said
            diagnostic = diagnostic or refused
        reply_code, status = codes(refused, declared)
        if declared[2:] not in ("", "0.0") and refused is not diagnostic:
            status = declared if declared[0] == status[0] else status
        if not reply_code and said:
            reply_code = codes(answers(said), declared)[0]
        if action in ("delivered", "relayed", "expanded"):
            return Recipient(
                address, declared, reply_code, "delivered", False, action, diagnostic
            )
        stage = smtp_stage(f"{row.get('diagnostic-code', '')}\n{said}")
        refusal = Refusal(refused, status, reply_code, stage, action != "delayed")
        reason = refusal.reason()
        if reason in ("onhold", "undefined", "systemerror") and said:
            wider = Refusal(
                f"{refused}\n{said}", status, reply_code, stage, refusal.failed
            ).reason()
            reason = reason if wider in ("onhold", "undefined") else wider
        hint = row.get("x-powermta-bouncecategory", "").strip()
        if hint == "bad-mailbox" and reason in ("filtered", "onhold", "suspend"):
            reason = "userunknown"
        if re.match(r"(?i)\s*x-unix", row.get("diagnostic-code", "")) and reason in (
            "userunknown",
            "onhold",
            "systemerror",
            "filtered",
        ):
            reason = "mailererror"
        return Recipient(
            address,
            status,
            reply_code,
            reason,
            refusal.is_hard(reason),
            action,
            re.sub(r"\s+", " ", diagnostic).strip(),
        )


def _status_fields(text):
    """The recipients of a text of delivery-status fields, as dicts of lower names."""
    rows, row, name = [], {}, None

    def close():
        if row.get("final-recipient") or row.get("original-recipient"):
            rows.append(dict(row))
            row.clear()

    for line in text.split("\n"):
        found = STATUS_FIELD.match(line)
        if found:
            name = found[1].lower()
            recipient = name in ("final-recipient", "original-recipient")
            if name in row and (recipient or name == "action"):
                close()
            row.setdefault(name, found[2])
        elif not line.strip():
            if "action" in row or "status" in row:
                close()
            name = None
        elif name in ("diagnostic-code", "status"):
            row[name] += f"\n{line.strip()}"
    close()
    return rows


def _field_address(row):
    """The address that was written to, not the one it was expanded to."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        value = row.get(name, "").split(";", 1)[-1].strip(" <>\t")
        if ADDRESS_ONLY.match(value):
            return value.lower()
    return ""


def without_type(diagnostic):
    """The diagnostic without its type (``smtp;``), on one line each."""
    return re.sub(r"^\s*[\w-]{1,24}\s*;\s*", "", diagnostic)
