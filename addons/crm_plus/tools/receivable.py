"""What a customer owes and is overdue, one rule for lights, stops, holds and profiles.

What is open in the customer's favour (credit notes, payments on account), whatever its
date, settles the oldest items first, also as long as nobody has reconciled it: whoever
owes nothing in all is not overdue.
"""

from odoo.tools import SQL

# of journal items ``l`` of receivable accounts
OPEN = SQL("l.parent_state = 'posted' AND l.reconciled IS NOT TRUE")
DUE = SQL("COALESCE(l.date_maturity, l.date)")


def overdue(late) -> SQL:
    """SELECT of those who are overdue: ``customer_id``, ``company_id``, ``amount``, and
    of the oldest item that nothing settles ``date`` (when it was due) and ``move_id``.

    :param late: SELECT of open receivable items, those that are overdue and all in
        favour of the customer: ``id``, ``customer_id``, ``company_id``, ``move_id``,
        ``due``, ``residual``
    """
    return SQL(
        """
        SELECT customer_id, company_id, max(rest) AS amount, min(due) AS date,
               (array_agg(move_id ORDER BY due, id))[1] AS move_id
          FROM (
            SELECT late.*,
                   sum(greatest(residual, 0)) OVER (
                       PARTITION BY customer_id, company_id ORDER BY due, id)
                   + sum(least(residual, 0)) OVER (
                       PARTITION BY customer_id, company_id) AS rest
              FROM (%s) late
          ) settled
         WHERE residual > 0 AND rest > 0
         GROUP BY customer_id, company_id
        """,
        late,
    )
