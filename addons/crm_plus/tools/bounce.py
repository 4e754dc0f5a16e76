"""Reads delivery reports, complaints and automatic replies, also from broken mails.

What is structured goes first: delivery status notifications (RFC 3464, also where a
gateway left their fields as plain text), feedback reports (RFC 5965), notifications of
a sending service, and the headers of automatic replies (RFC 3834). Then the text
before the copied original, in which most servers name each address and say why.
A person's mail that quotes a report, or an automatic reply, is no report.
"""

import json
import re
from dataclasses import dataclass, field
from functools import cached_property

from .bounce_reason import Refusal

# The report stands at the head of a mail, what follows is the copy of the original.
MAX_TEXT = 30_000

BOUNCE = "bounce"
DELAY = "delay"
DELIVERED = "delivered"
COMPLAINT = "complaint"
REPLY = "reply"

# Bounded as RFC 5321 bounds it, or lines of junk take minutes.
ADDRESS = (
    r"[^\s<>\"'(),:;\[\]|]{1,128}@"
    r"[^\s<>\"'(),:;\[\]|]{1,254}[^\s<>\"'(),:;\[\].|]"
)
ADDRESS_ONLY = re.compile(rf"^{ADDRESS}$")

# Replies of RFC 5321 and of those that extend it: "said: 426" is none of them.
REPLY_CODES = (
    "421|432|450|451|452|453|454|455|458|459|47[0-9]"
    "|50[0-4]|52[0135]|53[0-9]|541|55[0-7]"
)
STATUS = r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)"
REPLY_AND_STATUS = re.compile(
    rf"(?<![\d.])({REPLY_CODES})[ ,-]\s*['\"#(]*{STATUS}", re.IGNORECASE
)
NESTED_REPLY = re.compile(rf"<({REPLY_CODES})[ -]+{STATUS}")
REPLY_ALONE = re.compile(rf"(?<![\d.:/#=])({REPLY_CODES})(?=[ :,-]|$|\n)(?!:\d)")
STATUS_ALONE = re.compile(STATUS)

# At which stage of the SMTP dialogue the refusal came, as the servers put it.
STAGES = (
    ("CONN", r"after initial connection|refused to\s+talk to me|initial greeting"),
    (
        "HELO",
        (
            r"(?:after|in reply to|to our) (?:EHLO|HELO)|my name was rejected"
            r"|\[(?:EHLO|HELO)\]"
        ),
    ),
    (
        "MAIL",
        (
            r"(?:after|in reply to(?: the)?|to our|\[|MAIL command:?"
            r"|SMTP:) ?MAIL[ _]?(?:FROM)?\b"
            r"|sender was rejected"
        ),
    ),
    (
        "RCPT",
        (
            r"(?:after|in reply to(?: the)?|like our|following|\[|SMTP:|progress was)"
            r" ?RCPT(?:[ _]?TO)?\b|does not like recipient|>>> RCPT TO:.*\s+<<< 5"
            r"|^\s*RCPT TO:\s*\S+@|rejected recipient|\(state 14\)"
        ),
    ),
    (
        "DATA",
        (
            r"(?:after|in reply to)(?: the)? (?:pipelined |sending )?"
            r"(?:end of )?(?:DATA|message|\.)\b"
            r"|final DATA|(?:SMTP command|STEP:?)\s+DATA\b|after I sent the message"
            r"|\(state 18\)|failed on DATA|\[DATA\]"
        ),
    ),
)
STAGES = tuple((stage, re.compile(words, re.I | re.M)) for stage, words in STAGES)

