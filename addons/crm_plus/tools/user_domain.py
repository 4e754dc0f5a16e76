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


def domain_fields(model, domain: Domain) -> set[str]:
    """Return the fields of ``model`` on which the result of ``domain`` depends.

    Those it names, and those from which named ones are computed: a write on the e-mail
    changes the e-mail's domain. Fields of related records are not followed.
    """
    found = set()
    todo = [condition.field_expr for condition in domain.iter_conditions()]
    while todo:
        name = todo.pop().partition(".")[0]
        if name in found or name not in model._fields:
            continue
        found.add(name)
        todo += model.pool.field_depends[model._fields[name]]
    return found
