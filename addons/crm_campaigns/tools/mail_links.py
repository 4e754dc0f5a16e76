"""The links of a message, as people choose one and as clicks are found again."""

import re
from urllib.parse import urlsplit

from lxml import html

# Those that Odoo does not follow: what unsubscribes is no interest.
SKIPPED = re.compile(
    r"^(mailto:|tel:|sms:|#|\?)|/(unsubscribe_from_list|view|cards)([#?/]|$)"
)
# What is filled in for each person.
FILLED_IN = re.compile(r"\{\{.*?\}\}|#\{.*?\}")
# Those that Odoo follows in a text message, where something may be filled in.
IN_TEXT = re.compile(
    r"https?://(?:[\w@:%.+&~#=/-]|\{\{.*?\}\})+(?:\?(?:\{\{.*?\}\}|\S)+)?"
)


def find_links(body):
    """``[(url, label)]`` of the links of a mail's body, each once, in order; the label
    is the text of the first one.
    """
    if not (body or "").strip():
        return []
    links = {}
    for node in html.fragment_fromstring(str(body), create_parent="div").iter("a"):
        url = (node.get("href") or node.get("t-attf-href") or "").strip()
        if not url or SKIPPED.search(url):
            continue
        label = " ".join(node.text_content().split())
        links.setdefault(normalize(url), label[:60])
    return list(links.items())


def find_text_links(text):
    """As ``find_links``, of a text message: its links have no other text."""
    return [(url, "") for url in dict.fromkeys(IN_TEXT.findall(text or ""))]


def normalize(url):
    """As Odoo's link tracker keeps it, but for what is filled in."""
    if url.startswith("/") or FILLED_IN.match(url):
        return url
    if urlsplit(url).scheme not in ("http", "https", "ftp", "ftps"):
        return f"http://{url}"
    return url


def link_pattern(url):
    """What ``LIKE`` finds the link by, whatever was filled in for a person; of a link
    without a server, on any server. None: no link.
    """
    if not url:
        return None
    parts = [re.sub(r"([\\%_])", r"\\\1", part) for part in FILLED_IN.split(url)]
    pattern = "%".join(parts)
    return f"%{pattern}" if url.startswith("/") else pattern
