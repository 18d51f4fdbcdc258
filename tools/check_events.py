#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every event of src/base/events.def is raised somewhere in src/ and stands in doc/events.md as gen_events.py makes it.
Events that are declared before the code that raises them stand in tools/events_ahead.txt."""
import re

import deftable
import gen_events
import house

USE = re.compile(r"\bEV_(\w+)\b|\bLOG\s*\([^;]*?,\s*(\w+)\s*[,)]")


def used_events(top):
    found = set()
    for path in house.c_files(top, "src", names=(".c", ".h")):
        for match in USE.finditer(house.bare(house.read(path))):
            found.add(match[1] or match[2])
    return found


def main():
    top = house.root()
    report, table = house.Report(top), top / "src" / "base" / "events.def"
    if not table.exists():
        house.skip("there is no src/base/events.def yet")
    ahead_file = top / "tools" / "events_ahead.txt"
    ahead = house.read_ahead(ahead_file)
    used, names = used_events(top), set()
    for line, fields in deftable.rows(table, "EVENT"):
        name, what = fields[0], fields[2] if len(fields) > 2 else ""
        if name in names:
            report.add(table, line, f"{name} stands here twice")
        names.add(name)
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not what:
            report.add(table, line, f"{name} needs a name in lower case and a text")
        if name not in used and name not in ahead:
            report.add(table, line, f"{name} is never raised in src/")
    for name in sorted(ahead - (names - used)):
        report.add(ahead_file, 1, f"{name} is raised now, or is no event; remove it here")
    doc = top / "doc" / "events.md"
    if not doc.exists() or house.read(doc) != gen_events.text(top):
        report.add(doc, 1, "differs from events.def; run tools/gen_events.py > doc/events.md")
    report.end(f"{len(names)} events")


main()
