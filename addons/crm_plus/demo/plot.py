"""What happened in the demo company over the last year, as plain data.

No database in here: ``Plot(now, prices)`` draws customers, leads, orders and all that
befell them from the pools, with a generator of its own, so that the same day gives the
same story. ``crm.plus.demo`` writes it. The order of events holds by construction: a
lead comes before its order, an order before its delivery, a delivery before its
invoice, an invoice before its payment, and nothing but plans lies in the future.
"""

import itertools
import random
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from . import pools

SEED = 1907
# working hours of the demo company, in UTC
DAY_BEGINS, DAY_ENDS = 7, 15

SELLERS_BY_TEAM = {
    "europe": ("nora", "luca", "camille", "admin"),
    "overseas": ("owen", "marisol"),
}
OVERSEAS = {"US", "CA", "MX", "JP"}

# customers that order the same every month, since so many days
STANDING_CUSTOMERS = 4
STANDING_FROM, STANDING_UNTIL = 150, 260

STAGES = ("new", "qualified", "proposition", "won")
SOURCES = ("web", "mail", "phone", "fair", "referral")
SOURCE_WEIGHTS = (30, 30, 10, 16, 14)
TERM_DAYS = (15, 30, 45)


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


def slug(text):
    """The company's name as an internet name."""
    text = (
        text.replace("ß", "ss").replace("ø", "oe").replace("ł", "l").replace("Ł", "L")
    )
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(
        r"\b(GmbH|AG|AB|Inc\.?|LLP|Co\.|Dr\.|and|und|et|e)(?=\W|$)", " ", text
    )
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())[:3])


