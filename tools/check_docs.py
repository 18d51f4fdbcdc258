#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents do not rot: every path of the repository that a document names exists, so does every test, every setting
that it names is one, and doc/requirements.md has each requirement exactly once."""
import re

import gen_man
import house

PATH = re.compile(r"[`(]((?:src|test|tools|doc|scripts|bench|packaging)/[\w./*-]*)[`)#]")
TEST = re.compile(r"`(test/[\w./-]+)::(\w+)`")
SETTING = re.compile(r"`([a-z]+)\.([a-z][a-z0-9_]+)`")
REQUIREMENTS = {"T": 11, "A": 6, "B": 10, "C": 7, "R": 8, "U": 11, "P": 5, "N": 6, "F": 4, "W": 9, "L": 6, "D": 6, "X": 5, "O": 7}
NO_SECTIONS = ("siegel", "account", "directory", "queue", "search", "ledger")  # siegel.log, account.db and the like


def check_requirements(report, path):
    rows = re.findall(r"^\| ([A-Z]\d+) \|", house.read(path), re.M)
    for number in sorted(set(rows)):
        if rows.count(number) > 1:
            report.add(path, 1, f"{number} stands here {rows.count(number)} times")
    for letter, count in REQUIREMENTS.items():
        for number in range(1, count + 1):
            if f"{letter}{number}" not in rows:
                report.add(path, 1, f"{letter}{number} is missing")


def main():
    top = house.root()
    report = house.Report(top)
    documents = [path for path in house.tracked(top) if path.suffix == ".md" and "data" not in path.parts]
    settings = {f"{section}.{fields[1]}" for section, _, *fields in gen_man.settings(top)}
    sections = {name.split(".")[0] for name in settings} - set(NO_SECTIONS)
    for path in documents:
        text = house.read(path)
        for match in PATH.finditer(text):
            if not any(top.glob(match[1].rstrip("/"))):
                report.add(path, house.line_of(text, match.start()), f"there is no {match[1]}")
        for match in TEST.finditer(text):
            if not (top / match[1]).exists() or not re.search(rf"\b{match[2]}\b", house.read(top / match[1])):
                report.add(path, house.line_of(text, match.start()), f"there is no test {match[1]}::{match[2]}")
        for match in SETTING.finditer(text):
            if match[1] in sections and f"{match[1]}.{match[2]}" not in settings and match[2] not in ("db", "c", "h", "def"):
                report.add(path, house.line_of(text, match.start()), f"there is no setting {match[1]}.{match[2]}")
    requirements = top / "doc" / "requirements.md"
    if requirements.exists():
        check_requirements(report, requirements)
    report.end(f"{len(documents)} documents")


main()
