"""How people went through a campaign, as plain data.

A walk through the tree of steps, as the engine would do it, with what people did with
their mails drawn by a random generator of its own. Nothing but what is planned lies
in the future.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SEED = 31
TASK_MINUTES = (1, 6)  # until the scheduler comes by


@dataclass
class Step:
    """A step of the tree: ``ways`` are the codes of the steps after it."""

    kind: str
    ways: dict = field(default_factory=dict)
    days: int = 0


@dataclass
class Entrant:
    key: int
    entered: datetime
    # the record's own end: won, lost
    left: datetime | None = None
    left_reason: str | None = None


@dataclass
class Task:
    step: str
    state: str
    planned: datetime
    done: datetime | None = None
    outcome: str | None = None
    # mail
    opened: datetime | None = None
    clicks: list = field(default_factory=list)  # (date, reason why a machine's or None)
    replied: datetime | None = None
    bounced: datetime | None = None


@dataclass
class Journey:
    entrant: Entrant
    state: str = "running"
    left: datetime | None = None
    exit_reason: str | None = None
    tasks: list = field(default_factory=list)


class CampaignPlot:
    """The journeys of all who entered; see the module."""

    def __init__(self, now, tree, entrants, seed=SEED):
        """
        :param now: naive UTC datetime
        :param tree: ``{code: Step}``, the root first
        """
        self.random = random.Random(seed)
        self.now = now
        self.tree = tree
        self.journeys = [self._walk(entrant) for entrant in entrants]

    def _walk(self, entrant):
        rnd = self.random
        journey = Journey(entrant)
        code, date = next(iter(self.tree)), entrant.entered
        end, reason = entrant.left, entrant.left_reason
        while code:
            step = self.tree[code]
            task = self._do(journey, code, step, date)
            journey.tasks.append(task)
            if task.opened and rnd.random() < 0.1 and not task.clicks:
                # had enough of it
                unsubscribed = task.opened + timedelta(minutes=2)
                if unsubscribed < self.now and not (end and end < unsubscribed):
                    end, reason = unsubscribed, "opt_out"
            if end and (not task.done or task.done >= end):
                self._leave(journey, task, end, reason)
                return journey
            if not task.done:
                return journey
            date = task.done
            code = step.ways.get(task.outcome)
        journey.state = "done"
        journey.left = date
        return journey

    def _do(self, journey, code, step, date):
        minutes = timedelta(minutes=self.random.randint(*TASK_MINUTES))
        if step.kind == "wait_click":
            mail = next(t for t in reversed(journey.tasks) if t.clicks is not None)
            return self._do_wait(code, step, date, mail, minutes)
        task = Task(code, "planned", date + timedelta(days=step.days))
        done = task.planned + minutes
        if done < self.now:
            task.state, task.done, task.outcome = "done", done, "next"
            if step.kind == "mail":
                self._draw_reaction(task)
        return task

    def _do_wait(self, code, step, date, mail, minutes):
        task = Task(code, "planned", date + timedelta(days=step.days), clicks=None)
        clicks = [moment for moment, machine in mail.clicks if not machine]
        if clicks and clicks[0] < task.planned:
            task.planned = clicks[0]
            done, outcome = clicks[0] + timedelta(minutes=1), "yes"
        else:
            done, outcome = task.planned + minutes, "no"
        if done < self.now:
            task.state, task.done, task.outcome = "done", done, outcome
        return task

    def _draw_reaction(self, task):
        rnd = self.random
        sent = task.done

        def after(low, high):
            moment = sent + timedelta(hours=rnd.triangular(low, high, low))
            if moment.hour < 6:
                moment += timedelta(hours=6)  # read in the morning
            return moment.replace(microsecond=0)

        if rnd.random() < 0.03:
            task.bounced = sent + timedelta(seconds=20)
            return
        if rnd.random() < 0.07:
            # a mail scanner follows the link at once
            task.clicks.append((sent + timedelta(seconds=2), "speed"))
        if rnd.random() > 0.64:
            return
        opened = after(0.2, 60)
        if opened >= self.now:
            return
        task.opened = opened
        clicked = opened + timedelta(seconds=rnd.randint(15, 400))
        if rnd.random() < 0.46 and clicked < self.now:
            task.clicks.append((clicked, None))
        replied = opened + timedelta(hours=rnd.uniform(0.2, 20))
        if rnd.random() < 0.08 and replied < self.now:
            task.replied = replied.replace(microsecond=0)

    def _leave(self, journey, task, end, reason):
        journey.state = "exited"
        journey.left = end
        journey.exit_reason = reason
        if not task.done or task.done > end:
            task.state, task.done, task.outcome = "skipped", end, None
            task.opened = task.replied = task.bounced = None
            if task.clicks:
                task.clicks = []