# Who sends reports. What these senders write is a report if it also says so.
DAEMON = re.compile(
    r"mailer[-_ ]?daemon|post[-_]?master|mail[- .]?deliver|delivery[- ](?:sub)?system"
    r"|system administrator|content[- ]filter|mail administrator|mdaemon"
    r"|bounce[sd]?[-+=@]|mail\.delivery\.system|internet mail delivery",
    re.IGNORECASE,
)
# Also those without a name of their own.
SERVER = re.compile(rf"{DAEMON.pattern}|<\s*>|no[-_.]?reply|^\s*$", re.IGNORECASE)
FAILURE_SUBJECT = re.compile(
    r"undeliver|deliver\w* (?:status|fail|notif|error|problem|report)|returned mail"
    r"|failure (?:notice|deliver)|mail (?:fail|error|system error)|non[- ]?remis"
    r"|could not (?:be )?(?:send|deliver)|(?:mail|message|delivery) (?:has )?failed"
    r"|fail\w* deliver|delayed|warning: |error sending|unzustellbar|bounce"
    r"|cannot be delivered|not delivered|returning message|blocked by|недоставлен"
    r"|sending your mail",
    re.IGNORECASE,
)
FAILURE_TEXT = re.compile(
    r"(?:could|can)\s?(?:n[o']t|not)\s(?:be\s)?(?:deliver|sen[dt])"
    r"|unable\s+to\s+deliver"
    r"|undeliverable|(?:delivery|mail)\s+(?:has\s+)?(?:\w+\s)?fail"
    r"|(?:not|n't)\s+(?:been\s+)?delivered|returned\s+(?:below|to\s+sender)"
    r"|permanent(?:\s+\w+)?\s+error|delivery\s+(?:status|errors?|problems)"
    r"|wasn't\s+(?:able|delivered)|was\s+not\s+(?:relayed|delivered)|did\s+not\s+reach"
    r"|failed?\s+to\s+(?:deliver|send)|error\s+(?:has\s+)?(?:occurred|delivering"
    r"|message\s+below)"
    r"|rejected\s+by|transcript\s+of\s+session|unknown\s+user|trouble\s+delivering"
    r"|failure\s+reasons?|message\s+is\s+delayed|has\s+been\s+delayed"
    r"|group\s+you\s+tried\s+to\s+contact|groups\.google\.com/support"
    r"|exceeds\s+allowed\s+size|invalid\s+user\s+address|not\s+yet\s+been\s+delivered"
    r"|отправлено?\s+не"
    r"|не\s+может\s+быть"
    r"|送信できません|配信できません|エラー",
    re.IGNORECASE,
)
DELAY_TEXT = re.compile(
    r"warning (?:message )?only|not yet been delivered|has been delayed|is delayed"
    r"|will be retried|temporary (?:failure report|problem delivering)"
    r"|still being retried"
    r"|delivery attempts will continue|enqueued and undeliverable",
    re.IGNORECASE,
)
REPLY_SUBJECT = re.compile(
    r"^\W*(?:re:\s*)?(?:auto:|auto(?:mat\w*|-)?[ :-]*(?:reply|response|antwort|respon)"
    r"|out of (?:the )?office|away (?:until|from)|on (?:vacation|holiday|leave)|ooo\b"
    r"|vacation|abwesen|automatische antwort|réponse automatique|risposta automatica"
    r"|respuesta automática|автоответ|自動(?:返信|応答)|不在|răspuns automat"
    r"|automatisch antwoord|autosvar|absence)",
    re.IGNORECASE,
)
REPLY_HEADERS = (
    "X-Autoreply",
    "X-Autorespond",
    "X-Auto-Reply-From",
    "X-AutoReply-From",
    "X-Mail-Autoreply",
)
LIST_REFUSAL = re.compile(
    r"\A\s*(?:sorry,? )?you(?:r address)? (?:\S+ )?(?:are|is) not (?:a )?"
    r"(?:member|subscriber|subscribed)",
    re.IGNORECASE,
)

# Where the copy of the original begins, in reports that are one text.
ORIGINAL = re.compile(
    r"^(?:"
    r"[ >]*-+ ?(?:this is a copy of|below this line|enclosed is a copy"
    r"|the header of the"
    r"|original message|returned message|unsent message|message header"
    r"|undelivered message"
    r"|copy of (?:the )?message|begin(?:ning of)? returned|текст письма"
    r"|original mail info).*"
    r"|\s*(?:original message (?:follows|headers)|message headers? follows?"
    r"|below is a copy of the|the original message (?:follows|is)"
    r"|the attachment contains the original"
    r"|content-type: message/rfc822"
    r"|content-type: text/rfc822-headers|content-description: undelivered message"
    r"|--- ?original message).*"
    r")$",
    re.IGNORECASE | re.MULTILINE,
)
HEADER_LINE = re.compile(
    r"^(?:Received|Return-Path|Delivered-To|DKIM-Signature|X-Received|Message-ID):",
    re.IGNORECASE | re.MULTILINE,
)
MESSAGE_ID = re.compile(
    r"^[ >]*(?:X-Original-)?Message-ID:\s*(<[^<>\s]+>)", re.IGNORECASE | re.MULTILINE
)

