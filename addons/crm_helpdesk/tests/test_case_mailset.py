import itertools
import logging
import os
import re
import resource
import time
from collections import Counter
from pathlib import Path

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CaseCommon

_logger = logging.getLogger(__name__)

# real mails: bounces of some 70 mail systems, malformed MIME, spam, torture tests
MAIL_SETS = (
    "bounces_sisimai/maildir/bsd",
    "bounces_sisimai/maildir/dos",
    "bounces_sisimai/maildir/not",
    "mime_cpython",
    "mime_flanker",
    "spam_ham",
)
# of the header, with its continuation lines
MESSAGE_ID = re.compile(rb"^message-id:[^\r\n]*(\r?\n[ \t][^\r\n]*)*", re.I | re.M)
NOT_MAIL = {"SOURCE.txt", "LICENSE", "expected.csv"}
# Of the processor: an endless loop is looked for, whatever else the machine does. The
# slowest one, of 3 MB of nested mails, takes some 2 s.
MAX_SECONDS = 30
# What the process may grow by while all of them are taken in: the sets have 9 MB.
MAX_GROWTH_MB = 500
# Mails with words in charsets, headers and encodings that Odoo has to get right
READABLE = {
    "mime_flanker/bilingual-simple.eml": ("Как ты поживаешь?", "эта линия по-русски"),
    "mime_flanker/8bitmime.eml": ("2 RCPT MIME", "Превел"),
    "mime_flanker/no-ctype.eml": ("Testing message parsing", "just testing message"),
    "mime_flanker/from-encoding.eml": ("running server as root", "buffer overflow"),
    "mime_flanker/russian-attachment-yahoo.eml": ("Hello", "Hello"),
}
# Of 374 reports these open a case: two notices of a mail service in JSON, the refusal
# of a mailing list, and one that a person forwarded. More of them is a regression.
MAX_UNRECOGNISED_REPORTS = 4


def _data_root():
    """The mails lie beside the project; elsewhere when CRM_MAIL_DATA says so."""
    if named := os.environ.get("CRM_MAIL_DATA"):
        return Path(named)
    here = Path(__file__).resolve()
    return here.parents[3].parent / "shared" / "data" / "05_mail"


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestCaseMailset(CaseCommon):
    """Mails as the world sends them: none lost to a traceback, no machine answered."""

    def setUp(self):
        super().setUp()
        self.root = _data_root()
        self.serial = itertools.count()
        if not self.root.is_dir():
            self.skipTest(f"no mails at {self.root} (set CRM_MAIL_DATA to read others)")

    def _iter_mails(self, name):
        for path in sorted((self.root / name).rglob("*")):
            if path.is_file() and path.name not in NOT_MAIL:
                # the sets are full of copies, which the gateway would drop
                unique = f"Message-ID: <{path.name}-{next(self.serial)}@sets>".encode()
                yield path, MESSAGE_ID.sub(unique, path.read_bytes(), count=1)

    def _take_in(self, raw):
        """Return the case that the mail opened, if any, and the mails we answered."""
        Case = self.env["crm.case"].with_context(active_test=False)
        last_id = Case.search([], order="id desc", limit=1).id or 0
        with self.mock_mail_gateway():
            self.env["mail.thread"].sudo().message_process(
                "crm.case", raw, custom_values={"team_id": self.team.id}
            )
            self.env.flush_all()
            Case.search([("is_ack_due", "=", True)])._acknowledge()
        return Case.search([("id", ">", last_id)]), self._new_mails

    @mute_logger("odoo.addons.mail.models.mail_thread")
    def test_all_mails_are_taken_in(self):
        self.team.ack_interval = 0  # each case of a person is acknowledged
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", 9999)
        counts = {name: Counter() for name in MAIL_SETS}
        failed, slow, answered_machines, reports = [], [], [], []
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        for name in MAIL_SETS:
            for path, raw in self._iter_mails(name):
                started = time.process_time()
                try:
                    with self.env.cr.savepoint():
                        case, mails = self._take_in(raw)
                except Exception as error:  # noqa: BLE001  all of them are reported
                    failed.append(f"{path.name}: {type(error).__name__}: {error}")
                    counts[name]["failed"] += 1
                    continue
                if (seconds := time.process_time() - started) > MAX_SECONDS:
                    slow.append(f"{path.name}: {seconds:.0f} s")
                counts[name]["taken"] += 1
                counts[name]["case"] += bool(case)
                counts[name]["machine"] += bool(case.is_machine)
                counts[name]["answered"] += bool(mails)
                if mails and case.is_machine:
                    answered_machines.append(path.name)
                if case and name.startswith("bounces_sisimai") and "/not" not in name:
                    reports.append((path.name, case, bool(mails)))
        for name, count in counts.items():
            _logger.log(25, "mails of %s: %s", name, dict(count))
        for name, case, answered in reports:
            _logger.log(
                25,
                "report that opened a case: %s (%s, %s)%s",
                name,
                case.partner_email,
                case.name,
                ", ANSWERED" if answered else "",
            )
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        _logger.log(25, "memory grown by %s MB", grown // 1024)
        self.assertFalse(failed)
        self.assertFalse(slow)
        self.assertLess(grown / 1024, MAX_GROWTH_MB)
        self.assertFalse(answered_machines)
        self.assertLessEqual(len(reports), MAX_UNRECOGNISED_REPORTS)
        self.assertGreater(counts["spam_ham"]["case"], 20, "people's mails open cases")

    @mute_logger("odoo.addons.mail.models.mail_thread")
    def test_mails_stay_readable(self):
        for name, (subject, words) in READABLE.items():
            with self.subTest(name):
                case, _mails = self._take_in((self.root / name).read_bytes())
                message = case.message_ids.filtered(lambda m: m.message_type == "email")
                self.assertIn(subject, case.name)
                self.assertIn(words, str(message.body))
                self.assertNotIn("\ufffd", str(message.body))
        files = case.search([("name", "=", "Hello")]).message_ids.attachment_ids
        self.assertTrue(
            any("Картинка" in name for name in files.mapped("name")),
            files.mapped("name"),
        )
