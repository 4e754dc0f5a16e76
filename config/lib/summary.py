#!/usr/bin/env python3
"""Add up the parts of one ./config/test run.

Usage: ``summary.py PART.count... REPORT.xml...``: a ``.count`` file holds the passed
and failed of a part outside pytest, an ``.xml`` file is pytest's JUnit report. Prints
one line, and fails when something failed, a part is missing, or nothing ran.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


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
        for suite in ElementTree.parse(path).iter("testsuite"):
            tests, bad, left_out = (
                int(suite.get(key, 0)) for key in ("tests", "failures", "skipped")
            )
            bad += int(suite.get("errors", 0))
            failed += bad
            skipped += left_out
            passed += max(tests - bad - left_out, 0)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
