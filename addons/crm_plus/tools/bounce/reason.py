"""Why a mail server refused a mail: from its words, its codes and the SMTP stage.

The codes are those of RFC 5321 (replies) and RFC 3463 with the IANA registry of
enhanced status codes. Servers use them loosely, and the words behind them say more;
so the words are asked first, in an order in which the narrow precedes the wide.
"""

import re

from .wording import ACCESS_DENIED, WORDING

# What is no use to try again: the address or its domain does not take mail any more.
HARD_REASONS = ("userunknown", "hostunknown", "hasmoved", "notaccept")

REASONS = (
    "authfailure",
    "badreputation",
    "blocked",
    "contenterror",
    "delivered",
    "exceedlimit",
    "expired",
    "feedback",
    "filtered",
    "hasmoved",
    "hostunknown",
    "mailboxfull",
    "mailererror",
    "mesgtoobig",
    "networkerror",
    "norelaying",
    "notaccept",
    "notcompliantrfc",
    "onhold",
    "policyviolation",
    "rejected",
    "requireptr",
    "securityerror",
    "spamdetected",
    "speeding",
    "suspend",
    "syntaxerror",
    "systemerror",
    "systemfull",
    "toomanyconn",
    "undefined",
    "userunknown",
    "vacation",
    "virusdetected",
)

# RFC 3463 and the IANA registry, for what the words leave open; longest prefix wins.
STATUS_REASONS = {
    "1.0": "userunknown",
    "1.1": "userunknown",
    "1.2": "hostunknown",
    "1.3": "userunknown",
    "1.4": "filtered",
    "1.6": "hasmoved",
    "1.7": "rejected",
    "1.8": "rejected",
    "1.9": "userunknown",
    "1.10": "notaccept",
    "1.351": "userunknown",
    "2.0": "filtered",
    "2.1": "suspend",
    "2.2": "mailboxfull",
    "2.3": "exceedlimit",
    "2.4": "filtered",
    "3.0": "systemerror",
    "3.1": "systemfull",
    "3.2": "notaccept",
    "3.3": "systemerror",
    "3.4": "mesgtoobig",
    "3.5": "systemerror",
    "4.0": "networkerror",
    "4.1": "expired",
    "4.2": "networkerror",
    "4.3": "systemerror",
    "4.4": "hostunknown",
    "4.5": "speeding",
    "4.6": "networkerror",
    "4.7": "expired",
    "4.14": "networkerror",
    "4.300": "expired",
    "4.310": "hostunknown",
    "4.312": "networkerror",
    "4.316": "expired",
    "5.1": "syntaxerror",
    "5.2": "syntaxerror",
    "5.3": "exceedlimit",
    "5.4": "syntaxerror",
    "6.": "contenterror",
    "7.1": "securityerror",
    "7.7": "contenterror",
    "7.17": "hasmoved",
    "7.18": "hasmoved",
    "7.20": "authfailure",
    "7.21": "authfailure",
    "7.22": "authfailure",
    "7.23": "authfailure",
    "7.24": "authfailure",
    "7.25": "requireptr",
    "7.26": "authfailure",
    "7.27": "notaccept",
    "7.28": "speeding",
    "7.30": "securityerror",
    "7.509": "authfailure",
    "7.606": "blocked",
    "7.650": "badreputation",
    "7.": "securityerror",
}
REPLY_REASONS = {
    "421": "expired",
    "452": "mailboxfull",
    "500": "syntaxerror",
    "501": "syntaxerror",
    "502": "syntaxerror",
    "503": "syntaxerror",
    "530": "securityerror",
    "535": "securityerror",
    "551": "hasmoved",
    "552": "mailboxfull",
    "556": "notaccept",
}
STAGE_REASONS = {
    "CONN": "blocked",
    "HELO": "blocked",
    "MAIL": "rejected",
    "RCPT": "userunknown",
    "DATA": "filtered",
}

MAX_SPOKEN = 3_000
REPLY_IN_TEXT = re.compile(r"(?<![\d.:/#=])(?:4[2-5]|5[0-5])\d(?=[ :-])(?!:\d)")
REJECTED_PREFIX = re.compile(r"recipient address rejected: (?!access denied)", re.I)
ADDRESS_IN_TEXT = re.compile(r"<[^<>\s]*@[^<>\s]*>|[^\s<>()\[\]]+@[^\s<>()\[\]]+")
LINK = re.compile(r"https?:\S+")


