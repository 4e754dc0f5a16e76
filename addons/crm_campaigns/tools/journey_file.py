"""The file form of a journey: read, checked in its shape, and written as readable JSON.

Nothing in here reads a database. A file says who enters, what ends it, and the steps in
the order in which they are drawn: each names the step that it comes ``after`` by its
``key``, and the ``way`` out of it, a code or the number of one of several ways. What is
a matter of one database (people, companies, figures, dates) is in no file; records
that a journey needs are named, never numbered. A file holds no code: server actions are
named by their external id; mails hold placeholders of fields, and conditions of blocks.
"""

import ast
import json
import re

from lxml import etree, html
from markupsafe import Markup

from odoo.addons.crm_plus.tools.form_file import FormFile, FormFileError
from odoo.addons.crm_plus.tools.score_file import replace_numbers

FORMAT = "crm_campaigns.journey"
VERSION = 1
# A journey with its mails has some ten thousand; pictures are not in it.
MAX_BYTES = 2_000_000
MAX_STEPS = 500
MAIL_TEXTS = ("subject", "preview", "body", "html")

TAGS_REFUSED = {"script", "iframe", "object", "embed", "form", "input", "base", "meta"}
PLACEHOLDER = re.compile(r"object((?:\.[a-z_][a-z0-9_]*)+)", re.IGNORECASE)
INLINE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
# What whoever takes a ready journey has to write: [[your date and place]], and
# addresses of nobody. What begins with a quotation mark is a condition.
MARK = re.compile(
    r"\[\[(?!\s*(?:[\"'(]|&quot;|&#))[^\[\]<>]+\]\]"
    r"|https?://www\.example\.com[^\s\"'<>]*"
)
# A block for some, as Odoo's mail editor says it: the condition, and what comes of it.
FILTER = "data-filter-domain"
FILTERED = re.compile(r"object\.filtered_domain\((.*)\)", re.DOTALL)
LOCAL_PICTURE = re.compile(r"/web/(?:image|content)/\d+[^\s\"')]*")


class JourneyFileError(FormFileError):
    """The file is no journey."""


def dump(content):
    """Return the text of a file."""
    return FORM.dump(content)


