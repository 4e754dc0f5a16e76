import itertools
import json
from datetime import date, datetime, timedelta
from pathlib import Path

from odoo.tests import BaseCase, tagged

from odoo.addons.crm_plus.tools.worktime import NoWorkingTimeError, WorkTime

CASES = (
    Path(__file__).resolve().parents[3].parent
    / "shared/data/08_business_hours/working_hours/cases.jsonl"
)

# Cases of the peer on which we differ, with our answer and why.
DISPUTED = {
    # Sunday 2020-10-25 in Paris, open from 00:00 to 24:00, is the day summer time ends:
    # 25 hours really pass between the two midnights. The peer counts 24 by the clock
    # face; a promise runs in real time, and Odoo's calendars count 25 too.
    "wh-128": 25 * 3600,
}

OPS = {
    "add_hours": lambda work, moment, hours: work.add(moment, hours * 3600),
    "add_minutes": lambda work, moment, minutes: work.add(moment, minutes * 60),
    "add_seconds": lambda work, moment, seconds: work.add(moment, seconds),
    "add_days": WorkTime.add_days,
    "working_time_between": WorkTime.between,
    "working_days_between": WorkTime.days_between,
    "advance_to_working_time": WorkTime.next_open,
    "advance_to_closing_time": WorkTime.next_close,
    "next_working_time": WorkTime.next_opening,
    "return_to_working_time": WorkTime.last_open,
    "in_working_hours": WorkTime.is_open,
    "is_working_day": WorkTime.is_working_day,
}


def _parse(value):
    """A date, an aware datetime, or the value itself."""
    if not isinstance(value, str):
        return value
    return (
        date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    )


def _comparable(value):
    """Naive UTC in whole seconds: the peer rounds its results, we keep fractions."""
    value = _parse(value)
    if isinstance(value, datetime):
        if value.tzinfo:
            value = (value - value.utcoffset()).replace(tzinfo=None)
        return (value + timedelta(microseconds=500_000)).replace(microsecond=0)
    if isinstance(value, float):
        return int(value + 0.5) if value >= 0 else -int(-value + 0.5)
    return value


def utc(text):
    return datetime.fromisoformat(text)


OFFICE = {day: [("09:00", "17:00")] for day in ("mon", "tue", "wed", "thu", "fri")}


