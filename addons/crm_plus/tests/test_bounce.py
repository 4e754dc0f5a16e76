import csv
import email
import email.policy
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

from odoo.tests import BaseCase, tagged

from odoo.addons.crm_plus.tools.bounce import read_bounce
from odoo.addons.crm_plus.tools.bounce.codes import codes, smtp_stage
from odoo.addons.crm_plus.tools.bounce.reason import REASONS, Refusal

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "05_mail"

# What the collection writes where a report has no status of its own: its own numbers.
OWN_STATUS = re.compile(r"[45]\.0\.9\d\d")


def parse(source):
    """A mail as the gateway parses it."""
    if isinstance(source, str):
        source = source.encode()
    return email.message_from_bytes(source, policy=email.policy.SMTP)


def report(status="5.1.1", action="failed", diagnostic="", more="", said="Sorry."):
    """A delivery status notification as RFC 3464 wants it."""
    return parse(
        "From: Mail Delivery System <MAILER-DAEMON@mx.example>\n"
        "To: sales@us.example\nSubject: Undelivered Mail Returned to Sender\n"
        "MIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\n{said}\n"
        "--b\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example\n\n"
        f"Final-Recipient: rfc822; ida@brandt.example\nAction: {action}\n"
        f"Status: {status}\nDiagnostic-Code: smtp; {diagnostic}\n{more}\n"
        "--b\nContent-Type: text/rfc822-headers\n\n"
        "Message-ID: <1@us.example>\nFrom: sales@us.example\n"
        "To: ida@brandt.example\nSubject: Offer\n\n--b--\n"
    )


