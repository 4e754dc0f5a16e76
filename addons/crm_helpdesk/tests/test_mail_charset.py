import email
import email.policy

from odoo.tests import BaseCase, tagged

from ..tools.mail_charset import mend_charsets


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestMailCharset(BaseCase):
    """(declared charset, bytes, what is read)"""

    CASES = [
        ("utf-8", "Mühle".encode(), "Mühle"),
        ("iso-8859-1", "Mühle".encode("latin-1"), "Mühle"),
        ("koi8-r", "Мельница".encode("koi8-r"), "Мельница"),
        ("utf-8", "Mühle".encode("latin-1"), "Mühle"),
        ("us-ascii", "Mühle".encode(), "Mühle"),
        ("us-ascii", "Mühle \u2013 €".encode("cp1252"), "Mühle \u2013 €"),
        ("x-unknown", "Mühle".encode(), "Mühle"),
        ("x-unknown", b"\x81\x8d", "\x81\x8d"),
        ("", "Mühle".encode(), "Mühle"),
        ("", b"plain", "plain"),
        # a codec of Python that is no charset
        ("zip", b"plain", "plain"),
        ("utf-8", b"", ""),
    ]

    def test_cases(self):
        for charset, content, expected in self.CASES:
            with self.subTest(charset=charset, content=content):
                declared = f"; charset={charset}" if charset else ""
                message = email.message_from_bytes(
                    f"Content-Type: text/plain{declared}\n"
                    "Content-Transfer-Encoding: 8bit\n\n".encode()
                    + content,
                    policy=email.policy.SMTP,
                )
                mend_charsets(message)
                self.assertEqual(message.get_content(), expected)

    def test_parts(self):
        message = email.message_from_bytes(
            b'Content-Type: multipart/mixed; boundary="b"\n\n'
            b"--b\nContent-Type: text/plain; charset=x-unknown\n\nM\xc3\xbchle\n"
            b"--b\nContent-Type: image/png; charset=x-unknown\n\nM\xc3\xbchle\n--b--",
            policy=email.policy.SMTP,
        )

        self.assertEqual(mend_charsets(message), 1)

        self.assertEqual(message.get_payload()[0].get_content().strip(), "Mühle")

    def test_cut_character(self):
        message = email.message_from_bytes(
            b"Content-Type: text/plain; charset=utf-8\n"
            b"Content-Transfer-Encoding: 8bit\n\n" + "€".encode() * 500_000,
            policy=email.policy.SMTP,
        )

        self.assertEqual(mend_charsets(message), 0)

    def test_junk(self):
        for junk in (b"", b"Content-Type: text/plain; charset=\xff\n\nx", b"\n\n\0"):
            mend_charsets(email.message_from_bytes(junk, policy=email.policy.SMTP))
