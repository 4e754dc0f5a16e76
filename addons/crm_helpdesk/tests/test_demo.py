from collections import Counter
from datetime import datetime, timedelta

from odoo.tests import TransactionCase, tagged

from ..demo.case_plot import CASES, CasePlot, Person


@tagged("post_install", "-at_install", "crm_helpdesk_demo")
class TestDemoCases(TransactionCase):
    """The cases of the demo company are believable: in order, in all stages."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = datetime(2026, 5, 13, 11, 20)
        cls.people = [
            Person(
                number,
                f"Ida Brandt {number}",
                f"ida{number}@brandt.example",
                [(number, f"S{number:05}", cls.now - timedelta(days=5 * number))],
            )
            for number in range(1, 50)
        ]

    def test_same_day_same_cases(self):
        one, two = (CasePlot(self.now, self.people) for _i in range(2))

        self.assertEqual(one.cases, two.cases)

    def test_cases_in_all_stages_any_day(self):
        for day in range(0, 14, 2):
            plot = CasePlot(self.now + timedelta(days=day, hours=day), self.people)
            stages = Counter(case.stage for case in plot.cases)

            with self.subTest(day=day):
                self.assertEqual(len(plot.cases), CASES)
                for stage in ("new", "in_progress", "waiting_customer"):
                    self.assertGreaterEqual(stages[stage], 4, stage)
                for stage in ("waiting_third", "solved", "closed"):
                    self.assertGreaterEqual(stages[stage], 2, stage)

    def test_order_of_a_cases_events(self):
        for case in CasePlot(self.now, self.people).cases:
            dates = [
                date
                for date in (case.opened, case.answered, case.closed, case.rated)
                if date
            ]
            self.assertEqual(dates, sorted(dates), case.name)
            self.assertEqual(case.moves, sorted(case.moves, key=lambda move: move[0]))
            self.assertLessEqual(max(dates), self.now)
            self.assertEqual(bool(case.closed), case.stage in ("solved", "closed"))
            if case.order:
                self.assertLess(case.order[2], case.opened, case.name)

    def test_some_are_solved_at_once_and_some_come_back(self):
        for day in range(0, 14, 2):
            plot = CasePlot(self.now + timedelta(days=day), self.people)
            over = [case for case in plot.cases if case.closed]
            at_once = [case for case in over if case.closed == case.answered]
            with self.subTest(day=day):
                self.assertGreaterEqual(len(at_once), 5)
                self.assertLess(len(at_once), len(over) / 2 + 3)
                # a call needs no mail, a mail one answer
                self.assertTrue(
                    all(
                        sum(not mail.incoming for mail in case.mails) < 2
                        for case in at_once
                    )
                )
                self.assertGreaterEqual(sum(case.reopened for case in over), 1)
                self.assertTrue(any(case.handover for case in over))
        for case in plot.cases:
            if case.handover:
                self.assertLessEqual(case.opened, case.handover[0])
                self.assertLessEqual(case.handover[0], case.answered)

    def test_regulars_have_cases(self):
        regular = Person(999, "Joel Willis", "joel@willis.example")

        plot = CasePlot(self.now, self.people, [regular])

        self.assertEqual(sum(case.person is regular for case in plot.cases), 4)

    def test_nobody_asks_in_an_empty_database(self):
        self.assertFalse(CasePlot(self.now, []).cases)

    def test_no_demo_without_demo(self):
        self.env.ref("base.module_base").demo = False
        cases = self.env["crm.case"].search_count([])

        self.env["crm.plus.demo"]._load_cases()

        self.assertEqual(self.env["crm.case"].search_count([]), cases)
