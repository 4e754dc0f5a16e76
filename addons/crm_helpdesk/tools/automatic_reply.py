"""Tells mails that answer or report by themselves from machines that ask for something.

Both come from machines (``crm_plus``' ``machine_reason``) and neither is ever answered
by us. But a monitoring alarm, a web form or a supplier's notice may well be a case; an
out-of-office note, a delivery report or a read receipt never is.
"""

import re

from odoo.addons.crm_plus.tools.machine_mail import machine_reason

REPLY_REASONS = (
    "Auto-Submitted: auto-replied",
    "Auto-Submitted: auto-notified",
    "Precedence: auto_reply",
    "Content-Type: ",
    "Return-Path: <>",
    "From: mailer-daemon",
    "Subject of an automatic reply",
)
REPLY_HEADERS = (
    "X-Autoreply",
    "X-Autorespond",
    "X-Auto-Reply-From",
    "X-AutoReply-From",
    "X-Mail-Autoreply",
    "X-POST-MessageClass",
    "X-Precedence",
    "X-Failed-Recipients",
)
REPORT_PARTS = ("message/delivery-status", "message/disposition-notification")
# Programs that note that they generate mail, and do so in answer to one of ours
GENERATED = ("Auto-Submitted: auto-generated", "X-Auto-Response-Suppress")
DAEMON = re.compile(r"mailer[-_ ]?daemon", re.I)
# Who reports, but may be a person as well: postmasters write mails, too
REPORT_SENDER = re.compile(
    r"(mail delivery (sub)?system|internet mail delivery|post[-_]?master|"
    r"mail administrator|mail(er)? system)",
    re.I,
)
REPORT_SUBJECT = re.compile(
    r"(undeliver(ed|able)|delivery (status notification|failure|report|reply|delay)|"
    r"mail delivery (failed|failure|system|problem|error)|returned mail|"
    r"(failure|delay(ed)?|status) (notice|notification)|non[- ]?delivery|"
    r"message (delivery|undeliverable|not delivered)|could not (send|be delivered)|"
    r"delayed mail|mail (failure|error|returned|system error)|nondeliverable)",
    re.I,
)
REPORT_BODY = re.compile(
    r"(undeliver|could not be delivered|cannot be delivered|not (been )?delivered|"
    r"delivery (has )?(failed|failure)|user unknown|unknown user|no such user|"
    r"no such mailbox|mailbox (is )?(full|unavailable|unknown)|"
    r"permanent (fatal )?errors?)",
    re.I,
)
FORWARDED = re.compile(r"(re|aw|sv|fwd?|wg|tr|rv|i):", re.I)
# Where a report says what it is; not read further, a mail may be long.
REPORT_BODY_SIZE = 4000


def _text(message, name):
    try:
        return str(message.get(name) or "").strip()
    except Exception:  # noqa: BLE001  the e-mail package raises many kinds on junk
        return ""


def is_automatic_reply(message):
    """Whether ``message`` (``email.message.EmailMessage``) is an automatic answer, a
    delivery report or a receipt: something that never asks us for anything."""
    reason = machine_reason(message) or ""
    if reason.startswith(REPLY_REASONS):
        return True
    if any(name in message for name in REPLY_HEADERS):
        return True
    return_path = _text(message, "Return-Path")
    if "Return-Path" in message and return_path.replace(" ", "") in ("<>", ""):
        return True
    sender = _text(message, "From")
    if DAEMON.search(sender) or _is_report(message, sender):
        return True
    if reason.startswith(GENERATED) and (
        "In-Reply-To" in message or "References" in message
    ):
        return True
    # only the mail's own parts: a person may forward a report that he got
    return any(part in REPORT_PARTS for part in _own_parts(message))


def _own_parts(message):
    if not message.is_multipart():
        return [message.get_content_type()]
    return [part.get_content_type() for part in message.get_payload()]


def _is_report(message, sender):
    """Whether the mail, of whoever reports about mails, does so: two signs at least of
    sender, subject, words, and the mail it is about."""
    subject = _text(message, "Subject")
    is_reporter = bool(REPORT_SENDER.search(sender))
    signs = is_reporter + bool(REPORT_SUBJECT.search(subject))
    if signs == 1:
        signs += _has_original(message) or bool(REPORT_BODY.search(_start(message)))
    # a person who forwards a report has its subject, after a mark
    return signs > 1 and (is_reporter or not FORWARDED.match(subject))


def _has_original(message):
    return bool(
        {"message/rfc822", "text/rfc822-headers", *REPORT_PARTS}
        & set(_own_parts(message))
    )


def _start(message):
    part = message
    while part.is_multipart() and part.get_payload():
        part = part.get_payload()[0]
    payload = part.get_payload(decode=True) or b""
    return payload[:REPORT_BODY_SIZE].decode("utf-8", "replace")
