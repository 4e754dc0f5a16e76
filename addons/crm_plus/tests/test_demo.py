from collections import Counter, defaultdict
from datetime import datetime, timedelta

try:
    import phonenumbers
except ImportError:
    phonenumbers = None

from odoo.tests import TransactionCase, tagged

from ..demo import pools
from ..demo.crm_plus_demo import FIRST_CUSTOMER_REF
from ..demo.plot import Plot, slug


def prices():
    codes = {code for basket in pools.BASKETS.values() for code in basket[0]}
    sacks = {code for code in codes if code.startswith("GR")}
    return {
        **dict.fromkeys(codes, 20.0),
        **dict.fromkeys(sacks, 400.0),
        **dict.fromkeys(pools.EQUIPMENT, 1500.0),
    }


@tagged("post_install", "-at_install", "crm_plus_demo")
class TestDemoPlot(TransactionCase):
    """The story is believable: complete, in order, and the same each time."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = datetime(2026, 5, 13, 11, 20)  # a Wednesday
        cls.plot = Plot(cls.now, prices())

    def test_same_day_same_story(self):
        again = Plot(self.now, prices())

        self.assertEqual(
            [(lead.name, lead.created, lead.stage) for lead in again.leads],
            [(lead.name, lead.created, lead.stage) for lead in self.plot.leads],
        )
        self.assertEqual(
            [(order.lines, order.paid) for order in again.orders],
            [(order.lines, order.paid) for order in self.plot.orders],
        )

    def test_figures_any_day(self):
        for day in range(0, 21, 3):
            plot = Plot(self.now + timedelta(days=day, hours=day), prices())
            outcomes = Counter(lead.outcome for lead in plot.leads)
            stages = Counter(lead.stage for lead in plot.leads)

            with self.subTest(day=day):
                self.assertGreaterEqual(len(plot.customers), 140)
                self.assertGreaterEqual(len(plot.leads), 250)
                for outcome in ("open", "won", "lost"):
                    self.assertGreaterEqual(outcomes[outcome], 40, outcome)
                for stage in ("new", "qualified", "proposition"):
                    self.assertGreaterEqual(stages[stage], 20, stage)
                self.assertGreater(sum(bool(o.paid) for o in plot.orders), 60)

    def test_nothing_but_plans_lies_ahead(self):
        for lead in self.plot.leads:
            events = (*lead.mails, *lead.calls, *lead.notes)
            for date in (
                lead.created,
                lead.answered,
                lead.closed,
                *(move[0] for move in lead.moves),
                *(event.date for event in events),
            ):
                self.assertLessEqual(date or self.now, self.now, lead.name)
        for order in self.plot.orders:
            for event in ("created", "sent", "confirmed", "delivered", "paid"):
                self.assertLessEqual(getattr(order, event) or self.now, self.now)

    def test_nobody_acts_before_the_lead(self):
        for lead in self.plot.leads:
            for event in (*lead.mails, *lead.calls, *lead.notes, *lead.meetings):
                self.assertGreaterEqual(event.date, lead.created, lead.name)
                if lead.closed:
                    self.assertLessEqual(event.date, lead.closed, lead.name)
            if lead.customer.is_customer:
                self.assertGreaterEqual(lead.created, lead.customer.since, lead.name)
            self.assertEqual(lead.moves, sorted(lead.moves))

    def test_order_of_an_orders_events(self):
        chain = (
            "created",
            "sent",
            "confirmed",
            "delivered",
            "invoiced",
            "credited",
            "paid",
        )
        for order in self.plot.orders:
            dates = [date for name in chain if (date := getattr(order, name))]
            self.assertEqual(dates, sorted(dates), order)
            if order.lead:
                self.assertGreaterEqual(order.created, order.lead.created)
                if order.confirmed:
                    self.assertEqual(order.confirmed, order.lead.closed)

    def test_won_is_ordered_and_lost_is_not(self):
        by_lead = defaultdict(list)
        for order in self.plot.orders:
            by_lead[id(order.lead)].append(order)
        for lead in self.plot.leads:
            confirmed = [order for order in by_lead[id(lead)] if order.confirmed]
            self.assertEqual(len(confirmed), int(lead.outcome == "won"), lead.name)

    def test_people_are_reachable_nowhere(self):
        domains = Counter()
        for customer in self.plot.customers:
            self.assertTrue(customer.domain.endswith(".example"))
            domains[customer.domain] += 1
            for contact in customer.contacts:
                self.assertRegex(contact.email, r"^[a-z.]+@[a-z0-9-]+\.example$")
        self.assertEqual(max(domains.values()), 1)

    def test_phones_are_valid(self):
        if phonenumbers is None:
            self.skipTest("phonenumbers is not installed")
        for customer in self.plot.customers:
            for phone in (customer.phone, *(c.phone for c in customer.contacts)):
                number = phonenumbers.parse(phone)
                self.assertTrue(phonenumbers.is_valid_number(number), phone)
                self.assertEqual(
                    phonenumbers.region_code_for_country_code(number.country_code),
                    {"CA": "US"}.get(customer.country, customer.country),
                )

    def test_slug(self):
        self.assertEqual(
            slug("Kaffeekultur Straßmann & Söhne GmbH"), "kaffeekultur-strassmann-sohne"
        )
        self.assertEqual(slug("Palarnia Wisła"), "palarnia-wisla")


@tagged("post_install", "-at_install", "crm_plus_demo")
class TestDemo(TransactionCase):
    def test_no_demo_without_demo(self):
        """Nothing is invented in a database that was not made to show things."""
        self.env.ref("base.module_base").demo = False
        partners = self.env["res.partner"].search_count([])

        self.env["crm.plus.demo"]._load()

        self.assertEqual(self.env["res.partner"].search_count([]), partners)

    def test_demo_is_alive(self):
        if not self.env["res.partner"].search_count([("ref", "=", FIRST_CUSTOMER_REF)]):
            self.skipTest("no demo data in this database")
        ours = self.env["res.partner"].search([("ref", "=like", "SW-%")])
        kinds = set(
            self.env["crm.touchpoint"]
            .search([("commercial_partner_id", "in", ours.ids)])
            .kind_id.mapped("code")
        )

        self.assertLessEqual(
            {
                "lead_created",
                "lead_won",
                "email_in",
                "email_out",
                "call_done",
                "meeting_done",
                "quotation_sent",
                "order_confirmed",
                "delivery_done",
                "return_done",
                "invoice_posted",
                "credit_note_posted",
                "invoice_paid",
                "invoice_overdue",
            },
            kinds,
        )
        self.assertFalse(
            self.env["mail.mail"].search_count(
                [
                    ("state", "=", "outgoing"),
                    ("mail_message_id.author_id", "in", ours.ids),
                ]
            )
        )

    def test_prediction_makes_nothing_up(self):
        """A year of the demo company is not enough to learn from, and that is said."""
        model = self.env.ref("crm_plus.demo_prediction", raise_if_not_found=False)
        if not model or not model.version_ids:
            self.skipTest("no demo data, or no scikit-learn")
        version = model.version_ids[-1:]
        if version.sample_count < model.minimum_sample:
            self.assertEqual(version.state, "refused")
            self.assertIn(f"n = {version.sample_count}", version.message)
        else:
            self.assertTrue(version.auc)
