"""What a mail says of deliveries, whoever read it."""

from dataclasses import dataclass, field

BOUNCE = "bounce"
DELAY = "delay"
DELIVERED = "delivered"
COMPLAINT = "complaint"
REPLY = "reply"


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
