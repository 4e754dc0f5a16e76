"""May we write to these people, now? Arithmetic of contact pressure, without database.

A :class:`Decider` knows the rules (caps, windows, quiet hours, holidays) and is asked
about a batch of :class:`Person`, each with what was sent to them and what stands in
their way. The answer is send, defer until, or drop, with its reason.

How it works: what stands in the way for good (no consent, a hold) is asked first. Else
the first moment from now on is looked for that all caps leave free and that lies in an
open hour of the person's own day: caps move it ahead, windows move it ahead, until
neither does. Openings are worked out once a time zone and country, and asked by
bisection; most people got nothing lately, and share the answer of their zone.

A cap of *n* in a span holds if no stretch of that length has more than *n* moments,
those that are still to come included: who stands in the queue before us has their place
in it. People are decided in order, and each decision counts for those that follow, so
two records of one person in a batch are two mails to the same person.

All datetimes are naive UTC; spans are in seconds.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from .worktime import WEEKDAYS, NoWorkingTimeError, WorkTime

SEND, DEFER, DROP = "send", "defer", "drop"
# what keeps something waiting by our own rules, and not by the wish of the person
RELEASABLE = ("hold", "cap", "window")
# moments that move each other ahead more often than this find no common hour
MAX_ROUNDS = 100


class Decision(NamedTuple):
    """:param until: when to ask again, of what is deferred
    :param reason: code, see ``crm.contact.decision.reason``; "" of what is sent at once
    :param rule_id: id of the hold, cap or consent behind it
    """

    outcome: str
    until: datetime | None = None
    reason: str = ""
    rule_id: int | None = None


class Contact(NamedTuple):
    """What was sent, or stands in the queue before us."""

    date: datetime
    channel: str
    is_marketing: bool = True


class Block(NamedTuple):
    """What stands in the way, whatever the hour.

    :param until: when it is over by itself
    :param is_final: there is nothing to wait for
    """

    reason: str
    rule_id: int | None = None
    until: datetime | None = None
    is_final: bool = False


@dataclass(frozen=True, kw_only=True)
class Cap:
    """At most ``count`` in any stretch of ``seconds``.

    :param channel: of this channel only; None: of all together
    :param of_customer: of all people of the customer together, not of each
    :param marketing_only: what is no marketing does not count, and is not held back
    :param passes_from: from this priority on the cap holds nobody back
    """

    id: int | None = None
    count: int
    seconds: int
    channel: str | None = None
    of_customer: bool = False
    marketing_only: bool = True
    passes_from: int | None = None
    reason: str = "cap"

    def holds_for(self, channel, is_marketing, priority):
        return (
            (self.channel is None or self.channel == channel)
            and (is_marketing or not self.marketing_only)
            and (self.passes_from is None or priority < self.passes_from)
        )

    def counts(self, contact):
        return (self.channel is None or self.channel == contact.channel) and (
            contact.is_marketing or not self.marketing_only
        )


@dataclass(frozen=True, kw_only=True)
class Rules:
    """:param windows: ``[(weekday 0-6, from, to)]`` in hours of the person's day in
        which we may send; none: always
    :param quiet: ``(from, to)`` in hours, in which we do not; over midnight
        if from > to
    :param holidays: ``{country id: dates}``; those of None are of all others
    :param wait: after so many seconds nobody waits for it any more; None: for ever
    :param recheck: seconds after which to ask again about a hold without an end
    """

    caps: tuple = ()
    windows: tuple = ()
    quiet: tuple | None = None
    holidays: dict = field(default_factory=dict)
    wait: int | None = None
    recheck: int = 86400


@dataclass(kw_only=True, slots=True)
class Person:
    """:param key: of the record
    :param who: the person; records of one person share it
    :param customer: the customer the person belongs to
    :param contacts: list of ``Contact`` of the person
    :param customer_contacts: of all people of the customer
    :param blocks: list of ``Block``
    :param caps: further ``Cap``: what the person asked for
    :param since: when this contact was first asked for
    :param expires: after that it is of no use
    :param is_released: somebody said that it is not to wait: no hold, cap and hour of
        ours keeps it back. What the person wishes still does
    """

    key: int
    who: object
    customer: object = None
    tz: str = "UTC"
    country: int | None = None
    contacts: list = field(default_factory=list)
    customer_contacts: list = field(default_factory=list)
    blocks: list = field(default_factory=list)
    caps: tuple = ()
    since: datetime | None = None
    expires: datetime | None = None
    is_released: bool = False


def open_hours(windows, quiet):
    """Hours to send at, by weekday, as ``WorkTime.from_week`` wants them.

    :return: ``{"mon": [("09:00", "17:00")]}``; None: round the clock
    """
    quiet = quiet if quiet and quiet[0] != quiet[1] else None
    if not windows and not quiet:
        return None
    by_day = defaultdict(list)
    for weekday, start, stop in windows:
        by_day[weekday].append((start, stop))
    hours = {}
    for weekday, name in enumerate(WEEKDAYS):
        spans = by_day[weekday] if windows else [(0.0, 24.0)]
        hours[name] = [
            (_clock(start), _clock(stop))
            for span in sorted(spans)
            for start, stop in _without(span, quiet)
        ]
    return hours


def _without(span, quiet):
    """The parts of a span of a day that are not quiet."""
    if not quiet:
        return [span]
    start, stop = quiet
    loud = [(stop, start)] if start > stop else [(0.0, start), (stop, 24.0)]
    parts = [(max(span[0], low), min(span[1], high)) for low, high in loud]
    return [(low, high) for low, high in parts if low < high]


def _clock(hours):
    minutes = round(hours * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def next_free(dates, at, count, seconds):
    """The first moment from ``at`` on that keeps at most ``count`` within any stretch
    of ``seconds``, with ``dates`` (past and to come) and the new one; None: there is no
    such moment, nobody may ever.
    """
    if count <= 0:
        return None
    span = timedelta(seconds=seconds)
    dates = sorted(date for date in dates if date > at - span)
    if len(dates) < count:
        return at
    # a moment becomes free when one that counted is a span ago
    for candidate in [at, *(date + span for date in dates if date + span > at)]:
        around = [date for date in dates if abs(date - candidate) < span]
        if _fits(around, candidate, count, span):
            return candidate
    raise AssertionError("a span after the last one it is free")


def _fits(around, candidate, count, span):
    """Whether no stretch that has the candidate in it has too many."""
    merged = sorted([*around, candidate])
    return all(
        last - first >= span
        for first, last in zip(merged, merged[count:], strict=False)
        if first <= candidate <= last
    )


class Decider:
    """Decides about people by ``Rules``, for one channel, purpose and priority."""

    def __init__(self, rules, at, channel, is_marketing=True, priority=50):
        self.rules = rules
        self.at = at
        self.channel = channel
        self.is_marketing = is_marketing
        self.priority = priority
        self.caps = [cap for cap in rules.caps if self._is_ours(cap)]
        self.hours = open_hours(rules.windows, rules.quiet)
        # most people share their answer with many others: none is made twice
        self._send = Decision(SEND)
        self._now = Contact(at, channel, is_marketing)
        self._closed_by = next((cap for cap in self.caps if cap.count <= 0), None)
        self._openings = {}
        self._first = {}
        self._moments = {}
        # what this batch itself sends and queues
        self._own = defaultdict(list)
        self._own_of_customer = defaultdict(list)

    def decide(self, persons):
        """``{key: Decision}``, in order: each counts for those that follow."""
        return {person.key: self._decide(person) for person in persons}

    def _is_ours(self, cap):
        return cap.holds_for(self.channel, self.is_marketing, self.priority)

    def _decide(self, person):
        decision = self._ask(person)
        if decision.outcome == DEFER:
            last = self._get_last(person)
            if last is not None and decision.until > last:
                return Decision(DROP, None, "late", decision.rule_id)
        if decision.outcome == SEND or decision.reason in ("cap", "wish", "window"):
            contact = self._now
            if decision.until:
                contact = Contact(decision.until, self.channel, self.is_marketing)
            self._own[person.who].append(contact)
            if person.customer is not None:
                self._own_of_customer[person.customer].append(contact)
        return decision

    def _get_last(self, person):
        """The last moment at which it is still wanted."""
        lasts = []
        if self.rules.wait is not None:
            lasts.append((person.since or self.at) + timedelta(seconds=self.rules.wait))
        if person.expires is not None:
            lasts.append(person.expires)
        return min(lasts, default=None)

    def _ask(self, person):
        if person.blocks:
            blocked = self._ask_blocks(person)
            if blocked:
                return blocked
        if person.is_released:
            return self._ask_wishes(person)
        moment, reason, rule_id = self._first_opening(person), "window", None
        if moment is None:
            return Decision(DROP, None, "window")
        caps, closed_by = self.caps, self._closed_by
        if person.caps:
            caps = caps + [cap for cap in person.caps if self._is_ours(cap)]
            closed_by = next((cap for cap in caps if cap.count <= 0), None)
        if caps and self._has_contacts(person):
            moment, reason, rule_id = self._shared_moment(person, caps, moment)
        elif closed_by:
            moment, reason, rule_id = None, closed_by.reason, closed_by.id
        if moment is None:
            return Decision(DROP, None, reason, rule_id)
        if moment <= self.at:
            return self._send
        return Decision(DEFER, moment, reason, rule_id)

    def _ask_wishes(self, person):
        latest = Decision(SEND)
        for cap in person.caps:
            if not self._is_ours(cap):
                continue
            free = next_free(
                self._get_dates(person, cap), self.at, cap.count, cap.seconds
            )
            if free is None:
                return Decision(DROP, None, cap.reason, cap.id)
            if free > (latest.until or self.at):
                latest = Decision(DEFER, free, cap.reason, cap.id)
        return latest

    def _ask_blocks(self, person):
        """The block that lasts longest says why."""
        longest = None
        for block in person.blocks:
            if person.is_released and block.reason in RELEASABLE:
                continue
            if block.is_final:
                return Decision(DROP, None, block.reason, block.rule_id)
            until = block.until or self.at + timedelta(seconds=self.rules.recheck)
            if until > self.at and (longest is None or until > longest.until):
                longest = Decision(DEFER, until, block.reason, block.rule_id)
        return longest

    def _has_contacts(self, person):
        return (
            person.contacts
            or person.customer_contacts
            or person.who in self._own
            or (
                person.customer is not None and person.customer in self._own_of_customer
            )
        )

    def _shared_moment(self, person, caps, moment):
        """As ``_next_moment``, looked for once for all who live by the same clock and
        got the same, unless they follow each other in this batch.
        """
        if (
            person.caps
            or person.who in self._own
            or person.customer in self._own_of_customer
        ):
            return self._next_moment(person, caps, moment)
        key = (
            person.tz,
            person.country,
            person.customer is None,
            *person.contacts,
            None,
            *person.customer_contacts,
        )
        if key not in self._moments:
            self._moments[key] = self._next_moment(person, caps, moment)
        return self._moments[key]

    def _next_moment(self, person, caps, moment):
        """The first moment free of all caps and open: ``(moment, reason, id)``."""
        lines = [(cap, self._get_dates(person, cap)) for cap in caps]
        reason, rule_id = "window", None
        for _round in range(MAX_ROUNDS):
            start = moment
            for cap, dates in lines:
                free = next_free(dates, moment, cap.count, cap.seconds)
                if free is None:
                    return None, cap.reason, cap.id
                if free > moment:
                    moment, reason, rule_id = free, cap.reason, cap.id
            moment = self._next_open(person, moment)
            if moment is None:
                return None, "window", None
            if moment == start:
                return moment, reason, rule_id
        return None, reason, rule_id

    def _get_dates(self, person, cap):
        if cap.of_customer and person.customer is not None:
            contacts = person.customer_contacts
            own = self._own_of_customer.get(person.customer, ())
        else:
            contacts, own = person.contacts, self._own.get(person.who, ())
        dates = [contact.date for contact in contacts if cap.counts(contact)]
        dates += [contact.date for contact in own if cap.counts(contact)]
        return dates

    # ------------------------------------------------------------
    # Hours of the day
    # ------------------------------------------------------------

    def _first_opening(self, person):
        """The first open moment from now on, once a zone and country."""
        key = person.tz, person.country
        if key not in self._first:
            self._first[key] = self._next_open(person, self.at)
        return self._first[key]

    def _next_open(self, person, moment):
        line = self._get_openings(person)
        if line is None:
            return moment
        try:
            return line.next_open(moment)
        except NoWorkingTimeError:
            return None

    def _get_openings(self, person):
        key = person.tz, person.country
        if key not in self._openings:
            holidays = self.rules.holidays.get(
                person.country, self.rules.holidays.get(None, ())
            )
            hours = self.hours
            if hours is None and holidays:
                hours = {name: [("00:00", "24:00")] for name in WEEKDAYS}
            self._openings[key] = (
                WorkTime.from_week(hours, tz=person.tz, holidays=holidays)
                if hours is not None
                else None
            )
        return self._openings[key]
