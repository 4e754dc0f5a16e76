from email import message_from_string
from email.policy import SMTP

from odoo.tests import BaseCase, tagged

from ..tools.automatic_reply import is_automatic_reply
from ..tools.case_reference import subject_references

REPORT = (
    'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\nSorry.\n--b\n%s\n\n--b--\n'
)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAutomaticReply(BaseCase):
    """What never opens a case, and what may: by headers alone, no database."""

    def _check(self, expected, headers, body="\nHello\n"):
        message = message_from_string(f"{headers}\n{body}", policy=SMTP)
        self.assertEqual(is_automatic_reply(message), expected, headers)

    def test_answers_reports_and_receipts(self):
        for headers in (
            "From: a@b.example\nAuto-Submitted: auto-replied",
            "From: a@b.example\nAuto-Submitted: auto-generated\nIn-Reply-To: <x@y>",
            "From: a@b.example\nPrecedence: auto_reply",
            "From: a@b.example\nX-Autoreply: yes",
            "From: a@b.example\nReturn-Path: <>",
            "From: a@b.example\nSubject: Out of office: hello",
            "From: MAILER-DAEMON@b.example",
            "From: postmaster@b.example\nSubject: Undeliverable: hello",
            "From: Mail Delivery System <x@b.example>\nSubject: Delayed Mail",
            "From: a@b.example\nX-Failed-Recipients: c@d.example",
        ):
            self._check(True, headers)
        self._check(
            True,
            "From: a@b.example",
            REPORT % "Content-Type: message/delivery-status",
        )
        self._check(
            True,
            "From: postmaster@b.example",
            "\nUser unknown: c@d.example\n",
        )

    def test_machines_that_ask_and_people(self):
        for headers in (
            "From: a@b.example",
            "From: a@b.example\nAuto-Submitted: no",
            "From: alarm@b.example\nAuto-Submitted: auto-generated",
            "From: form@b.example\nPrecedence: bulk",
            "From: list@b.example\nList-Id: <list.b.example>",
            "From: Bob <postmaster@b.example>\nSubject: Our order",
            "From: a@b.example\nSubject: My mail was undeliverable, why?",
            "From: a@b.example\nReturn-Path: <a@b.example>",
        ):
            self._check(False, headers)

    def test_forwarded_report_is_a_persons_mail(self):
        """Whoever forwards a report asks what it means."""
        self._check(
            False,
            "From: a@b.example\nSubject: Fwd: Undelivered Mail Returned to Sender",
            REPORT
            % "Content-Type: message/rfc822\n\nContent-Type: message/delivery-status",
        )

    def test_broken_mail_does_not_raise(self):
        self._check(False, "From: =?x-unknown?q?=FF?= <a\nSubject: =?utf-8?b?!!!?=")
        self._check(False, "Content-Type: multipart/mixed\nFrom: a@b.example")

    def test_references_of_a_subject(self):
        self.assertEqual(
            subject_references("Re: [CASE-00042], S00123/RMA-7 (x2) 2024 and grinder"),
            ["CASE-00042", "S00123/RMA-7", "2024"],
        )
        self.assertEqual(len(subject_references("a1b " * 5 + "x99y" * 99)), 1)
        self.assertEqual(
            len(subject_references(" ".join(f"N{i:03}" for i in range(50)))), 10
        )
        self.assertEqual(subject_references(None), [])
