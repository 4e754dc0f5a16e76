"""What would become of people in a journey, without anything being done.

A dry run goes through the steps from the first on. At each it hands those who get there
to the kind of the step, as a :class:`Crowd`; the kind says by what is true now who goes
which way, and when. What people will do nobody knows: then all may go each of the ways,
and what follows is counted as "at most".
"""

from collections import defaultdict
from datetime import timedelta

from dateutil.relativedelta import relativedelta

HOUR = timedelta(hours=1)


class Crowd:
    """Those who get to one step, and what becomes of them.

    :param run: what all steps of the run share: ``emails`` and ``persons`` by key,
        ``choices``, ``limit``
    :param arrivals: ``{id of record: moment}``
    :param is_sure: whether they get here whatever they do
    :param before: the crowds of the steps before, the nearest first
    """

    def __init__(self, run, step, arrivals, is_sure=True, before=()):
        self.run = run
        self.step = step
        self.arrivals = arrivals
        self.is_sure = is_sure
        self.before = before
        # those who are still to be told of
        self.rest = dict(arrivals)
        # {(code of the way, id of the way): ({id: moment}, is it sure)}
        self.ways = {}
        # {reason: ids}
        self.skipped = defaultdict(list)
        self.held = defaultdict(list)
        self.delayed = defaultdict(list)
        # ids
        self.ended = []
        # {id: moment}, of those who are written to
        self.sent = {}
        # {id: text}: why, for one who is followed
        self.whys = {}
        # of those ways somebody has to choose one
        self.is_unknown = False

    @property
    def ids(self):
        return list(self.rest)

    def take(self, ids):
        """``{id: moment}`` of these, who are told of now."""
        return {key: self.rest.pop(key) for key in list(ids) if key in self.rest}

    def later(self, minutes, months=0):
        """``{id: moment}``: so much later."""
        if not minutes and not months:
            return dict(self.rest)
        wait = relativedelta(minutes=minutes, months=months)
        return {key: moment + wait for key, moment in self.rest.items()}

    def go(self, moments=None, code="next", way_id=False, is_sure=True):
        """They go on, by default all that are left, now.

        :param moments: ``{id: when}``, or ids
        """
        if moments is None:
            moments = self.ids
        taken = self.take(moments)
        if isinstance(moments, dict):
            taken = {key: moments[key] for key in taken}
        self._lead(taken, code, way_id, is_sure)

    def _lead(self, moments, code, way_id, is_sure):
        known, sure = self.ways.get((code, way_id), ({}, True))
        self.ways[code, way_id] = ({**known, **moments}, sure and is_sure)

    def go_somewhere(self, ways, moments, early=()):
        """All go on, on one of these ways; of several nobody knows which.

        :param ways: of ``StepKind.get_ways``
        :param moments: ``{id: when}``
        :param early: codes of ways that are gone at once
        """
        if not moments:
            return
        keys = [(code, way.id) for code, way, _label in ways]
        chosen = self.run.choices.get(self.step.id)
        if chosen in keys:
            keys = [chosen]
        elif self.run.assumed and len(keys) > 1:
            keys = [key for key in keys if key[0] == self.run.assumed] or keys[:1]
        self.is_unknown = len(keys) > 1
        at_once = self.take(moments)
        for code, way_id in keys:
            self._lead(
                at_once if code in early else dict(moments),
                code,
                way_id,
                not self.is_unknown,
            )

    def skip(self, reason, ids):
        """Nothing is done for these; the step says whether their journey goes on."""
        taken = self.take(ids)
        if not taken:
            return
        self.skipped[reason] += taken
        if self.step.on_failure == "continue":
            self._lead(taken, "next", False, True)

    def hold(self, reason, ids):
        """These wait, and nobody knows for how long."""
        taken = self.take(ids)
        if taken:
            self.held[reason] += taken

    def delay(self, reason, moments):
        """These come to their turn later: ``{id: when}``."""
        for key, moment in moments.items():
            if key in self.rest:
                self.rest[key] = moment
                self.delayed[reason].append(key)

    def end(self, ids=None):
        """The journey of these, or of all, ends here."""
        self.ended += self.take(self.ids if ids is None else ids)

    def send(self):
        """Those who are left are written to, within the limit of mails an hour."""
        limit = self.run.limit
        if limit.is_any:
            late = {}
            for key, moment in sorted(self.rest.items(), key=lambda item: item[1]):
                at = limit.take(moment, self.run.emails.get(key))
                if at > moment:
                    late[key] = at
            self.delay(self.run.words["rate"], late)
        self.sent = dict(self.rest)

    def explain(self, key, text):
        """Why it goes this way, of somebody who is followed alone."""
        self.whys[key] = text

    def get_sent_before(self, key):
        """When this one was written to on the way here."""
        return [crowd.sent[key] for crowd in self.before if key in crowd.sent]


class HourLimit:
    """At most so many mails an hour, of all and to one domain. What does not fit goes
    in the first hour that has room.
    """

    def __init__(self, start, per_hour=0, per_domain=0):
        self.start = start
        self.per_hour = per_hour
        self.per_domain = per_domain
        self._counts = defaultdict(int)
        # from a full hour on, the one to look at next
        self._next = {}

    @property
    def is_any(self):
        return bool(self.per_hour or self.per_domain)

    def take(self, moment, email=None):
        """The moment, from that one on, at which a mail goes out."""
        domain = (email or "").rpartition("@")[2].lower()
        first = hour = max(0, int((moment - self.start) / HOUR))
        lines = [
            (line, limit)
            for line, limit in ((None, self.per_hour), (domain, self.per_domain))
            if limit
        ]
        while True:
            found = hour
            for line, _limit in lines:
                found = self._find(line, found)
            if found == hour:
                break
            hour = found
        for line, limit in lines:
            self._counts[line, hour] += 1
            if self._counts[line, hour] >= limit:
                self._next[line, hour] = hour + 1
        return moment if hour == first else self.start + hour * HOUR

    def _find(self, line, hour):
        passed = []
        while (line, hour) in self._next:
            passed.append(hour)
            hour = self._next[line, hour]
        for full in passed:
            self._next[line, full] = hour
        return hour


def spread(count, per_hour=0, per_day=0, in_hour=0, in_day=0):
    """How long after the first each of ``count`` people gets in, in order, as
    ``crm.campaign._spread`` lets them in: so many each hour and day, and so many who
    came lately already have.
    """
    if not per_hour and not per_day:
        return [timedelta()] * count
    per_day = per_day or count + in_day
    if per_hour:
        per_day = min(per_day, 24 * per_hour)
    per_hour = per_hour or count + in_hour
    waits = []
    for place in range(count):
        day, rest = divmod(place + in_day, per_day)
        hour = rest // per_hour if day else (place + in_hour) // per_hour
        waits.append(timedelta(days=day, hours=hour))
    return waits
