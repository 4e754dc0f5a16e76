"""What mail services tell of each mail, put into one shape.

Amazon SES (through SNS), Mailgun, SendGrid and Postmark say the same things in four
ways. Each reader takes what one of them posts, already proven to be its own, and
returns :class:`MailEvent` rows. The reason of a bounce is read from what the other
server said, as it is from delivery reports; whether it is final the service may know
better, which tries several times and keeps lists of its own.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .bounce.codes import REPLY_CODES, codes, smtp_stage
from .bounce.reason import Refusal
from .bounce.report import BOUNCE, COMPLAINT, DELAY, DELIVERED, Recipient
from .bounce.status import without_type

UNSUBSCRIBE = "unsubscribe"
OPENED = "opened"
CLICKED = "clicked"
# of no consequence here: sent, processed, refused by the service itself, subscribed
OTHER = "other"

MAX_TEXT = 2_000

# Lists of addresses that a service does not write to any more, and what put them there.
SUPPRESSED = {
    "bounced address": BOUNCE,
    "spam reporting address": COMPLAINT,
    "unsubscribed address": UNSUBSCRIBE,
    "invalid": BOUNCE,
    "suppress-bounce": BOUNCE,
    "suppress-complaint": COMPLAINT,
    "suppress-unsubscribe": UNSUBSCRIBE,
    "605": BOUNCE,
    "606": UNSUBSCRIBE,
    "607": COMPLAINT,
}

POSTMARK_BOUNCES = {
    "Transient": DELAY,
    "Unsubscribe": UNSUBSCRIBE,
    "Subscribe": OTHER,
    "AutoResponder": OTHER,
    "OpenRelayTest": OTHER,
    "ChallengeVerification": OTHER,
    "Unconfirmed": OTHER,
    "SMTPApiError": OTHER,
    "InboundError": OTHER,
    "TemplateRenderingFailed": OTHER,
    "SpamComplaint": COMPLAINT,
    "SpamNotification": BOUNCE,
    "ManuallyDeactivated": BOUNCE,
}
# What the service itself takes for final, whatever the other server said.
POSTMARK_HARD = ("HardBounce", "BadEmailAddress", "ManuallyDeactivated")


@dataclass
class MailEvent:
    """What happened to one mail at one address."""

    kind: str
    email: str
    event_id: str  # of the service: a second one with it is the same event
    key: str = ""  # of the request, where it is not the event's
    date: datetime | None = None  # UTC, without time zone, as Odoo has it
    message_ids: list = field(default_factory=list)
    recipient: Recipient | None = None
    url: str = ""
    user_agent: str = ""
    is_machine: bool = False
    raw: dict = field(default_factory=dict)


# ---- helpers ------------------------------------------------------------------------
def _text(value):
    """A value that ought to be text, as text."""
    if value is None or isinstance(value, (dict, list, bool)):
        return ""
    return str(value).strip()


def _dict(value):
    return value if isinstance(value, dict) else {}


def _list(value):
    return [row for row in value if isinstance(row, dict)] if value else []


def read_time(value):
    """Seconds since 1970 or ISO 8601, as UTC without time zone; None for any other."""
    try:
        if isinstance(value, (int, float)) or str(value).replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(value), UTC).replace(tzinfo=None)
        # fractions of seven digits are Postmark's
        found = datetime.fromisoformat(str(value))
        if found.tzinfo:
            # in the year 1 that may be before all time
            found = found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
    return found.replace(microsecond=0)


def digest(row):
    """A name for an event that its service gives none."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:40]


def _message_ids(*values):
    """Message-ids as mails have them, in angle brackets."""
    found = []
    for value in values:
        text = _text(value).strip("<> ")
        if "@" in text and not any(sign.isspace() for sign in text):
            found.append(f"<{text}>")
    return list(dict.fromkeys(found))


def read_refusal(email, said, status="", reply_code="", failed=True, is_final=None):
    """What one address' server answered, and why.

    :param is_final: what the service knows of it; None when it says nothing
    """
    said = _text(said)
    found_code, found_status = codes(said, _text(status))
    # services have numbers of their own, such as 499 and 605
    if not re.fullmatch(REPLY_CODES, _text(reply_code)):
        reply_code = ""
    reply_code = found_code or _text(reply_code)
    refusal = Refusal(
        said, found_status or _text(status), reply_code, smtp_stage(said), failed
    )
    reason = refusal.reason()
    is_hard = refusal.is_hard(reason) if is_final is None else bool(is_final)
    return Recipient(
        address=email,
        status=refusal.status,
        reply_code=reply_code,
        reason=reason,
        is_hard=is_hard and failed,
        action="failed" if failed else "delayed",
        diagnostic=said[:MAX_TEXT],
    )


