"""What mail filters look at in a mail, and what is plain about them.

Texts are cut: a filter that needs more of a mail than this does not know what it looks
for, and a mail may be of any size.
"""

from collections import namedtuple
from functools import cached_property

from odoo.tools.mail import html2plaintext

MAX_BODY = 20_000
MAX_HEADER = 4_000
# of the HTML that is turned into text: marks are many times the words
MAX_HTML = 200_000

Condition = namedtuple("Condition", "id part header operator value")
Extract = namedtuple("Extract", "id part header pattern target own_field")
Filter = namedtuple(
    "Filter",
    "id name company_id team_ids senders conditions extracts outcome values is_last",
)

# why filters fail whose conditions hold
WRONG_SENDER = "sender"
NOT_NARROW = "narrow"


class FilteredMail:
    """The parts of a mail as filters know them: texts of bounded length."""

    def __init__(self, texts, headers, html="", is_machine=False):
        """
        :param texts: ``{part: text}`` of sender, recipients and subject
        :param headers: function, the text of a header by its name
        :param html: the body
        """
        self._texts = texts
        self._headers = headers
        self._html = html
        self.is_machine = is_machine

    @classmethod
    def from_message(cls, message, message_dict):
        """
        :param message: ``email.message.EmailMessage``
        :param message_dict: what Odoo's gateway has read of it
        """

        def header(name):
            try:
                return "\n".join(str(text) for text in message.get_all(name) or ())
            except Exception:  # noqa: BLE001  the e-mail package raises many kinds on junk
                return ""

        return cls(
            {
                "from": message_dict.get("email_from"),
                "to": ", ".join(
                    filter(None, (message_dict.get("to"), message_dict.get("cc")))
                ),
                "subject": message_dict.get("subject"),
            },
            header,
            str(message_dict.get("body") or ""),
            bool(message_dict.get("is_machine_mail")),
        )

    def get_text(self, part, header=""):
        if part == "body":
            return self._body
        text = self._headers(header) if part == "header" else self._texts.get(part)
        return (text or "").replace("\0", "")[:MAX_HEADER]

    @cached_property
    def _body(self):
        text = html2plaintext(self._html[:MAX_HTML], include_references=False)
        return text.replace("\0", "")[:MAX_BODY]


def contains(text, words):
    """Whether one of the lines of ``words`` is in ``text``, however it is written."""
    text = text.casefold()
    return any(
        word in text for line in words.splitlines() if (word := line.strip().casefold())
    )
