"""Of what happens: conditions on the touchpoint itself, by amount, subject, source …"""

from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.domain_words import DomainWords
from odoo.addons.crm_plus.tools.user_domain import evaluate_domain


def has_condition(text):
    """Whether a condition, as people have written it, asks for anything."""
    return (text or "[]").strip() not in ("", "[]")


def event_sql(Touchpoint, text, ids=None):
    """SQL of whether the touchpoint ``t`` meets a condition.

    :param Touchpoint: the timeline, as whoever answers for the condition sees it
    :param ids: it is one of these: the others are not looked at, wherever in a
        statement this stands
    """
    if not has_condition(text):
        return SQL("TRUE")
    domain = Domain(evaluate_domain(Touchpoint.env, text))
    if ids is not None:
        domain &= Domain("id", "in", list(ids))
    return SQL("t.id IN %s", Touchpoint._search(domain).subselect())


def event_words(kinds, text):
    """What has to happen, and which of it only, as people read it."""
    env = kinds.env
    names = ", ".join(kinds.mapped("name"))
    if not names or not has_condition(text):
        return names
    try:
        domain = evaluate_domain(env, text)
        condition = DomainWords(env).domain("crm.touchpoint", domain)
    except Exception:  # noqa: BLE001 whatever was written, or removed since
        condition = env._("a condition that cannot be read any more")
    return env._(
        "%(events)s, only: %(condition)s",
        events=names,
        condition=condition,
    )
