"""Working-time arithmetic on opening intervals, without database.

A :class:`WorkTime` is a line of disjoint opening intervals in UTC with their prefix
sums. Every question is a bisection on it: when is a promise of so many seconds due, how
many working seconds lie between two moments, when does it open next. Working in UTC
makes daylight saving right by itself: an hour is 3,600 real seconds, a local opening
time is where that day's local time really was, and the 25 hours of the autumn Sunday
are 25 hours.

The intervals come from a ``fetch`` function, asked once per stretch of time and never
twice for the same one. When a question reaches past what is known, the known stretch is
doubled, on local Monday midnights, so that weekly patterns are never cut.

All datetimes are naive UTC, as Odoo stores them (aware ones are accepted and
converted); durations are in seconds; negative durations go backwards. An interval is
open at its start and closed at its end, so 17:00 belongs to the night; but work that
fills the day to the last second is due *at* the closing time, not on the next morning.
"""

from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

UTC = ZoneInfo("UTC")
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
WEEK = timedelta(weeks=1)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# Odoo writes midnight at the end of a day as 23:59:59.999999: openings nearer than this
# are one
GAP = SECOND // 2
# the first stretch that is fetched; most promises end within it
FIRST_SPAN_WEEKS = 4
# nobody promises an answer in ten years: a calendar that still has no opening there has
# none
MAX_SPAN_WEEKS = 10 * 53


class NoWorkingTimeError(ValueError):
    """The calendar is empty, or closed for years: it has no such working time."""