def notice(text, sender="MAILER-DAEMON@mx.example", subject="failure notice", more=""):
    """A report that is one text."""
    return parse(
        f"Return-Path: <>\nFrom: {sender}\nTo: sales@us.example\nSubject: {subject}\n"
        f"{more}Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    )


@tagged("post_install", "-at_install", "crm_touchpoint")
class TestBounce(BaseCase):
    def _one(self, mail):
        read = read_bounce(mail)
        self.assertEqual(len(read.recipients), 1, read)
        return read, read.recipients[0]

    # ---- structured reports -------------------------------------------------
    def test_delivery_status(self):
        read, recipient = self._one(
            report(diagnostic="550 5.1.1 <ida@brandt.example>: User unknown")
        )
        self.assertEqual(read.kind, "bounce")
        self.assertEqual(read.message_ids, ["<1@us.example>"])
        self.assertEqual(recipient.address, "ida@brandt.example")
        self.assertEqual(
            (recipient.status, recipient.reply_code, recipient.reason),
            ("5.1.1", "550", "userunknown"),
        )
        self.assertTrue(recipient.is_hard)
        self.assertIn("User unknown", recipient.diagnostic)

    def test_what_came_of_the_mail(self):
        for action, kind in (
            ("failed", "bounce"),
            ("delayed", "delay"),
            ("delivered", "delivered"),
            ("relayed", "delivered"),
            ("expanded", "delivered"),
        ):
            with self.subTest(action=action):
                read, recipient = self._one(report(action=action))
                self.assertEqual(read.kind, kind)
                # whoever is still tried, or was reached, is not gone
                self.assertEqual(recipient.is_hard, action == "failed")

    def test_address_that_was_written_to(self):
        """Not the one to which an alias of theirs led."""
        _read, recipient = self._one(
            report(more="Original-Recipient: rfc822;Office@Brandt.example\n")
        )
        self.assertEqual(recipient.address, "office@brandt.example")

    def test_several_recipients(self):
        read = read_bounce(
            report(
                diagnostic="550 5.2.2 mailbox full",
                more="\nFinal-Recipient: rfc822; jan@brandt.example\nAction: failed\n"
                "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n",
            )
        )
        self.assertEqual(
            [(row.address, row.reason, row.is_hard) for row in read.recipients],
            [
                ("ida@brandt.example", "mailboxfull", False),
                ("jan@brandt.example", "userunknown", True),
            ],
        )

    def test_fields_left_as_text(self):
        """A gateway took the parts apart and left one text."""
        text = "\n".join(
            (
                "Your message could not be delivered.",
                "",
                "Reporting-MTA: dns; mx.example",
                "",
                "Final-Recipient: rfc822; ida@brandt.example",
                "Action: failed",
                "Status: 5.2.2",
                "Diagnostic-Code: smtp; 552 5.2.2 over",
                "  quota",
                "",
                "Received: from us.example",
                "Message-Id: <2@us.example>",
                "From: sales@us.example",
                "Subject: Offer",
            )
        )
        read, recipient = self._one(notice(text))
        self.assertEqual((recipient.status, recipient.reply_code), ("5.2.2", "552"))
        self.assertEqual(recipient.reason, "mailboxfull")
        self.assertIn("<2@us.example>", read.message_ids)

    def test_complaint(self):
        for kind, expected in (("abuse", "complaint"), ("not-spam", None)):
            with self.subTest(kind=kind):
                read = read_bounce(
                    parse(
                        "From: fbl@isp.example\nTo: abuse@us.example\nSubject: FW:"
                        " Offer\n"
                        "Content-Type: multipart/report; report-type=feedback-report;"
                        " boundary=b\n\n--b\nContent-Type: text/plain\n\nAbuse.\n"
                        "--b\nContent-Type: message/feedback-report\n\n"
                        f"Feedback-Type: {kind}\nUser-Agent: X/1\nVersion: 1\n"
                        "Original-Rcpt-To: <ida@brandt.example>\n\n"
                        "--b\nContent-Type: text/rfc822-headers\n\n"
                        "Message-ID: <1@us.example>\nFrom: a@us.example\n\n--b--\n"
                    )
                )
                self.assertEqual(read.kind, expected)
                if expected:
                    self.assertEqual(read.recipients[0].address, "ida@brandt.example")
                    self.assertEqual(read.message_ids, ["<1@us.example>"])

    # ---- reports in words ---------------------------------------------------
    def test_texts_of_servers(self):
        for text, found in (
            (
                (
                    "Hi. This is the qmail-send program at mx.example.\n"
                    "I'm afraid I wasn't able to deliver your message to the following "
                    "addresses.\n\n<ida@brandt.example>:\n192.0.2.1 does not like"
                    " recipient.\n"
                    "Remote host said: 550 sorry, no mailbox here by that name"
                    " (#5.1.1)\n"
                    "Giving up on 192.0.2.1.\n\n"
                    "--- Below this line is a copy of the message.\n\nMessage-ID:"
                    " <3@us>\n"
                ),
                ("5.1.1", "550", "userunknown", True),
            ),
            (
                (
                    "This message was created automatically by mail delivery"
                    " software.\n"
                    "A message that you sent could not be delivered to one or more"
                    " of its\n"
                    "recipients. The following address(es) failed:\n\n "
                    " ida@brandt.example\n"
                    "    host mx.brandt.example [192.0.2.1]\n"
                    "    SMTP error from remote mail server after MAIL"
                    " FROM:<s@us.example>:\n"
                    "    550 5.7.1 Access denied\n"
                ),
                ("5.7.1", "550", "rejected", False),
            ),
            (
                (
                    "The original message was received at Thu, 29 Apr 2010\n\n"
                    "   ----- The following addresses had permanent fatal errors"
                    " -----\n"
                    "<ida@brandt.example>\n\n   ----- Transcript of session follows"
                    " -----\n"
                    "... while talking to mx.brandt.example.:\n"
                    ">>> RCPT To:<ida@brandt.example>\n<<< 552 5.2.2 Mailbox full\n"
                ),
                ("5.2.2", "552", "mailboxfull", False),
            ),
            (
                (
                    "Delivery has failed to these recipients or groups:\n\n"
                    "ida@brandt.example<mailto:ida@brandt.example>\n"
                    "The address couldn't be found.\n\n"
                    "Diagnostic information for administrators:\n"
                    "Remote Server returned '550 5.1.10"
                    " RESOLVER.ADR.RecipientNotFound'\n"
                ),
                ("5.1.10", "550", "userunknown", True),
            ),
            (
                (
                    "Sorry, we were unable to deliver your message.\n\n"
                    "<ida@brandt.example>:\nNo MX found for domain brandt.example\n"
                ),
                ("", "", "notaccept", True),
            ),
        ):
            with self.subTest(text=text[:50]):
                read, row = self._one(notice(text))
                self.assertEqual(read.kind, "bounce")
                self.assertEqual(row.address, "ida@brandt.example")
                self.assertEqual(
                    (row.status, row.reply_code, row.reason, row.is_hard), found
                )

    def test_still_tried(self):
        read, row = self._one(
            notice(
                "THIS IS A WARNING MESSAGE ONLY. It could not be delivered for 4"
                " hours.\n"
                "\n<ida@brandt.example>: host not found\n",
                subject="Delayed mail",
            )
        )
        self.assertEqual(read.kind, "delay")
        self.assertFalse(row.is_hard)

    # ---- what is no bounce --------------------------------------------------
    def test_automatic_reply(self):
        for mail in (
            notice("I am away.", "Ida <ida@brandt.example>", "Automatic reply: Offer"),
            notice("Bin weg.", "Ida <ida@brandt.example>", "Abwesenheitsnotiz"),
            notice(
                "I am away.",
                "Ida <ida@brandt.example>",
                "Away",
                "Auto-Submitted: auto-replied\n",
            ),
            # one that quotes a bounce
            notice(
                "I am away.\n\n> Your message could not be delivered to\n"
                "> <jan@brandt.example>: 550 5.1.1 User unknown",
                "Ida <ida@brandt.example>",
                "Automatic reply: Undelivered Mail Returned to Sender",
            ),
        ):
            with self.subTest(subject=mail["Subject"]):
                read, row = self._one(mail)
                self.assertEqual((read.kind, row.reason), ("reply", "vacation"))
                self.assertEqual(row.address, "ida@brandt.example")
                self.assertFalse(row.is_hard)

    def test_person_who_quotes_a_bounce(self):
        quoted = (
            "Hello, this came back:\n\n> Final-Recipient: rfc822; jan@brandt.example\n"
            "> Action: failed\n> Status: 5.1.1\n> <jan@brandt.example>: 550 5.1.1"
            " unknown"
        )
        mail = parse(
            "Return-Path: <ida@brandt.example>\nFrom: Ida <ida@brandt.example>\n"
            "To: sales@us.example\nSubject: Fwd: Undelivered Mail Returned to"
            " Sender\n\n"
            f"{quoted}\n"
        )
        self.assertIsNone(read_bounce(mail).kind)

    def test_note_of_one_who_left(self):
        """It has the null return path, says so, and names another address."""
        mail = notice(
            "Ida has left us, your mail was not delivered to her. Please write to\n\n"
            "jan@brandt.example\n",
            "Ida <ida@brandt.example>",
            "Thank you for your mail",
        )
        self.assertIsNone(read_bounce(mail).kind)

    def test_broken_mails_do_not_raise(self):
        whole = report(diagnostic="550 5.1.1 User unknown").as_bytes()
        for end in range(0, len(whole), 23):
            read_bounce(parse(whole[:end]))
            read_bounce(parse(whole[:end].replace(b"boundary=b", b"boundary=c")))
        for raw in (
            b"",
            b"\xff\xfe",
            (
                b"From: MAILER-DAEMON <>\nSubject: \xff\nContent-Type: text/plain;"
                b" charset=none\nContent-Transfer-Encoding: base64\n\n%%%"
            ),
            b"From: x@sns.amazonaws.com\n\n{",
            b'From: x@sns.amazonaws.com\n\n{"notificationType": "Bounce"}',
        ):
            read_bounce(parse(raw))

    def test_junk_takes_no_time(self):
        """Patterns that look ahead must not be led astray by a mail made for it."""
        for junk in ("a ", "-", "user ", "message ", "<a@b.example> ", "550 ", "x@"):
            with self.subTest(junk=junk):
                started = time.process_time()
                read_bounce(notice(f"unable to deliver\n550 5.0.0 {junk * 20_000}"))
                # the worst takes a third of a second; it were minutes unbounded
                self.assertLess(time.process_time() - started, 5)

    # ---- rules --------------------------------------------------------------
    def test_codes(self):
        for text, declared, found in (
            ("550 5.1.1 User unknown", "5.0.0", ("550", "5.1.1")),
            ("550-5.7.26 not accepted", "", ("550", "5.7.26")),
            ("554 4.4.7 expired <421 4.4.2 timed out>", "4.4.7", ("421", "4.4.2")),
            ("Sorry, no mailbox here (#5.1.1)", "", ("", "5.1.1")),
            ("connect to mx[192.0.2.5]:25: refused", "4.4.1", ("", "4.4.1")),
            ("said: 550 no", "4.0.0", ("", "4.0.0")),
            ("426 connection timed out", "4.0.0", ("", "4.0.0")),
            ("server 10.5.1.1 said no", "", ("", "")),
        ):
            with self.subTest(text=text):
                self.assertEqual(codes(text, declared), found)

    def test_stages(self):
        for text, stage in (
            ("(in reply to RCPT TO command)", "RCPT"),
            ("(in reply to end of DATA command)", "DATA"),
            ("after MAIL FROM:<a@b.example>:", "MAIL"),
            ("Connected to 192.0.2.1 but my name was rejected.", "HELO"),
            ("refused to talk to me: 554", "CONN"),
            ("no word of it", ""),
        ):
            with self.subTest(text=text):
                self.assertEqual(smtp_stage(text), stage)

    def test_reasons(self):
        for text, status, stage, reason in (
            ("550 User unknown", "", "RCPT", "userunknown"),
            # the mailbox exists: its owner's filter
            ("550 5.2.1 User unknown", "5.2.1", "DATA", "filtered"),
            ("550 Access denied", "5.7.1", "", "securityerror"),
            ("550 Access denied", "5.7.1", "MAIL", "rejected"),
            ("550 Access denied", "", "CONN", "blocked"),
            ("Recipient address rejected: Access denied", "5.4.1", "", "userunknown"),
            ("Host not found, NXDOMAIN", "4.0.0", "", "networkerror"),
            ("Host not found, NXDOMAIN", "5.4.4", "", "hostunknown"),
            ("No such domain us.example", "5.1.7", "MAIL", "rejected"),
            ("The recipient's inbox is out of storage space", "", "", "mailboxfull"),
            ("message has been in the queue too long", "", "", "expired"),
            ("552 message size exceeds fixed maximum", "5.3.4", "", "mesgtoobig"),
            ("blocked using zen.spamhaus.org", "5.7.1", "", "blocked"),
            ("see http://www.spamhaus.org/query/bl?ip=192.0.2.2", "", "", "blocked"),
            ("see https://help.example/policy/virus", "5.2.2", "", "mailboxfull"),
            ("550 <spam.filter@b.example>: User unknown", "", "", "userunknown"),
            ("550 Email rejected per DMARC policy", "5.7.1", "", "authfailure"),
            ("Relay access denied", "5.7.1", "", "norelaying"),
            ("account is disabled", "5.2.1", "", "suspend"),
            ("", "5.1.2", "", "hostunknown"),
            ("", "", "", "undefined"),
        ):
            with self.subTest(text=text, status=status, stage=stage):
                found = Refusal(text, status, text[:3].strip(), stage).reason()
                self.assertEqual(found, reason)
                self.assertIn(found, REASONS)

    def test_only_lasting_failures_are_hard(self):
        for status, reply, failed, reason, hard in (
            ("5.1.1", "550", True, "userunknown", True),
            ("4.1.1", "450", True, "userunknown", False),
            ("5.1.1", "550", False, "userunknown", False),
            ("5.2.2", "552", True, "mailboxfull", False),
            ("", "", True, "hostunknown", True),
        ):
            with self.subTest(status=status, reason=reason):
                refusal = Refusal("", status, reply, failed=failed)
                self.assertEqual(refusal.is_hard(reason), hard)

    # ---- published mails ----------------------------------------------------
    def _folder(self, name):
        folder = SHARED / name
        if not folder.is_dir():
            self.skipTest(f"the mail collection is not at {folder}")
        return folder

    def test_published_reports(self):
        """Shares of a published collection that are read as its makers read it."""
        folder = self._folder("bounces_sisimai")
        expected = defaultdict(list)
        with (folder / "expected.csv").open() as rows:
            for row in csv.DictReader(rows):
                expected[row["file"]].append(row)
        hits, total = Counter(), Counter()
        for name, rows in expected.items():
            path = folder / "maildir" / "bsd" / name
            read = read_bounce(parse(path.read_bytes()))
            total["detected"] += 1
            hits["detected"] += read.kind is not None
            for number, row in enumerate(rows):
                found = (
                    read.recipients[number] if number < len(read.recipients) else None
                )
                for key, value in (
                    ("dsn", found and found.status),
                    ("reply_code", found and found.reply_code),
                    ("reason", found and found.reason),
                    ("hard_bounce", str(int(bool(found and found.is_hard)))),
                ):
                    if key == "dsn" and OWN_STATUS.fullmatch(row[key]):
                        continue
                    total[key] += 1
                    hits[key] += value == row[key]
        self.assertGreater(total["reason"], 300)
        # one is a person's who forwards a report, and is none to us
        for key, minimum in (
            ("detected", 0.99),
            ("hard_bounce", 0.955),
            ("reason", 0.925),
            ("dsn", 0.985),
            ("reply_code", 0.98),
        ):
            with self.subTest(key):
                self.assertGreaterEqual(hits[key] / total[key], minimum)

    def test_line_ends_make_no_difference(self):
        folder = self._folder("bounces_sisimai") / "maildir"
        for path in sorted((folder / "dos").glob("*.eml")):
            twin = folder / "bsd" / path.name
            if twin.exists():
                with self.subTest(path.name):
                    self.assertEqual(
                        read_bounce(parse(path.read_bytes())).recipients,
                        read_bounce(parse(twin.read_bytes())).recipients,
                    )

    def test_published_mails_of_people(self):
        """Of mails of people, lists and spammers none is taken for a report."""
        wrong = []
        paths = list((self._folder("bounces_sisimai") / "maildir/not").glob("*"))
        for name in ("spam_ham", "mime_flanker/spam"):
            paths += self._folder(name).rglob("*")
        paths += self._folder("mime_flanker").glob("*.eml")
        for path in paths:
            if path.is_file():
                read = read_bounce(parse(path.read_bytes()))
                # a read receipt is an automatic reply
                if read.kind not in (None, "reply"):
                    wrong.append(path.name)
        self.assertGreater(len(paths), 50)
        self.assertFalse(wrong)
