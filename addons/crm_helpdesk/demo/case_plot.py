"""What the customers of the demo company asked for, as plain data.

Drawn from people (contacts with what was delivered to them) and topics, with a random
generator of its own. The order of events holds by construction.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from . import case_pools as pools

SEED = 20
CASES = 62
DAY_BEGINS, DAY_ENDS = 7, 15
AGENTS = {"care": ("tomas", "aiko"), "machine": ("jonna", "tomas")}
# how many are where
STAGES = (
    ("new", 9),
    ("in_progress", 11),
    ("waiting_customer", 8),
    ("waiting_third", 5),
    ("solved", 11),
    ("closed", 18),
)


OVER = ("solved", "closed")
# shares of the cases that are over
SHORT, REOPENED, HANDED_OVER = 0.45, 0.2, 0.3
# what those say who were asked whether they recommend us, by their rating
RECOMMENDS = {5: (9, 10, 10), 4: (7, 8, 9), 3: (5, 6, 7), 1: (0, 2, 4)}


@dataclass
class Person:
    key: int
    name: str
    email: str
    # (key, name, date of delivery), newest last
    orders: list = field(default_factory=list)

    @property
    def first_name(self):
        return self.name.split()[0]


@dataclass
class Mail:
    date: datetime
    incoming: bool
    text: str
    subject: str
    is_machine: bool = False


@dataclass
class Case:
    person: Person
    order: tuple | None
    name: str
    text: str
    team: str
    tag: str
    opened: datetime
    channel: str
    priority: str
    agent: str | None
    stage: str
    mails: list = field(default_factory=list)
    notes: list = field(default_factory=list)  # (date, text)
    moves: list = field(default_factory=list)  # (date, stage before, stage after)
    answered: datetime | None = None
    closed: datetime | None = None
    rating: int | None = None
    rated: datetime | None = None
    feedback: str = ""
    recommends: int | None = None
    handover: tuple | None = None  # (date, agent before)

    @property
    def reopened(self):
        return sum(
            before in OVER and after not in OVER for _date, before, after in self.moves
        )


class CasePlot:
    """The cases of the last months; see the module."""

    def __init__(self, now, people, regulars=(), seed=SEED):
        """
        :param now: naive UTC datetime; nothing happens after it
        :param people: ``Person`` list; most have orders
        :param regulars: people who have some cases each, whatever else is drawn
        """
        self.random = random.Random(seed)
        self.now = now
        self.cases = []
        stages = [stage for stage, count in STAGES for _i in range(count)]
        self.random.shuffle(stages)
        buyers = [person for person in people if person.orders]
        if not buyers and not regulars:
            return
        wanted = {}
        for person in regulars:
            for stage in ("in_progress", "waiting_customer", "closed", "solved"):
                wanted[stages.index(stage)] = person
                stages[stages.index(stage)] += "!"  # taken
        for i, stage in enumerate(stages):
            person = wanted.get(i) or self.random.choice(buyers)
            self.cases.append(self._draw_case(person, stage.rstrip("!")))
        self._vary([person.key for person in regulars])
        self.cases.sort(key=lambda case: case.opened)

    def at_work(self, moment):
        """The next working moment at or after ``moment``."""
        if moment.hour >= DAY_ENDS:
            moment = moment.replace(hour=DAY_BEGINS) + timedelta(days=1)
        elif moment.hour < DAY_BEGINS:
            moment = moment.replace(hour=DAY_BEGINS)
        while moment.weekday() > 4:
            moment += timedelta(days=1)
        return moment.replace(microsecond=0)

    def later(self, moment, low, high):
        """A working moment ``low`` to ``high`` hours later."""
        hours = self.random.uniform(low, high)
        return self.at_work(moment + timedelta(hours=hours))

    def _draw_opened(self, stage):
        rnd = self.random
        days = {
            "new": rnd.uniform(0.05, 2.5),
            "in_progress": rnd.uniform(0.5, 6),
            "waiting_customer": rnd.uniform(3, 14),
            "waiting_third": rnd.uniform(5, 18),
            "solved": rnd.uniform(6, 30),
            "closed": rnd.uniform(12, 240),
        }[stage]
        moment = self.now - timedelta(days=days)
        # customers also write at night
        return moment.replace(minute=rnd.randrange(60), second=rnd.randrange(60)) - (
            timedelta(hours=1)
        )

    def _draw_case(self, person, stage):
        rnd = self.random
        team, tag, subject, ask, answer, again, end = rnd.choice(pools.TOPICS)
        opened = self._draw_opened(stage)
        delivered = [order for order in person.orders if order[2] < opened]
        order = delivered[-1] if delivered else None
        while order is None and "{order}" in subject + ask + answer:
            team, tag, subject, ask, answer, again, end = rnd.choice(pools.TOPICS)
        name = order[1] if order else ""
        if "{order}" not in subject + ask:
            order = None
        case = Case(
            person=person,
            order=order,
            name=subject.format(order=name),
            text=ask.format(order=name),
            team=team,
            tag=tag,
            opened=opened,
            channel=rnd.choices(("email", "portal", "phone", "web"), (56, 22, 14, 8))[
                0
            ],
            priority=rnd.choices("0123", (12, 58, 22, 8))[0],
            agent=rnd.choice(AGENTS[team]),
            stage="new",
        )
        if case.channel == "email":
            case.mails.append(Mail(opened, True, case.text, case.name))
        if stage == "new":
            if rnd.random() < 0.6:
                case.agent = None
            return case
        texts = [text.format(order=name) for text in (answer, again, end)]
        self._draw_course(case, stage, *texts)
        return case

    def _draw_course(self, case, stage, answer, again, end):
        """As far as ``stage``, and as the time since the opening goes."""
        answered = self._draw_answer(case, answer)
        if not answered or stage == "in_progress":
            return
        replied = self._draw_reply(case, stage, answered, again)
        if not replied or stage == "waiting_customer":
            return
        waits = self._draw_wait(case, stage, replied)
        if not waits or stage == "waiting_third":
            return
        self._draw_end(case, stage, waits, end)

    def _draw_answer(self, case, text):
        """Ours; returns its date, or None when it lies ahead: the case is still new."""
        rnd = self.random
        fast = rnd.random() < 0.72
        answered = self.later(case.opened, *((0.2, 2.6) if fast else (6, 34)))
        if answered >= self.now:
            return None
        case.answered = answered
        case.mails.append(Mail(answered, False, text, f"Re: {case.name}"))
        self._move(case, answered, "in_progress")
        noted = answered + timedelta(minutes=9)
        if rnd.random() < 0.25 and noted < self.now:
            case.notes.append((noted, rnd.choice(pools.NOTES)))
        return answered

    def _draw_reply(self, case, stage, answered, text):
        """The customer's, who may have been waited for."""
        asked = answered + timedelta(minutes=3)
        waited_for = stage == "waiting_customer" or (
            stage != "waiting_third" and self.random.random() < 0.5
        )
        if waited_for and asked < self.now:
            self._move(case, asked, "waiting_customer")
        replied = self.later(asked, 2, 30)
        if stage == "waiting_customer" or replied >= self.now:
            return None
        case.mails.append(Mail(replied, True, text, f"Re: {case.name}"))
        if waited_for:
            self._move(case, replied, "in_progress")
        return replied

    def _draw_wait(self, case, stage, replied):
        """For a carrier, a bank, a supplier: returns until when, or None."""
        if stage != "waiting_third" and self.random.random() > 0.2:
            return replied
        waits = self.later(replied, 0.3, 3)
        if waits >= self.now:
            return None
        self._move(case, waits, "waiting_third")
        return self.later(waits, 8, 40)

    def _draw_end(self, case, stage, moment, text):
        solved = self.later(moment, 3, 44)
        if solved >= self.now:
            return
        case.mails.append(Mail(solved, False, text, f"Re: {case.name}"))
        self._move(case, solved, "solved")
        case.closed = solved
        closed = self.later(solved, 60, 130)
        if stage == "closed" and closed < self.now:
            self._move(case, closed, "closed")
        self._draw_rating(case)

    def _move(self, case, date, stage):
        case.moves.append((date, case.stage, stage))
        case.stage = stage

    def _vary(self, regular_keys):
        """Some are solved by the first answer or while the customer is on the phone,
        some come back, some go from hand to hand. Drawn apart: the others stay as they
        are.
        """
        rnd = random.Random(SEED + 1)
        for case in self.cases:
            if case.stage not in OVER or case.person.key in regular_keys:
                continue
            if rnd.random() < SHORT:
                self._solve_at_once(case, rnd)
            elif rnd.random() < REOPENED:
                self._come_back(case, rnd)
            if case.channel != "phone" and rnd.random() < HANDED_OVER:
                others = [agent for agent in AGENTS[case.team] if agent != case.agent]
                middle = case.opened + (case.answered - case.opened) / 2
                case.handover = middle.replace(microsecond=0), rnd.choice(others)
            if case.rating and case.team == "care":
                case.recommends = rnd.choice(RECOMMENDS[case.rating])

    def _solve_at_once(self, case, rnd):
        case.team, case.tag, case.name, case.text, answer = rnd.choice(pools.QUICK)
        case.order = None
        case.agent = rnd.choice(AGENTS[case.team])
        closings = [date for date, _before, after in case.moves if after == "closed"]
        case.notes, case.mails, case.moves, case.stage = [], [], [], "new"
        if case.channel == "phone":
            case.opened = self.at_work(case.opened)
            case.answered = case.opened + timedelta(minutes=rnd.randint(4, 18))
        else:
            if case.channel == "email":
                case.mails.append(Mail(case.opened, True, case.text, case.name))
            case.mails.append(Mail(case.answered, False, answer, f"Re: {case.name}"))
        case.closed = case.answered
        self._move(case, case.closed, "solved")
        for date in closings:
            self._move(case, date, "closed")

    def _come_back(self, case, rnd):
        """It was not solved after all; a day or two later it is."""
        again = self.at_work(case.closed + timedelta(hours=rnd.uniform(20, 40)))
        fixed = self.at_work(again + timedelta(hours=rnd.uniform(2, 9)))
        if fixed >= self.now:
            return
        is_closed = case.stage == "closed"
        case.moves = [move for move in case.moves if move[2] != "closed"]
        case.stage = "solved"
        text, answer = rnd.choice(pools.AGAIN)
        case.mails.append(Mail(again, True, text, f"Re: {case.name}"))
        case.mails.append(Mail(fixed, False, answer, f"Re: {case.name}"))
        self._move(case, again, "in_progress")
        self._move(case, fixed, "solved")
        case.closed = fixed
        closed = self.at_work(fixed + timedelta(hours=rnd.uniform(60, 130)))
        if is_closed and closed < self.now:
            self._move(case, closed, "closed")
        if case.rated and case.rated < fixed:
            case.rating, case.rated, case.feedback = None, None, ""

    def _draw_rating(self, case):
        rnd = self.random
        rated = case.closed + timedelta(hours=rnd.uniform(0.5, 40))
        if rnd.random() < 0.3 or rated >= self.now:
            return
        slow = case.answered - case.opened > timedelta(hours=18)
        weights = (10, 25, 35, 30) if slow else (58, 28, 11, 3)
        case.rating = rnd.choices((5, 4, 3, 1), weights)[0]
        case.rated = rated.replace(microsecond=0)
        case.feedback = rnd.choice(pools.FEEDBACK[case.rating])
