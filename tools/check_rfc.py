#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes RFC citations into links that can be followed: each is written `RFC 5321 4.1.1.2`, its RFC is a row of
doc/rfc.tsv, and its section exists in tools/rfc_sections.tsv (made from the texts, which are not in the repository;
RFCs whose text was not at hand have the status `unchecked`)."""
import re

import house

STATUS = ("yes", "part", "no", "unchecked")
MENTION = re.compile(r"\bRFC[-\s]*(?!(?<=RFC)822)(\d{2,5})(\w*)", re.I)  # not message/rfc822, nor RFC822.SIZE
WELL_FORMED = re.compile(r"RFC (\d{2,5})(?:\s+(?:\*\s)?(\d+(?:\.\d+)*|[A-Z](?:\.\d+)+|[A-Z](?=[,;:.)\"\s]))(?![\w-]))?")
ODD_SECTION = re.compile(r",?\s+(?:section|sec\.|§|appendix)", re.I)


def statuses(report, top):
    """The table of standards; its own mistakes are reported."""
    rows, table = {}, top / "doc" / "rfc.tsv"
    previous = 0
    for line, (number, status, title, _) in house.read_tsv(table, 4):
        if status not in STATUS:
            report.add(table, line, f"the status {status} is none of {', '.join(STATUS)}")
        if not number.isdigit() or int(number) <= previous:
            report.add(table, line, f"RFC {number} is out of order")
        if not title.strip():
            report.add(table, line, f"RFC {number} has no title")
        previous = int(number) if number.isdigit() else previous
        rows[number] = (line, status)
    return table, rows


def objections(text, rows, sections):
    """(position, what is wrong) for each citation in a C text."""
    for mention in MENTION.finditer(text):
        citation = WELL_FORMED.match(text, mention.start())
        if not citation or mention[2] or ODD_SECTION.match(text, mention.end()):
            yield mention.start(), f"write a citation as `RFC 5321 4.1.1.2`, not `{' '.join(mention[0].split())} ...`"
            continue
        number, section = citation[1], citation[2]
        if number not in rows:
            yield mention.start(), f"RFC {number} has no row in doc/rfc.tsv"
        elif section and number in sections and section not in sections[number] and not section.isalpha():
            yield mention.start(), f"RFC {number} has no section {section}"


def main():
    top = house.root()
    report = house.Report(top)
    index = top / "tools" / "rfc_sections.tsv"
    sections = {number: set(listed.split()) for _, (number, listed) in house.read_tsv(index, 2)}
    table, rows = statuses(report, top)
    for number, (line, status) in rows.items():
        if status != "unchecked" and number not in sections:
            report.add(table, line, f"RFC {number} is not in tools/rfc_sections.tsv, so its status is `unchecked`")
    files = house.c_files(top, "src", "test")
    for path in files:
        text = house.read(path)
        for position, why in objections(text, rows, sections):
            report.add(path, house.line_of(text, position), why)
    report.end(f"{len(files)} files, {len(rows)} standards")


main()