def _complaint(email, kind):
    return Recipient(
        address=email,
        reason="feedback",
        action="",
        diagnostic=_text(kind).lower()[:MAX_TEXT] or "abuse",
    )


def _suppressed(kind, email, said):
    """An address that the service keeps on a list of its own: it did not write."""
    if kind == COMPLAINT:
        return _complaint(email, "")
    return Recipient(
        address=email,
        reason="userunknown" if kind == BOUNCE else "undefined",
        is_hard=kind == BOUNCE,
        diagnostic=_text(said)[:MAX_TEXT],
    )


# ---- Amazon SES -----------------------------------------------------------------
def read_ses(message):
    """:param message: the message of the notification service, as a dict"""
    notice = message.get("Message")
    if isinstance(notice, str):
        try:
            notice = json.loads(notice)
        except ValueError:
            notice = {}
    notice = _dict(notice)
    mail = _dict(notice.get("mail"))
    kind = _text(notice.get("notificationType") or notice.get("eventType"))
    reader = SES_READERS.get(kind, _ses_other)
    common = {
        "message_ids": _message_ids(
            _dict(mail.get("commonHeaders")).get("messageId"),
            *(
                row.get("value")
                for row in _list(mail.get("headers"))
                if _text(row.get("name")).lower() == "message-id"
            ),
        ),
        "raw": notice,
    }
    sns_id = _text(message.get("MessageId")) or digest(notice)
    events = []
    for number, (about, values) in enumerate(reader(notice, mail)):
        # the same bounce may come through two topics: its own id is surer
        event_id = _text(about.get("feedbackId")) or sns_id
        email = values.get("email", "").lower()
        events.append(
            MailEvent(
                **{
                    **common,
                    **values,
                    "email": email,
                    "event_id": f"{event_id}/{email}",
                    "key": f"{sns_id}/{number}",
                    "date": read_time(
                        about.get("timestamp") or message.get("Timestamp")
                    ),
                }
            )
        )
    return events


def _ses_bounce(notice, _mail):
    bounce = _dict(notice.get("bounce"))
    is_permanent = bounce.get("bounceType") == "Permanent"
    # the other server spoke of the content or of us, or it tried again
    is_other = bounce.get("bounceSubType") in ("ContentRejected", "AttachmentRejected")
    for row in _list(bounce.get("bouncedRecipients")):
        email = _text(row.get("emailAddress"))
        said = without_type(_text(row.get("diagnosticCode")))
        recipient = read_refusal(
            email,
            said,
            row.get("status"),
            failed=_text(row.get("action")).lower() != "delayed",
            is_final=None if said else is_permanent and not is_other,
        )
        if not said:
            recipient.reason = "userunknown" if recipient.is_hard else "onhold"
            recipient.diagnostic = ": ".join(
                _text(bounce.get(name)) for name in ("bounceType", "bounceSubType")
            )
        yield bounce, {"kind": BOUNCE, "email": email, "recipient": recipient}


def _ses_delay(notice, _mail):
    delay = _dict(notice.get("deliveryDelay"))
    for row in _list(delay.get("delayedRecipients")):
        email = _text(row.get("emailAddress"))
        yield (
            delay,
            {
                "kind": DELAY,
                "email": email,
                "recipient": read_refusal(
                    email,
                    without_type(_text(row.get("diagnosticCode")))
                    or delay.get("delayType"),
                    row.get("status"),
                    failed=False,
                ),
            },
        )


def _ses_complaint(notice, _mail):
    complaint = _dict(notice.get("complaint"))
    for row in _list(complaint.get("complainedRecipients")):
        email = _text(row.get("emailAddress"))
        kind = _text(complaint.get("complaintFeedbackType"))
        values = {"kind": COMPLAINT, "email": email}
        if kind == "not-spam":
            values["kind"] = OTHER
        else:
            values["recipient"] = _complaint(email, kind)
        yield complaint, values


def _ses_delivery(notice, _mail):
    delivery = _dict(notice.get("delivery"))
    for email in delivery.get("recipients") or []:
        yield delivery, {"kind": DELIVERED, "email": _text(email)}


