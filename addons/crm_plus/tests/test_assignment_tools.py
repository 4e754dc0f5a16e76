from collections import Counter
from datetime import datetime

from odoo.tests import BaseCase, tagged

from ..tools.assignment import (
    Candidate,
    Count,
    Dispatcher,
    Item,
    parse_zip_ranges,
    zip_matches,
)

MORNING = datetime(2025, 3, 4, 8)
NOON = datetime(2025, 3, 4, 12)


def people(**turns):
    """``ann=3`` is Ann, whose last turn was 3; ids in order from 1."""
    return [
        Candidate(id=i, name=name, turn=turn)
        for i, (name, turn) in enumerate(turns.items(), 1)
    ]


def names(dispatcher, count, item=None):
    choices = [dispatcher.choose(item) for _i in range(count)]
    return [c.candidate.name if c.candidate else None for c in choices]


@tagged("post_install", "-at_install")
class TestAssignmentTools(BaseCase):
    """Each strategy on a table that was computed by hand."""

    def test_round_robin_takes_the_longest_without(self):
        dispatcher = Dispatcher(people(ann=7, bob=5, cem=9))

        self.assertEqual(
            names(dispatcher, 7), ["bob", "ann", "cem", "bob", "ann", "cem", "bob"]
        )

    def test_round_robin_gives_a_newcomer_one_and_no_more(self):
        """Who was paused for months does not get all they missed."""
        dispatcher = Dispatcher(people(ann=100, bob=101, new=0))

        self.assertEqual(names(dispatcher, 4), ["new", "ann", "bob", "new"])

    def test_round_robin_is_fair_over_a_thousand(self):
        dispatcher = Dispatcher(people(**{f"p{i}": 0 for i in range(7)}))

        counts = Counter(names(dispatcher, 1000))

        self.assertEqual(set(counts.values()), {142, 143})

    def test_runs_of_one_are_as_fair_as_one_run(self):
        """Ties are broken by who had it last, not by the order of people."""
        counts, turns = Counter(), {"ann": 0, "bob": 0, "cem": 0}
        for turn in range(1, 301):
            [name] = names(Dispatcher(people(**turns)), 1)
            turns[name] = turn
            counts[name] += 1

        self.assertEqual(set(counts.values()), {100})

    def test_least_loaded_counts_by_capacity(self):
        table = [
            # name, open, capacity: load before each step
            Candidate(1, "ann", open=Count(4), open_max=10),  # 0.4 0.4 0.5 0.5
            Candidate(2, "bob", open=Count(1), open_max=4),  # 0.25 0.5 0.5 0.5
            Candidate(3, "cem", open=Count(9), open_max=20),  # 0.45 0.45 0.45 0.5
        ]

        self.assertEqual(
            names(Dispatcher(table, "least_loaded"), 3), ["bob", "ann", "cem"]
        )

    def test_least_loaded_goes_in_turn_among_equals(self):
        table = people(ann=3, bob=1, cem=2)

        self.assertEqual(
            names(Dispatcher(table, "least_loaded"), 3), ["bob", "cem", "ann"]
        )

    def test_best_closer_is_smoothed(self):
        """One of one is no 100 %: (1 + 4) / 11 = 45 %; (30 + 4) / 60 = 57 % is more."""
        table = [
            Candidate(1, "lucky", won=1, decided=1),
            Candidate(2, "good", won=30, decided=50),
            Candidate(3, "bad", won=9, decided=49),
        ]
        dispatcher = Dispatcher(table, "best_closer")

        self.assertEqual(names(dispatcher, 2), ["good", "good"])
        self.assertAlmostEqual(dispatcher.share(table[0]), 5 / 11)
        self.assertAlmostEqual(dispatcher.share(table[1]), 34 / 60)

    def test_best_closer_without_enough_is_round_robin(self):
        table = [
            Candidate(1, "ann", turn=2, won=14, decided=14),
            Candidate(2, "bob", turn=1, won=0, decided=15),
        ]
        dispatcher = Dispatcher(table, "best_closer")

        choice = dispatcher.choose()

        self.assertEqual((choice.candidate.name, choice.how), ("bob", "round_robin"))

    def test_capacity_ends_the_run(self):
        table = [
            Candidate(1, "ann", open=Count(1), open_max=3),
            Candidate(2, "bob", recent=Count(29), recent_max=30),
        ]
        dispatcher = Dispatcher(table)

        self.assertEqual(names(dispatcher, 4), ["ann", "bob", "ann", None])
        choice = dispatcher.choose()
        self.assertEqual(choice.block, "full")
        self.assertEqual([code for _c, code in choice.others], ["full", "full"])

    def test_a_capacity_of_nothing_takes_nothing(self):
        choice = Dispatcher([Candidate(1, recent_max=0)]).choose()

        self.assertEqual(choice.block, "full")

    def test_people_of_two_rules_share_what_they_have(self):
        has = Count(0)
        first = Dispatcher([Candidate(1, "ann", open=has, open_max=1)])
        second = Dispatcher([Candidate(1, "ann", open=has, open_max=1)])

        self.assertEqual(names(first, 1) + names(second, 1), ["ann", None])

    def test_who_is_kept_from_it(self):
        for code in ("paused", "away", "skill"):
            with self.subTest(code):
                table = [Candidate(1, "ann", fixed=code), Candidate(2, "bob", turn=9)]
                choice = Dispatcher(table).choose()
                self.assertEqual(choice.candidate.name, "bob")
                self.assertEqual(choice.others[0][1], code)
                self.assertEqual(Dispatcher(table[:1]).choose().block, code)

    def test_hours(self):
        def table():
            return [
                Candidate(1, "ann", at_work=False, opens=NOON),
                Candidate(2, "bob", turn=5, at_work=True, opens=MORNING),
                Candidate(3, "cem", at_work=False, opens=None),
            ]

        self.assertEqual(names(Dispatcher(table(), hours="any"), 1), ["ann"])
        self.assertEqual(names(Dispatcher(table(), hours="working"), 1), ["bob"])
        self.assertEqual(names(Dispatcher(table(), hours="next"), 1), ["bob"])
        # nobody at work: who starts next, or nobody until then
        night = table()
        night[1].at_work = False
        night[1].opens = NOON.replace(hour=14)
        self.assertEqual(names(Dispatcher(night, hours="next"), 2), ["ann", "ann"])
        choice = Dispatcher(night, hours="working").choose()
        self.assertEqual((choice.block, choice.wake), ("off_work", NOON))

    def test_owner_goes_first_unless_full(self):
        table = [
            Candidate(1, "ann"),
            Candidate(2, "bob", turn=9, open_max=1),
        ]
        dispatcher = Dispatcher(table)
        item = Item(owners=[(7, "partner"), (2, "open")])

        first, second = dispatcher.choose(item), dispatcher.choose(item)

        self.assertEqual((first.candidate.name, first.how), ("bob", "owner_open"))
        self.assertEqual((second.candidate.name, second.how), ("ann", "round_robin"))

    def test_owner_of_the_evening_keeps_it_for_the_morning(self):
        table = [
            Candidate(1, "ann"),
            Candidate(2, "bob", at_work=False, opens=NOON),
        ]
        item = Item(owners=[(2, "won")])

        self.assertEqual(names(Dispatcher(table, hours="next"), 1, item), ["bob"])
        self.assertEqual(names(Dispatcher(table, hours="working"), 1, item), ["ann"])

    def test_preference_goes_before_turn(self):
        dispatcher = Dispatcher(people(ann=1, bob=2, cem=3))

        item = Item(preferred=frozenset({2, 3}))

        self.assertEqual(names(dispatcher, 3, item), ["bob", "cem", "bob"])

    def test_refused_by_the_record(self):
        choice = Dispatcher(people(ann=1, bob=2)).choose(
            Item(refused={1: "tried", 2: "domain"})
        )

        self.assertEqual((choice.candidate, choice.block), (None, "tried"))

    def test_nobody_there(self):
        self.assertEqual(Dispatcher([]).choose().block, "no_member")

    def test_zip_ranges(self):
        table = [
            # ranges, inside, outside
            ("10000-19999", "10115 19999 10115-1234", "20000 09999 1500 1"),
            ("2*", "2 20095 2000AB", "12000"),
            ("75001", "75001", "75002 750011"),
            ("SW1-SW9", "SW1A_1AA sw9", "SE1_7PB SW"),
            ("01*, 5000-5999; 8001", "01067 5432 8001", "10670 80010 "),
            ("1010 AB - 1019 ZZ", "1012_XY", "1020_AA 1012"),
        ]
        for text, inside, outside in table:
            ranges = parse_zip_ranges(text)
            for code in inside.split():
                self.assertTrue(zip_matches(code.replace("_", " "), ranges), code)
            for code in outside.split(" "):
                self.assertFalse(zip_matches(code.replace("_", " "), ranges), code)

    def test_zip_ranges_that_are_none(self):
        for text in ("1000-20000", "2-1", "*", "1-2-3", "-5", "1-2*"):
            with self.subTest(text), self.assertRaises(ValueError):
                parse_zip_ranges(text)
