import random
from datetime import datetime, timedelta

import pytz

from odoo.fields import Command
from odoo.tests import TransactionCase, tagged

from odoo.addons.crm_plus.tools.calendar_time import elapsed, plan_due, work_time
from odoo.addons.crm_plus.tools.worktime import NoWorkingTimeError


@tagged("post_install", "-at_install", "crm_sla")
class TestCalendarTime(TransactionCase):
    """The working time of real calendars, beside what Odoo itself says."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.other_company = cls.env["res.company"].create({"name": "Other"})

    def _create_calendar(self, slots, **values):
        """Calendar of ``(weekday, from, to[, week type])`` slots."""
        return self.env["resource.calendar"].create(
            {
                "name": "Test",
                "tz": "UTC",
                "company_id": self.company.id,
                "attendance_ids": [
                    Command.clear(),
                    *(
                        Command.create(
                            {
                                "name": "Slot",
                                "dayofweek": str(slot[0]),
                                "hour_from": slot[1],
                                "hour_to": slot[2],
                                "day_period": "morning",
                                "week_type": slot[3] if len(slot) > 3 else False,
                            }
                        )
                        for slot in slots
                    ),
                ],
                **values,
            }
        )

    def _create_leave(self, start, stop, **values):
        return self.env["resource.calendar.leaves"].create(
            {"name": "Closed", "date_from": start, "date_to": stop, **values}
        )

    def test_same_as_plan_hours(self):
        """Hundreds of random promises on six kinds of calendars: no mismatch."""
        office = [
            (day, *slot) for day in range(5) for slot in ((8.5, 12), (13.25, 17.5))
        ]
        calendars = {
            "office": self._create_calendar(office),
            "summer time": self._create_calendar(office, tz="America/New_York"),
            "half hour zone": self._create_calendar(office, tz="Asia/Kolkata"),
            "round the clock": self._create_calendar(
                [(day, 0, 24) for day in range(7)], tz="Europe/Brussels"
            ),
            "part time": self._create_calendar([(2, 10, 11.75)], tz="Europe/Kyiv"),
            "two weeks": self._create_calendar(
                [(0, 9, 17, "0"), (1, 9, 12, "0"), (3, 13, 20, "1"), (6, 22, 24, "1")],
                two_weeks_calendar=True,
            ),
        }
        for number, calendar in enumerate(calendars.values()):
            for week in range(0, 120, 7):
                start = datetime(2025, 1, 8, 10) + timedelta(weeks=week, days=number)
                self._create_leave(
                    start, start + timedelta(hours=31), calendar_id=calendar.id
                )
        # a general holiday of the company
        holiday = self._create_leave(
            datetime(2025, 12, 25), datetime(2025, 12, 26, 23, 59, 59)
        )
        self.assertFalse(holiday.calendar_id)
        rng = random.Random(19)
        for name, calendar in calendars.items():
            items = [
                (
                    datetime(2025, 1, 1)
                    + timedelta(seconds=rng.randrange(700 * 86400)),
                    rng.randrange(1, 60 * 3600),
                )
                for _number in range(80)
            ]
            for (start, seconds), due in zip(
                items, plan_due(calendar, items), strict=True
            ):
                expected = calendar.plan_hours(
                    seconds / 3600, pytz.utc.localize(start), compute_leaves=True
                )
                with self.subTest(name, start=start, seconds=seconds):
                    self.assertAlmostEqual(
                        due.timestamp(),
                        expected.replace(tzinfo=None).timestamp(),
                        delta=0.001,
                    )
                    self.assertEqual(elapsed(calendar, [(start, due)]), [seconds])

    def test_intervals_are_fetched_once_for_all(self):
        calendar = self._create_calendar([(day, 9, 17) for day in range(5)])
        starts = [datetime(2026, 1, 5) + timedelta(hours=n) for n in range(2000)]
        self.env.flush_all()
        counts = []
        for number in (20, 2000):
            self.env.invalidate_all()
            self.env.cr.precommit.data.clear()
            before = self.env.cr.sql_log_count
            plan_due(calendar, [(start, 3600) for start in starts[:number]])
            counts.append(self.env.cr.sql_log_count - before)
        # a hundred times the promises reach further: one more stretch is fetched
        self.assertLessEqual(counts[1], counts[0] + 2)
        before = self.env.cr.sql_log_count
        plan_due(calendar, [(start, 60) for start in starts])
        self.assertEqual(self.env.cr.sql_log_count, before, "all is known already")

    def test_no_calendar_is_round_the_clock(self):
        nothing = self.env["resource.calendar"]
        saturday = datetime(2026, 1, 3, 22)

        self.assertEqual(
            plan_due(nothing, [(saturday, 5 * 3600)]), [datetime(2026, 1, 4, 3)]
        )
        self.assertEqual(
            elapsed(nothing, [(saturday, datetime(2026, 1, 4, 22))]), [86400]
        )

    def test_calendar_without_hours_is_an_error(self):
        with self.assertRaises(NoWorkingTimeError):
            plan_due(self._create_calendar([]), [(datetime(2026, 1, 5), 3600)])

    def test_calendar_closed_for_ever_is_an_error(self):
        calendar = self._create_calendar([(0, 9, 17)])
        self._create_leave(
            datetime(2026, 1, 1), datetime(2100, 1, 1), calendar_id=calendar.id
        )

        with self.assertRaises(NoWorkingTimeError):
            plan_due(calendar, [(datetime(2026, 1, 5), 3600)])

    def test_holidays_of_other_companies_do_not_count(self):
        calendar = self._create_calendar([(day, 9, 17) for day in range(5)])
        holiday = (
            self.env["resource.calendar.leaves"]
            .with_company(self.other_company)
            .create(
                {
                    "name": "Other company is closed",
                    "date_from": datetime(2026, 1, 5),
                    "date_to": datetime(2026, 1, 6),
                }
            )
        )
        self.assertEqual(holiday.company_id, self.other_company)
        item = (datetime(2026, 1, 5, 9), 3600)

        self.assertEqual(plan_due(calendar, [item]), [datetime(2026, 1, 5, 10)])
        self.assertEqual(
            plan_due(calendar, [item], self.other_company),
            [datetime(2026, 1, 6, 10)],
        )

    def test_time_off_of_a_person_does_not_count(self):
        calendar = self._create_calendar([(day, 9, 17) for day in range(5)])
        resource = self.env["resource.resource"].create(
            {"name": "Someone", "calendar_id": calendar.id}
        )
        self._create_leave(
            datetime(2026, 1, 5),
            datetime(2026, 1, 6),
            calendar_id=calendar.id,
            resource_id=resource.id,
        )

        self.assertEqual(
            plan_due(calendar, [(datetime(2026, 1, 5, 9), 3600)]),
            [datetime(2026, 1, 5, 10)],
        )

    def test_flexible_calendar_is_the_same_whenever_one_asks(self):
        """30 hours a week of 8 a day: Monday to Wednesday 8 to 16, Thursday 6 around
        noon; asked one by one, or all at once.
        """
        calendar = self._create_calendar(
            [],
            schedule_type="flexible",
            hours_per_day=8,
            full_time_required_hours=30,
        )
        items = [
            (datetime(2026, 1, 5, 8), 3600),
            (datetime(2026, 1, 7, 15), 2 * 3600),
            (datetime(2026, 1, 8, 15), 3600),
            (datetime(2026, 1, 9, 12), 3600),
        ]
        expected = [
            datetime(2026, 1, 5, 9),
            datetime(2026, 1, 8, 10),
            datetime(2026, 1, 12, 9),
            datetime(2026, 1, 12, 9),
        ]

        self.assertEqual(plan_due(calendar, items), expected)
        for item, due in zip(items, expected, strict=True):
            self.env.cr.precommit.data.clear()
            self.assertEqual(plan_due(calendar, [item]), [due])

    def test_changed_hours_are_seen_in_the_same_transaction(self):
        calendar = self._create_calendar([(day, 9, 17) for day in range(5)])
        item = (datetime(2026, 1, 5, 9), 3600)
        self.assertEqual(plan_due(calendar, [item]), [datetime(2026, 1, 5, 10)])

        leave = self._create_leave(
            datetime(2026, 1, 5), datetime(2026, 1, 6), calendar_id=calendar.id
        )
        self.assertEqual(plan_due(calendar, [item]), [datetime(2026, 1, 6, 10)])
        leave.unlink()
        self.assertEqual(plan_due(calendar, [item]), [datetime(2026, 1, 5, 10)])
        calendar.attendance_ids.filtered(lambda a: a.dayofweek == "0").hour_from = 11
        self.assertEqual(plan_due(calendar, [item]), [datetime(2026, 1, 5, 12)])
        calendar.tz = "Etc/GMT+1"
        self.assertEqual(plan_due(calendar, [item]), [datetime(2026, 1, 5, 13)])

    def test_questions_beside_planning(self):
        work = work_time(self._create_calendar([(day, 9, 17) for day in range(5)]))

        self.assertFalse(work.is_open(datetime(2026, 1, 4, 12)))
        self.assertEqual(
            work.next_open(datetime(2026, 1, 4, 12)), datetime(2026, 1, 5, 9)
        )
