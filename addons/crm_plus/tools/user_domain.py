"""Domains that users write in the client's domain editor and the server evaluates
later.
"""

import ast

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
    others may read. What asks for nothing reads nothing. And what is tried is what will
    be asked: which fields are named depends on nobody and on no date.
    """
    try:
        check_written_out(Model.env, text)
        with Model.env.cr.savepoint():
            domain = evaluate_domain(Model.env, text)
            if not domain.is_true():
                Model.search(domain, limit=1)
    except Exception as error:  # noqa: BLE001 whatever a user may have written
        return error
    return None


def check_written_out(env, text):
    """Raise ``ValueError`` unless ``text`` is a list of conditions as the client's
    editor writes them: fields and operators written out, values computed at will.

    ``[("secret", "=", 1)] if uid == 1 else []`` reads nothing while its writer tries
    it, and everything once the scheduler does.
    """
    try:
        tree = ast.parse((text or "").strip() or "[]", mode="eval").body
    except SyntaxError as error:
        raise ValueError(env._("it is no list of conditions")) from error
    todo = [tree]
    while todo:
        node = todo.pop()
        if not isinstance(node, ast.List):
            raise ValueError(env._("it is no list of conditions"))
        for item in node.elts:
            if isinstance(item, ast.Constant):
                continue
            parts = item.elts if isinstance(item, ast.List | ast.Tuple) else []
            if len(parts) != 3 or not all(
                isinstance(part, ast.Constant) for part in parts[:2]
            ):
                raise ValueError(
                    env._("write each condition as (field, operator, value)")
                )
            if str(parts[1].value).rstrip("!") in ("any", "not any"):
                todo.append(parts[2])


def domain_fields(model, domain: Domain) -> set[str]:
    """Return the fields of ``model`` on which the result of ``domain`` depends.

    Those it names, and those from which named ones are computed: a write on the e-mail
    changes the e-mail's domain. Fields of related records are not followed.
    """
    return fields_behind(
        model, [condition.field_expr for condition in domain.iter_conditions()]
    )


def fields_behind(model, names) -> set[str]:
    """Return the fields ``names`` of ``model`` and those they are computed from."""
    found = set()
    todo = list(names)
    while todo:
        name = todo.pop().partition(".")[0]
        if name in found or name not in model._fields:
            continue
        found.add(name)
        todo += model.pool.field_depends[model._fields[name]]
    return found