def _ses_subscription(notice, mail):
    """The unsubscribe link that SES itself puts in, of its contact lists."""
    change = _dict(notice.get("subscription"))
    wants_none = _dict(change.get("newTopicPreferences")).get("unsubscribeAll")
    for email in mail.get("destination") or []:
        kind = UNSUBSCRIBE if wants_none is True else OTHER
        yield change, {"kind": kind, "email": _text(email)}


def _ses_engagement(notice, mail):
    kind = _text(notice.get("eventType"))
    about = _dict(notice.get(kind.lower()))
    # which of several recipients it was is not told
    emails = mail.get("destination") or []
    yield (
        about,
        {
            "kind": OPENED if kind == "Open" else CLICKED,
            "email": _text(emails[0]) if len(emails) == 1 else "",
            "url": _text(about.get("link")),
            "user_agent": _text(about.get("userAgent")),
        },
    )


def _ses_other(_notice, mail):
    for email in mail.get("destination") or []:
        yield {}, {"kind": OTHER, "email": _text(email)}


SES_READERS = {
    "Bounce": _ses_bounce,
    "DeliveryDelay": _ses_delay,
    "Complaint": _ses_complaint,
    "Delivery": _ses_delivery,
    "Subscription": _ses_subscription,
    "Open": _ses_engagement,
    "Click": _ses_engagement,
}


# ---- Mailgun --------------------------------------------------------------------
def read_mailgun(body):
    """:param body: the posted object, or the form of the older webhooks as a dict"""
    token = _text(_dict(body.get("signature")).get("token") or body.get("token"))
    if "event-data" in body:
        event = _mailgun(_dict(body["event-data"]))
    else:
        event = _mailgun_legacy(body)
    event.key = token or event.event_id
    return [event]


def _mailgun(row):
    kind = _text(row.get("event"))
    email = _text(row.get("recipient")).lower()
    status = _dict(row.get("delivery-status"))
    headers = _dict(_dict(row.get("message")).get("headers"))
    client = _dict(row.get("client-info"))
    event = MailEvent(
        kind=OTHER,
        email=email,
        event_id=_text(row.get("id")) or digest(row),
        date=read_time(row.get("timestamp")),
        message_ids=_message_ids(headers.get("message-id")),
        url=_text(row.get("url")),
        user_agent=_text(client.get("user-agent")),
        # it knows the proxies of mail programs and the scanners
        is_machine=bool(_text(client.get("bot"))),
        raw=row,
    )
    said = _text(status.get("message")) or _text(status.get("description"))
    if kind == "failed":
        is_permanent = row.get("severity") == "permanent"
        listed = SUPPRESSED.get(_text(row.get("reason")))
        if listed and is_permanent:
            event.kind, event.recipient = listed, _suppressed(listed, email, said)
        else:
            event.kind = BOUNCE if is_permanent else DELAY
            event.recipient = read_refusal(
                email, said, reply_code=status.get("code"), failed=is_permanent
            )
    else:
        _mailgun_plain(event, kind)
    return event


def _mailgun_plain(event, kind):
    """What needs no more than its name, in both forms."""
    event.kind = {
        "complained": COMPLAINT,
        "unsubscribed": UNSUBSCRIBE,
        "delivered": DELIVERED,
        "opened": OPENED,
        "clicked": CLICKED,
    }.get(kind, OTHER)
    if event.kind == COMPLAINT:
        event.recipient = _complaint(event.email, "")


def _mailgun_legacy(row):
    kind = _text(row.get("event"))
    email = _text(row.get("recipient")).lower()
    event = MailEvent(
        kind=OTHER,
        email=email,
        event_id=_text(row.get("token")) or digest(row),
        date=read_time(row.get("timestamp")),
        message_ids=_message_ids(row.get("Message-Id")),
        url=_text(row.get("url")),
        user_agent=_text(row.get("user-agent")),
        raw=row,
    )
    code = _text(row.get("code"))
    if kind in ("bounced", "dropped"):
        said = _text(row.get("error")) or _text(row.get("description"))
        listed = SUPPRESSED.get(code) if kind == "dropped" else None
        if listed:
            event.kind, event.recipient = listed, _suppressed(listed, email, said)
        else:
            event.kind = BOUNCE
            event.recipient = read_refusal(
                email,
                without_type(said),
                status=code if "." in code else "",
                reply_code=code,
            )
    else:
        _mailgun_plain(event, kind)
    return event


