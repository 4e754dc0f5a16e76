import base64

from odoo.tests import tagged

from .common import MAIL, CaseCommon

HTML_MAIL = MAIL.replace("text/plain", "text/html").replace(
    "Hello, the grinder does not start.",
    "<p>It still <b>smokes</b></p><p>On 3 May 2024, Help &lt;help@x.example&gt; wrote:"
    "</p><blockquote>Please plug it in</blockquote>",
)
TEXT_MAIL = MAIL.replace(
    "Hello, the grinder does not start.",
    "It still smokes & burns\n\n-- \nIda Brandt\n\n"
    "On 3 May 2024, Help <help@x.example> wrote:\n> Please plug it in\n",
)
CHARSETS = [
    ("utf-8", "Die Mühle spinnt".encode(), "Mühle"),
    ("iso-8859-1", "Die Mühle spinnt".encode("latin-1"), "Mühle"),
    ("windows-1251", "Мельница".encode("cp1251"), "Мельница"),
    ("koi8-r", "Мельница".encode("koi8-r"), "Мельница"),
    ("iso-2022-jp", "コーヒー".encode("iso-2022-jp"), "コーヒー"),
    ("gb2312", "咖啡机".encode("gb2312"), "咖啡机"),
    # what mails lie about, and what nobody knows
    ("us-ascii", "Die Mühle spinnt".encode(), "spinnt"),
    ("x-unknown-42", b"The grinder", "The grinder"),
    ("utf-8", "Die Mühle spinnt".encode("latin-1"), "spinnt"),
]


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestCaseReply(CaseCommon):
    """Mails as they are kept: what was written visible, the rest folded, all there."""

    def _mail_of(self, case):
        return case.message_ids.filtered(lambda m: m.message_type == "email")[:1]

    def test_quote_is_folded_in_html(self):
        body = self._mail_of(self._receive(template=HTML_MAIL)).body

        self.assertIn("<p>It still <b>smokes</b></p>", body)
        self.assertIn("Please plug it in", body, "the full text is kept")
        folded = body.partition('data-o-mail-quote="1"')
        self.assertIn("smokes", folded[0])
        self.assertIn("On 3 May 2024", folded[2])

    def test_quote_and_signature_are_folded_in_plain_text(self):
        case = self._receive(template=TEXT_MAIL)
        body = self._mail_of(case).body
        folded = body.partition("data-o-mail-quote")
        self.assertIn("It still smokes &amp; burns", folded[0])
        self.assertIn("Ida Brandt", folded[2])
        self.assertIn("Please plug it in", folded[2])

        self._receive(f"[{case.number}]", template=TEXT_MAIL)
        self.assertIn("data-o-mail-quote", self._mail_of(case).body)

    def test_marks_let_nothing_through(self):
        template = HTML_MAIL.replace(
            "<p>It still",
            "<script>alert(1)</script><p onclick='x()'>It still",
        )

        body = self._mail_of(self._receive(template=template)).body

        self.assertNotIn("<script", body)
        self.assertNotIn("onclick", body)
        self.assertIn("smokes", body)

    def test_charsets_stay_readable(self):
        for number, (charset, content, expected) in enumerate(CHARSETS):
            with self.subTest(charset, number=number):
                template = MAIL.replace(
                    "Content-Type: text/plain; charset=utf-8",
                    f"Content-Type: text/plain; charset={charset}\n"
                    "Content-Transfer-Encoding: base64",
                ).replace(
                    "Hello, the grinder does not start.",
                    base64.b64encode(content).decode(),
                )
                case = self._receive(
                    f"Charset {number}",
                    email_from=f"c{number}@else.example",
                    template=template,
                )
                self.assertIn(expected, self._mail_of(case).body)

    def test_huge_attachment_is_kept_whole(self):
        content = bytes(range(256)) * 4 * 1024 * 20  # 20 MB
        template = MAIL.replace(
            "Content-Type: text/plain; charset=utf-8",
            'Content-Type: multipart/mixed; boundary="b"',
        ).replace(
            "Hello, the grinder does not start.",
            "--b\nContent-Type: text/plain\n\nSee the film.\n\n--b\n"
            "Content-Type: video/mp4\n"
            'Content-Disposition: attachment; filename="f.mp4"\n'
            "Content-Transfer-Encoding: base64\n\n"
            + base64.encodebytes(content).decode()
            + "--b--\n",
        )

        case = self._receive(template=template)

        attachment = self._mail_of(case).attachment_ids
        self.assertEqual(attachment.name, "f.mp4")
        self.assertEqual(attachment.file_size, len(content))
        self.assertIn("See the film.", self._mail_of(case).body)
        self.assertFalse(attachment.with_user(self.portal_jan).has_access("read"))
