"""Did this person agree to it? Judged from the rows of the consent ledger."""

from datetime import datetime
from typing import NamedTuple

PENDING, GIVEN, WITHDRAWN = "pending", "given", "withdrawn"


class ConsentRow(NamedTuple):
    """:param is_general: of marketing in general, not of the purpose in question"""

    id: int
    date: datetime
    state: str
    is_general: bool = False
    expiry: datetime | None = None

    def is_valid(self, at):
        return self.state == GIVEN and (self.expiry is None or self.expiry > at)


def judge_consent(rows, at):
    """What the rows that cover a purpose and channel come to.

    - The last word on the purpose itself holds, and the last word on marketing in
      general; what is still to be confirmed is no word.
    - Withdrawn in general is withdrawn, unless the purpose was agreed to afterwards.
    - Withdrawn for the purpose stays so, whatever is agreed to in general.
    - Else one of the two has to be given, and not expired.

    :param rows: ``ConsentRow`` of one person, in any order
    :return: ``("withdrawn" | "given" | "none", id of the row that decides or None)``
    """
    words = [row for row in rows if row.state != PENDING and row.date <= at]
    words.sort(key=lambda row: (row.date, row.id))
    general = next((row for row in reversed(words) if row.is_general), None)
    own = next((row for row in reversed(words) if not row.is_general), None)
    if own and own.state == WITHDRAWN:
        return WITHDRAWN, own.id
    if general and general.state == WITHDRAWN:
        agreed_later = own and (own.date, own.id) > (general.date, general.id)
        if not agreed_later:
            return WITHDRAWN, general.id
    for row in (own, general):
        if row and row.is_valid(at):
            return GIVEN, row.id
    return "none", None
