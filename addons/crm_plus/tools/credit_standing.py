"""What the ledger says of a customer, judged as a light with words and no amounts."""

from dataclasses import dataclass

# share of the credit limit from which it is near
NEAR_LIMIT = 0.8


@dataclass(frozen=True, kw_only=True)
class CreditStanding:
    """:param is_known: the customer has been invoiced before
    :param is_blocked: accounting marks it as a bad debtor
    :param owed: open receivable and orders to be invoiced, in company currency
    :param limit: credit limit; 0: none
    :param overdue_days: age of the oldest overdue invoice; 0: nothing is overdue
    :param stop_days: overdue for more days than this is red
    """

    is_known: bool = True
    is_blocked: bool = False
    owed: float = 0.0
    limit: float = 0.0
    overdue_days: int = 0
    stop_days: int = 30

    def judge(self, env, amount=0.0):
        """Return ``(light, words)``, with ``amount`` added to what is owed."""
        red, amber = [], []
        if self.is_blocked:
            red.append(env._("Accounting marks the customer as a bad debtor"))
        owed = self.owed + amount
        if self.limit and owed > self.limit:
            red.append(env._("Over the credit limit"))
        elif self.limit and owed > NEAR_LIMIT * self.limit:
            amber.append(env._("Near the credit limit"))
        if self.overdue_days:
            words = (
                env._("Invoices overdue for %s days", self.overdue_days)
                if self.overdue_days > 1
                else env._("An invoice is overdue since yesterday")
            )
            (red if self.overdue_days > self.stop_days else amber).append(words)
        if red or amber:
            return "red" if red else "amber", "; ".join(red + amber)
        if not self.is_known:
            return "none", env._("Not invoiced yet")
        return "green", env._("Nothing overdue")
