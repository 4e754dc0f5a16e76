#!/usr/bin/env python3
"""Add up the parts of one ./config/test run.

Usage: ``summary.py PART.count... REPORT.xml...``: a ``.count`` file holds the passed
and failed of a part outside pytest, an ``.xml`` file is pytest's JUnit report. Prints
one line, and fails when something failed, a part is missing, or nothing ran.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def read_outcomes(path):
    """Return ``{test: outcome}``: a test is one, however many subtests it reports."""
    outcomes = {}
    for case in ElementTree.parse(path).iter("testcase"):
        test = case.get("classname"), case.get("name")
        if case.find("failure") is not None or case.find("error") is not None:
            outcomes[test] = "failed"
        elif case.find("skipped") is not None:
            outcomes.setdefault(test, "skipped")
        elif outcomes.get(test) != "failed":
            outcomes[test] = "passed"
    return outcomes


def main(paths):
    passed = failed = skipped = 0
    for path in map(Path, paths):
        if not path.exists():
            print(f"{path} is missing: that part did not finish")
            failed += 1
            continue
        if path.suffix == ".count":
            good, bad = map(int, path.read_text().split())
            passed += good
            failed += bad
            continue
        outcomes = list(read_outcomes(path).values())
        passed += outcomes.count("passed")
        failed += outcomes.count("failed")
        skipped += outcomes.count("skipped")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
