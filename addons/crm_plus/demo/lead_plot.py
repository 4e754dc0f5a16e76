"""Leads, from the first question to the end, and the talks about them."""

from datetime import timedelta

from . import pools
from .base_plot import BasePlot
from .story import Activity, Call, Lead, Mail, Meeting, Note, Order

STAGES = ("new", "qualified", "proposition", "won")
SOURCES = ("web", "mail", "phone", "fair", "referral")
SOURCE_WEIGHTS = (30, 30, 10, 16, 14)


class LeadPlot(BasePlot):
    """Draws a lead and all that befalls it."""

    def _draw_lead(self, customer, created, outcome, lead_type="opportunity"):
        rnd = self.random
        title, enquiry = rnd.choice(pools.DEALS[customer.kind])
        bags = customer.kind in ("roaster",)
        numbers = {
            "n": rnd.choice((5, 8, 10, 12, 20, 30) if bags else (20, 30, 45, 60, 80)),
            "n2": rnd.choice((2, 3, 4)),
            "n5": rnd.choice((25, 40, 60, 85, 120, 250)),
        }
        lead = Lead(
            customer=customer,
            contact=rnd.choice(customer.contacts),
            name=title.format(**numbers),
            created=created,
            source=rnd.choices(SOURCES, SOURCE_WEIGHTS)[0],
            enquiry=enquiry.format(**numbers),
            type=lead_type,
            seller=customer.seller,
            priority=rnd.choices("0123", (42, 32, 18, 8))[0],
        )
        self.leads.append(lead)
        if lead.source in ("web", "mail"):
            lead.mails.append(Mail(lead.created, True, lead.enquiry, lead.name))
        self._draw_first_answer(lead)
        self._draw_progress(lead, outcome)
        self._draw_tags(lead)
        if lead.outcome == "open":
            self._draw_plans(lead)
        return lead

    def _draw_first_answer(self, lead):
        """Mostly within hours, at times after days; the newest wait."""
        rnd = self.random
        low, high = rnd.choices(
            ((0.01, 0.12), (0.12, 0.9), (1, 2.5), (3, 6)), (46, 32, 15, 7)
        )[0]
        answered = self.later(lead.created, low, high)
        is_young = (self.now - lead.created).days < 9
        if answered >= self.now or (
            is_young and lead.type == "lead" and rnd.random() < 0.5
        ):
            return
        lead.answered = answered
        if lead.source == "phone" or rnd.random() < 0.2:
            lead.calls.append(Call(answered, rnd.choice(pools.CALLS)))
        else:
            self._add_mail(lead, answered, False, pools.REPLIES)

    def _add_mail(self, lead, date, incoming, texts, is_machine=False):
        if date < self.now:
            lead.mails.append(
                Mail(
                    date,
                    incoming,
                    self.random.choice(texts),
                    f"Re: {lead.name}" if lead.mails else lead.name,
                    is_machine,
                )
            )

    def _draw_progress(self, lead, outcome):
        """From stage to stage, as far as the time since its creation goes."""
        rnd = self.random
        amount = self._draw_amount(lead)
        lead.revenue = amount if lead.type == "opportunity" else 0.0
        if lead.type == "lead" or not lead.answered:
            if outcome == "lost":
                self._close(lead, self.later(lead.created, 6, 40), "lost")
            return
        last = {"won": 3, "lost": rnd.choices((0, 1, 2), (20, 35, 45))[0]}.get(
            outcome, rnd.choices((0, 1, 2), (12, 42, 46))[0]
        )
        date = lead.answered
        for stage in STAGES[1 : min(last, 2) + 1]:
            before = date
            # the young open ones are in a hurry, or they would all be new
            age = (self.now - lead.answered).days
            longest = max(2, min(14, age / (last + 1))) if outcome == "open" else 14
            date = self.later(before, min(2, longest / 2), longest)
            if date >= self.now:
                break
            self._draw_talks(lead, before, date)
            lead.moves.append((date, lead.stage, stage))
            lead.stage = stage
        if lead.stage == "proposition":
            self._draw_quotation(lead, date)
        if outcome in ("won", "lost"):
            end = self.later(max(date, lead.answered), 3, 24)
            self._draw_talks(lead, date, end)
            self._close(lead, end, outcome)
        elif lead.stage != "new":
            # the talks go on
            self._draw_talks(lead, date, min(self.now, date + timedelta(days=20)))

    def _draw_talks(self, lead, begin, end):
        rnd = self.random
        span = (end - begin).days
        if span < 1:
            return

        def between(low=0.1, high=0.9):
            return self.later(begin, low * span, high * span)

        def fits(date):
            return date < self.now and date < end

        if rnd.random() < 0.75 and fits(date := between(0.1, 0.5)):
            self._add_mail(lead, date, True, pools.CUSTOMER_MAILS)
        if rnd.random() < 0.55 and fits(date := between(0.3, 0.9)):
            self._add_mail(lead, date, False, pools.FOLLOW_UPS)
            if rnd.random() < 0.08:
                self._add_mail(
                    lead,
                    date + timedelta(minutes=1),
                    True,
                    pools.OUT_OF_OFFICE,
                    is_machine=True,
                )
        if rnd.random() < 0.45 and fits(date := between()):
            lead.calls.append(Call(date, rnd.choice(pools.CALLS)))
        if rnd.random() < 0.28 and fits(date := between(0.2, 0.8)):
            title = rnd.choice(pools.MEETINGS).format(company=lead.customer.name)
            date = date.replace(minute=rnd.choice((0, 30)), second=0)
            if begin < date and date + timedelta(minutes=60) < self.now:
                lead.meetings.append(Meeting(date, title))
        if rnd.random() < 0.12 and fits(date := between()):
            lead.notes.append(Note(date, rnd.choice(pools.INTERNAL_NOTES)))

    def _draw_quotation(self, lead, date):
        rnd = self.random
        lines = self._draw_basket(lead.customer, machine=rnd.random() < 0.14)
        created = self.later(date, 0.05, 1.5)
        if created >= self.now or not lead.customer.is_customer:
            return
        sent = self.later(created, 0.02, 0.6)
        order = Order(
            customer=lead.customer,
            contact=lead.contact,
            lines=lines,
            created=created,
            lead=lead,
            sent=sent if sent < self.now else None,
        )
        lead.revenue = round(self._sum(lines), -1)
        self.orders.append(order)

    def _close(self, lead, date, outcome):
        rnd = self.random
        order = self._order_of(lead)
        if order:
            date = max(date, self.later(order.sent or order.created, 0.5, 6))
        if outcome == "won" and (lead.stage != "proposition" or not order):
            return  # no time left to win it: it stays open
        if date >= self.now:
            return
        lead.outcome = outcome
        lead.closed = date
        if outcome == "won":
            lead.moves.append((date, lead.stage, "won"))
            lead.stage = "won"
            self._add_mail(
                lead, date - timedelta(minutes=25), True, pools.ORDER_ANSWERS
            )
            self._fulfil(order, date)
        else:
            lead.lost_reason = rnd.choice(pools.LOST_REASONS)
            if order:
                order.cancelled = True
            if lead.lost_reason != "silent" and lead.answered:
                self._add_mail(lead, date - timedelta(hours=1), True, pools.DECLINES)
        # what was planned after the end did not take place
        for events in (lead.mails, lead.calls, lead.meetings, lead.notes):
            events[:] = [event for event in events if event.date <= date]

    def _order_of(self, lead):
        return next((order for order in self.orders if order.lead is lead), None)

    def _draw_amount(self, lead):
        low, high = {
            "roaster": (6_000, 42_000),
            "cafe": (900, 7_500),
            "hotel": (2_500, 16_000),
            "office": (1_200, 8_000),
            "bakery": (1_500, 9_000),
            "shop": (700, 4_500),
        }[lead.customer.kind]
        return round(self.random.triangular(low, high, low * 1.6), -2)

    def _draw_tags(self, lead):
        tags = {lead.customer.kind}
        if "machine" in lead.enquiry or "grinder" in lead.enquiry:
            tags.add("equipment")
        if "sample" in lead.enquiry or "tasting" in lead.enquiry:
            tags.add("sample")
        if "contract" in lead.enquiry or "Tender" in lead.name:
            tags.add("contract")
        lead.tags = tuple(sorted(tags))

    def _draw_plans(self, lead):
        """What is to be done next, some of it late."""
        rnd = self.random
        if lead.type == "opportunity" and rnd.random() < 0.8:
            lead.deadline = self.at_work(self.now + timedelta(days=rnd.uniform(-6, 60)))
        if rnd.random() < (0.85 if lead.answered else 0.35):
            kind, summary = rnd.choice(pools.ACTIVITIES)
            days = rnd.choices(
                (rnd.uniform(-9, -1), 0, rnd.uniform(1, 14)), (22, 16, 62)
            )[0]
            deadline = self.now + timedelta(days=days)
            if deadline > lead.created:
                lead.activities.append(Activity(kind, summary, deadline))
        if lead.stage in ("qualified", "proposition") and rnd.random() < 0.12:
            title = rnd.choice(pools.MEETINGS).format(company=lead.customer.name)
            date = self.at_work(self.now + timedelta(days=rnd.uniform(1, 12)))
            lead.meetings.append(
                Meeting(date.replace(minute=rnd.choice((0, 30)), second=0), title)
            )
