"""Reads delivery reports, complaints and automatic replies, also from broken mails.

What is structured goes first: delivery status notifications (RFC 3464, also where a
gateway left their fields as plain text), feedback reports (RFC 5965), notifications of
a sending service, and the headers of automatic replies (RFC 3834). Then the text
before the copied original, in which most servers name each address and say why.
A person's mail that quotes a report, or an automatic reply, is no report.
"""

from .codes import codes
from .feedback import FeedbackReader
from .mail import before_original
from .reply import ReplyReader
from .report import BOUNCE, COMPLAINT, DELAY, DELIVERED, Report
from .text import TextReader
from .words import first_address


class BounceReader(FeedbackReader, TextReader, ReplyReader):
    """Reads one mail.

    :param message: ``email.message.EmailMessage`` as parsed by the gateway
    """

    def get_report(self):
        """:return: :class:`Report`"""
        report = (
            self._read_feedback()
            or self._read_hotmail()
            or self._read_service()
            or self._read_reply_first()
            or self._read_status_parts()
            or self._read_carried()
            or self._read_text()
            or self._read_reply()
            or Report()
        )
        if report.kind in (BOUNCE, DELAY, DELIVERED, COMPLAINT):
            report.message_ids = self._message_ids()
        return report

    def _read_carried(self):
        """A gateway's own note around the report of a server behind it."""
        text = "\n".join(before_original(text) for text in self.texts)
        if not self._is_daemon() or codes(text)[0] or first_address(text):
            return None
        for part in self._of_type("message/rfc822"):
            carried = part.get_payload()
            if isinstance(carried, list) and carried:
                report = BounceReader(carried[0]).get_report()
                if report.kind in (BOUNCE, DELAY):
                    return report
        return None


def read_bounce(message):
    """Read ``message``.

    :param message: ``email.message.EmailMessage``
    :return: :class:`Report`; its ``kind`` is None for a mail of a person
    """
    return BounceReader(message).get_report()