def spoken(text):
    """The words of a diagnostic alone: no addresses, links or broken lines.

    An address such as ``spam.filter@...`` or a link to a help page on policies must
    not decide what happened.
    """
    # many patterns look some way ahead: no reason takes that long to say
    text = text[:MAX_SPOKEN]
    # a reply of several lines repeats its code at each of them
    text = re.sub(
        r"(?<=[a-z,.;:)] )\s*[245]\d\d-(?:[245]\.\d+\.\d+)?\s+(?=\S)", " ", text
    )
    hints = " ".join(re.findall(r"[?&]p=(\w+)", text))
    text = ADDRESS_IN_TEXT.sub("<>", LINK.sub(_listed, text))
    return re.sub(r"\s+", " ", f"{text} {hints}").strip()


def _listed(match):
    """Links are left out, unless the page they lead to is the reason."""
    named = re.search(
        r"spamhaus|spamcop|sorbs|barracudacentral|groups\.google\.com/support",
        match[0],
        re.I,
    )
    return f" {named[0]} " if named else " "


class Refusal:
    """What one recipient's server answered, and the reason read out of it."""

    def __init__(self, text="", status="", reply_code="", stage="", failed=True):
        reply = REPLY_IN_TEXT.search(text)
        self.text = spoken(text)
        self.answer = spoken(text[reply.start() :]) if reply else self.text
        self.status = status
        self.reply_code = reply_code
        self.stage = stage
        self.failed = failed

    def reason(self):
        found = self._worded([self.answer]) or self._denied()
        found = found or self._worded([self.text])
        if found == "userunknown":
            found = self._unknown_or_filtered()
        elif found == "hostunknown":
            found = self._unknown_host()
        return found or self._coded()

    def _worded(self, texts):
        """The first family of words that one of the texts holds.

        Postfix puts "Recipient address rejected:" before any reason of its own.
        """
        for text in texts:
            for said in dict.fromkeys((REJECTED_PREFIX.sub("", text), text)):
                for reason, words in WORDING:
                    if words.search(said):
                        return self._at_stage(reason)
        return None

    def _at_stage(self, reason):
        """Words that speak of "the address" mean another one at another stage."""
        if reason == "userunknown" and self.stage == "DATA":
            if re.search(
                r"address(?:es)? rejected ?: access denied", self.answer, re.I
            ):
                return "rejected"
        if reason in ("systemerror", "expired") and self.stage in ("CONN", "HELO"):
            if ACCESS_DENIED.search(self.answer):
                return STAGE_REASONS[self.stage]
        return reason

    def _denied(self):
        """A bare "access denied": of whom, the stage or the code can tell."""
        if not ACCESS_DENIED.search(self.answer):
            return None
        if self.stage in ("CONN", "HELO", "MAIL"):
            return STAGE_REASONS[self.stage]
        return self._coded() if self.status[2:4] == "7." else None

    def _unknown_or_filtered(self):
        """A server that took the recipient and refused the mail knows him.

        So "user unknown" is a filter of the recipient when the code says that the
        mailbox exists (RFC 3463: X.2.X) and nothing shows a refusal at RCPT.
        """
        if self.stage in ("CONN", "HELO", "MAIL"):
            return STAGE_REASONS[self.stage]
        if self.stage == "RCPT" or self.status[2:4] == "1.":
            return "userunknown"
        if self.status[2:] in ("2.0", "2.1", "3.0"):
            return "filtered"
        if self.stage == "DATA" and self.status[2:] in ("", "0.0"):
            return "filtered"
        return "userunknown"

    def _unknown_host(self):
        """Of whom the host is unknown, and whether for good."""
        if self.stage in ("CONN", "HELO"):
            return STAGE_REASONS[self.stage]
        if self.stage == "MAIL" or self.status[2:] in ("1.7", "1.8"):
            return "rejected"
        return "networkerror" if self.status[:1] == "4" else "hostunknown"

    def _coded(self):
        detail = self.status[2:]
        early = self.stage in ("CONN", "HELO", "MAIL")
        if early and detail in ("", "0.0", "1.0", "1.1", "5.0", "7.0", "7.1"):
            return STAGE_REASONS[self.stage]
        found = STATUS_REASONS.get(detail)
        if not found and detail:
            found = STATUS_REASONS.get(f"{detail.split('.')[0]}.")
        found = found or REPLY_REASONS.get(self.reply_code)
        if not found and self.reply_code:
            found = STAGE_REASONS.get(self.stage)
        if not found:
            found = "onhold" if self.text else "undefined"
        return found

    def is_hard(self, reason):
        """Whether it is no use to write to the address again."""
        lasting = self.failed and self.status[:1] != "4" and self.reply_code[:1] != "4"
        return lasting and reason in HARD_REASONS
