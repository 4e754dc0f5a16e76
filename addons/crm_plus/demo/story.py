"""What a story is made of: who, and what befell them, as plain data."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class Contact:
    name: str
    function: str
    email: str
    phone: str

    @property
    def first_name(self):
        return self.name.split()[0]


@dataclass
class Customer:
    number: int
    name: str
    kind: str
    country: str
    city: str
    zip: str
    street: str
    phone: str
    domain: str
    team: str
    seller: str
    since: datetime
    payer: str = "prompt"
    term_days: int = 30
    is_customer: bool = True  # else a name on a lead only
    contacts: list = field(default_factory=list)


@dataclass
class Mail:
    date: datetime
    incoming: bool
    text: str
    subject: str = ""
    is_machine: bool = False


@dataclass
class Call:
    date: datetime
    text: str


@dataclass
class Note:
    date: datetime
    text: str


@dataclass
class Meeting:
    date: datetime
    title: str
    minutes: int = 60


@dataclass
class Activity:
    kind: str
    summary: str
    deadline: datetime


@dataclass
class Handover:
    """From marketing to a seller, or to a team."""

    date: datetime
    note: str
    seller: str = ""
    team: str = ""
    state: str = "open"
    answered: datetime | None = None
    reason: str = ""
    remark: str = ""


@dataclass
class Junk:
    name: str
    contact: str
    email: str
    text: str
    reason: str
    created: datetime
    date: datetime


@dataclass
class Lead:
    customer: Customer
    contact: Contact
    name: str
    created: datetime
    source: str
    enquiry: str
    type: str = "opportunity"
    seller: str = ""
    priority: str = "0"
    revenue: float = 0.0
    stage: str = "new"
    moves: list = field(default_factory=list)  # (date, stage before, stage after)
    outcome: str = "open"
    closed: datetime | None = None
    lost_reason: str | None = None
    deadline: datetime | None = None
    answered: datetime | None = None
    converted: datetime | None = None  # began as a lead
    won_reason: str | None = None
    handover: Handover | None = None
    is_routed: bool = False  # who gets it is up to the rules
    tags: tuple = ()
    mails: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    meetings: list = field(default_factory=list)
    activities: list = field(default_factory=list)

    @property
    def warm(self):
        """When the talks got serious: the second sign of life, or the first."""
        signs = sorted(
            event.date
            for event in (*self.mails, *self.calls)
            if event.date >= self.created and getattr(event, "incoming", True)
        )
        return signs[min(1, len(signs) - 1)] if signs else self.created


@dataclass
class Order:
    customer: Customer
    contact: Contact
    lines: list  # (product code, quantity)
    created: datetime
    lead: Lead | None = None
    sent: datetime | None = None
    confirmed: datetime | None = None
    cancelled: bool = False
    promised: datetime | None = None
    delivered: datetime | None = None
    returned: datetime | None = None
    returned_share: float = 0.0
    invoiced: datetime | None = None
    credited: datetime | None = None
    paid: datetime | None = None

    @property
    def due(self):
        return self.invoiced and self.invoiced + timedelta(days=self.customer.term_days)
