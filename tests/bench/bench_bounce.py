import csv
import email
import email.policy
import re
from collections import Counter, defaultdict
from pathlib import Path
from unittest.mock import patch

from odoo.addons.crm_plus.models.contact import mail_thread
from odoo.addons.crm_plus.tools.bounce import read_bounce
from odoo.addons.crm_plus.tools.bounce.report import Report

from tests.bench.runner import Bench

try:
    from flufl.bounce import all_failures
except ImportError:
    all_failures = None

FOLDER = Path(__file__).resolve().parents[3] / "shared/data/05_mail"
OWN_STATUS = re.compile(r"[45]\.0\.9\d\d")
KEYS = ("detected", "hard or soft", "reason", "status", "reply code")


class BounceBench(Bench):
    """Mails of a published collection of delivery reports, with what they mean.

    Printed first is what share of them is read rightly: by ours, by flufl.bounce where
    it is installed, and by the gateway of Odoo itself. The other two tell no reason and
    no code; Odoo takes no bounce for harder than any other, so one that it finds counts
    as hard. A status that the collection made up itself is not counted.
    """

    name = "bounce"
    title = "delivery reports of a published collection"
    peer_title = "mail.thread._message_parse_extract_bounce"
    runs = 3

    def prepare(self, env):
        folder = FOLDER / "bounces_sisimai"
        if not folder.is_dir():
            print(f"  the mail collection is not at {folder}")
            self.mails = []
            return
        expected = defaultdict(list)
        with (folder / "expected.csv").open() as rows:
            for row in csv.DictReader(rows):
                expected[row["file"]].append(row)
        self.mails = [
            (self._read(folder / "maildir" / "bsd" / name), rows)
            for name, rows in expected.items()
        ]
        others = list((folder / "maildir/not").glob("*"))
        others += (FOLDER / "spam_ham").rglob("*")
        self.others = [self._read(path) for path in others if path.is_file()]
        readers = {"ours": self._ours, "Odoo": lambda mail: self._odoo(env, mail)}
        if all_failures:
            readers["flufl.bounce"] = self._flufl
        for label, reader in readers.items():
            print(f"  {label:<12}  {self._shares(reader)}")

    @staticmethod
    def _read(path):
        source = path.read_bytes()
        mail = email.message_from_bytes(source, policy=email.policy.SMTP)
        mail.source = source
        return mail

    def _shares(self, reader):
        hits, total = Counter(), Counter()
        for mail, rows in self.mails:
            found = reader(mail)
            total["detected"] += 1
            hits["detected"] += found is not None
            found = found or []
            for number, row in enumerate(rows):
                got = found[number] if number < len(found) else (None,) * 4
                wanted = (
                    row["hard_bounce"] == "1",
                    row["reason"],
                    row["dsn"],
                    row["reply_code"],
                )
                for key, value, want in zip(KEYS[1:], got, wanted, strict=True):
                    if key == "status" and OWN_STATUS.fullmatch(want):
                        continue
                    total[key] += 1
                    hits[key] += value == want
        text = "  ".join(f"{key} {hits[key] / total[key]:.1%}" for key in KEYS)
        wrong = sum(reader(mail) is not None for mail in self.others)
        return f"{text}  other mails taken for reports {wrong} of {len(self.others)}"

    @staticmethod
    def _ours(mail):
        read = read_bounce(mail)
        if read.kind is None:
            return None
        return [
            (row.is_hard, row.reason, row.status, row.reply_code)
            for row in read.recipients
        ]

    @staticmethod
    def _flufl(mail):
        # it wants messages of the older kind
        try:
            temporary, permanent = all_failures(email.message_from_bytes(mail.source))
        except (AttributeError, IndexError, TypeError, ValueError):
            return None
        if not temporary and not permanent:
            return None
        return [(True, None, None, None)] * len(permanent) + [
            (False, None, None, None)
        ] * len(temporary)

    @staticmethod
    def _odoo(env, mail):
        try:
            # without what we add to it: neither our reading nor our guard
            with (
                patch.object(mail_thread, "read_bounce", return_value=Report()),
                patch.object(
                    mail_thread.MailThread,
                    "_get_empty_bounce_values",
                    side_effect=ValueError,
                ),
            ):
                values = env["mail.thread"]._message_parse_extract_bounce(
                    mail,
                    {
                        "to": str(mail["To"]),
                        "email_from": str(mail["From"]),
                        "in_reply_to": "",
                        "references": "",
                    },
                )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return None
        return [(True, None, None, None)] if values["is_bounce"] else None

    def run(self, env):
        for mail, _rows in self.mails:
            read_bounce(mail)
        return len(self.mails)

    def run_peer(self, env):
        for mail, _rows in self.mails:
            self._odoo(env, mail)
        return len(self.mails)