@tagged("post_install", "-at_install", "crm_sla")
class TestWorkTime(BaseCase):
    def test_cases_of_the_peer(self):
        if not CASES.exists():
            self.skipTest(f"the case file is not beside this checkout: {CASES}")
        cases = [json.loads(line) for line in CASES.read_text().splitlines()]
        self.assertEqual(len(cases), 136)
        for case in cases:
            work = WorkTime.from_week(
                case["working_hours"],
                tz=case["tz"],
                holidays=[date.fromisoformat(day) for day in case["holidays"]],
                holiday_hours={
                    date.fromisoformat(day): slots
                    for day, slots in case["holiday_hours"].items()
                },
            )
            answer = OPS[case["op"]](work, *(_parse(arg) for arg in case["args"]))
            expected = DISPUTED.get(case["id"], case["expected"])
            with self.subTest(case=case["id"], title=case["title"]):
                self.assertEqual(_comparable(answer), _comparable(expected))

    def test_spring_day_has_one_hour_less(self):
        # Paris, 2026-03-29: 02:00 becomes 03:00
        work = WorkTime.from_week({"sun": [("00:00", "24:00")]}, tz="Europe/Paris")

        self.assertEqual(
            work.between(utc("2026-03-28T12:00"), utc("2026-03-30T12:00")), 23 * 3600
        )
        # midnight is 23:00 UTC, and four real hours later the clock says 05:00 summer
        # time
        self.assertEqual(
            work.add(utc("2026-03-28T12:00"), 4 * 3600), utc("2026-03-29T03:00")
        )

    def test_autumn_day_has_one_hour_more(self):
        work = WorkTime.from_week({"sun": [("00:00", "24:00")]}, tz="Europe/Paris")

        self.assertEqual(
            work.between(utc("2026-10-24T12:00"), utc("2026-10-26T12:00")), 25 * 3600
        )

    def test_office_hours_follow_the_local_clock(self):
        # New York opens at 14:00 UTC in winter, at 13:00 in summer (change on
        # 2026-03-08)
        work = WorkTime.from_week(OFFICE, tz="America/New_York")

        self.assertEqual(
            work.next_open(utc("2026-03-06T00:00")), utc("2026-03-06T14:00")
        )
        self.assertEqual(
            work.next_open(utc("2026-03-09T00:00")), utc("2026-03-09T13:00")
        )
        # Friday 16:00 local + 2 h = Monday 10:00 local
        self.assertEqual(
            work.add(utc("2026-03-06T21:00"), 2 * 3600), utc("2026-03-09T14:00")
        )

    def test_always_open(self):
        work = WorkTime.always()

        self.assertEqual(
            work.add(utc("2026-02-27T20:00"), 30 * 3600), utc("2026-03-01T02:00")
        )
        self.assertEqual(
            work.add(utc("2026-02-27T20:00"), -30 * 3600), utc("2026-02-26T14:00")
        )
        self.assertEqual(
            work.between(utc("2020-01-01T00:00"), utc("2026-01-01T00:00")), 2192 * 86400
        )
        self.assertTrue(work.is_open(utc("2026-01-01T03:00")))

    def test_days_that_end_a_microsecond_before_midnight_are_joined(self):
        # as resource.calendar writes an attendance until 24:00
        work = WorkTime.from_intervals(
            [
                (utc("2026-01-05T00:00"), utc("2026-01-05T23:59:59.999999")),
                (utc("2026-01-06T00:00"), utc("2026-01-06T23:59:59.999999")),
            ]
        )

        self.assertEqual(
            work.add(utc("2026-01-05T20:00"), 6 * 3600), utc("2026-01-06T02:00")
        )
        self.assertTrue(work.is_open(utc("2026-01-05T23:59:59.999999")))

    def test_empty_calendar_is_an_error_not_a_loop(self):
        for work in (WorkTime.from_week({}), WorkTime.from_intervals([])):
            for question in (
                lambda work=work: work.add(utc("2026-01-05T00:00"), 3600),
                lambda work=work: work.add(utc("2026-01-05T00:00"), -3600),
                lambda work=work: work.due(utc("2026-01-05T00:00"), 3600),
                lambda work=work: work.next_open(utc("2026-01-05T00:00")),
                lambda work=work: work.last_open(utc("2026-01-05T00:00")),
                lambda work=work: work.next_close(utc("2026-01-05T00:00")),
                lambda work=work: work.add_days(date(2026, 1, 5), 1),
            ):
                with self.assertRaises(NoWorkingTimeError):
                    question()
            self.assertEqual(
                work.between(utc("2026-01-05T00:00"), utc("2026-02-05T00:00")), 0
            )
            self.assertFalse(work.is_open(utc("2026-01-05T00:00")))

    def test_far_future(self):
        work = WorkTime.from_week(OFFICE)

        # 2,000 working days of 8 hours = 400 weeks
        due = work.add(utc("2026-01-05T09:00"), 2000 * 8 * 3600)
        self.assertEqual(due, utc("2033-09-02T17:00"))
        self.assertEqual(work.between(utc("2026-01-05T09:00"), due), 2000 * 8 * 3600)

    def test_a_batch_over_decades_is_no_empty_calendar(self):
        work = WorkTime.from_week(OFFICE)
        work.cover(utc("1970-01-01T00:00"), utc("2030-01-01T00:00"))

        self.assertEqual(
            work.add(utc("2029-12-31T16:00"), 7200), utc("2030-01-01T10:00")
        )

    def test_each_stretch_is_fetched_once(self):
        fetched = []

        def fetch(low, high):
            fetched.append((low, high))
            day = low
            while day < high:
                yield day + timedelta(hours=9), day + timedelta(hours=10)
                day += timedelta(days=1)

        work = WorkTime(fetch)
        work.add(utc("2026-01-07T09:00"), 100 * 3600)
        work.add(utc("2026-01-07T09:00"), -100 * 3600)
        work.add(utc("2026-01-07T09:00"), 90 * 3600)

        stretches = sorted(fetched)
        self.assertLess(len(stretches), 9)
        for (_low, high), (low, _high) in itertools.pairwise(stretches):
            self.assertEqual(high, low, "stretches join without gap or overlap")
        for low, high in stretches:
            self.assertEqual((low.weekday(), high.weekday()), (0, 0))

    def test_work_that_fills_the_day_is_due_at_closing(self):
        work = WorkTime.from_week(OFFICE)

        self.assertEqual(
            work.add(utc("2026-01-05T09:00"), 8 * 3600), utc("2026-01-05T17:00")
        )
        self.assertEqual(
            work.add(utc("2026-01-05T17:00"), -8 * 3600), utc("2026-01-05T09:00")
        )
        self.assertEqual(work.add(utc("2026-01-05T17:00"), 0), utc("2026-01-06T09:00"))

    def test_add_and_between_are_inverse(self):
        work = WorkTime.from_week(
            {
                "mon": [("07:00", "12:00"), ("13:30", "18:15")],
                "sat": [("22:00", "24:00")],
            }
        )
        start = utc("2026-01-05T06:30")
        for minutes in range(1, 3000, 37):
            due = work.add(start, minutes * 60)
            self.assertEqual(work.between(start, due), minutes * 60)
            self.assertEqual(work.between(due, start), -minutes * 60)

    def test_pauses_move_the_due(self):
        # (what, pauses, due) of a promise of 4 hours made on Monday at 10:00
        work = WorkTime.from_week(OFFICE)
        for what, pauses, due in [
            ("no pause", [], "2026-01-05T14:00"),
            (
                "within the day",
                [("2026-01-05T11:00", "2026-01-05T12:00")],
                "2026-01-05T15:00",
            ),
            (
                "two pauses",
                [
                    ("2026-01-05T11:00", "2026-01-05T12:00"),
                    ("2026-01-05T12:30", "2026-01-05T13:00"),
                ],
                "2026-01-05T15:30",
            ),
            (
                "over the night",
                [("2026-01-05T11:00", "2026-01-06T10:00")],
                "2026-01-06T13:00",
            ),
            (
                "only closed time",
                [("2026-01-05T20:00", "2026-01-06T08:00")],
                "2026-01-05T14:00",
            ),
            (
                "began before the start",
                [("2026-01-05T09:00", "2026-01-05T11:00")],
                "2026-01-05T15:00",
            ),
            (
                "second reaches by the first",
                [("2026-01-05T13:00", "2026-01-05T14:00")],
                "2026-01-05T15:00",
            ),
            (
                "second begins in the time the first gave",
                [
                    ("2026-01-05T13:00", "2026-01-05T14:00"),
                    ("2026-01-05T14:30", "2026-01-05T15:00"),
                ],
                "2026-01-05T15:30",
            ),
            (
                "after it was due",
                [("2026-01-05T14:30", "2026-01-05T16:00")],
                "2026-01-05T14:00",
            ),
            (
                "exactly when due",
                [("2026-01-05T14:00", "2026-01-05T16:00")],
                "2026-01-05T14:00",
            ),
        ]:
            with self.subTest(what):
                pauses = [(utc(since), utc(until)) for since, until in pauses]
                answer = work.due(utc("2026-01-05T10:00"), 4 * 3600, pauses)
                self.assertEqual(answer, utc(due))
                counted = [(since, until) for since, until in pauses if since < answer]
                self.assertEqual(
                    work.elapsed(utc("2026-01-05T10:00"), answer, counted), 4 * 3600
                )

    def test_elapsed_without_the_pauses(self):
        work = WorkTime.from_week(OFFICE)

        self.assertEqual(
            work.elapsed(
                utc("2026-01-05T10:00"),
                utc("2026-01-06T10:00"),
                [
                    (utc("2026-01-05T16:00"), utc("2026-01-05T23:00")),
                    (utc("2026-01-06T09:30"), utc("2026-01-06T12:00")),
                ],
            ),
            6.5 * 3600,
        )
