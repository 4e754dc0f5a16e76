"""What all parts of a plot have: the time, and a generator of their own."""

from datetime import timedelta

# working hours of the demo company, in UTC
DAY_BEGINS, DAY_ENDS = 7, 15


class BasePlot:
    """Working moments before and after now; see ``Plot``."""

    def ago(self, days):
        return self.now - timedelta(days=days)

    def at_work(self, moment):
        """The next working moment at or after ``moment``."""
        if moment.hour >= DAY_ENDS:
            moment = moment.replace(hour=DAY_BEGINS) + timedelta(days=1)
        elif moment.hour < DAY_BEGINS:
            moment = moment.replace(hour=DAY_BEGINS)
        while moment.weekday() > 4:
            moment += timedelta(days=1)
        return moment.replace(microsecond=0)

    def some_time(self, days_ago):
        """A working moment about so many days ago, in the past in any case."""
        moment = self.ago(days_ago).replace(
            hour=self.random.randrange(DAY_BEGINS, DAY_ENDS),
            minute=self.random.randrange(60),
            second=self.random.randrange(60),
        )
        moment = self.at_work(moment)
        while moment >= self.now:
            moment -= timedelta(days=3 if moment.weekday() == 0 else 1)
        return moment

    def later(self, moment, low, high):
        """A working moment ``low`` to ``high`` days later; may be in the future."""
        later = moment + timedelta(days=self.random.uniform(low, high))
        return self.at_work(
            later.replace(
                hour=self.random.randrange(DAY_BEGINS, DAY_ENDS)
                if later.date() > moment.date()
                else later.hour,
                minute=self.random.randrange(60),
                second=self.random.randrange(60),
            )
            if later.date() > moment.date()
            else later
        )

    def next_day_of(self, moment, weekdays, hour):
        """The first of some weekdays after the day of ``moment``."""
        moment = moment.replace(
            hour=hour,
            minute=self.random.randrange(60),
            second=self.random.randrange(60),
        ) + timedelta(days=1)
        while moment.weekday() not in weekdays:
            moment += timedelta(days=1)
        return moment
