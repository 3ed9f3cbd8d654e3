#!/usr/bin/env python3
"""summary.py LOG - reads Meson's testlog.json and ends with `N passed, N failed, N skipped`.

A test that speaks TAP counts by its cases, any other test as one; so a case that is skipped
inside a passing file is still seen. Names whatever was skipped or failed. Exits 1 if anything
failed, or if nothing ran at all."""

import json
import re
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP"}

PLAN = re.compile(r"^1\.\.\d+", re.MULTILINE)
CASE = re.compile(r"^(not )?ok\b(?: (\d+))?(?: - | )?([^#\n]*)(?:# *(skip|todo)\S*[ \t]*([^\n]*))?",
                  re.MULTILINE | re.IGNORECASE)


def last_line(test):
    """What a test that exits with 77 says for itself: the last line that it printed."""
    for stream in ("stderr", "stdout"):
        lines = [line for line in (test.get(stream) or "").splitlines() if line.strip()]
        if lines:
            return lines[-1].strip()
    return ""


def cases(test):
    """Yields (verdict, name, reason) for each case of a test."""
    name, output = test["name"], test.get("stdout") or ""
    verdict = ("passed" if test["result"] in PASSED else
               "skipped" if test["result"] in SKIPPED else "failed")
    found = []

    if PLAN.search(output):
        for bad, _, title, directive, reason in CASE.findall(output):
            case = ("skipped" if directive.lower() == "skip" else
                    "passed" if not bad or directive.lower() == "todo" else "failed")
            found.append((case, f"{name}: {title.strip()}", reason.strip()))
    if not found:
        found.append((verdict, name, last_line(test) if verdict == "skipped" else test["result"]))
    elif verdict == "failed" and not any(case == "failed" for case, _, _ in found):
        found.append((verdict, name, test["result"]))
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: summary.py TESTLOG.JSON")
    try:
        with open(sys.argv[1], encoding="utf-8") as log:
            results = [case for line in log if line.strip() for case in cases(json.loads(line))]
    except FileNotFoundError:
        results = []

    count = {"passed": 0, "failed": 0, "skipped": 0}
    for verdict, name, reason in results:
        count[verdict] += 1
        if verdict != "passed":
            print(f"{verdict}: {name}" + (f" ({reason})" if reason else ""))
    if not results:
        print(f"{sys.argv[1]}: no test ran", file=sys.stderr)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**count), flush=True)
    return 1 if count["failed"] or not results else 0


if __name__ == "__main__":
    sys.exit(main())
