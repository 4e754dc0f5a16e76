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
            (text or "").strip() or "[]",
            {
                "uid": env.uid,
                "context_today": lambda: datetime.datetime.now(env.tz).date(),
                "datetime": datetime,
                "relativedelta": dateutil.relativedelta.relativedelta,
                "time": time,
            },
        )
    )


def domain_error(Model, text):
    """Return why the domain written in ``text`` does not work on ``Model``, or None.

    It is tried by a search, with the rights of the model's user. Constraints run as
    superuser and engines evaluate as superuser: give them
    ``Model.with_user(self.env.user)``, or a condition would tell its writer what only
    others may read. What asks for nothing reads nothing.
    """
    try:
        with Model.env.cr.savepoint():
            domain = evaluate_domain(Model.env, text)
            if not domain.is_true():
                Model.search(domain, limit=1)
    except Exception as error:  # noqa: BLE001 whatever a user may have written
        return error
    return None


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
