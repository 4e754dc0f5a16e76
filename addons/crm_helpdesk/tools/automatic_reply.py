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
    "From: postmaster",
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
REPORT_SENDER = re.compile(
    r"(mail delivery (sub)?system|mailer-daemon|postmaster|mail administrator)", re.I
)
REPORT_SUBJECT = re.compile(
    r"^\W*(undeliver(ed|able)|delivery (status notification|failure|report)|"
    r"mail delivery (failed|failure|system)|returned mail|failure notice|"
    r"non[- ]?delivery|message delivery failure|warning: could not send)",
    re.I,
)


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
    if REPORT_SENDER.search(_text(message, "From")):
        return True
    if REPORT_SUBJECT.search(_text(message, "Subject")) and _has_original(message):
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


def _has_original(message):
    """Whether the mail carries the one it reports about, attached or as text."""
    if {"message/rfc822", "text/rfc822-headers", *REPORT_PARTS} & set(
        _own_parts(message)
    ):
        return True
    return not message.is_multipart() and machine_reason(message) is not None
