#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tools/rfc_sections.tsv, the section numbers of each RFC, from a folder of RFC texts (rfcNNNN.txt as the RFC
Editor publishes them): gen_rfc_sections.py FOLDER > tools/rfc_sections.tsv. The texts are not part of the repository."""
import pathlib
import re
import sys

HEADING = re.compile(r"^(?:Appendix |APPENDIX )?([1-9]\d?(?:\.\d+)*|[A-Z](?:\.\d+)*)[.:]?(?: {1,4}|\t)\S")
CONTENTS_LINE = re.compile(r"^ {1,12}(?:Appendix )?([1-9]\d?(?:\.\d+)*|[A-Z](?:\.\d+)*)[.:]? +\S.*?(?:\. ?\.[. ]*| {2,})\d+$")
PAGE_EDGE = re.compile(r"^(?:RFC \d+ |.*\[Page \d+\]$)")


def sections(text):
    found = set()
    for line in text.splitlines():
        if PAGE_EDGE.match(line):
            continue
        match = HEADING.match(line) or CONTENTS_LINE.match(line)
        if match:
            found.add(match[1])
    # A.1 without A, or 4.2 without 4, is a heading of another form: its parents exist all the same.
    for section in list(found):
        while "." in section:
            section = section.rsplit(".", 1)[0]
            found.add(section)
    return found


def order(section):
    return [(part.isalpha(), int(part) if part.isdigit() else 0, part) for part in section.split(".")]


def main():
    print("# RFC\tits sections (made by tools/gen_rfc_sections.py)")
    for path in sorted(pathlib.Path(sys.argv[1]).glob("rfc[0-9]*.txt"), key=lambda path: int(path.stem[3:])):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        found = sections(text)
        if found:
            print(f"{int(path.stem[3:])}\t{' '.join(sorted(found, key=order))}")


main()