class Plot:
    """The whole story; see the module."""

    def __init__(self, now, prices, seed=SEED):
        """
        :param now: naive UTC datetime; nothing happens after it
        :param prices: ``{product code: list price}``
        """
        self.random = random.Random(seed)
        self.now = now
        self.prices = prices
        self.customers = []
        self.leads = []
        self.orders = []
        self.junk = []
        self._draw_customers()
        for customer in self.customers:
            self._draw_career(customer)
        self._draw_enquiries()
        # a generator of its own: what is told of the year stays as it is
        self.random = random.Random(seed + 1)
        self._draw_newcomers()
        self._draw_process()
        self._draw_junk()
        self.random = random.Random(seed + 2)
        self._draw_standing_orders()
        self.leads.sort(key=lambda lead: lead.created)
        self.orders.sort(key=lambda order: order.created)

    # ------------------------------------------------------------
    # Time
    # ------------------------------------------------------------

    def ago(self, days):
        return self.now - timedelta(days=days)

    def at_work(self, moment):
        """The next working moment at or after ``moment``."""
        if moment.hour >= DAY_ENDS:
            moment = moment.replace(hour=DAY_BEGINS) + timedelta(days=1)
        elif moment.hour < DAY_BEGINS:
            moment = moment.replace(hour=DAY_BEGINS)
        while moment.weekday() > 4:
            moment += timedelta(days=1)
        return moment.replace(microsecond=0)

    def some_time(self, days_ago):
        """A working moment about so many days ago, in the past in any case."""
        moment = self.ago(days_ago).replace(
            hour=self.random.randrange(DAY_BEGINS, DAY_ENDS),
            minute=self.random.randrange(60),
            second=self.random.randrange(60),
        )
        moment = self.at_work(moment)
        while moment >= self.now:
            moment -= timedelta(days=3 if moment.weekday() == 0 else 1)
        return moment

    def later(self, moment, low, high):
        """A working moment ``low`` to ``high`` days later; may be in the future."""
        later = moment + timedelta(days=self.random.uniform(low, high))
        return self.at_work(
            later.replace(
                hour=self.random.randrange(DAY_BEGINS, DAY_ENDS)
                if later.date() > moment.date()
                else later.hour,
                minute=self.random.randrange(60),
                second=self.random.randrange(60),
            )
            if later.date() > moment.date()
            else later
        )

    def next_day_of(self, moment, weekdays, hour):
        """The first of some weekdays after the day of ``moment``."""
        moment = moment.replace(
            hour=hour,
            minute=self.random.randrange(60),
            second=self.random.randrange(60),
        ) + timedelta(days=1)
        while moment.weekday() not in weekdays:
            moment += timedelta(days=1)
        return moment

    # ------------------------------------------------------------
    # Who
    # ------------------------------------------------------------

    def _draw_customers(self):
        companies = [
            (country, name, kind)
            for country, entries in pools.COMPANIES.items()
            for name, kind in entries
        ]
        self.random.shuffle(companies)
        for number, (country, name, kind) in enumerate(companies, 1):
            self.customers.append(self._draw_customer(number, country, name, kind))

    def _draw_customer(self, number, country, name, kind, is_customer=True):
        rnd = self.random
        _lang, phones, cities = pools.COUNTRIES[country]
        city, zip_code, street = rnd.choice(cities)
        team = "overseas" if country in OVERSEAS else "europe"
        number_first = country in ("US", "CA", "GB", "IE", "FR")
        house = rnd.randrange(3, 180)
        customer = Customer(
            number=number,
            name=name,
            kind=kind,
            country=country,
            city=city,
            zip=zip_code,
            street=f"{house} {street}" if number_first else f"{street} {house}",
            phone="",
            domain=f"{slug(name)}.example",
            team=team,
            seller=rnd.choices(
                SELLERS_BY_TEAM[team], (30, 30, 30, 14)[: len(SELLERS_BY_TEAM[team])]
            )[0],
            since=self.now,
            payer=rnd.choices(("prompt", "slow", "bad"), (56, 26, 18))[0],
            term_days=rnd.choices(TERM_DAYS, (30, 55, 15))[0],
            is_customer=is_customer,
        )
        pattern = rnd.choice(phones)
        for i in range(rnd.choices((1, 2, 3), (45, 40, 15))[0]):
            customer.contacts.append(self._draw_contact(customer, pattern, i))
        customer.phone = self._draw_phone(pattern)
        return customer

    def _draw_phone(self, pattern):
        return re.sub("#", lambda _m: str(self.random.randrange(2, 9)), pattern)

    def _draw_contact(self, customer, pattern, index):
        lang = pools.COUNTRIES[customer.country][0]
        first_names, last_names = (names.split() for names in pools.PEOPLE[lang])
        taken = {contact.name for contact in customer.contacts}
        name = None
        while name is None or name in taken:
            name = f"{self.random.choice(first_names)} {self.random.choice(last_names)}"
        functions = pools.FUNCTIONS[customer.kind]
        return Contact(
            name=name,
            function=functions[index % len(functions)],
            email=f"{slug(name).replace('-', '.')}@{customer.domain}",
            phone=self._draw_phone(pattern),
        )

    # ------------------------------------------------------------
    # Careers
    # ------------------------------------------------------------

    def _draw_career(self, customer):
        rnd = self.random
        career = rnd.choices(("regular", "new", "prospect"), (30, 24, 46))[0]
        if career == "prospect":
            customer.since = self.some_time(rnd.uniform(3, 320))
            self._draw_prospect(customer)
            return
        days = rnd.uniform(190, 360) if career == "regular" else rnd.uniform(45, 150)
        customer.since = self.some_time(days)
        lead = self._draw_lead(customer, customer.since, "won")
        first = self._order_of(lead)
        if first is None or first.confirmed is None:
            return
        if career == "regular":
            self._draw_repeat_orders(customer, first)
        for _ in range(rnd.choices((0, 1, 2), (30, 45, 25))[0]):
            # something more: another shop, a machine, a contract
            begin = self.later(first.confirmed, 20, 150)
            if begin < self.now:
                outcome = rnd.choices(("won", "lost", "open"), (22, 36, 42))[0]
                if outcome == "open":
                    begin = max(self._draw_begin_of_open(), first.confirmed)
                self._draw_lead(customer, begin, outcome)

    def _draw_prospect(self, customer):
        rnd = self.random
        outcome = rnd.choices(("open", "lost"), (62, 38))[0]
        if outcome == "open":
            customer.since = self._draw_begin_of_open()
        self._draw_lead(customer, customer.since, outcome)
        if rnd.random() < 0.5:
            begin = self.later(customer.since, 10, 120)
            if begin < self.now:
                outcome = rnd.choice(("open", "lost"))
                if outcome == "open":
                    begin = max(begin, self._draw_begin_of_open())
                self._draw_lead(customer, begin, outcome)

    def _draw_begin_of_open(self):
        """Most open deals are young, a few were forgotten."""
        days = self.random.choices(
            (
                self.random.uniform(0.1, 4),
                self.random.uniform(3, 25),
                self.random.uniform(20, 80),
                self.random.uniform(80, 190),
            ),
            (14, 34, 42, 10),
        )[0]
        return self.some_time(days)

    def _draw_enquiries(self):
        """Leads of companies that are no contacts yet."""
        rnd = self.random
        for number, (country, name, kind) in enumerate(pools.ENQUIRERS, 1):
            someone = self._draw_customer(number, country, name, kind, False)
            outcome = rnd.choices(("open", "lost"), (66, 34))[0]
            begin = (
                self._draw_begin_of_open()
                if outcome == "open"
                else self.some_time(rnd.uniform(20, 300))
            )
            self._draw_lead(
                someone, begin, outcome, lead_type=rnd.choice(("lead", "opportunity"))
            )
            if rnd.random() < 0.6:
                # they asked twice
                self._draw_lead(someone, self._draw_begin_of_open(), "open", "lead")

    # ------------------------------------------------------------
    # How leads are worked
    # ------------------------------------------------------------

    def _draw_newcomers(self):
        """Web enquiries of the last weeks: who waits for an answer, and who came to
        sales by way of marketing.
        """
        newcomers = iter(pools.NEWCOMERS)
        for minutes in (12, 35, 70, 110):
            # a web page never sleeps
            self._draw_newcomer(next(newcomers), self.now - timedelta(minutes=minutes))
        for days in (4, 5, 7):
            self._draw_newcomer(next(newcomers), self.some_time(days))
        for days, values in pools.HANDOVERS:
            created = min(self.some_time(days), self.now - timedelta(hours=3))
            lead = self._draw_newcomer(next(newcomers), created)
            lead.seller = pools.MARKETER
            self._draw_handover(lead, **values)

    def _draw_newcomer(self, enquirer, created):
        customer = self._draw_customer(0, *enquirer, is_customer=False)
        title, enquiry = self.random.choice(pools.NEWCOMER_DEALS)
        lead = Lead(
            customer=customer,
            contact=customer.contacts[0],
            name=title,
            created=created,
            source="web",
            enquiry=enquiry,
            type="lead",
            seller=customer.seller,
            priority="1",
        )
        lead.mails.append(Mail(created, True, enquiry, title))
        self._draw_tags(lead)
        self.leads.append(lead)
        return lead

    def _draw_handover(self, lead, state, after, **values):
        """Marketing has answered and asked back; then it is sales' turn.

        :param after: minutes from the hand-over to its answer
        """
        lead.answered = min(
            self.at_work(lead.created + timedelta(minutes=25)),
            self.now - timedelta(minutes=50),
        )
        self._add_mail(lead, lead.answered, False, pools.REPLIES)
        date = self.now - timedelta(minutes=self.random.randrange(15, 45))
        if state != "open":
            date = min(self.at_work(lead.answered + timedelta(hours=2)), date)
            self._add_mail(
                lead, date - timedelta(minutes=20), True, pools.CUSTOMER_MAILS
            )
        handover = lead.handover = Handover(date, state=state, **values)
        if after:
            handover.answered = min(
                self.at_work(date + timedelta(minutes=after)),
                self.now - timedelta(minutes=5),
            )
        if state == "accepted" and (self.now - handover.answered).days > 9:
            # its seller found a deal in it
            lead.type = "opportunity"
            lead.converted = self.later(handover.answered, 1, 4)
            lead.revenue = self._draw_amount(lead)
            lead.moves.append((lead.converted, "new", "qualified"))
            lead.stage = "qualified"
            self._draw_plans(lead)

    def _draw_process(self):
        """Where deals began, why they were won, and whom the rules choose the seller
        for.
        """
        rnd = self.random
        for lead in self.leads:
            if lead.outcome == "won":
                lead.won_reason = rnd.choice(pools.WON_REASONS)
            if (
                lead.type == "opportunity"
                and lead.moves
                and not lead.converted
                and lead.source != "phone"
                and rnd.random() < 0.7
            ):
                lead.converted = lead.moves[0][0]
            lead.is_routed = (
                lead.outcome == "open"
                and not lead.handover
                and (self.now - lead.created).days < 40
            )

    def _draw_junk(self):
        for name, contact, email, text, reason in pools.JUNK:
            created = self.some_time(self.random.uniform(3, 150))
            date = self.later(created, 0.05, 1)
            if date < self.now:
                self.junk.append(
                    Junk(name, contact, email, text, reason, created, date)
                )

    # ------------------------------------------------------------
    # Leads
    # ------------------------------------------------------------

    def _draw_lead(self, customer, created, outcome, lead_type="opportunity"):
        rnd = self.random
        title, enquiry = rnd.choice(pools.DEALS[customer.kind])
        bags = customer.kind in ("roaster",)
        numbers = {
            "n": rnd.choice((5, 8, 10, 12, 20, 30) if bags else (20, 30, 45, 60, 80)),
            "n2": rnd.choice((2, 3, 4)),
            "n5": rnd.choice((25, 40, 60, 85, 120, 250)),
        }
        lead = Lead(
            customer=customer,
            contact=rnd.choice(customer.contacts),
            name=title.format(**numbers),
            created=created,
            source=rnd.choices(SOURCES, SOURCE_WEIGHTS)[0],
            enquiry=enquiry.format(**numbers),
            type=lead_type,
            seller=customer.seller,
            priority=rnd.choices("0123", (42, 32, 18, 8))[0],
        )
        self.leads.append(lead)
        if lead.source in ("web", "mail"):
            lead.mails.append(Mail(lead.created, True, lead.enquiry, lead.name))
        self._draw_first_answer(lead)
        self._draw_progress(lead, outcome)
        self._draw_tags(lead)
        if lead.outcome == "open":
            self._draw_plans(lead)
        return lead

    def _draw_first_answer(self, lead):
        """Mostly within hours, at times after days; the newest wait."""
        rnd = self.random
        low, high = rnd.choices(
            ((0.01, 0.12), (0.12, 0.9), (1, 2.5), (3, 6)), (46, 32, 15, 7)
        )[0]
        answered = self.later(lead.created, low, high)
        is_young = (self.now - lead.created).days < 9
        if answered >= self.now or (
            is_young and lead.type == "lead" and rnd.random() < 0.5
        ):
            return
        lead.answered = answered
        if lead.source == "phone" or rnd.random() < 0.2:
            lead.calls.append(Call(answered, rnd.choice(pools.CALLS)))
        else:
            self._add_mail(lead, answered, False, pools.REPLIES)

    def _add_mail(self, lead, date, incoming, texts, is_machine=False):
        if date < self.now:
            lead.mails.append(
                Mail(
                    date,
                    incoming,
                    self.random.choice(texts),
                    f"Re: {lead.name}" if lead.mails else lead.name,
                    is_machine,
                )
            )

    def _draw_progress(self, lead, outcome):
        """From stage to stage, as far as the time since its creation goes."""
        rnd = self.random
        amount = self._draw_amount(lead)
        lead.revenue = amount if lead.type == "opportunity" else 0.0
        if lead.type == "lead" or not lead.answered:
            if outcome == "lost":
                self._close(lead, self.later(lead.created, 6, 40), "lost")
            return
        last = {"won": 3, "lost": rnd.choices((0, 1, 2), (20, 35, 45))[0]}.get(
            outcome, rnd.choices((0, 1, 2), (12, 42, 46))[0]
        )
        date = lead.answered
        for stage in STAGES[1 : min(last, 2) + 1]:
            before = date
            # the young open ones are in a hurry, or they would all be new
            age = (self.now - lead.answered).days
            longest = max(2, min(14, age / (last + 1))) if outcome == "open" else 14
            date = self.later(before, min(2, longest / 2), longest)
            if date >= self.now:
                break
            self._draw_talks(lead, before, date)
            lead.moves.append((date, lead.stage, stage))
            lead.stage = stage
        if lead.stage == "proposition":
            self._draw_quotation(lead, date)
        if outcome in ("won", "lost"):
            end = self.later(max(date, lead.answered), 3, 24)
            self._draw_talks(lead, date, end)
            self._close(lead, end, outcome)
        elif lead.stage != "new":
            # the talks go on
            self._draw_talks(lead, date, min(self.now, date + timedelta(days=20)))

    def _draw_talks(self, lead, begin, end):
        rnd = self.random
        span = (end - begin).days
        if span < 1:
            return

        def between(low=0.1, high=0.9):
            return self.later(begin, low * span, high * span)

        def fits(date):
            return date < self.now and date < end

        if rnd.random() < 0.75 and fits(date := between(0.1, 0.5)):
            self._add_mail(lead, date, True, pools.CUSTOMER_MAILS)
        if rnd.random() < 0.55 and fits(date := between(0.3, 0.9)):
            self._add_mail(lead, date, False, pools.FOLLOW_UPS)
            if rnd.random() < 0.08:
                self._add_mail(
                    lead,
                    date + timedelta(minutes=1),
                    True,
                    pools.OUT_OF_OFFICE,
                    is_machine=True,
                )
        if rnd.random() < 0.45 and fits(date := between()):
            lead.calls.append(Call(date, rnd.choice(pools.CALLS)))
        if rnd.random() < 0.28 and fits(date := between(0.2, 0.8)):
            title = rnd.choice(pools.MEETINGS).format(company=lead.customer.name)
            date = date.replace(minute=rnd.choice((0, 30)), second=0)
            if begin < date and date + timedelta(minutes=60) < self.now:
                lead.meetings.append(Meeting(date, title))
        if rnd.random() < 0.12 and fits(date := between()):
            lead.notes.append(Note(date, rnd.choice(pools.INTERNAL_NOTES)))

    def _draw_quotation(self, lead, date):
        rnd = self.random
        lines = self._draw_basket(lead.customer, machine=rnd.random() < 0.14)
        created = self.later(date, 0.05, 1.5)
        if created >= self.now or not lead.customer.is_customer:
            return
        sent = self.later(created, 0.02, 0.6)
        order = Order(
            customer=lead.customer,
            contact=lead.contact,
            lines=lines,
            created=created,
            lead=lead,
            sent=sent if sent < self.now else None,
        )
        lead.revenue = round(self._sum(lines), -1)
        self.orders.append(order)

    def _close(self, lead, date, outcome):
        rnd = self.random
        order = self._order_of(lead)
        if order:
            date = max(date, self.later(order.sent or order.created, 0.5, 6))
        if outcome == "won" and (lead.stage != "proposition" or not order):
            return  # no time left to win it: it stays open
        if date >= self.now:
            return
        lead.outcome = outcome
        lead.closed = date
        if outcome == "won":
            lead.moves.append((date, lead.stage, "won"))
            lead.stage = "won"
            self._add_mail(
                lead, date - timedelta(minutes=25), True, pools.ORDER_ANSWERS
            )
            self._fulfil(order, date)
        else:
            lead.lost_reason = rnd.choice(pools.LOST_REASONS)
            if order:
                order.cancelled = True
            if lead.lost_reason != "silent" and lead.answered:
                self._add_mail(lead, date - timedelta(hours=1), True, pools.DECLINES)
        # what was planned after the end did not take place
        for events in (lead.mails, lead.calls, lead.meetings, lead.notes):
            events[:] = [event for event in events if event.date <= date]

    def _order_of(self, lead):
        return next((order for order in self.orders if order.lead is lead), None)

    def _draw_amount(self, lead):
        low, high = {
            "roaster": (6_000, 42_000),
            "cafe": (900, 7_500),
            "hotel": (2_500, 16_000),
            "office": (1_200, 8_000),
            "bakery": (1_500, 9_000),
            "shop": (700, 4_500),
        }[lead.customer.kind]
        return round(self.random.triangular(low, high, low * 1.6), -2)

    def _draw_tags(self, lead):
        tags = {lead.customer.kind}
        if "machine" in lead.enquiry or "grinder" in lead.enquiry:
            tags.add("equipment")
        if "sample" in lead.enquiry or "tasting" in lead.enquiry:
            tags.add("sample")
        if "contract" in lead.enquiry or "Tender" in lead.name:
            tags.add("contract")
        lead.tags = tuple(sorted(tags))

    def _draw_plans(self, lead):
        """What is to be done next, some of it late."""
        rnd = self.random
        if lead.type == "opportunity" and rnd.random() < 0.8:
            lead.deadline = self.at_work(self.now + timedelta(days=rnd.uniform(-6, 60)))
        if rnd.random() < (0.85 if lead.answered else 0.35):
            kind, summary = rnd.choice(pools.ACTIVITIES)
            days = rnd.choices(
                (rnd.uniform(-9, -1), 0, rnd.uniform(1, 14)), (22, 16, 62)
            )[0]
            deadline = self.now + timedelta(days=days)
            if deadline > lead.created:
                lead.activities.append(Activity(kind, summary, deadline))
        if lead.stage in ("qualified", "proposition") and rnd.random() < 0.12:
            title = rnd.choice(pools.MEETINGS).format(company=lead.customer.name)
            date = self.at_work(self.now + timedelta(days=rnd.uniform(1, 12)))
            lead.meetings.append(
                Meeting(date.replace(minute=rnd.choice((0, 30)), second=0), title)
            )

    # ------------------------------------------------------------
    # Orders
    # ------------------------------------------------------------

    def _draw_basket(self, customer, machine=False):
        rnd = self.random
        codes, low, high, (fewest, most) = pools.BASKETS[customer.kind]
        lines = [
            (code, rnd.randrange(low, high + 1))
            for code in rnd.sample(codes, rnd.randint(fewest, most))
        ]
        if machine:
            lines.append((rnd.choice(pools.EQUIPMENT), 1))
        return lines

    def _sum(self, lines):
        return sum(self.prices[code] * quantity for code, quantity in lines)

    def _draw_repeat_orders(self, customer, first):
        rnd = self.random
        rhythm = rnd.uniform(95, 180)
        # three in ten stop ordering without a word
        until = self.ago(rnd.uniform(95, 170)) if rnd.random() < 0.3 else self.now
        date = self.later(first.confirmed, rhythm * 0.7, rhythm * 1.3)
        while date < until:
            order = Order(
                customer=customer,
                contact=rnd.choice(customer.contacts),
                lines=self._draw_basket(customer, machine=rnd.random() < 0.05),
                created=date,
            )
            self.orders.append(order)
            self._fulfil(order, self.later(date, 0.01, 0.3))
            date = self.later(date, rhythm * 0.75, rhythm * 1.25)

    def _draw_standing_orders(self):
        """Some order the same every month; the last of them is late with it."""
        rnd = self.random
        firsts = [
            order
            for order in self.orders
            if order.lead
            and order.confirmed
            and STANDING_FROM < (self.now - order.confirmed).days < STANDING_UNTIL
            and order.customer.payer == "prompt"
        ]
        firsts.sort(key=lambda order: order.confirmed)
        for number, first in enumerate(firsts[:STANDING_CUSTOMERS], 1):
            customer = first.customer
            codes, low, high, _number = pools.BASKETS[customer.kind]
            lines = [(code, rnd.randrange(low, high + 1)) for code in codes[:2]]
            until = self.ago(45 if number == STANDING_CUSTOMERS else 2)
            date = self.later(first.confirmed, 28, 33)
            while date < until:
                order = Order(
                    customer=customer,
                    contact=first.contact,
                    lines=lines,
                    created=date,
                )
                self.orders.append(order)
                self._fulfil(order, self.later(date, 0.01, 0.3))
                date = self.later(date, 28, 33)

    def _fulfil(self, order, confirmed):
        """Confirmation, delivery, return, invoice, payment: as far as time allows."""
        rnd = self.random
        if confirmed >= self.now:
            return
        order.confirmed = confirmed
        order.promised = self.later(confirmed, 2, 6)
        delay = rnd.choices(
            (rnd.uniform(-1, 0), rnd.uniform(0.5, 4), rnd.uniform(5, 11)), (72, 20, 8)
        )[0]
        delivered = self.later(
            max(order.promised + timedelta(days=delay), confirmed), 0.1, 0.4
        )
        if delivered >= self.now:
            return
        order.delivered = delivered
        if rnd.random() < 0.07:
            returned = self.later(delivered, 3, 9)
            if returned < self.now:
                order.returned = returned
                order.returned_share = rnd.choice((0.25, 0.5, 1.0))
        # invoices are written on Fridays
        invoiced = self.next_day_of(delivered, (4,), 9)
        if invoiced >= self.now:
            return
        order.invoiced = invoiced
        if order.returned:
            credited = self.next_day_of(max(order.returned, invoiced), (4,), 10)
            order.credited = credited if credited < self.now else None
            if not order.credited:
                return
        self._draw_payment(order, not_before=order.credited or order.invoiced)

    def _draw_payment(self, order, not_before):
        rnd = self.random
        low, high = {"prompt": (-9, 0), "slow": (3, 24), "bad": (22, 75)}[
            order.customer.payer
        ]
        if order.customer.payer == "bad" and rnd.random() < 0.4:
            return  # never
        paid = order.due + timedelta(days=rnd.uniform(low, high))
        # the bank is read on Thursdays
        paid = self.next_day_of(max(paid, not_before), (3,), 8)
        if paid < self.now:
            order.paid = paid

    # ------------------------------------------------------------
    # What it amounts to
    # ------------------------------------------------------------

    def silences(self, customer, days=90):
        """Times without an order for so many days: ``[(begin, end or None)]``."""
        dates = sorted(
            order.confirmed
            for order in self.orders
            if order.customer is customer and order.confirmed
        )
        limit = timedelta(days=days)
        periods = [
            (before + limit, after)
            for before, after in itertools.pairwise(dates)
            if after - before > limit
        ]
        if dates and self.now - dates[-1] > limit:
            periods.append((dates[-1] + limit, None))
        return periods

    def arrears(self, customer):
        """Times with an invoice overdue: ``[(begin, end or None)]``; none overlap."""
        late = sorted(
            (order.due + timedelta(days=1), order.paid or self.now)
            for order in self.orders
            if order.customer is customer
            and order.invoiced
            and order.due + timedelta(days=1) < (order.paid or self.now)
        )
        periods = []
        for begin, end in late:
            if periods and begin <= periods[-1][1]:
                periods[-1] = (periods[-1][0], max(end, periods[-1][1]))
            else:
                periods.append((begin, end))
        return [(begin, None if end >= self.now else end) for begin, end in periods]
