"""How leads are worked: what comes in, is handed over, is junk."""

from datetime import timedelta

from . import pools
from .base_plot import BasePlot
from .story import Handover, Junk, Lead, Mail


class ProcessPlot(BasePlot):
    """Draws what marketing and the rules do with leads."""

    def _draw_newcomers(self):
        """Web enquiries of the last weeks: who waits for an answer, and who came to
        sales by way of marketing.
        """
        newcomers = iter(pools.NEWCOMERS)
        for minutes in (12, 35, 70, 110):
            # a web page never sleeps
            self._draw_newcomer(next(newcomers), self.now - timedelta(minutes=minutes))
        for days in (4, 5, 7):
            self._draw_newcomer(next(newcomers), self.some_time(days))
        for days, values in pools.HANDOVERS:
            created = min(self.some_time(days), self.now - timedelta(hours=3))
            lead = self._draw_newcomer(next(newcomers), created)
            lead.seller = pools.MARKETER
            self._draw_handover(lead, **values)

    def _draw_newcomer(self, enquirer, created):
        customer = self._draw_customer(0, *enquirer, is_customer=False)
        title, enquiry = self.random.choice(pools.NEWCOMER_DEALS)
        lead = Lead(
            customer=customer,
            contact=customer.contacts[0],
            name=title,
            created=created,
            source="web",
            enquiry=enquiry,
            type="lead",
            seller=customer.seller,
            priority="1",
        )
        lead.mails.append(Mail(created, True, enquiry, title))
        self._draw_tags(lead)
        self.leads.append(lead)
        return lead

    def _draw_handover(self, lead, state, after, **values):
        """Marketing has answered and asked back; then it is sales' turn.

        :param after: minutes from the hand-over to its answer
        """
        lead.answered = min(
            self.at_work(lead.created + timedelta(minutes=25)),
            self.now - timedelta(minutes=50),
        )
        self._add_mail(lead, lead.answered, False, pools.REPLIES)
        date = self.now - timedelta(minutes=self.random.randrange(15, 45))
        if state != "open":
            date = min(self.at_work(lead.answered + timedelta(hours=2)), date)
            self._add_mail(
                lead, date - timedelta(minutes=20), True, pools.CUSTOMER_MAILS
            )
        handover = lead.handover = Handover(date, state=state, **values)
        if after:
            handover.answered = min(
                self.at_work(date + timedelta(minutes=after)),
                self.now - timedelta(minutes=5),
            )
        if state == "accepted" and (self.now - handover.answered).days > 9:
            # its seller found a deal in it
            lead.type = "opportunity"
            lead.converted = self.later(handover.answered, 1, 4)
            lead.revenue = self._draw_amount(lead)
            lead.moves.append((lead.converted, "new", "qualified"))
            lead.stage = "qualified"
            self._draw_plans(lead)

    def _draw_process(self):
        """Where deals began, why they were won, and whom the rules choose the seller
        for.
        """
        rnd = self.random
        for lead in self.leads:
            if lead.outcome == "won":
                lead.won_reason = rnd.choice(pools.WON_REASONS)
            if (
                lead.type == "opportunity"
                and lead.moves
                and not lead.converted
                and lead.source != "phone"
                and rnd.random() < 0.7
            ):
                lead.converted = lead.moves[0][0]
            lead.is_routed = (
                lead.outcome == "open"
                and not lead.handover
                and (self.now - lead.created).days < 40
            )

    def _draw_junk(self):
        for name, contact, email, text, reason in pools.JUNK:
            created = self.some_time(self.random.uniform(3, 150))
            date = self.later(created, 0.05, 1)
            if date < self.now:
                self.junk.append(
                    Junk(name, contact, email, text, reason, created, date)
                )
