"""Orders, and what follows from them: deliveries, returns, invoices, payments."""

from datetime import timedelta

from . import pools
from .base_plot import BasePlot
from .story import Order

# customers that order the same every month, since so many days
STANDING_CUSTOMERS = 4
STANDING_FROM, STANDING_UNTIL = 150, 260


class OrderPlot(BasePlot):
    """Draws what customers order, and how it is fulfilled and paid."""

    def _draw_basket(self, customer, machine=False):
        rnd = self.random
        codes, low, high, (fewest, most) = pools.BASKETS[customer.kind]
        lines = [
            (code, rnd.randrange(low, high + 1))
            for code in rnd.sample(codes, rnd.randint(fewest, most))
        ]
        if machine:
            lines.append((rnd.choice(pools.EQUIPMENT), 1))
        return lines

    def _sum(self, lines):
        return sum(self.prices[code] * quantity for code, quantity in lines)

    def _draw_repeat_orders(self, customer, first):
        rnd = self.random
        # often enough for most to come again within the year: see K53 on ties
        rhythm = rnd.uniform(65, 130)
        # three in ten stop ordering without a word
        until = self.ago(rnd.uniform(95, 170)) if rnd.random() < 0.3 else self.now
        date = self.later(first.confirmed, rhythm * 0.7, rhythm * 1.3)
        while date < until:
            order = Order(
                customer=customer,
                contact=rnd.choice(customer.contacts),
                lines=self._draw_basket(customer, machine=rnd.random() < 0.05),
                created=date,
            )
            self.orders.append(order)
            self._fulfil(order, self.later(date, 0.01, 0.3))
            date = self.later(date, rhythm * 0.75, rhythm * 1.25)

    def _draw_standing_orders(self):
        """Some order the same every month; the last of them is late with it."""
        rnd = self.random
        firsts = [
            order
            for order in self.orders
            if order.lead
            and order.confirmed
            and STANDING_FROM < (self.now - order.confirmed).days < STANDING_UNTIL
            and order.customer.payer == "prompt"
        ]
        firsts.sort(key=lambda order: order.confirmed)
        for number, first in enumerate(firsts[:STANDING_CUSTOMERS], 1):
            customer = first.customer
            codes, low, high, _number = pools.BASKETS[customer.kind]
            lines = [(code, rnd.randrange(low, high + 1)) for code in codes[:2]]
            until = self.ago(45 if number == STANDING_CUSTOMERS else 2)
            date = self.later(first.confirmed, 28, 33)
            while date < until:
                order = Order(
                    customer=customer,
                    contact=first.contact,
                    lines=lines,
                    created=date,
                )
                self.orders.append(order)
                self._fulfil(order, self.later(date, 0.01, 0.3))
                date = self.later(date, 28, 33)

    def _fulfil(self, order, confirmed):
        """Confirmation, delivery, return, invoice, payment: as far as time allows."""
        rnd = self.random
        if confirmed >= self.now:
            return
        order.confirmed = confirmed
        order.promised = self.later(confirmed, 2, 6)
        delay = rnd.choices(
            (rnd.uniform(-1, 0), rnd.uniform(0.5, 4), rnd.uniform(5, 11)), (72, 20, 8)
        )[0]
        delivered = self.later(
            max(order.promised + timedelta(days=delay), confirmed), 0.1, 0.4
        )
        if delivered >= self.now:
            return
        order.delivered = delivered
        if rnd.random() < 0.07:
            returned = self.later(delivered, 3, 9)
            if returned < self.now:
                order.returned = returned
                order.returned_share = rnd.choice((0.25, 0.5, 1.0))
        # invoices are written on Fridays
        invoiced = self.next_day_of(delivered, (4,), 9)
        if invoiced >= self.now:
            return
        order.invoiced = invoiced
        if order.returned:
            credited = self.next_day_of(max(order.returned, invoiced), (4,), 10)
            order.credited = credited if credited < self.now else None
            if not order.credited:
                return
        self._draw_payment(order, not_before=order.credited or order.invoiced)

    def _draw_payment(self, order, not_before):
        rnd = self.random
        low, high = {"prompt": (-9, 0), "slow": (3, 24), "bad": (22, 75)}[
            order.customer.payer
        ]
        if order.customer.payer == "bad" and rnd.random() < 0.4:
            return  # never
        paid = order.due + timedelta(days=rnd.uniform(low, high))
        # the bank is read on Thursdays
        paid = self.next_day_of(max(paid, not_before), (3,), 8)
        if paid < self.now:
            order.paid = paid