STATUS_FIELD = re.compile(
    r"^(Original-Recipient|Final-Recipient|X-Actual-Recipient|Action|Status"
    r"|Diagnostic-Code|Remote-MTA|Reporting-MTA|Received-From-MTA|Arrival-Date"
    r"|Last-Attempt-Date|Will-Retry-Until|Final-Log-ID|X-[\w-]+|Content-[\w-]+"
    r"|Original-Envelope-Id|MIME-Version)\s*:[ \t]*(.*)$",
    re.IGNORECASE,
)

# How the servers name the address in a text; each with the address as its only group.
# Those of the first set stand at the head of a paragraph that says why.
RECIPIENT_HEADS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^\s*(?:[*]|--|>>>)?\s*[<\"]({ADDRESS})[>\"][:,]?(?:\s|$)",
        rf"^\s*(?:[*]|--)?\s*({ADDRESS})\s*[:,]?\s*$",
        rf"^\s*({ADDRESS}):\s+\S",
        rf"^\s*({ADDRESS})\s+(?:on [A-Z][a-z]{{2}}, |\[|Invalid Address|Error,|ERROR)",
        rf"^\s*({ADDRESS})<mailto:",
        rf"^\d{{3}} <({ADDRESS})>\.\.\.",
    )
)
RECIPIENT_WORDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            rf"(?:recipient|addressed to|delivery failed|user|rcpt to"
            rf"|attempts)\s*:\s*<?({ADDRESS})>?"
        ),
        (
            rf"(?:deliver\w*|sent|undeliverable|reach|relayed)\s+(?:your\s+)?"
            rf"(?:message|mail|e-?mail)?\s*to:?\s+(?:the address )?<?({ADDRESS})>?"
        ),
        rf"rejected recipient\s+<?({ADDRESS})>?",
        rf"RCPT TO:\s*<?({ADDRESS})>?",
        rf"mailing list <({ADDRESS})>",
        rf"<({ADDRESS})>",
        rf"({ADDRESS})",
    )
)


@dataclass
class Recipient:
    """What a report says of one address."""

    address: str = ""
    status: str = ""  # enhanced status code, "" when the report gives none
    reply_code: str = ""
    reason: str = "undefined"
    is_hard: bool = False
    action: str = "failed"
    diagnostic: str = ""


@dataclass
class Report:
    """What a mail is: ``kind`` is None for a mail that is no report at all."""

    kind: str | None = None
    recipients: list = field(default_factory=list)
    message_ids: list = field(default_factory=list)


def header(message, name):
    """A header as plain text: those of real mails are broken in every way."""
    try:
        value = message.get(name)
    except Exception:  # noqa: BLE001  the e-mail package raises many kinds on junk
        value = dict(message.raw_items()).get(name, "?")
    return "" if value is None else re.sub(r"\s+", " ", str(value)).strip()


