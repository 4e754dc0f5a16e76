"""Who takes it: the choice among people, without database.

A :class:`Dispatcher` holds the people of one rule with what they have on their hands,
and is asked record by record. What it gives away counts at once, so a thousand records
of one run are spread as fairly as a thousand single ones.

- *Round robin* takes who has been longest without a record of this rule. The order is
  that of the last assignment, never that of names or seniority: somebody who returns
  from a pause gets one record first, and is then in turn like everybody.
- *Least loaded* takes who has least open for their capacity; in turn among equals.
- *Best closer* takes who wins the largest share of records of this kind. Shares are
  smoothed towards the share of all (as if each had decided :data:`PRIOR_WEIGHT` more
  of average luck), so that one win out of one is no 100 %. Below
  :data:`MIN_DECIDED` decided records of all people together nobody is better than
  anybody, and round robin holds.

An owner of the same company goes first when the rule says so; people who prefer such
records go before the others. Whoever is left aside is left aside for one reason, which
is kept.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

# decided records of average luck that each person is credited with
PRIOR_WEIGHT = 10
# decided records of all people together below which shares mean nothing
MIN_DECIDED = 30

STRATEGIES = ("round_robin", "least_loaded", "best_closer")
# why nobody could take it: the first of these that holds for somebody
BLOCKS = ("off_work", "full", "away", "paused", "tried", "skill", "domain", "company")


@dataclass
class Count:
    """A number that several candidates of the same person share."""

    value: int = 0


@dataclass
class Candidate:
    """A person as one rule sees them.

    ``fixed`` is what keeps them from any record now (paused, away, skill).
    ``open`` and ``recent`` count what they have, 0 of ``open_max`` and None of
    ``recent_max`` being no limit. ``turn`` grows with each assignment by the rule; 0:
    never. ``opens`` is when they work next; ``at_work`` whether that is now.
    """

    id: int
    name: str = ""
    fixed: str | None = None
    open: Count = field(default_factory=Count)
    open_max: int = 0
    recent: Count = field(default_factory=Count)
    recent_max: int | None = None
    turn: int = 0
    won: int = 0
    decided: int = 0
    at_work: bool = True
    opens: datetime | None = None

    def refusal(self):
        if self.fixed:
            return self.fixed
        if self.recent_max is not None and self.recent.value >= self.recent_max:
            return "full"
        if self.open_max and self.open.value >= self.open_max:
            return "full"
        return None

    @property
    def load(self):
        """Open records for each that they can have."""
        return self.open.value / (self.open_max or self.recent_max or 1)


@dataclass
class Item:
    """A record: whom it does not suit, who has its company, who likes its kind."""

    refused: dict = field(default_factory=dict)
    owners: list = field(default_factory=list)
    preferred: frozenset = frozenset()


@dataclass
class Choice:
    """Who takes it and how that came, and why each of the others does not."""

    candidate: Candidate | None = None
    how: str = ""
    others: list = field(default_factory=list)
    block: str | None = None
    wake: datetime | None = None
    is_preferred: bool = False
    is_later: bool = False


class Dispatcher:
    """The people of one rule.

    :param hours: ``any``; ``working``: only who is at work now; ``next``: these first,
        else who starts next
    """

    def __init__(self, candidates, strategy="round_robin", hours="any"):
        self.candidates = list(candidates)
        self.strategy = strategy
        self.hours = hours
        self.decided = sum(candidate.decided for candidate in self.candidates)
        self.won = sum(candidate.won for candidate in self.candidates)
        self._turn = max((candidate.turn for candidate in self.candidates), default=0)
        if strategy == "best_closer" and self.decided < MIN_DECIDED:
            self.strategy = "round_robin"

    def share(self, candidate):
        """Smoothed share of won records."""
        prior = self.won / self.decided if self.decided else 0
        return (candidate.won + PRIOR_WEIGHT * prior) / (
            candidate.decided + PRIOR_WEIGHT
        )

    def choose(self, item=None):
        """The :class:`Choice` for one record; what is given away counts at once."""
        item = item or Item()
        choice = Choice()
        able = []
        for candidate in self.candidates:
            code = candidate.refusal() or item.refused.get(candidate.id)
            if code:
                choice.others.append((candidate, code))
            else:
                able.append(candidate)
        for user_id, how in item.owners:
            owner = next((c for c in able if c.id == user_id), None)
            if owner and (owner.at_work or self.hours != "working"):
                choice.others += [(c, "owner") for c in able if c is not owner]
                return self._give(choice, owner, f"owner_{how}")
        able = self._by_hours(choice, able)
        liking = [c for c in able if c.id in item.preferred]
        if liking:
            choice.is_preferred = True
            choice.others += [(c, "preference") for c in able if c not in liking]
            able = liking
        if not able:
            return self._block(choice)
        taker = min(able, key=self._rank)
        choice.others += [(c, "behind") for c in able if c is not taker]
        return self._give(choice, taker, self.strategy)

    def _by_hours(self, choice, able):
        if self.hours == "any":
            return able
        working = [c for c in able if c.at_work]
        if not working and self.hours == "next":
            opens = min((c.opens for c in able if c.opens), default=None)
            working = [c for c in able if opens and c.opens == opens]
        choice.others += [(c, "off_work") for c in able if c not in working]
        return working

    def _rank(self, candidate):
        if self.strategy == "least_loaded":
            return (candidate.load, candidate.turn, candidate.id)
        if self.strategy == "best_closer":
            return (-self.share(candidate), candidate.turn, candidate.id)
        return (candidate.turn, candidate.id)

    def _give(self, choice, candidate, how):
        choice.candidate = candidate
        choice.how = how
        choice.is_later = not candidate.at_work
        self._turn += 1
        candidate.turn = self._turn
        candidate.open.value += 1
        candidate.recent.value += 1
        return choice

    def _block(self, choice):
        codes = Counter(code for _candidate, code in choice.others)
        choice.block = next((code for code in BLOCKS if codes[code]), "no_member")
        if choice.block == "off_work":
            choice.wake = min(
                (
                    c.opens
                    for c, code in choice.others
                    if code == "off_work" and c.opens
                ),
                default=None,
            )
        return choice


# ------------------------------------------------------------
# Zones
# ------------------------------------------------------------


def normalise_zip(text):
    """Letters and digits only, in capitals: "sw1a 1aa" → "SW1A1AA"."""
    return re.sub(r"[\W_]", "", text or "").upper()


def parse_zip_ranges(text):
    """``(low, high, is_exact)`` of each part of "10000-19999, 2*, 75001".

    A range and a start ("2*") are compared with as many characters of the zip code as
    they have themselves: "10000-19999" holds 10115-1234, too.

    :raise ValueError: with the part that is neither
    """
    ranges = []
    for part in re.split(r"[,;\n]", text or ""):
        part = part.strip()
        if not part:
            continue
        bounds = [normalise_zip(bound) for bound in part.removesuffix("*").split("-")]
        is_start = part.endswith("*")
        if len(bounds) == 1 and bounds[0]:
            ranges.append((bounds[0], bounds[0], not is_start))
        elif (
            len(bounds) == 2
            and not is_start
            and bounds[0]
            and len(bounds[0]) == len(bounds[1])
            and bounds[0] <= bounds[1]
        ):
            ranges.append((*bounds, False))
        else:
            raise ValueError(part)
    return ranges


def zip_matches(code, ranges):
    """Whether a zip code lies in one of the parsed ranges."""
    code = normalise_zip(code)
    return any(
        code == low
        if exact
        else len(code) >= len(low) and low <= code[: len(low)] <= high
        for low, high, exact in ranges
    )