def to_utc(moment):
    """Naive UTC datetime of a naive (taken as UTC) or aware ``moment``."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _ticks(moment):
    return (moment - EPOCH) // MICROSECOND


def _moment(ticks):
    return EPOCH + timedelta(microseconds=ticks)


def _normalise(intervals):
    """Sorted, disjoint, non-empty intervals; touching ones are joined."""
    result = []
    for start, stop in sorted(intervals):
        if result and start - result[-1][1] <= GAP:
            result[-1] = (result[-1][0], max(stop, result[-1][1]))
        elif stop > start:
            result.append((start, stop))
    return result


class WorkTime:
    """Opening intervals, fetched as far as the questions reach.

    :param fetch: ``fetch(start, stop)`` gives the opening intervals within two naive
        UTC datetimes, as pairs of the same;
        both bounds are local Monday midnights
    :param tz: name of the time zone of days and weeks
    """

    def __init__(self, fetch, tz="UTC"):
        self._fetch = fetch
        self.tz = ZoneInfo(tz)
        self._low = self._high = None
        self._intervals = []
        self._index()

    # ------------------------------------------------------------
    # Where openings come from
    # ------------------------------------------------------------

    @classmethod
    def from_intervals(cls, intervals, tz="UTC"):
        """The given openings and nothing before, between or after."""
        pairs = [(to_utc(start), to_utc(stop)) for start, stop in intervals]
        return cls(
            lambda low, high: [
                (max(start, low), min(stop, high))
                for start, stop in pairs
                if start < high and stop > low
            ],
            tz=tz,
        )

    @classmethod
    def always(cls, tz="UTC"):
        """Open round the clock."""
        return cls(lambda low, high: [(low, high)], tz=tz)

    @classmethod
    def from_week(cls, hours, tz="UTC", holidays=(), holiday_hours=None):
        """Openings by weekday, with days off and days of other hours.

        :param dict hours: ``{"mon": [("09:00", "17:00")], …}``; "24:00" is the midnight
            that ends the day
        :param holidays: dates without opening
        :param dict holiday_hours: ``{date: [("10:00", "12:00")]}``, in place of that
            weekday's hours
        """
        zone = ZoneInfo(tz)
        holidays = set(holidays)
        holiday_hours = holiday_hours or {}

        def at(day, hour):
            hours, minutes, *seconds = (int(part) for part in hour.split(":"))
            local = datetime.combine(
                day + timedelta(days=hours // 24), time(hours % 24, minutes, *seconds)
            )
            return to_utc(local.replace(tzinfo=zone))

        def fetch(low, high):
            day = low.replace(tzinfo=UTC).astimezone(zone).date()
            last = high.replace(tzinfo=UTC).astimezone(zone).date()
            while day < last:
                if day in holiday_hours:
                    slots = holiday_hours[day]
                else:
                    slots = (
                        ()
                        if day in holidays
                        else hours.get(WEEKDAYS[day.weekday()], ())
                    )
                for start, stop in slots:
                    yield at(day, start), at(day, stop)
                day += timedelta(days=1)

        return cls(fetch, tz=tz)

    # ------------------------------------------------------------
    # Questions about time
    # ------------------------------------------------------------

    def add(self, moment, seconds):
        """The moment at which ``seconds`` of working time have passed since (negative:
        still lie before) ``moment``.

        Nothing to add moves to the next opening, as Odoo's ``plan_hours``.
        """
        moment = to_utc(moment)
        ticks = round(seconds * SECOND)
        if not ticks:
            return self.next_open(moment)
        self.cover(moment)
        if ticks > 0:
            return _moment(self._ahead(moment, lambda: self._position(moment) + ticks))
        return _moment(self._behind(moment, -ticks))

    def due(self, start, seconds, pauses=()):
        """When a promise of ``seconds`` working time, made at ``start`` and suspended
        during ``pauses``, is due.

        A pause that begins when the promise is already due changes nothing: a broken
        promise is not mended by waiting.

        :param pauses: disjoint ``(from, to)`` pairs in order
        """
        if not pauses:
            return self.add(start, seconds)
        start = to_utc(start)
        bounds = [
            (max(to_utc(since), start), max(to_utc(until), start))
            for since, until in pauses
        ]
        self.cover(start, max(until for _since, until in bounds))

        def need():
            position = self._position(start) + round(seconds * SECOND)
            for since, until in bounds:
                since_position = self._position(since)
                if since_position >= position:
                    break
                position += self._position(until) - since_position
            return position

        return _moment(self._ahead(start, need))

    def between(self, start, stop):
        """Working seconds from ``start`` to ``stop`` (negative when they are in reverse
        order).
        """
        start, stop = to_utc(start), to_utc(stop)
        self.cover(min(start, stop), max(start, stop))
        return (self._position(stop) - self._position(start)) / SECOND

    def elapsed(self, start, stop, pauses=()):
        """Working seconds from ``start`` to ``stop`` without those of the ``pauses``
        within.
        """
        seconds = self.between(start, stop)
        for since, until in pauses:
            since, until = max(since, start), min(until, stop)
            if since < until:
                seconds -= self.between(since, until)
        return seconds

    def is_open(self, moment):
        moment = to_utc(moment)
        self.cover(moment)
        index = self._interval_at(moment)
        return index is not None

    def next_open(self, moment):
        """``moment`` itself when it is open, else the next opening."""
        moment = to_utc(moment)
        self.cover(moment)
        if self._interval_at(moment) is not None:
            return moment
        return self.next_opening(moment)

    def next_opening(self, moment):
        """The first opening after ``moment``, even when it is open then."""
        moment = to_utc(moment)
        self.cover(moment)
        while True:
            index = bisect_right(self._starts, _ticks(moment))
            if index < len(self._starts):
                return _moment(self._starts[index])
            self._grow(moment)

    def next_close(self, moment):
        """The closing time of the opening that holds ``moment``, or of the next one."""
        moment = to_utc(moment)
        self.cover(moment)
        while True:
            index = bisect_right(self._stops, _ticks(moment))
            # an opening that ends where our knowledge ends may go on
            if index < len(self._stops) and self._stops[index] < _ticks(self._high):
                return _moment(self._stops[index])
            self._grow(moment)

    def last_open(self, moment):
        """``moment`` itself when work was going on just before it, else the closing
        time before it.
        """
        moment = to_utc(moment)
        self.cover(moment)
        while True:
            index = bisect_left(self._starts, _ticks(moment)) - 1
            if index >= 0:
                return min(moment, _moment(self._stops[index]))
            self._grow(moment, later=False)

    # ------------------------------------------------------------
    # Questions about days
    # ------------------------------------------------------------

    def is_working_day(self, day):
        """Whether any opening lies in that local day (a moment stands for its local
        day).
        """
        start, stop = (
            self._midnight(self._local_date(day) + timedelta(days=n)) for n in (0, 1)
        )
        self.cover(start, stop)
        return self._position(stop) > self._position(start)

    def end_of_day(self, day):
        """The last closing time of that local day; its midnight when it has none."""
        day = self._local_date(day)
        start, stop = (self._midnight(day + timedelta(days=n)) for n in (0, 1))
        self.cover(start, stop)
        closed = self._position(stop) == self._position(start)
        return stop if closed else self.last_open(stop)

    def add_days(self, day, days):
        """``days`` working days later (negative: earlier).

        A day without opening is left first for the next (earlier) one that has some.
        A moment keeps its local hour; a date gives a date.
        """
        first = current = self._local_date(day)
        step = timedelta(days=1 if days > 0 else -1)
        left = abs(days)
        if left and not self.is_working_day(current):
            left += 1
        while left:
            current += step
            if self.is_working_day(current):
                left -= 1
                first = current
            elif abs(current - first) > WEEK * MAX_SPAN_WEEKS:
                raise NoWorkingTimeError(f"no working day within years of {first}")
        if not isinstance(day, datetime):
            return current
        local = to_utc(day).replace(tzinfo=UTC).astimezone(self.tz)
        return to_utc(datetime.combine(current, local.time(), tzinfo=self.tz))

    def days_between(self, start, stop):
        """Working days after the day of ``start``, up to and with the day of ``stop``
        (negative when in reverse order).
        """
        start, stop = self._local_date(start), self._local_date(stop)
        if stop < start:
            return -self.days_between(stop, start)
        return sum(
            self.is_working_day(start + timedelta(days=n))
            for n in range(1, (stop - start).days + 1)
        )

    # ------------------------------------------------------------
    # The line of openings
    # ------------------------------------------------------------

    def cover(self, start, stop=None):
        """Make sure that all between ``start`` and ``stop`` is known, in one fetch; ask
        it once for a whole batch.
        """
        stop = stop or start
        if self._low is None:
            low = self._monday(start)
            self._load(
                low,
                max(
                    self._monday(stop, weeks=1),
                    self._monday(low, weeks=FIRST_SPAN_WEEKS),
                ),
            )
            return
        if start < self._low:
            self._load(self._monday(start), self._high)
        if stop >= self._high:
            self._load(self._low, self._monday(stop, weeks=1))

    def _grow(self, moment, later=True):
        """Double what is known on one side of ``moment``; give up after years."""
        weeks = (self._high - moment if later else moment - self._low) // WEEK
        if weeks > MAX_SPAN_WEEKS:
            raise NoWorkingTimeError(
                f"no such working time in {weeks // 52} years from {moment}: "
                "the calendar is empty or closed"
            )
        weeks = max(weeks, FIRST_SPAN_WEEKS)
        if later:
            self._load(self._low, self._monday(self._high, weeks=weeks))
        else:
            self._load(self._monday(self._low, weeks=-weeks), self._high)

    def _load(self, low, high):
        """Know from ``low`` to ``high`` (local Monday midnights); only what is new is
        fetched.
        """
        if self._low is None:
            parts = [(low, high)]
        else:
            parts = [
                part
                for part in ((low, self._low), (self._high, high))
                if part[0] < part[1]
            ]
        for part in parts:
            self._intervals += [
                (_ticks(start), _ticks(stop)) for start, stop in self._fetch(*part)
            ]
        self._low, self._high = low, high
        self._intervals = _normalise(self._intervals)
        self._index()

    def _index(self):
        self._starts = [start for start, _stop in self._intervals]
        self._stops = [stop for _start, stop in self._intervals]
        # working time done at the end of each interval
        self._sums = list(accumulate(stop - start for start, stop in self._intervals))

    def _position(self, moment):
        """Working time (microseconds) from the start of what is known to ``moment``;
        changes when more is known.
        """
        ticks = _ticks(moment)
        index = bisect_right(self._starts, ticks) - 1
        if index < 0:
            return 0
        return self._sums[index] - max(self._stops[index] - ticks, 0)

    def _ahead(self, moment, need):
        """The moment (microseconds) where the position ``need()`` is reached. It is
        asked again after each growth.
        """
        while True:
            position = need()
            if self._sums and position <= self._sums[-1]:
                index = bisect_left(self._sums, position)
                return self._stops[index] - (self._sums[index] - position)
            self._grow(moment)

    def _behind(self, moment, ticks):
        while True:
            position = self._position(moment) - ticks
            if position >= 0 and self._sums:
                # the latest moment with that position: the start of an opening rather
                # than the closing time before it
                index = bisect_right(self._sums, position)
                if index < len(self._sums):
                    return max(
                        self._stops[index] - (self._sums[index] - position),
                        self._starts[index],
                    )
            self._grow(moment, later=False)

    def _interval_at(self, moment):
        ticks = _ticks(moment)
        index = bisect_right(self._starts, ticks) - 1
        return index if index >= 0 and ticks < self._stops[index] else None

    def _local_date(self, day):
        if isinstance(day, datetime):
            return to_utc(day).replace(tzinfo=UTC).astimezone(self.tz).date()
        return day

    def _midnight(self, day: date):
        return to_utc(datetime.combine(day, time.min, tzinfo=self.tz))

    def _monday(self, moment, weeks=0):
        """Local Monday midnight of the week of ``moment``, or of so many ``weeks``
        later.
        """
        day = self._local_date(moment)
        return self._midnight(day - timedelta(days=day.weekday()) + WEEK * weeks)
