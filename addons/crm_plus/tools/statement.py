"""What a customer owes at a date: open items, running balance and ageing.

Nothing here reads the database: ``build_statement`` gets the open items, whatever they
come from, so that what stands on the paper can be tested in tables.
"""

from dataclasses import dataclass, field
from datetime import date

# Bounds of the ageing in days past due, as in the aged receivable; None: no end
AGES = (
    ("not_due", None, 0),
    ("1_30", 1, 30),
    ("31_60", 31, 60),
    ("61_90", 61, 90),
    ("over_90", 91, None),
)
KINDS = ("invoice", "credit_note", "payment", "other")


def get_age(days):
    """Return the key of the bucket of an item ``days`` past due; 0 or less: not due."""
    for key, first, last in AGES:
        if (first is None or days >= first) and (last is None or days <= last):
            return key
    raise ValueError(days)


@dataclass(frozen=True, kw_only=True)
class OpenItem:
    """:param currency_id: of the amounts; a statement has a section for each
    :param amount: of the item as it was booked; what the customer owes is positive
    :param residual: what is still open of it
    :param residual_company: the same as in the books, in company currency
    :param kind: one of ``KINDS``
    :param reference: what the customer should name when paying, or wrote
    """

    line_id: int
    move_id: int
    name: str
    kind: str
    date: date
    date_due: date
    currency_id: int
    amount: float
    residual: float
    residual_company: float
    reference: str = ""


@dataclass(kw_only=True)
class StatementRow:
    item: OpenItem
    days: int
    balance: float

    @property
    def is_overdue(self):
        """Only what is owed can be overdue; a payment that waits is not."""
        return self.days > 0 and self.item.residual > 0


@dataclass(kw_only=True)
class StatementSection:
    """The items of one currency, oldest due first.

    :param overdue: what is past due, less payments and credit notes that wait
    """

    currency_id: int
    rows: list[StatementRow] = field(default_factory=list)
    ages: dict[str, float] = field(default_factory=dict)
    total: float = 0.0
    overdue: float = 0.0
    unmatched: float = 0.0


@dataclass(kw_only=True)
class Statement:
    """:param total_company: sum of all sections as in the books, in company currency"""

    date: date
    sections: list[StatementSection] = field(default_factory=list)
    total_company: float = 0.0

    @property
    def is_empty(self):
        return not self.sections

    @property
    def is_overdue(self):
        return any(row.is_overdue for part in self.sections for row in part.rows)

    @property
    def row_count(self):
        return sum(len(part.rows) for part in self.sections)


def build_statement(at, items, rounders):
    """Return the ``Statement`` of ``items`` at the date ``at``.

    :param rounders: ``{currency id: function that rounds an amount}``; the key None is
        the company's currency. Sums are rounded at each step: floats must not show.
    """
    statement = Statement(date=at)
    sections = {}
    for item in sorted(items, key=lambda one: (one.date_due, one.date, one.line_id)):
        statement.total_company = rounders[None](
            statement.total_company + item.residual_company
        )
        # a difference of exchange is open in our books only
        if not item.residual:
            continue
        rounded = rounders[item.currency_id]
        section = sections.get(item.currency_id)
        if section is None:
            section = sections[item.currency_id] = StatementSection(
                currency_id=item.currency_id, ages={key: 0.0 for key, *_ in AGES}
            )
        days = (at - item.date_due).days
        age = get_age(days)
        section.ages[age] = rounded(section.ages[age] + item.residual)
        section.total = rounded(section.total + item.residual)
        if days > 0:
            section.overdue = rounded(section.overdue + item.residual)
        if item.kind == "payment":
            section.unmatched = rounded(section.unmatched - item.residual)
        section.rows.append(StatementRow(item=item, days=days, balance=section.total))
    statement.sections = list(sections.values())
    return statement
