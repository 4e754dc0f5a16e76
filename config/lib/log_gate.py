#!/usr/bin/env python3
"""Fail on warnings and errors of an Odoo log that name one of our addons.

Usage: ``log_gate.py FILE...``. A record is a log line with the lines that follow it (a
traceback, a wrapped message). The database's name is left out of the search, as it may
carry the project's name.
"""

import re
import sys
from pathlib import Path

RECORD = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ "
    r"(?P<level>[A-Z]+) (?P<database>\S+) (?P<rest>.*)"
)
OURS = re.compile(
    r"\bcrm_(plus|campaigns|helpdesk)\b|addons/crm_(plus|campaigns|helpdesk)"
)
# the database and the scratch folders of a run are called after the project too
OURS_NOT = re.compile(r"crm_plus_(run|new|tpl|base|based|x|test|demo)\w*|crm-plus")
LOUD = {"WARNING", "ERROR", "CRITICAL"}


def loud_records(lines):
    """Yield each record of a loud level that names one of our addons, as text."""
    record, loud = [], False
    for line in lines:
        match = RECORD.match(line)
        if not match:
            record.append(line)
            continue
        if loud and is_ours(record):
            yield "\n".join(record)
        loud = match["level"] in LOUD
        record = [f"{match['level']} {match['rest']}"]
    if loud and is_ours(record):
        yield "\n".join(record)


def is_ours(record):
    return bool(OURS.search(OURS_NOT.sub("", "\n".join(record))))


def main(paths):
    found = 0
    for path in paths:
        if not Path(path).exists():
            continue
        with open(path, encoding="utf-8", errors="replace") as log:
            for record in loud_records(log.read().splitlines()):
                print(f"{path}: {record}\n")
                found += 1
    if found:
        print(f"{found} warnings or errors of the Odoo log name our addons")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