# ---- SendGrid -------------------------------------------------------------------
def read_sendgrid(rows):
    """:param rows: the posted list of events"""
    return [_sendgrid(row) for row in rows if isinstance(row, dict)]


def _sendgrid(row):
    kind = _text(row.get("event"))
    email = _text(row.get("email")).lower()
    said = _text(row.get("reason")) or _text(row.get("response"))
    event = MailEvent(
        kind=OTHER,
        email=email,
        event_id=_text(row.get("sg_event_id")) or digest(row),
        date=read_time(row.get("timestamp")),
        message_ids=_message_ids(row.get("smtp-id")),
        url=_text(row.get("url")),
        user_agent=_text(row.get("useragent")),
        is_machine=row.get("sg_machine_open") is True,
        raw=row,
    )
    if kind == "bounce":
        event.kind = BOUNCE
        event.recipient = read_refusal(
            email,
            said,
            row.get("status"),
            # "blocked" is refused for now: the mail, or us
            is_final=False if row.get("type") == "blocked" else None,
        )
    elif kind == "deferred":
        event.kind = DELAY
        event.recipient = read_refusal(email, said, row.get("status"), failed=False)
    elif kind == "dropped":
        listed = SUPPRESSED.get(said.lower())
        if listed:
            event.kind, event.recipient = listed, _suppressed(listed, email, said)
    elif kind == "spamreport":
        event.kind, event.recipient = COMPLAINT, _complaint(email, "")
    else:
        # who leaves a group of the service leaves one topic, not all
        event.kind = {
            "unsubscribe": UNSUBSCRIBE,
            "delivered": DELIVERED,
            "open": OPENED,
            "click": CLICKED,
        }.get(kind, OTHER)
    return event


# ---- Postmark -------------------------------------------------------------------
def read_postmark(row):
    """:param row: the posted object"""
    kind = _text(row.get("RecordType"))
    email = (_text(row.get("Email")) or _text(row.get("Recipient"))).lower()
    number = _text(row.get("ID"))
    event = MailEvent(
        kind=OTHER,
        email=email,
        event_id=f"{kind}/{number}" if number else digest(row),
        date=read_time(
            next(
                (
                    row[name]
                    for name in ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")
                    if row.get(name)
                ),
                None,
            )
        ),
        message_ids=_message_ids(
            *(
                value
                for name, value in _dict(row.get("Metadata")).items()
                if name.lower().replace("_", "-") == "message-id"
            )
        ),
        url=_text(row.get("OriginalLink")),
        user_agent=_text(row.get("UserAgent")),
        raw=row,
    )
    said = without_type(_text(row.get("Details"))) or _text(row.get("Description"))
    if kind == "SpamComplaint":
        event.kind, event.recipient = COMPLAINT, _complaint(email, "")
    elif kind == "Bounce":
        _postmark_bounce(event, _text(row.get("Type")), said)
    elif kind == "SubscriptionChange":
        _postmark_subscription(event, row)
    else:
        event.kind = {"Delivery": DELIVERED, "Open": OPENED, "Click": CLICKED}.get(
            kind, OTHER
        )
    return [event]


def _postmark_bounce(event, kind, said):
    event.kind = POSTMARK_BOUNCES.get(kind, BOUNCE)
    if event.kind == COMPLAINT:
        event.recipient = _complaint(event.email, "")
    elif event.kind in (BOUNCE, DELAY):
        event.recipient = read_refusal(
            event.email,
            said,
            failed=event.kind == BOUNCE,
            is_final=kind in POSTMARK_HARD,
        )


def _postmark_subscription(event, row):
    if row.get("SuppressSending") is not True:
        return
    reason = _text(row.get("SuppressionReason"))
    event.kind = {
        "HardBounce": BOUNCE,
        "SpamComplaint": COMPLAINT,
        "ManualSuppression": UNSUBSCRIBE,
    }.get(reason, OTHER)
    # by the recipient himself; what we typed at the service he did not ask for
    if event.kind == UNSUBSCRIBE and row.get("Origin") not in ("Recipient", None):
        event.kind = OTHER
    if event.kind in (BOUNCE, COMPLAINT):
        event.recipient = _suppressed(event.kind, event.email, reason)


READERS = {
    "ses": read_ses,
    "mailgun": read_mailgun,
    "sendgrid": read_sendgrid,
    "postmark": read_postmark,
}
