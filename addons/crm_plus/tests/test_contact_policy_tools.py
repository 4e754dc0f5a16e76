from datetime import date, datetime, timedelta

from odoo.tests import BaseCase, tagged

from ..tools.contact_policy import (
    DEFER,
    DROP,
    SEND,
    Block,
    Cap,
    Contact,
    Decider,
    Decision,
    Person,
    Rules,
    next_free,
    open_hours,
)

DAY = 86400
# a Wednesday, noon in London
NOW = datetime(2026, 1, 14, 12, 0)


def at(text):
    """ "14 12:30" is the 14th of January 2026."""
    return datetime.strptime(f"2026-01-{text}", "%Y-%m-%d %H:%M")


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestNextFree(BaseCase):
    """(dates, at most, days, expected)"""

    CASES = [
        ("nothing yet", [], 1, 7, "14 12:00"),
        ("one of two", ["13 09:00"], 2, 7, "14 12:00"),
        ("the only one was yesterday", ["13 09:00"], 1, 7, "20 09:00"),
        ("exactly a span ago is free", ["07 12:00"], 1, 7, "14 12:00"),
        ("long ago does not count", ["01 09:00", "02 09:00"], 1, 7, "14 12:00"),
        (
            "two of two, the older goes first",
            ["12 09:00", "13 09:00"],
            2,
            7,
            "19 09:00",
        ),
        (
            "over the cap already",
            ["12 09:00", "13 09:00", "14 09:00"],
            2,
            7,
            "20 09:00",
        ),
        ("one that is to come keeps its place", ["16 09:00"], 1, 7, "23 09:00"),
        ("between two that are far apart", ["07 09:00", "22 09:00"], 1, 7, "14 12:00"),
        ("no room between two", ["10 09:00", "20 09:00"], 1, 7, "27 09:00"),
        (
            "room for a second one, yet not within the stretch of the two to come",
            ["15 09:00", "16 09:00"],
            2,
            7,
            "22 09:00",
        ),
    ]

    def test_cases(self):
        for name, dates, count, days, expected in self.CASES:
            with self.subTest(name):
                self.assertEqual(
                    next_free([at(one) for one in dates], NOW, count, days * DAY),
                    at(expected),
                )

    def test_none_at_all(self):
        self.assertIsNone(next_free([], NOW, 0, DAY))

    def test_no_stretch_ever_has_more(self):
        """Whatever is asked for, in whatever order."""
        for count in (1, 2, 3):
            dates = []
            for hour in (0, 300, 5, 100, 7, 700, 50, 51, 52, 301, 20):
                dates.append(
                    next_free(dates, NOW + timedelta(hours=hour), count, 7 * DAY)
                )
            dates.sort()
            for first, last in zip(dates, dates[count:], strict=False):
                self.assertGreaterEqual(last - first, timedelta(days=7))


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestOpenHours(BaseCase):
    CASES = [
        ("no rule", [], None, None),
        ("quiet from a time to itself is none", [], (8.0, 8.0), None),
        ("over midnight", [], (20.0, 8.0), [("08:00", "20:00")]),
        ("at noon", [], (12.0, 13.5), [("00:00", "12:00"), ("13:30", "24:00")]),
        ("a window", [(0, 9.0, 17.0)], None, [("09:00", "17:00")]),
        (
            "a window and quiet hours",
            [(0, 6.0, 22.0)],
            (20.0, 8.0),
            [("08:00", "20:00")],
        ),
        ("a window that is quiet", [(0, 21.0, 23.0)], (20.0, 8.0), []),
    ]

    def test_cases(self):
        for name, windows, quiet, expected in self.CASES:
            with self.subTest(name):
                hours = open_hours(windows, quiet)
                self.assertEqual(hours and hours["mon"], expected)

    def test_days_without_a_window_are_closed(self):
        hours = open_hours([(0, 9.0, 17.0)], None)
        self.assertEqual(hours["tue"], [])


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestDecider(BaseCase):
    def _decide(self, rules, *persons, moment=NOW, **values):
        decider = Decider(rules, moment, "email", **values)
        return list(decider.decide(persons).values())

    def _person(self, key=1, **values):
        return Person(key=key, **{"who": key, **values})

    def _sent(self, *texts, **values):
        return [Contact(at(text), "email", **values) for text in texts]

    def test_nothing_in_the_way(self):
        self.assertEqual(self._decide(Rules(), self._person()), [Decision(SEND)])

    def test_in_their_own_time_zone(self):
        rules = Rules(quiet=(20.0, 8.0))
        for tz, expected in (
            ("Europe/London", Decision(SEND)),
            # 07:00 of the same day
            ("America/New_York", Decision(DEFER, at("14 13:00"), "window")),
            # 21:00
            ("Asia/Tokyo", Decision(DEFER, at("14 23:00"), "window")),
        ):
            with self.subTest(tz):
                self.assertEqual(self._decide(rules, self._person(tz=tz)), [expected])

    def test_windows_days_and_holidays(self):
        rules = Rules(
            windows=((1, 9.0, 11.0), (3, 9.0, 11.0)),
            holidays={7: {date(2026, 1, 15)}, None: {date(2026, 1, 20)}},
        )
        thursday = Decision(DEFER, at("15 09:00"), "window")
        self.assertEqual(
            self._decide(
                rules,
                self._person(1),
                # a holiday there, so Tuesday
                self._person(2, country=7),
                # the general ones are of who has none of their own
                self._person(3, country=8),
            ),
            [thursday, Decision(DEFER, at("20 09:00"), "window"), thursday],
        )

    def test_holidays_without_hours(self):
        rules = Rules(holidays={None: {date(2026, 1, 14)}})
        self.assertEqual(
            self._decide(rules, self._person()),
            [Decision(DEFER, at("15 00:00"), "window")],
        )

    def test_across_the_change_of_the_clocks(self):
        """Eight in the morning is an hour earlier in UTC from the last Sunday of
        March on.
        """
        rules = Rules(quiet=(20.0, 8.0))
        for day, hour in ((28, 7), (29, 6)):
            decision = self._decide(
                rules,
                self._person(tz="Europe/Berlin"),
                moment=datetime(2026, 3, day, 3, 0),
            )
            self.assertEqual(decision[0].until, datetime(2026, 3, day, hour, 0))

    def test_caps(self):
        weekly = Cap(id=5, count=1, seconds=7 * DAY)
        for name, caps, person, expected in (
            ("none yet", (weekly,), {}, Decision(SEND)),
            (
                "one this week",
                (weekly,),
                {"contacts": self._sent("13 09:00")},
                Decision(DEFER, at("20 09:00"), "cap", 5),
            ),
            (
                "of another channel",
                (Cap(count=1, seconds=DAY, channel="sms"),),
                {"contacts": self._sent("14 09:00")},
                Decision(SEND),
            ),
            (
                "what is no marketing does not count",
                (weekly,),
                {"contacts": self._sent("13 09:00", is_marketing=False)},
                Decision(SEND),
            ),
            (
                "unless all is counted",
                (Cap(id=6, count=1, seconds=DAY, marketing_only=False),),
                {"contacts": self._sent("14 09:00", is_marketing=False)},
                Decision(DEFER, at("15 09:00"), "cap", 6),
            ),
            (
                "the strictest one decides",
                (weekly, Cap(id=9, count=1, seconds=10 * DAY)),
                {"contacts": self._sent("13 09:00")},
                Decision(DEFER, at("23 09:00"), "cap", 9),
            ),
            (
                "others of the customer do not count",
                (weekly,),
                {"customer": 1, "customer_contacts": self._sent("13 09:00")},
                Decision(SEND),
            ),
            (
                "unless the cap is of the customer",
                (Cap(id=5, count=1, seconds=7 * DAY, of_customer=True),),
                {"customer": 1, "customer_contacts": self._sent("13 09:00")},
                Decision(DEFER, at("20 09:00"), "cap", 5),
            ),
            (
                "never",
                (Cap(id=3, count=0, seconds=DAY),),
                {},
                Decision(DROP, None, "cap", 3),
            ),
        ):
            with self.subTest(name):
                self.assertEqual(
                    self._decide(Rules(caps=caps), self._person(**person)), [expected]
                )

    def test_a_cap_that_ends_at_night_waits_for_the_morning(self):
        rules = Rules(caps=(Cap(id=5, count=1, seconds=DAY),), quiet=(20.0, 8.0))
        person = self._person(contacts=self._sent("13 22:00"))
        self.assertEqual(
            self._decide(rules, person), [Decision(DEFER, at("15 08:00"), "cap", 5)]
        )

    def test_priority_passes_a_cap(self):
        rules = Rules(caps=(Cap(count=1, seconds=DAY, passes_from=80),))
        person = {"contacts": self._sent("14 09:00")}
        [low] = self._decide(rules, self._person(**person), priority=79)
        [high] = self._decide(rules, self._person(**person), priority=80)
        self.assertEqual((low.outcome, high.outcome), (DEFER, SEND))

    def test_what_is_no_marketing_passes_caps_of_marketing_not_quiet_hours(self):
        rules = Rules(caps=(Cap(count=1, seconds=DAY),), quiet=(11.0, 15.0))
        person = self._person(contacts=self._sent("14 09:00"))
        self.assertEqual(
            self._decide(rules, person, is_marketing=False),
            [Decision(DEFER, at("14 15:00"), "window")],
        )

    def test_two_records_of_one_person(self):
        rules = Rules(caps=(Cap(id=5, count=1, seconds=DAY),))
        self.assertEqual(
            self._decide(
                rules,
                self._person(1, who="Ida"),
                self._person(2, who="Ida"),
                self._person(3, who="Ida"),
                self._person(4, who="Tom"),
            ),
            [
                Decision(SEND),
                Decision(DEFER, at("15 12:00"), "cap", 5),
                Decision(DEFER, at("16 12:00"), "cap", 5),
                Decision(SEND),
            ],
        )

    def test_two_people_of_one_customer(self):
        rules = Rules(caps=(Cap(count=1, seconds=DAY, of_customer=True),))
        first, second, third = self._decide(
            rules,
            self._person(1, customer="Brandt"),
            self._person(2, customer="Brandt"),
            self._person(3, customer="Nowak"),
        )
        self.assertEqual(
            [first.outcome, second.outcome, third.outcome], [SEND, DEFER, SEND]
        )

    def test_everybody_gets_their_own_answer_in_a_batch(self):
        """Answers are shared by those who got the same: by nobody else."""
        rules = Rules(
            caps=(
                Cap(id=5, count=1, seconds=2 * DAY),
                Cap(id=6, count=2, seconds=7 * DAY, of_customer=True),
            ),
            quiet=(20.0, 8.0),
        )
        wish = Cap(count=1, seconds=30 * DAY, reason="wish")
        sent = self._sent("11 09:00", "13 09:00")
        people = [
            {
                "tz": tz,
                "contacts": sent[:own],
                "customer_contacts": sent[:others],
                "has_customer": has_customer,
                "caps": caps,
            }
            for tz in ("Europe/London", "Asia/Tokyo")
            for own in (0, 1, 2)
            for others in (0, 1, 2)
            for has_customer in (False, True)
            for caps in ((), (wish,))
            for _twice in range(2)
        ]
        persons = [
            self._person(
                key, customer=key if person.pop("has_customer") else None, **person
            )
            for key, person in enumerate(people)
        ]

        alone = [self._decide(rules, person)[0] for person in persons]

        self.assertEqual(self._decide(rules, *persons), alone)
        self.assertGreater(len(set(alone)), 4)

    def test_blocks(self):
        later, last = at("16 00:00"), at("18 00:00")
        for name, blocks, expected in (
            ("over", [Block("hold", 1, at("13 00:00"))], Decision(SEND)),
            ("until", [Block("hold", 1, later)], Decision(DEFER, later, "hold", 1)),
            (
                "the longest says why",
                [Block("hold", 1, later), Block("pause", 2, last)],
                Decision(DEFER, last, "pause", 2),
            ),
            (
                "without an end: asked again tomorrow",
                [Block("hold", 1)],
                Decision(DEFER, at("15 12:00"), "hold", 1),
            ),
            (
                "final",
                [Block("hold", 1, later), Block("consent", None, None, True)],
                Decision(DROP, None, "consent"),
            ),
        ):
            with self.subTest(name):
                self.assertEqual(
                    self._decide(Rules(), self._person(blocks=blocks)), [expected]
                )

    def test_what_is_released_is_kept_back_by_wishes_only(self):
        rules = Rules(
            caps=(Cap(count=1, seconds=7 * DAY),), quiet=(11.0, 13.0), wait=DAY
        )
        wish = Cap(count=1, seconds=30 * DAY, reason="wish")
        for name, values, expected in (
            ("cap and hour", {"contacts": self._sent("13 09:00")}, Decision(SEND)),
            ("hold", {"blocks": [Block("hold", 3)]}, Decision(SEND)),
            (
                "pause",
                {"blocks": [Block("pause", until=at("15 09:00"))]},
                Decision(DEFER, at("15 09:00"), "pause"),
            ),
            (
                "withdrawn",
                {"blocks": [Block("withdrawn", is_final=True)]},
                Decision(DROP, None, "withdrawn"),
            ),
            (
                "wished less",
                {"caps": (wish,), "contacts": self._sent("13 09:00")},
                Decision(DROP, None, "late"),
            ),
            ("wished less, got nothing", {"caps": (wish,)}, Decision(SEND)),
        ):
            with self.subTest(name):
                person = self._person(is_released=True, **values)
                self.assertEqual(self._decide(rules, person), [expected])

    def test_nobody_waits_for_ever(self):
        rules = Rules(wait=3 * DAY)
        held = [Block("hold", 1)]
        first, waited, expired = self._decide(
            rules,
            self._person(1, blocks=held),
            self._person(2, blocks=held, since=at("12 11:00")),
            self._person(3, blocks=held, expires=at("15 11:00")),
        )
        self.assertEqual(first.outcome, DEFER)
        self.assertEqual(waited, Decision(DROP, None, "late", 1))
        self.assertEqual(expired, Decision(DROP, None, "late", 1))

    def test_no_hour_at_all(self):
        rules = Rules(windows=((0, 21.0, 22.0),), quiet=(20.0, 8.0))
        self.assertEqual(
            self._decide(rules, self._person()), [Decision(DROP, None, "window")]
        )

    def test_what_the_person_asked_for(self):
        monthly = Cap(count=1, seconds=30 * DAY, reason="wish")
        person = self._person(contacts=self._sent("10 12:00"), caps=(monthly,))
        rules = Rules(caps=(Cap(id=5, count=2, seconds=7 * DAY),))
        self.assertEqual(
            self._decide(rules, person),
            [Decision(DEFER, datetime(2026, 2, 9, 12, 0), "wish", None)],
        )
