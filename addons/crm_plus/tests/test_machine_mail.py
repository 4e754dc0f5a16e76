import email
import email.policy
from pathlib import Path

from odoo.tests import BaseCase, tagged

from odoo.addons.crm_plus.tools.machine_mail import machine_reason

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def _mail(headers="", sender="Ida <ida@brandt.example>", content_type="text/plain"):
    source = (
        f"From: {sender}\nTo: sales@us.example\nSubject: Question\n{headers}"
        f"Content-Type: {content_type}\n\nHello\n"
    )
    return email.message_from_string(source, policy=email.policy.SMTP)


@tagged("post_install", "-at_install", "crm_touchpoint")
class TestMachineMail(BaseCase):
    def test_headers_of_machines(self):
        for headers in (
            "Auto-Submitted: auto-replied\n",
            "Auto-Submitted: auto-generated; owner-email=x\n",
            "Precedence: bulk\n",
            "Precedence: auto_reply\n",
            "X-Auto-Response-Suppress: All\n",
            "X-Auto-Response-Suppress: DR, OOF\n",
            "Return-Path: <>\n",
            "List-Id: <news.example.com>\n",
            "List-Unsubscribe: <https://example.com/u>\n",
            "X-Autoreply: yes\n",
        ):
            with self.subTest(headers=headers):
                self.assertTrue(machine_reason(_mail(headers)))

    def test_people(self):
        for headers in (
            "",
            "Auto-Submitted: no\n",
            "Precedence: first-class\n",
            "X-Auto-Response-Suppress: None\n",
            "Return-Path: <ida@brandt.example>\n",
            "X-Mailer: Thunderbird\n",
        ):
            with self.subTest(headers=headers):
                self.assertIsNone(machine_reason(_mail(headers)))

    def test_sender_of_a_machine(self):
        for sender in ("MAILER-DAEMON@mx.example", "No Reply <no-reply@shop.example>"):
            with self.subTest(sender=sender):
                self.assertTrue(machine_reason(_mail(sender=sender)))
        self.assertIsNone(
            machine_reason(_mail(sender="Nora Eply <nora.eply@x.example>"))
        )

    def test_own_addresses_are_not_answered(self):
        mail = _mail(sender="Sales <sales@us.example>")
        self.assertIsNone(machine_reason(mail))
        self.assertTrue(machine_reason(mail, own_addresses={"sales@us.example"}))

    def test_delivery_report(self):
        report = _mail(
            content_type="multipart/report; report-type=delivery-status; boundary=x"
        )
        self.assertTrue(machine_reason(report))

    def test_broken_headers_do_not_raise(self):
        raw = b"From: \xff\xfe <a@b>\nSubject: =?utf-9?q?=ZZ?=\nDate: never\n\nx"
        machine_reason(email.message_from_bytes(raw, policy=email.policy.SMTP))

    def test_published_bounces_and_replies(self):
        """Every bounce, complaint and automatic reply of a published collection."""
        folder = SHARED / "05_mail" / "bounces_sisimai"
        if not folder.is_dir():
            self.skipTest(f"the mail collection is not at {folder}")
        paths = sorted(folder.glob("maildir/[bd]*/*.eml"))
        missed = []
        for path in paths:
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.SMTP)
            if not machine_reason(mail):
                missed.append(path.name)
        # what is missed carries no header by which a program can know it
        self.assertGreater(len(paths), 300)
        self.assertLessEqual(len(missed) / len(paths), 0.015, missed)
