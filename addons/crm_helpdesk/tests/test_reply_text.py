# ruff: noqa: RUF001, E501  mails are in many alphabets, and as long as they are
"""What somebody wrote, told from the quote and the signature below it."""

import csv
import email
import email.policy
import logging
import os
import time
from pathlib import Path

from odoo.tests import BaseCase, tagged

from ..tools.reply_text import QUOTE, SIGNATURE, classify, mark_html, split_text

_logger = logging.getLogger(__name__)

# Of the replies of each set these many came out right when it was measured: a change
# that loses one is a regression.
FLOORS = {
    "talon": 12,
    "talon html": 18,
    "signatures": 5,
    "github": 22,
    "willdurand": 46,
}

FUSCE = ("Fusce bibendum,", "aliquet nec nec nibh.")
# How the visible reply begins and ends, read by a person
GITHUB = {
    "correct_sig.txt": ("this is an email", "correct -- signature."),
    "email_1_1.txt": ("Hi folks", "Java HTTP API."),
    "email_1_2.txt": ("Hi, You can list", 'delete them all individually."'),
    "email_1_3.txt": ("Oh thanks.", "would be great."),
    "email_1_4.txt": ("Awesome!", "another problem with it."),
    "email_1_5.txt": ("One: Here's what I've got.", "for a while."),
    "email_1_6.txt": ("I get proper", "torch of pixels"),
    "email_1_7.txt": (":+1:", ":+1:"),
    "email_1_8.txt": ("I will reply under this one", "and under this."),
    "email_2_1.txt": ("Outlook with a reply", "Outlook with a reply"),
    "email_2_2.txt": ("Outlook with a reply", "directly above line"),
    "email_2_3.txt": ("Outlook with a reply", "directly above line"),
    "email_BlackBerry.txt": ("Here is", "another email"),
    "email_bullets.txt": ("test 2 this", "and another"),
    "email_iPhone.txt": ("Here is", "another email"),
    "email_long_quote.txt": ("Hi folks", "Java HTTP API."),
    "email_multi_word_sent_from_my_mobile_device.txt": ("Here is", "another email"),
    "email_one_is_not_on.txt": ("Thank, this is", "when I run..."),
    "email_sent_from_my_not_signature.txt": ("Here is", "my mobile phone."),
    "email_sig_delimiter_in_middle_of_line.txt": ("Hi there!", "kthxbai"),
    "greedy_on.txt": ("On your remote", "tunnel is not working."),
    "pathological.txt": ("I think you're onto", "back to a computer."),
}
WILLDURAND = {
    **{f"email_{n}.txt": FUSCE for n in (7, 8, 9, *range(10, 19), 22, 23)},
    "correct_sig.txt": ("this is an email", "correct -- signature."),
    "email_1.txt": ("Hi folks", "Java HTTP API."),
    "email_19.txt": ("On Thursday, I get", "torch of pixels"),
    "email_2.txt": ("Hi, You can list", 'delete them all individually."'),
    "email_20.txt": ("On Thursday.", "On Thursday."),
    "email_21.txt": ("On Thursday: Lorem", "est laborum."),
    "email_23_1.txt": FUSCE,
    "email_2_1.txt": ("Outlook with a reply", "Outlook with a reply"),
    "email_3.txt": ("Oh thanks.", "would be great."),
    "email_4.txt": ("Awesome!", "another problem with it."),
    "email_5.txt": ("One: Here's what I've got.", "for a while."),
    "email_6.txt": ("I get proper", "torch of pixels"),
    "email_blackberry.txt": ("Here is", "another email"),
    "email_bullets.txt": ("test 2 this", "and another"),
    "email_custom_quote_header.txt": ("Thank you!", "Thank you!"),
    "email_customer_quote_header_2.txt": ("Thank you", "very much."),
    "email_customer_quote_header_3.txt": ("bonjour,", "merci d'avance"),
    "email_iphone.txt": ("Here is", "another email"),
    "email_issue_77.txt": ("Bonjour Test,", "Text paragraph 2"),
    "email_ls-l.txt": ("MIME-Version", "sess_25tni1suqgasqk8osnmk098sc6"),
    "email_multi_word_sent_from_my_mobile_device.txt": ("Here is", "another email"),
    "email_norwegian_gmail.txt": FUSCE,
    "email_one_is_not_on.txt": ("Thank, this is", "when I run..."),
    "email_sent_from_my_not_signature.txt": ("Here is", "my mobile phone."),
    "email_thread.txt": ("This is new", "thread from bellow."),
    "email_unquoted_reply.txt": ("This is", "my reply."),
    "email_w10_mail.txt": ("Great thanks Bort", "now. Braxton"),
    "email_with_date_headers.txt": ("Thank you", "my previous mail"),
    "email_with_from_headers.txt": ("[FROM]", "<foo@example.com>"),
    "email_zimbra_free_en.txt": ("Bonjour Toby,", "Michael Scott"),
    "email_zimbra_free_fr.txt": ("Bonjour", "Michael Scott"),
    "sig_no_empty_line.txt": ("this is an email", "no empty line above."),
}


