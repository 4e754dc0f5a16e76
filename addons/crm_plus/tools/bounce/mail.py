"""The structure of a mail that may be broken in every way: its own parts, its texts,
and the copy of the mail that came back."""

import re
from functools import cached_property

from .words import ADDRESS, first_address, paragraphs

# The report stands at the head of a mail, what follows is the copy of the original.
MAX_TEXT = 30_000
# Who sends reports. What these senders write is a report if it also says so.
DAEMON = re.compile(
    r"mailer[-_ ]?daemon|post[-_]?master|mail[- .]?deliver|delivery[- ](?:sub)?system"
    r"|system administrator|content[- ]filter|mail administrator|mdaemon"
    r"|bounce[sd]?[-+=@]|mail\.delivery\.system|internet mail delivery",
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


def is_attached(part):
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


def block_text(part):
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


def before_original(text, fields=False):
    """The text before the copy of the mail that came back."""
    found = ORIGINAL.search(text)
    end = found.start() if found else len(text)
    if not fields:
        copied = HEADER_LINE.search(text, 0, end)
        if copied and is_headers(text, copied.start()):
            end = copied.start()
    return text[:end]


def is_headers(text, start):
    """Whether header lines follow, not one line such as "Message-ID: ..." in a text."""
    lines = text[start : start + 2000].split("\n")[:8]
    return sum(bool(re.match(r"^[A-Z][\w-]+:", line)) for line in lines) >= 3


class ReportMail:
    """What every reader asks a mail for.

    :param message: ``email.message.EmailMessage`` as parsed by the gateway
    """

    def __init__(self, message):
        self.message = message
        self.parts = list(_parts(message))
        self.sender = header(message, "From")
        self.subject = header(message, "Subject")

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
        plain = [part for part in plain if not is_attached(part)] or plain
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

    def _spoken_blocks(self):
        blocks = {}
        for text in self.texts:
            for address, said in paragraphs(
                before_original(text), self._own_address()
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
            "\n".join(before_original(text) for text in self.texts),
            self._carried_header(" *RCPT TO"),
            self._carried_header("To"),
        ):
            address = first_address(text, self._own_address())
            if address:
                return address
        return ""

    # ---- the mail that came back
    def _carried(self):
        for part in self._of_type("message/rfc822", "text/rfc822-headers"):
            payload = part.get_payload()
            if isinstance(payload, list) and payload:
                yield "\n".join(f"{k}: {v}" for k, v in payload[0].raw_items())
            else:
                yield part_text(part)
        for text in self.texts:
            rest = text[len(before_original(text)) :]
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
        texts += [block_text(part) for part in self._of_type("message/delivery-status")]
        texts += self.texts
        found = [
            message_id
            for text in texts
            for message_id in MESSAGE_ID.findall(text.replace("\r", ""))
        ]
        for name in ("In-Reply-To", "References"):
            found += re.findall(r"<[^<>\s]+>", header(self.message, name))
        return list(dict.fromkeys(found))