def load(text, env):
    """Return the content of a file, its shape checked; raise ``JourneyFileError``.

    :param env: for problems in the user's language
    """
    if len(text) > MAX_BYTES:
        raise JourneyFileError(
            env._("larger than %s MB: no journey is", MAX_BYTES // 1_000_000)
        )
    return FORM.load(text, env, env._("no journey: “format” is not “%s”", FORMAT))


def step_title(number, step, env):
    """Return how a message names the step, counted from 0."""
    name = step.get("name") if isinstance(step, dict) else None
    if not isinstance(name, str) or not name:
        return env._("step %s", number + 1)
    return env._("step %(number)s “%(name)s”", number=number + 1, name=name)


def _is_text(value):
    return isinstance(value, str) and bool(value.strip())


def _check_keys(content, known, env):
    for key in content:
        if key not in known:
            yield env._("“%s” is not known here", key)


def _check(content, env):
    yield from _check_keys(
        content,
        {"format", "version", "name", "entry", "model", "values", "steps"},
        env,
    )
    for key in ("name", "entry", "model"):
        if not _is_text(content.get(key)):
            yield env._("“%s” is missing", key)
    if not isinstance(content.get("values", {}), dict):
        yield env._("“%s” is not an object", "values")
    steps = content.get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        yield env._("“%s” is not a list of objects", "steps")
        return
    if len(steps) > MAX_STEPS:
        yield env._("more than %s steps", MAX_STEPS)
        return
    keys = set()
    for number, step in enumerate(steps):
        title = step_title(number, step, env)
        for problem in _check_step(step, keys, env):
            yield f"{title}: {problem}"
        if _is_text(step.get("key")):
            keys.add(step["key"])


def _check_step(step, keys, env):
    yield from _check_keys(
        step, {"key", "name", "kind", "after", "way", "values", "mail"}, env
    )
    for key in ("key", "name", "kind"):
        if not _is_text(step.get(key)):
            yield env._("“%s” is missing", key)
    if _is_text(step.get("key")) and step["key"] in keys:
        yield env._("another step has the key “%s” too", step["key"])
    if "after" in step and (
        not isinstance(step["after"], str) or step["after"] not in keys
    ):
        yield env._("no step before it has the key “%s”", step["after"])
    way = step.get("way", "next")
    if not _is_text(way) and (type(way) is not int or way < 1):
        yield env._("“%s” is not a way out", way)
    if not isinstance(step.get("values", {}), dict):
        yield env._("“%s” is not an object", "values")
    mail = step.get("mail", {})
    if not isinstance(mail, dict):
        yield env._("“%s” is not an object", "mail")
        return
    yield from _check_keys(mail, {*MAIL_TEXTS, "purpose", "records"}, env)
    if not isinstance(mail.get("records", {}), dict):
        yield env._("“%s” is not an object", "mail.records")
    for name in (*MAIL_TEXTS, "purpose"):
        if not isinstance(mail.get(name, ""), str):
            yield env._("“%s” is not a text", f"mail.{name}")
        else:
            for problem in _check_mail_text(mail.get(name, ""), env):
                yield f"mail.{name}: {problem}"


FORM = FormFile(FORMAT, VERSION, JourneyFileError, _check)


# ------------------------------------------------------------
# Mails
# ------------------------------------------------------------


def _parse(text):
    return html.fragment_fromstring(text or "<p/>", create_parent="div")


def _check_mail_text(text, env):
    """Yield what a mail out of a file may not hold: code, and what browsers run."""
    try:
        root = _parse(text)
    except (etree.ParserError, ValueError) as error:
        yield env._("cannot be read: %s", error)
        return
    for element in root.iter(etree.Element):
        if not isinstance(element.tag, str):
            continue
        if element.tag.lower() in TAGS_REFUSED:
            yield env._("“<%s>” is not for mails", element.tag)
        for name, value in element.attrib.items():
            what = f"{name}=“{value}”"
            if _is_code(name, value):
                yield env._("%s is code: it is not taken from files", what)
            elif name.lower().startswith("on") or "javascript:" in value.lower():
                yield env._("%s is not for mails", what)
    for expression in INLINE.findall(text):
        path = expression.split("|||")[0].strip()
        if not PLACEHOLDER.fullmatch(path):
            yield env._("{{%s}} is code: it is not taken from files", expression)


def _is_code(name, value):
    """Whether an attribute says more than a file may."""
    if name in (FILTER, "t-if"):
        return _read_filter(name, value) is None
    if name == "t-out":
        return not PLACEHOLDER.fullmatch(value.strip())
    return name.startswith("t-")


def _read_filter(name, value):
    """The condition of a block as a plain list, or None if it is anything else."""
    try:
        if name == FILTER:
            domain = json.loads(value)
        else:
            match = FILTERED.fullmatch(value.strip())
            domain = ast.literal_eval(match[1]) if match else None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    if not isinstance(domain, list):
        return None
    # one condition however it is written
    return [tuple(part) if isinstance(part, list) else part for part in domain]


def get_filters(text):
    """Return the conditions of blocks of a mail, as texts of domains."""
    if FILTER not in (text or "") and "t-if" not in (text or ""):
        return []
    filters = []
    for element in _parse(text).iter(etree.Element):
        for name in (FILTER, "t-if"):
            domain = _read_filter(name, element.get(name, "null"))
            if domain is not None and repr(domain) not in filters:
                filters.append(repr(domain))
    return filters


def show_blocks(text, shown):
    """Return a mail with those blocks for some whose condition is among ``shown``.

    :param shown: conditions as ``get_filters`` gives them
    """
    root = _parse(text)
    for element in list(root.iter(etree.Element)):
        conditions = {
            repr(domain)
            for name in (FILTER, "t-if")
            if (domain := _read_filter(name, element.get(name, "null"))) is not None
        }
        if conditions - shown:
            element.drop_tree()
            continue
        if conditions:
            # nobody reads in the mail for whom a block is
            element.attrib.pop(FILTER, None)
            element.attrib.pop("t-if", None)
    return _inner(root)


def _inner(root):
    """The HTML within an element."""
    inner = etree.tostring(root, encoding="unicode", method="html", with_tail=False)
    return inner[inner.index(">") + 1 : inner.rindex("</")]


def replace_filters(text, mapping):
    """Return a mail with other numbers of records in the conditions of its blocks.

    :param mapping: ``{path: {old number: new number}}``
    """
    if not mapping or not get_filters(text):
        return text
    root = _parse(text)
    for element in root.iter(etree.Element):
        for name in (FILTER, "t-if"):
            domain = _read_filter(name, element.get(name, "null"))
            if domain is None:
                continue
            new = replace_numbers(repr(domain), mapping)
            if name == FILTER:
                new = json.dumps(ast.literal_eval(new))
            else:
                new = f"object.filtered_domain({new})"
            element.set(name, new)
    return _inner(root)


def get_placeholders(text):
    """Return the paths of fields that a checked text of a mail names, as lists."""
    expressions = [
        element.attrib["t-out"]
        for element in _parse(text).iter(etree.Element)
        if "t-out" in element.attrib
    ]
    expressions += [one.split("|||")[0] for one in INLINE.findall(text or "")]
    matches = (PLACEHOLDER.fullmatch(one.strip()) for one in expressions)
    return [match[1].strip(".").split(".") for match in matches if match]


def get_marks(text):
    """Return the places that wait for somebody's words, each once."""
    return list(dict.fromkeys(MARK.findall(text or "")))


def get_local_pictures(text):
    """Return the addresses of pictures that are in the database of the author only."""
    return LOCAL_PICTURE.findall(text or "")


# ------------------------------------------------------------
# Translation
# ------------------------------------------------------------

# Texts for people: where they are in a step, besides its mail.
STEP_TEXTS = ("activity_summary", "activity_note", "notify_text")


def _get_slots(content):
    """Yield ``(name of the place, holder, key, is it HTML)`` of texts for people."""
    yield "name", content, "name", False
    for step in content.get("steps", []):
        places = [(step, "name", False)]
        places += [
            (step.get("values", {}), key, key == "activity_note") for key in STEP_TEXTS
        ]
        places += [
            (step.get("mail", {}), key, key in ("body", "html")) for key in MAIL_TEXTS
        ]
        for holder, key, is_html in places:
            if _is_text(holder.get(key)):
                yield f"{step['key']}-{key}", holder, key, is_html


def get_texts(content):
    """Return the texts for people of a checked file as HTML, which Odoo translates
    block by block.
    """
    return Markup().join(
        Markup('<div data-text="%s">%s</div>')
        % (place, Markup(holder[key]) if is_html else holder[key])
        for place, holder, key, is_html in _get_slots(content)
    )


def set_texts(content, texts):
    """Put texts, as ``get_texts`` gives them, into the content of a file."""
    elements = {
        element.get("data-text"): element
        for element in _parse(texts).iterchildren("div")
    }
    for place, holder, key, is_html in _get_slots(content):
        element = elements.get(place)
        if element is not None:
            holder[key] = _inner(element) if is_html else element.text_content()
