#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""coverage.py BUILD EXCEPTIONS: holds the coverage of core/ against its gate, once the tests of BUILD have run.

Every line and every branch of core/ is taken by some test, or EXCEPTIONS explains why not. A line of that file is

    FILE | TEXT OF THE LINE | line, or the number of its branches that no test takes | why

Blank lines and lines that begin with # are passed over. What is listed but is covered, or is not there any more, is
refused too, so the list can only hold what is true.

A `switch` over an enum without `default:` has one branch that isn't in the source, the one for a value outside of the
enum; that one is not counted. The cases are: their lines are.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

Missing = collections.namedtuple("Missing", "file number text what")


def forget_removed_sources(build):
    """Drops what the compiler noted about sources that are no more."""
    for note in pathlib.Path(build, "obj").glob("**/*.gcno"):
        if not note.relative_to(pathlib.Path(build, "obj")).with_suffix(".c").exists():
            note.unlink()


def measure(build):
    forget_removed_sources(build)
    out = pathlib.Path(build, "coverage.json")
    words = ["gcovr", "--root", ".", "--filter", "core/", "--json", str(out)]
    subprocess.run([*words, "--object-directory", build, build], check=True)
    return json.loads(out.read_text())["files"]


def has_default(lines, number):
    """Whether the switch that begins on that line has a default, judging by its indentation."""
    indent = len(lines[number - 1]) - len(lines[number - 1].lstrip())
    for line in lines[number:]:
        if re.match(rf" {{{indent}}}}}", line):
            return False
        if re.match(rf" {{{indent}}}( {{4}})?default:", line):
            return True
    return False


def implicit_branches(line, lines):
    """1 when the line begins a switch without default, whose branch for other values nothing takes."""
    number = line["line_number"]
    if not re.match(r"\s*switch \(", lines[number - 1]) or has_default(lines, number):
        return 0
    return int(any(branch["count"] == 0 for branch in line["branches"]))


def missing_branches(line, lines):
    return sum(branch["count"] == 0 for branch in line["branches"]) - implicit_branches(line, lines)


def find_missing(files):
    for file in files:
        lines = pathlib.Path(file["file"]).read_text().splitlines()
        by_number = collections.defaultdict(list)
        for line in file["lines"]:
            if not line.get("gcovr/noncode"):
                by_number[line["line_number"]].append(line)
        for number, entries in sorted(by_number.items()):
            text = lines[number - 1].strip()
            if all(entry["count"] == 0 for entry in entries):
                yield Missing(file["file"], number, text, "line")
            else:
                missed = min(missing_branches(entry, lines) for entry in entries)
                if missed:
                    yield Missing(file["file"], number, text, str(missed))


def read_exceptions(path):
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in re.split(r" \| ", line)]
        if len(parts) < 4 or not re.fullmatch(r"line|\d+", parts[-2]) or not parts[-1]:
            sys.exit(f"{path}:{number}: expected FILE | TEXT | line or a number | WHY")
        yield number, (parts[0], " | ".join(parts[1:-2]), parts[-2])


def totals(files):
    counts = collections.Counter()
    for file in files:
        text = pathlib.Path(file["file"]).read_text().splitlines()
        for line in file["lines"]:
            if line.get("gcovr/noncode"):
                continue
            counts["lines"] += 1
            counts["lines taken"] += line["count"] > 0
            counts["branches"] += len(line["branches"]) - implicit_branches(line, text)
            counts["branches taken"] += sum(branch["count"] > 0 for branch in line["branches"])
    return ", ".join(f"{counts[what + ' taken']} of {counts[what]} {what}" for what in ("lines", "branches"))


def main(build, exceptions_path):
    files = measure(build)
    if not files:
        sys.exit("coverage.py: no coverage of core/ was measured")
    listed = list(read_exceptions(exceptions_path))
    unused = collections.Counter(key for _, key in listed)
    failures = 0
    for miss in find_missing(files):
        key = (miss.file, miss.text, miss.what)
        if unused[key] > 0:
            unused[key] -= 1
            continue
        what = "no test runs" if miss.what == "line" else f"{miss.what} branch(es) not taken in"
        print(f"{miss.file}:{miss.number}: {what}: {miss.text}")
        failures += 1
    for number, key in listed:
        if unused[key] > 0:
            print(f"{exceptions_path}:{number}: listed, but not missing (any more): {' | '.join(key)}")
            failures += 1
    print(f"core: {totals(files)} taken; {len(listed)} exceptions explained; {failures} complaints")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
