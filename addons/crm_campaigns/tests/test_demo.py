from collections import Counter
from datetime import datetime, timedelta

from odoo.tests import TransactionCase, tagged

from ..demo.campaign_plot import CampaignPlot, Entrant, Step

TREE = {
    "box": Step("mail", {"next": "wait"}),
    "wait": Step("wait_click", {"yes": "call", "no": "second"}, days=4),
    "call": Step("activity"),
    "second": Step("mail"),
}


@tagged("post_install", "-at_install", "crm_campaigns_demo")
class TestDemoCampaign(TransactionCase):
    """The journeys of the demo are such as the engine would have made them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = datetime(2026, 5, 13, 11, 20)
        cls.entrants = [
            Entrant(number, cls.now - timedelta(hours=6 * number))
            for number in range(1, 61)
        ]
        cls.plot = CampaignPlot(cls.now, TREE, cls.entrants)

    def test_same_day_same_journeys(self):
        again = CampaignPlot(self.now, TREE, self.entrants)

        self.assertEqual(again.journeys, self.plot.journeys)

    def test_people_are_at_different_points(self):
        states = Counter(journey.state for journey in self.plot.journeys)
        last = Counter(journey.tasks[-1].step for journey in self.plot.journeys)

        self.assertGreaterEqual(states["running"], 5)
        self.assertGreaterEqual(states["done"], 20)
        for step in ("wait", "call", "second"):
            self.assertGreaterEqual(last[step], 3, step)

    def test_who_clicked_is_called_and_nobody_else(self):
        for journey in self.plot.journeys:
            by_step = {task.step: task for task in journey.tasks}
            if "wait" not in by_step or by_step["wait"].state != "done":
                continue
            persons = [date for date, machine in by_step["box"].clicks if not machine]
            in_time = [date for date in persons if date <= by_step["wait"].done]
            self.assertEqual("call" in by_step, bool(in_time))

    def test_nothing_done_lies_ahead(self):
        for journey in self.plot.journeys:
            for task in journey.tasks:
                dates = [task.done, task.opened, task.replied]
                dates += [date for date, _machine in task.clicks or ()]
                self.assertLess(
                    max(date for date in (*dates, datetime.min) if date), self.now
                )
                if task.state == "planned":
                    self.assertFalse(task.done)

    def test_a_won_lead_leaves(self):
        won = self.now - timedelta(days=2)
        entrant = Entrant(1, self.now - timedelta(days=4), won, "won")

        journey = CampaignPlot(self.now, TREE, [entrant]).journeys[0]

        self.assertEqual((journey.state, journey.exit_reason), ("exited", "won"))
        self.assertEqual(journey.left, won)
        self.assertEqual(journey.tasks[-1].state, "skipped")

    def test_no_demo_without_demo(self):
        self.env.ref("base.module_base").demo = False
        participants = self.env["crm.campaign.participant"].search_count([])

        self.env["crm.plus.demo"]._load_campaigns()

        self.assertEqual(
            self.env["crm.campaign.participant"].search_count([]), participants
        )
