"""What happened in the demo company over the last year, as plain data.

No database in here: ``Plot(now, prices)`` draws customers, leads, orders and all that
befell them from the pools, with a generator of its own, so that the same day gives the
same story. ``crm.plus.demo`` writes it. The order of events holds by construction: a
lead comes before its order, an order before its delivery, a delivery before its
invoice, an invoice before its payment, and nothing but plans lies in the future.
"""

import itertools
import random
from datetime import timedelta

from . import pools
from .lead_plot import LeadPlot
from .order_plot import OrderPlot
from .people_plot import PeoplePlot
from .process_plot import ProcessPlot

SEED = 1907


class Plot(PeoplePlot, ProcessPlot, LeadPlot, OrderPlot):
    """The whole story; see the module."""

    def __init__(self, now, prices, seed=SEED):
        """
        :param now: naive UTC datetime; nothing happens after it
        :param prices: ``{product code: list price}``
        """
        self.random = random.Random(seed)
        self.now = now
        self.prices = prices
        self.customers = []
        self.leads = []
        self.orders = []
        self.junk = []
        self._draw_customers()
        for customer in self.customers:
            self._draw_career(customer)
        self._draw_enquiries()
        # a generator of its own: what is told of the year stays as it is
        self.random = random.Random(seed + 1)
        self._draw_newcomers()
        self._draw_process()
        self._draw_junk()
        self.random = random.Random(seed + 2)
        self._draw_standing_orders()
        self.leads.sort(key=lambda lead: lead.created)
        self.orders.sort(key=lambda order: order.created)

    # ------------------------------------------------------------
    # Careers
    # ------------------------------------------------------------

    def _draw_career(self, customer):
        rnd = self.random
        career = rnd.choices(("regular", "new", "prospect"), (30, 24, 46))[0]
        if career == "prospect":
            customer.since = self.some_time(rnd.uniform(3, 320))
            self._draw_prospect(customer)
            return
        days = rnd.uniform(190, 360) if career == "regular" else rnd.uniform(45, 150)
        customer.since = self.some_time(days)
        lead = self._draw_lead(customer, customer.since, "won")
        first = self._order_of(lead)
        if first is None or first.confirmed is None:
            return
        if career == "regular":
            self._draw_repeat_orders(customer, first)
        for _ in range(rnd.choices((0, 1, 2), (30, 45, 25))[0]):
            # something more: another shop, a machine, a contract
            begin = self.later(first.confirmed, 20, 150)
            if begin < self.now:
                outcome = rnd.choices(("won", "lost", "open"), (22, 36, 42))[0]
                if outcome == "open":
                    begin = max(self._draw_begin_of_open(), first.confirmed)
                self._draw_lead(customer, begin, outcome)

    def _draw_prospect(self, customer):
        rnd = self.random
        outcome = rnd.choices(("open", "lost"), (62, 38))[0]
        if outcome == "open":
            customer.since = self._draw_begin_of_open()
        self._draw_lead(customer, customer.since, outcome)
        if rnd.random() < 0.5:
            begin = self.later(customer.since, 10, 120)
            if begin < self.now:
                outcome = rnd.choice(("open", "lost"))
                if outcome == "open":
                    begin = max(begin, self._draw_begin_of_open())
                self._draw_lead(customer, begin, outcome)

    def _draw_begin_of_open(self):
        """Most open deals are young, a few were forgotten."""
        days = self.random.choices(
            (
                self.random.uniform(0.1, 4),
                self.random.uniform(3, 25),
                self.random.uniform(20, 80),
                self.random.uniform(80, 190),
            ),
            (14, 34, 42, 10),
        )[0]
        return self.some_time(days)

    def _draw_enquiries(self):
        """Leads of companies that are no contacts yet."""
        rnd = self.random
        for number, (country, name, kind) in enumerate(pools.ENQUIRERS, 1):
            someone = self._draw_customer(number, country, name, kind, False)
            outcome = rnd.choices(("open", "lost"), (66, 34))[0]
            begin = (
                self._draw_begin_of_open()
                if outcome == "open"
                else self.some_time(rnd.uniform(20, 300))
            )
            self._draw_lead(
                someone, begin, outcome, lead_type=rnd.choice(("lead", "opportunity"))
            )
            if rnd.random() < 0.6:
                # they asked twice
                self._draw_lead(someone, self._draw_begin_of_open(), "open", "lead")

    # ------------------------------------------------------------
    # What it amounts to
    # ------------------------------------------------------------

    def silences(self, customer, days=90):
        """Times without an order for so many days: ``[(begin, end or None)]``."""
        dates = sorted(
            order.confirmed
            for order in self.orders
            if order.customer is customer and order.confirmed
        )
        limit = timedelta(days=days)
        periods = [
            (before + limit, after)
            for before, after in itertools.pairwise(dates)
            if after - before > limit
        ]
        if dates and self.now - dates[-1] > limit:
            periods.append((dates[-1] + limit, None))
        return periods

    def arrears(self, customer):
        """Times with an invoice overdue: ``[(begin, end or None)]``; none overlap."""
        late = sorted(
            (order.due + timedelta(days=1), order.paid or self.now)
            for order in self.orders
            if order.customer is customer
            and order.invoiced
            and order.due + timedelta(days=1) < (order.paid or self.now)
        )
        periods = []
        for begin, end in late:
            if periods and begin <= periods[-1][1]:
                periods[-1] = (periods[-1][0], max(end, periods[-1][1]))
            else:
                periods.append((begin, end))
        return [(begin, None if end >= self.now else end) for begin, end in periods]
