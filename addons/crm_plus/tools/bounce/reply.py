"""Automatic replies (RFC 3834), which are no reports, whatever they quote."""

import re

from .mail import DAEMON, ReportMail, header
from .report import REPLY, Recipient, Report
from .words import ADDRESS

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


class ReplyReader(ReportMail):
    """Reads subjects and headers."""

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