def part_text(part):
    """The text of a part, whatever its charset claims."""
    try:
        content = part.get_payload(decode=True)
    except Exception:  # noqa: BLE001  bad transfer encodings raise many kinds
        content = None
    if content is None:
        content = part.get_payload()
        if not isinstance(content, str):
            return ""
        content = content.encode("utf-8", "surrogateescape")
    try:
        text = content.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        charset = "iso2022_jp" if b"\x1b$B" in content else "utf-8"
        text = content.decode(charset, "replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    if part.get_content_type() == "text/html":
        text = re.sub(r"(?is)<(style|script|head)\b.*?</\1>", "", text)
        text = re.sub(r"(?i)<(?:br|/p|/div|/tr|/li)[^>]*>", "\n", text)
        text = re.sub(r"<[^>]+>", "", text)
    return text


def content_type(part):
    """The type of a part, also where its parameters were folded wrongly."""
    return part.get_content_type().split()[0].rstrip(";")


def _is_attached(part):
    return header(part, "Content-Disposition").lower().startswith("attachment")


def _parts(message):
    """The parts of the mail itself, not of the mails it carries."""
    if message.get_content_maintype() == "message":
        if message.get_content_type() in ("message/rfc822", "message/partial"):
            yield message
            return
        yield message
        return
    if message.is_multipart():
        for part in message.get_payload():
            yield from _parts(part)
    else:
        yield message


class BounceReader:
    """Reads one mail.

    :param message: ``email.message.EmailMessage`` as parsed by the gateway
    """

    def __init__(self, message):
        self.message = message
        self.parts = list(_parts(message))
        self.sender = header(message, "From")
        self.subject = header(message, "Subject")

    def get_report(self):
        """:return: :class:`Report`"""
        report = (
            self._read_feedback()
            or self._read_hotmail()
            or self._read_service()
            or self._read_reply_first()
            or self._read_status_parts()
            or self._read_carried()
            or self._read_text()
            or self._read_reply()
            or Report()
        )
        if report.kind in (BOUNCE, DELAY, DELIVERED, COMPLAINT):
            report.message_ids = self._message_ids()
        return report

    # ---- who writes -------------------------------------------------------
    def _of_type(self, *types):
        return [part for part in self.parts if content_type(part) in types]

    def _is_daemon(self):
        """Whether a program wrote it that reports on deliveries."""
        if DAEMON.search(self.sender) or re.search(r"<\s*>", self.sender):
            return True
        path = header(self.message, "Return-Path").lower()
        return bool(path) and (
            path.replace(" ", "") in ("<>", "<null>") or "mailer-daemon" in path
        )

    @cached_property
    def texts(self):
        """The texts of the mail itself; no more of each than a report ever has."""
        plain = self._of_type("text/plain")
        # what is attached is the original or its headers
        plain = [part for part in plain if not _is_attached(part)] or plain
        if not plain:
            plain = self._of_type("text/html")
        if not plain and not isinstance(self.message.get_payload(), list):
            plain = [self.message]
        texts = [part_text(part) for part in plain]
        if not any(text.strip() for text in texts):
            # parts that were cut wrongly: take what is there as one text
            texts = [
                part_text(part)
                for part in self.parts
                if isinstance(part.get_payload(), str)
                and part.get_content_maintype() in ("text", "multipart")
            ]
            texts += [self.message.preamble or "", self.message.epilogue or ""]
        return [text[:MAX_TEXT] for text in texts if text and text.strip()]

    # ---- complaints -------------------------------------------------------
    def _read_feedback(self):
        parts = self._of_type("message/feedback-report")
        if not parts:
            return None
        fields = "\n".join(_block_text(part) for part in parts)
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
        address = _first_address(
            self._carried_header("X-HmXmrOriginalRecipient")
            or self._carried_header("To")
        )
        return Report(
            COMPLAINT,
            [Recipient(address, reason="feedback", action="", diagnostic="abuse")],
        )

    # ---- notifications of a sending service ---------------------------------
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

    # ---- delivery status ----------------------------------------------------
    def _read_status_parts(self):
        blocks = [
            _block_text(part) for part in self._of_type("message/delivery-status")
        ]
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
            blocks = [_before_original(block, fields=True) for block in blocks]
        rows = [row for block in blocks for row in _status_fields(block)]
        if not rows:
            return None
        return self._from_rows(rows)

    def _from_rows(self, rows):
        spoken = self._spoken_blocks()
        whole = "\n".join(_before_original(text) for text in self.texts)
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
        diagnostic = _without_type(row.get("diagnostic-code", ""))
        status_field = row.get("status", "")
        comment = re.search(r"\((.+)\)", status_field, re.DOTALL)
        found = STATUS_ALONE.search(status_field)
        declared = found[1] if found else ""
        refused = diagnostic
        if len(diagnostic.strip()) < 6:
            # "smtp;" and a number: the text before says what happened
            refused = _answers(said) or (comment[1] if comment else "")
            if not refused and any(codes(said)):
                refused = said
            diagnostic = diagnostic or refused
        reply_code, status = codes(refused, declared)
        if declared[2:] not in ("", "0.0") and refused is not diagnostic:
            status = declared if declared[0] == status[0] else status
        if not reply_code and said:
            reply_code = codes(_answers(said), declared)[0]
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

    # ---- plain text -----------------------------------------------------------
    def _read_text(self):
        texts = [_before_original(text) for text in self.texts]
        # a further text part may be the headers of the original
        texts = [text for text in texts if not _is_headers(text.lstrip(), 0)] or texts
        text = "\n".join(texts[:2])
        if LIST_REFUSAL.match(text) and header(self.message, "List-Subscribe"):
            return self._from_text(text)
        if self._of_type("message/disposition-notification", "message/feedback-report"):
            return None
        if (
            not self._is_daemon()
            and self.message.get_content_type() != "multipart/report"
        ):
            return None
        # an out-of-office note has the null return path, too, and no such words
        if not header(self.message, "X-Failed-Recipients") and not self._tells(text):
            return None
        return self._from_text(text)

    def _tells(self, text):
        """Whether a text is a report, by its sender, title, words, and details.

        A null return path is no proof: notes of those who are away have it, too, and
        may well say that a mail was not delivered and name somebody else's address.
        """
        told = bool(FAILURE_TEXT.search(text))
        titled = bool(FAILURE_SUBJECT.search(self.subject))
        if not SERVER.search(self.sender):
            return told and (titled or any(codes(text)))
        return (told or titled) and (told + titled + self._has_details(text) > 1)

    @staticmethod
    def _has_details(text):
        """Whether a code stands in it, or an address where reports name it."""
        return bool(
            any(codes(text))
            or any(
                pattern.search(line)
                for pattern in RECIPIENT_HEADS + RECIPIENT_WORDS[:4]
                for line in text.split("\n")
            )
        )

    def _from_text(self, text):
        blocks = _paragraphs(text, self._own_address())
        failed = re.findall(ADDRESS, header(self.message, "X-Failed-Recipients"))
        blocks = self._with_failed(blocks, failed, text)
        if not blocks:
            blocks = {self._other_address(): text}
        is_delay = bool(DELAY_TEXT.search(text)) or bool(
            re.search(r"delay|warning", self.subject, re.I)
        )
        recipients = []
        for address, said in blocks.items():
            refused = _answers(said) or said
            reply_code, status = codes(refused)
            if not status:
                status = codes(said)[1]
            refusal = Refusal(
                refused, status, reply_code, smtp_stage(said or text), not is_delay
            )
            reason = refusal.reason()
            if reason in ("onhold", "undefined"):
                wider = Refusal(
                    f"{said}\n{self.subject}\n{text}", status, reply_code, refusal.stage
                )
                wider.failed = refusal.failed
                reason = wider.reason()
            recipients.append(
                Recipient(
                    address,
                    status,
                    reply_code,
                    reason,
                    refusal.is_hard(reason),
                    "delayed" if is_delay else "failed",
                    re.sub(r"\s+", " ", said).strip()[:2000],
                )
            )
        return Report(DELAY if is_delay else BOUNCE, recipients)

    def _with_failed(self, blocks, failed, text):
        """``X-Failed-Recipients`` (Exim, Google) is surer than any reading."""
        failed = [address.lower() for address in failed]
        if not failed:
            return blocks
        kept = {address: said for address, said in blocks.items() if address in failed}
        for address in failed:
            if address not in kept and (len(failed) == 1 or not blocks):
                kept[address] = text
        return kept or dict.fromkeys(failed, text)

    def _spoken_blocks(self):
        blocks = {}
        for text in self.texts:
            for address, said in _paragraphs(
                _before_original(text), self._own_address()
            ).items():
                blocks.setdefault(address, said)
        return blocks

    def _own_address(self):
        found = re.search(ADDRESS, header(self.message, "To"))
        return found[0].lower() if found else ""

    def _other_address(self):
        """The address where the report names none that is well formed."""
        for text in (
            header(self.message, "X-Failed-Recipients"),
            "\n".join(_before_original(text) for text in self.texts),
            self._carried_header(" *RCPT TO"),
            self._carried_header("To"),
        ):
            address = _first_address(text, self._own_address())
            if address:
                return address
        return ""

    # ---- reports that carry a report ------------------------------------------
    def _read_carried(self):
        """A gateway's own note around the report of a server behind it."""
        text = "\n".join(_before_original(text) for text in self.texts)
        if not self._is_daemon() or codes(text)[0] or _first_address(text):
            return None
        for part in self._of_type("message/rfc822"):
            carried = part.get_payload()
            if isinstance(carried, list) and carried:
                report = BounceReader(carried[0]).get_report()
                if report.kind in (BOUNCE, DELAY):
                    return report
        return None

    # ---- automatic replies ----------------------------------------------------
    def _read_reply_first(self):
        """What its subject calls a reply is none of the reports it may quote."""
        if not REPLY_SUBJECT.match(self.subject) or DAEMON.search(self.sender):
            return None
        if self._of_type("message/delivery-status"):
            return None
        return self._reply()

    def _read_reply(self):
        auto = header(self.message, "Auto-Submitted").lower()
        answers = self.message.get("In-Reply-To") is not None
        if auto.startswith("auto-replied") or (
            auto.startswith("auto-generated") and answers
        ):
            return self._reply()
        if any(self.message.get(name) is not None for name in REPLY_HEADERS):
            return self._reply()
        if header(self.message, "Precedence").lower() == "auto_reply":
            return self._reply()
        if self._of_type("message/disposition-notification"):
            return Report(REPLY, [])
        return None

    def _reply(self):
        found = re.search(ADDRESS, self.sender)
        return Report(
            REPLY,
            [
                Recipient(
                    address=found[0].lower() if found else "",
                    reason="vacation",
                    action="",
                    diagnostic=re.sub(r"\s+", " ", " ".join(self.texts))[:2000],
                )
            ],
        )

    # ---- the mail that came back ----------------------------------------------
    def _carried(self):
        for part in self._of_type("message/rfc822", "text/rfc822-headers"):
            payload = part.get_payload()
            if isinstance(payload, list) and payload:
                yield "\n".join(f"{k}: {v}" for k, v in payload[0].raw_items())
            else:
                yield part_text(part)
        for text in self.texts:
            rest = text[len(_before_original(text)) :]
            if rest:
                yield rest

    def _carried_header(self, name):
        for text in self._carried():
            found = re.search(rf"(?im)^{name}:(.*(?:\n[ \t].*)*)", text)
            if found:
                return found[1]
        return ""

    def _message_ids(self):
        """Message-ids of the mail the report is about, the surest first."""
        texts = list(self._carried())
        texts += [
            _block_text(part) for part in self._of_type("message/delivery-status")
        ]
        texts += self.texts
        found = [
            message_id
            for text in texts
            for message_id in MESSAGE_ID.findall(text.replace("\r", ""))
        ]
        for name in ("In-Reply-To", "References"):
            found += re.findall(r"<[^<>\s]+>", header(self.message, name))
        return list(dict.fromkeys(found))


def read_bounce(message):
    """Read ``message``.

    :param message: ``email.message.EmailMessage``
    :return: :class:`Report`; its ``kind`` is None for a mail of a person
    """
    return BounceReader(message).get_report()


def codes(text, declared=""):
    """The reply code and the enhanced status that a text gives.

    A status right behind the reply is what the refusing server said; the field
    ``Status`` is what the server between made of it, often no more than 5.0.0.

    :param declared: the status of the report's own field
    :return: (reply code, status), each "" when not found
    """
    # Zoho: "ERROR_CODE :550, ERROR_CODE :5.1.1"
    text = re.sub(r"ERROR_CODE ?:", " ", text)
    pair = NESTED_REPLY.search(text) or REPLY_AND_STATUS.search(text)
    if pair:
        return pair[1], pair[2]
    alone = REPLY_ALONE.search(text)
    reply_code = alone[1] if alone else ""
    status = declared
    if not status or status[2:] == "0.0":
        found = STATUS_ALONE.search(text)
        if found and (not reply_code or found[1][0] == reply_code[0]):
            status = found[1]
    if reply_code and status and reply_code[0] != status[0]:
        # one of the two is not of this refusal: the status decides how it is handled
        reply_code = ""
    return reply_code, status


def smtp_stage(text):
    """At which command the refusal came: CONN, HELO, MAIL, RCPT, DATA or ""."""
    for stage, words in STAGES:
        if words.search(text):
            return stage
    return ""


def _block_text(part):
    """A part of header blocks, put back into text as the parser found it."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return part_text(part)
    blocks = []
    for block in payload:
        lines = [f"{name}: {value}" for name, value in block.raw_items()]
        body = block.get_payload()
        if isinstance(body, str) and body.strip():
            lines.append(body)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks).replace("\r\n", "\n").replace("\r", "\n")


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


def _without_type(diagnostic):
    """The diagnostic without its type (``smtp;``), on one line each."""
    return re.sub(r"^\s*[\w-]{1,24}\s*;\s*", "", diagnostic)


def _answers(text):
    """The answers of the other server in a transcript or a "said:" of ours."""
    for pattern in (
        r"\(reason: (.+?)\)\s*$",
        r"^[> ]*<<< (.+)$",
        r"^Received >>> ([45]\d\d.+)$",
        r"^[45]\d\d <[^<>]*>\.\.\. ([45]\d\d .+)$",
        r"^([45]\d\d[ -].+)$",
        (
            r"(?:said|returned|responded with failure|generated response|server was"
            r"|was:"
            r"|server message|response was)\s*:?\s*('?#?[245]\d\d[\s-].+)"
        ),
    ):
        found = re.findall(pattern, text, re.IGNORECASE | re.MULTILINE | re.DOTALL)
        if pattern.startswith("^"):
            found = re.findall(pattern, text, re.IGNORECASE | re.MULTILINE)
        if found:
            return "\n".join(found[:3])
    return ""


def _before_original(text, fields=False):
    """The text before the copy of the mail that came back."""
    found = ORIGINAL.search(text)
    end = found.start() if found else len(text)
    if not fields:
        copied = HEADER_LINE.search(text, 0, end)
        if copied and _is_headers(text, copied.start()):
            end = copied.start()
    return text[:end]


def _is_headers(text, start):
    """Whether header lines follow, not one line such as "Message-ID: ..." in a text."""
    lines = text[start : start + 2000].split("\n")[:8]
    return sum(bool(re.match(r"^[A-Z][\w-]+:", line)) for line in lines) >= 3


def _first_address(text, own=""):
    for pattern in RECIPIENT_HEADS:
        for line in text.split("\n"):
            found = pattern.match(line)
            if found and found[1].lower() != own:
                return found[1].lower()
    for pattern in RECIPIENT_WORDS:
        for found in pattern.finditer(text):
            if found[1].lower() != own:
                return found[1].lower()
    return ""


def _paragraphs(text, own=""):
    """Each address at the head of a paragraph, with what the paragraph says."""
    heads = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        for pattern in RECIPIENT_HEADS:
            found = pattern.match(line)
            if found:
                heads.append((number, found[1].lower()))
                break
    heads = [head for head in heads if head[1] != own] or heads
    blocks = {}
    for index, (start, address) in enumerate(heads):
        stop = heads[index + 1][0] if index + 1 < len(heads) else len(lines)
        said = "\n".join(lines[start:stop])
        rest = said.replace(address, "").strip(' <>:"*-\n')
        if address in blocks:
            # Exchange names it first to the reader, then to the administrator
            said, rest = f"{blocks[address][0]}\n{said}", blocks[address][1] or rest
        blocks[address] = (said, rest)
    if len(blocks) <= 1:
        # one address: all of the text is about it
        address = next(iter(blocks), "") or _first_address(text, own)
        if not address:
            return {}
        said = blocks[address][0] if blocks and "<<< " not in text else text
        if not any(codes(said)):
            said = text
        return {address: said}
    return {address: said for address, (said, _rest) in blocks.items()}
