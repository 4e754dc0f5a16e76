"""What a provider of holds is: the SQL that tells which customers not to disturb."""

from collections.abc import Callable
from dataclasses import dataclass, field

from odoo.tools import SQL


@dataclass(frozen=True, kw_only=True)
class HoldTerms:
    """On what terms a company wants the holds of a provider.

    :param days: for more days than this
    :param amount: of more than this, in company currency
    """

    company_id: int
    days: int = 0
    amount: float = 0.0
    scope: str = "marketing"


def terms_table(terms) -> SQL:
    """``(company_id, days, amount)`` of these terms, to select from or to join."""
    return SQL(
        "(VALUES %s) terms (company_id, days, amount)",
        SQL(", ").join(
            SQL(
                "(%s::integer, %s::integer, %s::numeric)",
                one.company_id,
                one.days,
                one.amount,
            )
            for one in terms
        ),
    )


@dataclass(frozen=True, kw_only=True)
class HoldProvider:
    """Holds that raise and release themselves.

    How it is used: for all companies that want it, or a few customers of theirs, one
    statement raises a hold for whom ``select`` finds and has none, and releases that of
    whom it finds no longer.

    :param key: unique; a value of ``crm.contact.hold.provider``
    :param label: what people call it, translated
    :param select: ``(list of HoldTerms, partner ids or None) -> SQL`` of the columns
        ``partner_id`` (commercial partner), ``company_id``, ``date_since`` (date),
        ``res_model`` and ``res_id`` (what it rests on, or NULL); one row at most a
        customer and company. None: all customers
    :param words: ``hold -> text``, without amounts: all who sell read it
    :param depends: ``{model: [fields]}`` read by the SQL, flushed before it runs
    """

    key: str
    label: str
    select: Callable
    words: Callable
    depends: dict[str, list[str]] = field(default_factory=dict)