def _data_root():
    """The replies lie beside the project; elsewhere when CRM_REPLY_DATA says so."""
    if named := os.environ.get("CRM_REPLY_DATA"):
        return Path(named)
    here = Path(__file__).resolve()
    return here.parents[3].parent / "shared" / "data" / "06_reply_parsing"


def _one_line(text):
    return " ".join((text or "").split())


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestReplyText(BaseCase):
    """Cases of our own: (what it is about, mail, what is visible)."""

    CASES = [
        ("nothing", "", ""),
        ("only text", "Hello\n\nIda", "Hello\n\nIda"),
        (
            "German",
            "Danke\n\nAm 03.05.2024 um 10:12 schrieb Jan <j@x.example>:\n> Hi",
            "Danke",
        ),
        (
            "German Outlook",
            "Danke\n\nVon: Jan\nGesendet: Montag, 3. Mai 2024 10:12\nAn: Ida\nBetreff: X\n\nHi",
            "Danke",
        ),
        (
            "French, nothing marked",
            "Merci\n\nLe ven. 3 mai 2024 à 10:12, Jan <j@x.example> a écrit :\n\nBonjour",
            "Merci",
        ),
        (
            "Spanish",
            "Gracias\n\nEl vie, 3 may 2024 a las 10:12, Jan (<j@x.example>) escribió:\n> Hola",
            "Gracias",
        ),
        (
            "Portuguese",
            "Obrigado\n\nEm sex., 3 de mai. de 2024 às 10:12, Jan <j@x.example> escreveu:\n> Oi",
            "Obrigado",
        ),
        (
            "Italian",
            "Grazie\n\nIl giorno ven 3 mag 2024 alle ore 10:12 Jan <j@x.example> ha scritto:\n> Ciao",
            "Grazie",
        ),
        (
            "Swedish",
            "Tack\n\nDen fre 3 maj 2024 kl 10:12 skrev Jan <j@x.example>:\n> Hej",
            "Tack",
        ),
        (
            "Czech",
            "Děkuji\n\npá 3. 5. 2024 v 10:12 odesílatel Jan <j@x.example> napsal:\n> Ahoj",
            "Děkuji",
        ),
        (
            "Russian",
            "Спасибо\n\nпт, 3 мая 2024 г. в 10:12, Jan <j@x.example>:\n> Привет",
            "Спасибо",
        ),
        (
            "Russian Outlook",
            "Спасибо\n\nОт: Jan\nОтправлено: 3 мая 2024 г. 10:12\nКому: Ida\nТема: X\n\nПривет",
            "Спасибо",
        ),
        (
            "Vietnamese",
            "Cảm ơn\n\nVào 10:12 3 thg 5, 2024, Jan <j@x.example> đã viết:\n> Chào",
            "Cảm ơn",
        ),
        (
            "Chinese",
            "谢谢\n\nJan <j@x.example> 于2024年5月3日周五 10:12写道：\n> 你好",
            "谢谢",
        ),
        (
            "Japanese Outlook",
            "どうも\n\n差出人: Jan\n送信日時: 2024年5月3日 10:12\n宛先: Ida\n件名: X\n\nはい",
            "どうも",
        ),
        (
            "answers between the quotes",
            "On 3 May 2024 at 10:12, Jan wrote:\n> Red?\n\nNo, blue.\n\n> When?\n\nMonday.",
            "No, blue.\n\n\nMonday.",
        ),
        ("answer below the quote", "On 3 May 2024, Jan wrote:\n> Hi\n\nHello", "Hello"),
        (
            "colon is no quote",
            "On Monday:\nit broke.\nIda wrote:\nnothing",
            "On Monday:\nit broke.\nIda wrote:\nnothing",
        ),
        ("somebody wrote, above a quote", "Yes\n\nJan wrote:\n> Hi", "Yes"),
        (
            "a forwarded mail is what he wants to say",
            "See below\n\n---------- Forwarded message ---------\nFrom: Jan <j@x.example>\nDate: 3 May 2024\nSubject: X\nTo: Ida\n\nIt broke.",
            "See below\n\n---------- Forwarded message ---------\nFrom: Jan <j@x.example>\nDate: 3 May 2024\nSubject: X\nTo: Ida\n\nIt broke.",
        ),
        ("nothing but a quote is text", "> Hi\n> there", "> Hi\n> there"),
        (
            "closing formula",
            "It broke.\n\nMit freundlichen Grüßen\nIda Brandt\nTel. +49 30 1234567",
            "It broke.",
        ),
        ("thanks is no signature", "It broke.\n\nThanks!", "It broke.\n\nThanks!"),
        (
            "thanks, and a sentence",
            "Thanks\nit works now and everybody here is very happy about all of it indeed",
            "Thanks\nit works now and everybody here is very happy about all of it indeed",
        ),
        (
            "a postscript",
            "It broke.\n\nRegards\nIda\n\nPS: it is red",
            "It broke.\n\nRegards\nIda\n\nPS: it is red",
        ),
        ("a phone", "It broke.\n\nVon meinem iPhone gesendet", "It broke."),
        ("a list of dashes", "I need\n- milk\n- tea", "I need\n- milk\n- tea"),
        (
            "a drawn line",
            "Order 1\n------\nfive pieces",
            "Order 1\n------\nfive pieces",
        ),
        (
            "a table of headers",
            "Subject: is it?\nto: whom",
            "Subject: is it?\nto: whom",
        ),
        ("Windows lines", "Hello\r\n\r\n-- \r\nIda", "Hello"),
    ]

    def test_cases(self):
        for name, text, visible in self.CASES:
            with self.subTest(name):
                self.assertEqual(split_text(text).visible, visible)

    def test_nothing_is_lost(self):
        for name, text, _visible in self.CASES:
            with self.subTest(name):
                reply = split_text(text)
                parts = f"{reply.visible} {reply.signature} {reply.quoted}"
                self.assertEqual(sorted(parts.split()), sorted(text.split()))

    def test_parts(self):
        reply = split_text("Hello\n\n-- \nIda\n\nOn 3 May 2024, Jan wrote:\n> Hi")

        self.assertEqual(reply.signature, "-- \nIda")
        self.assertEqual(reply.quoted, "On 3 May 2024, Jan wrote:\n> Hi")
        self.assertEqual(reply.written, "Hello\n\n-- \nIda")

    def test_long_mails_take_little_time(self):
        started = time.process_time()
        for text in (
            ">" * 2_000_000,
            "On " * 300_000 + "wrote:",
            "x\n" * 200_000,
            "From: a\n" * 100_000,
            "- " * 500_000,
            "On 3 May 2024, a\n" * 20_000,
        ):
            split_text(text)
            mark_html(f"<p>{text[:400_000]}</p>")
        self.assertLess(time.process_time() - started, 20)

    # ------------------------------------------------------------
    # HTML
    # ------------------------------------------------------------

    def _assert_folded(self, html, folded, shown):
        marked, text = mark_html(html)
        for words in folded:
            self.assertNotIn(words, text)
            self.assertIn(words, marked, "the full text is kept")
        for words in shown:
            self.assertIn(words, text)
        self.assertEqual(marked.count('data-o-mail-quote="1"') > 0, bool(folded))

    def test_html(self):
        self._assert_folded(
            "<p>Hello</p><p>On 3 May 2024, Jan &lt;j@x.example&gt; wrote:</p>"
            "<blockquote>Hi</blockquote>",
            ["On 3 May", "Hi"],
            ["Hello"],
        )
        self._assert_folded(
            "<div>Hello<br>On 3 May 2024, Jan wrote:<br>&gt; Hi</div>",
            ["On 3 May", "Hi"],
            ["Hello"],
        )
        self._assert_folded(
            "<div><p>Hello</p><p><b>Von:</b> Jan</p><p><b>Gesendet:</b> 3.5.2024</p>"
            "<p><b>An:</b> Ida</p><p><b>Betreff:</b> X</p><table><tr><td>Old</td></tr>"
            "</table></div>",
            ["Von:", "Old"],
            ["Hello"],
        )
        self._assert_folded("<p>Hello</p><p>world</p>", [], ["Hello", "world"])
        self._assert_folded(
            "<div>See<blockquote>---------- Forwarded message ----------<br>It broke."
            "</blockquote></div>",
            [],
            ["It broke."],
        )

    def test_plain_text_in_html(self):
        """As Odoo keeps mails without HTML."""
        marked, text = mark_html(
            "<pre>Hello &amp; bye\n\nOn 3 May 2024, Jan wrote:\n&gt; Hi\n&gt; you\n</pre>"
        )

        self.assertEqual(text, "Hello & bye")
        self.assertIn("Hello &amp; bye", marked)
        self.assertIn('<span data-o-mail-quote="1">&gt; Hi\n</span>', marked)

    def test_words_beside_a_quote(self):
        marked, text = mark_html("before<div class='gmail_quote'>old</div>after &lt;")

        self.assertEqual(text, "before\nafter <")
        self.assertTrue(marked.startswith("before<div"))
        self.assertIn("after &lt;", marked)

    def test_junk(self):
        for junk in (None, "", "<", "<<<>>>", "<p", "\0", "<!-- x", "<pre>" * 500):
            mark_html(junk)
        self.assertEqual(classify([]), [])
        self.assertEqual(classify(["a", "b"], [None, QUOTE]), ["text", QUOTE])
        self.assertNotIn(SIGNATURE, classify(["-- "]))


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestReplySets(BaseCase):
    """Replies of real mail programs, collected by others (see their SOURCE.txt)."""

    def setUp(self):
        super().setUp()
        self.root = _data_root()
        if not self.root.is_dir():
            self.skipTest(f"no replies at {self.root} (see CRM_REPLY_DATA)")

    def _assert_floor(self, name, results):
        wrong = [file for file, right in results if not right]
        right = len(results) - len(wrong)
        _logger.log(
            25,
            "replies of %s: %s of %s right (%.0f %%)%s",
            name,
            right,
            len(results),
            100 * right / len(results),
            f", wrong: {', '.join(wrong)}" if wrong else "",
        )
        self.assertGreaterEqual(right, FLOORS[name], wrong)

    def _read(self, path):
        return path.read_text(encoding="utf-8", errors="replace")

    def test_talon(self):
        """Its parser leaves signatures in the reply."""
        results, html_results = [], []
        folder = self.root / "talon"
        with (folder / "expected.csv").open(newline="") as table:
            rows = list(csv.DictReader(table))
        for row in rows:
            mail = email.message_from_bytes(
                (folder / "standard_replies" / row["file"]).read_bytes(),
                policy=email.policy.default,
            )
            expected = _one_line(row["expected_reply"])
            reply = split_text(mail.get_body(("plain",)).get_content())
            results.append((row["file"], _one_line(reply.written) == expected))
            if part := mail.get_body(("html",)):
                _html, text = mark_html(part.get_content())
                html_results.append((row["file"], "Hi" not in text.split()))
        for path in sorted((folder / "html_replies").iterdir()):
            _html, text = mark_html(self._read(path))
            html_results.append((path.name, _one_line(text) == "Hi. I am fine."))
        for name, expected in (
            ("OLK_SRC_BODY_SECTION.html", "Reply"),
            ("reply-separated-by-hr.html", "Hi there Bob"),
        ):
            _html, text = mark_html(self._read(folder / name))
            html_results.append((name, _one_line(text) == expected))

        self._assert_floor("talon", results)
        self._assert_floor("talon html", html_results)

    def test_talon_signatures(self):
        results = []
        for path in sorted((self.root / "talon/signature/emails/stripped").iterdir()):
            if not path.name.endswith("_body"):
                continue
            expected = path.with_name(path.name.removesuffix("body") + "signature")
            expected = self._read(expected) if expected.exists() else ""
            found = split_text(self._read(path)).signature
            results.append((path.name, _one_line(found) == _one_line(expected)))

        self._assert_floor("signatures", results)

    def _check_ends(self, name, expected):
        results = []
        files = {path.name for path in (self.root / name).glob("*.txt")}
        self.assertEqual(set(expected), files - {"SOURCE.txt"})
        for file, (start, end) in expected.items():
            visible = _one_line(split_text(self._read(self.root / name / file)).visible)
            results.append((file, visible.startswith(start) and visible.endswith(end)))
        self._assert_floor(name, results)

    def test_github(self):
        self._check_ends("github", GITHUB)

    def test_willdurand(self):
        self._check_ends("willdurand", WILLDURAND)
