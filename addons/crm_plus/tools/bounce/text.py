"""Reports that are one text, as most servers write them."""

import re

from .codes import codes, smtp_stage
from .mail import DAEMON, ReportMail, before_original, header, is_headers
from .reason import Refusal
from .report import BOUNCE, DELAY, Recipient, Report
from .words import (
    ADDRESS,
    RECIPIENT_HEADS,
    RECIPIENT_WORDS,
    answers,
    paragraphs,
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
LIST_REFUSAL = re.compile(
    r"\A\s*(?:sorry,? )?you(?:r address)? (?:\S+ )?(?:are|is) not (?:a )?"
    r"(?:member|subscriber|subscribed)",
    re.IGNORECASE,
)


class TextReader(ReportMail):
    """Reads each paragraph that names an address, and why."""

    def _read_text(self):
        texts = [before_original(text) for text in self.texts]
        # a further text part may be the headers of the original
        texts = [text for text in texts if not is_headers(text.lstrip(), 0)] or texts
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
        blocks = paragraphs(text, self._own_address())
        failed = re.findall(ADDRESS, header(self.message, "X-Failed-Recipients"))
        blocks = self._with_failed(blocks, failed, text)
        if not blocks:
            blocks = {self._other_address(): text}
        is_delay = bool(DELAY_TEXT.search(text)) or bool(
            re.search(r"delay|warning", self.subject, re.I)
        )
        recipients = []
        for address, said in blocks.items():
            refused = answers(said) or said
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
