"""The file form of a scoring model: read, checked, and written as readable JSON.

Nothing in here reads a database. Companies, teams and kinds travel by name or code;
numbers of records inside a rule's condition are taken out of its text, and put back,
by syntax: the rest of the text stays as its author wrote it.
"""

import ast

from .form_file import FormFile, FormFileError
from .score_number import MAX_POINTS, is_number

FORMAT = "crm_plus.scoring_model"
VERSION = 1

TARGETS = ["lead", "customer"]
DIMENSIONS = ["fit", "engagement"]


class ScoreFileError(FormFileError):
    """The file is not a scoring model."""


def dump(content):
    """Return the text of a file."""
    return FORM.dump(content)


def load(text, env):
    """Return the content of a file, its shape checked; raise ``ScoreFileError``.

    :param env: for problems in the user's language
    """
    not_one = env._("not a scoring model: “format” is not “%s”", FORMAT)
    return FORM.load(text, env, not_one)


def rule_title(number, rule, env):
    """Return how a message names the rule, counted from 0."""
    name = rule.get("name") if isinstance(rule, dict) else None
    if not name:
        return env._("rule %s", number + 1)
    return env._("rule %(number)s “%(name)s”", number=number + 1, name=name)


def _is_text(value):
    return isinstance(value, str) and bool(value.strip())


def _check(content, env):
    if not _is_text(content.get("name")):
        yield env._("“%s” is missing", "name")
    if content.get("target") not in TARGETS:
        yield env._("“%(key)s” is none of %(values)s", key="target", values=TARGETS)
    for key in ("values", "company"):
        if not isinstance(content.get(key, {}), dict):
            yield env._("“%s” is not an object", key)
    if not isinstance(content.get("teams", []), list):
        yield env._("“%s” is not a list", "teams")
    for key in ("groups", "rules", "thresholds"):
        rows = content.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            yield env._("“%s” is not a list of objects", key)
        elif key == "rules":
            for number, rule in enumerate(rows):
                for problem in _check_rule(rule, env):
                    yield f"{rule_title(number, rule, env)}: {problem}"


def _check_rule(rule, env):
    if not _is_text(rule.get("name")):
        yield env._("“%s” is missing", "name")
    if rule.get("dimension") not in DIMENSIONS:
        yield env._(
            "“%(key)s” is none of %(values)s", key="dimension", values=DIMENSIONS
        )
    points = rule.get("points")
    if isinstance(points, bool) or not isinstance(points, (int, float)):
        yield env._("“points” is not a number")
    elif not is_number(points):
        yield env._(
            "“points” is %(value)s, and not a number from %(low)s to %(high)s",
            value=f"{points:g}",
            low=-MAX_POINTS,
            high=MAX_POINTS,
        )
    if rule.get("dimension") == "engagement" and not _is_text(rule.get("kind")):
        yield env._("“kind” is missing: the code of the touchpoints that count")
    for key in ("domain", "touchpoint_domain"):
        text = rule.get(key, "[]")
        if not isinstance(text, str):
            yield env._("“%s” is not a text", key)
            continue
        try:
            ast.parse(text.strip() or "[]", mode="eval")
        except (SyntaxError, ValueError, RecursionError) as error:
            yield env._("“%(key)s” cannot be read: %(error)s", key=key, error=error)
    if not isinstance(rule.get("records", {}), dict):
        yield env._("“%s” is not an object", "records")


FORM = FormFile(FORMAT, VERSION, ScoreFileError, _check)


# ------------------------------------------------------------
# Numbers of records in conditions
# ------------------------------------------------------------


def _conditions(tree):
    """Yield ``(path, node of the value)`` of each condition written out in a domain."""
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Tuple, ast.List))
            and len(node.elts) == 3
            and all(isinstance(part, ast.Constant) for part in node.elts[:2])
            and all(isinstance(part.value, str) for part in node.elts[:2])
        ):
            yield node.elts[0].value, node.elts[2]


def _numbers(node):
    """Yield the nodes of the whole numbers in a value: one, or a list of them."""
    nodes = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]
    for part in nodes:
        if isinstance(part, ast.Constant) and type(part.value) is int:
            yield part


def domain_numbers(text):
    """Return ``{path: [numbers]}`` of the whole numbers that a domain compares with."""
    tree = ast.parse((text or "").strip() or "[]", mode="eval")
    found = {}
    for path, value in _conditions(tree):
        for node in _numbers(value):
            numbers = found.setdefault(path, [])
            if node.value not in numbers:
                numbers.append(node.value)
    return found


def replace_numbers(text, mapping):
    """Return the domain with the numbers of some paths exchanged.

    :param mapping: ``{path: {old number: new number}}``; the text is left as it is when
        nothing changes
    """
    tree = ast.parse((text or "").strip() or "[]", mode="eval")
    changed = False
    for path, value in _conditions(tree):
        for node in _numbers(value):
            new = mapping.get(path, {}).get(node.value, node.value)
            if new != node.value:
                node.value = new
                changed = True
    return ast.unparse(tree) if changed else text
