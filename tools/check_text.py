#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What holds for every file as a text: its licence line, its size, no spelling mistakes, and nothing about the machine
or the circumstances in which it was written."""
import re
import shutil
import subprocess

import house

SPDX = "SPDX-License-Identifier: Apache-2.0"
LARGEST = 1 << 20
NEEDS_LICENCE_LINE = (".c", ".h", ".def", ".inc", ".py", ".sh")
NOT_OURS = ("test/data/", "test/fuzz/corpus/", "LICENSE")
FORBIDDEN = [
    (r"(?<![\w.])/(?:work|home/\w+|root|Users)/", "a path of one machine"),
    (r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b", "a note of unfinished work"),
    (r"\b(?:issue|ticket|pull request)s? #?\d+\b|(?<![\w&])#\d+\b(?!;)", "the number of an issue"),
    (r"\b(?:pypi\.org|npmjs\.(?:org|com)|crates\.io|proxy\.golang\.org|deb\.debian\.org|docker\.io|rubygems\.org)\b",
     "the host of a package registry"),
]
FORBIDDEN = [(re.compile(pattern, re.I if "issue" in pattern else 0), what) for pattern, what in FORBIDDEN]


def is_text(path):
    with open(path, "rb") as file:
        return b"\0" not in file.read(8192)


def text_objections(text):
    for pattern, what in FORBIDDEN:
        for match in pattern.finditer(text):
            yield match.start(), f"{what}: {match[0]}"
    if text and not text.endswith("\n"):
        yield len(text) - 1, "the last line has no end"
    for match in re.finditer(r"[ \t]+$", text, re.M):
        yield match.start(), "blanks at the end of the line"


def check_spelling(report, top, files):
    """codespell over everything that we wrote."""
    if not shutil.which("codespell"):
        report.add(top / "tools", 1, "codespell is not installed; run scripts/deps.sh")
        return
    ignore = top / "tools" / "codespell_ignore.txt"
    command = ["codespell", *(["-I", ignore] if ignore.exists() else []), *files]
    for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
        match = re.match(r"(.+?):(\d+): (.*)", line)
        if match:
            report.add(match[1], match[2], f"spelling: {match[3]}")


def main():
    top = house.root()
    report = house.Report(top)
    files, prose = house.tracked(top), []
    for path in files:
        name = str(path.relative_to(top))
        if path.stat().st_size > LARGEST:
            report.add(path, 1, f"{path.stat().st_size} bytes; a file of the repository has at most {LARGEST}")
        if name.startswith(NOT_OURS) or not is_text(path):
            continue
        text = house.read(path)
        prose.append(path)
        head = "\n".join(text.splitlines()[:3])
        if path.suffix in NEEDS_LICENCE_LINE and text and SPDX not in head:
            report.add(path, 1, f"the first lines lack `{SPDX}`")
        for position, why in text_objections(text):
            report.add(path, house.line_of(text, position), why)
    check_spelling(report, top, prose)
    report.end(f"{len(files)} files")


main()
