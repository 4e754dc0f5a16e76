"""Domains that users write in the client's domain editor and the server evaluates
later.
"""

from odoo.fields import Domain
from odoo.tools.safe_eval import datetime, dateutil, safe_eval, time


def evaluate_domain(env, text) -> Domain:
    """Return the ``Domain`` written in ``text``, dates taken at the present moment.

    Knows what the client's editor may write: ``uid``, ``context_today()``,
    ``datetime``, ``relativedelta``, ``time``; and, as every domain, dates in words
    (``today -1m``).
    """
    return Domain(
        safe_eval(
            text or "[]",
            {
                "uid": env.uid,
                "context_today": lambda: datetime.datetime.now(env.tz).date(),
                "datetime": datetime,
                "relativedelta": dateutil.relativedelta.relativedelta,
                "time": time,
            },
        )
    )


def domain_fields(domain: Domain) -> set[str]:
    """Return the names of the fields of the model itself that ``domain`` reads."""
    return {
        condition.field_expr.partition(".")[0] for condition in domain.iter_conditions()
    }
