#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every setting of src/conf/*.def is a row that a person can use: a known type, a name, a sentence of help, a default
inside its bounds, a section that sections.def lists, a place in the manual page that gen_man.py makes, and code that
reads it. Settings that are declared before that code stand in tools/settings_ahead.txt. The code of a role reads no section
that processes.def does not have the supervisor tell it: it would find the defaults there."""
import re

import deftable
import gen_man
import house

NUMBERS = ("size", "seconds", "count", "flag")


def objections(type_name, name, default, lowest, highest, text):
    if type_name not in gen_man.TYPES:
        yield f"{name} has the unknown type {type_name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        yield f"{name} is not a name in lower case"
    if re.match(r"(no|not|dont|disable)_", name):
        yield f"{name} is negated; name what is, not what is not"
    if not re.fullmatch(r"[A-Za-z0-9\"'].{10,}[.]", text, re.S):
        yield f"{name} needs help: a sentence with a full stop"
    if type_name in NUMBERS:
        if not all(re.fullmatch(r"\d+", number) for number in (default, lowest, highest)):
            yield f"{name} needs plain numbers for default and bounds"
        elif not int(lowest) <= int(default) <= int(highest):
            yield f"{name} has a default outside its bounds"


def read_members(top):
    """Names of all members that code reads: what stands behind "." or "->"."""
    found = set()
    for path in house.c_files(top, "src", names=(".c", ".h")):
        found.update(re.findall(r"(?:\.|->)(\w+)\b", house.bare(house.read(path))))
    return found


def check_use(report, top, seen):
    """seen: {section.name: (path, line)}"""
    ahead_file = top / "tools" / "settings_ahead.txt"
    ahead, members = house.read_ahead(ahead_file), read_members(top)
    unread = {full for full in seen if full.split(".")[1] not in members}
    for full in sorted(unread - ahead):
        report.add(*seen[full], f"no code reads {full}")
    for full in sorted(ahead - unread):
        report.add(ahead_file, 1, f"{full} is read now, or is no setting; remove it here")


def sections_read(text):
    """Of the whole configuration, by a service's conf or by a variable of that type."""
    whole = r"\bconf->(\w+)" if re.search(r"\bstruct conf \*conf\b", text) else r"->conf->(\w+)"
    return set(re.findall(whole, text)) | set(re.findall(r"->conf->(\w+)", text))


def check_told(report, top, sections):
    """What each role reads against what it is told."""
    table, told = top / "src" / "role" / "supervisor" / "processes.def", {}
    if not table.exists():
        return
    for _, fields in deftable.rows(table, "PROCESS"):
        told.setdefault(fields[0], set()).update(fields[3].split())
    for path in house.c_files(top, "src/role", names=(".c", ".h")):
        role, text = path.relative_to(top).parts[2], house.bare(house.read(path))
        if role in told:
            for section in sorted((sections_read(text) & sections) - told[role]):
                report.add(path, 1, f"{role} reads the section {section}, of which processes.def does not tell it")


def main():
    top = house.root()
    report, conf = house.Report(top), top / "src" / "conf"
    if not any(conf.glob("*.def")):
        house.skip("there is no src/conf/*.def yet")
    sections = {fields[0] for _, fields in deftable.rows(conf / "sections.def", "SECTION")} if (conf / "sections.def").exists() else None
    page, seen = gen_man.page(top), {}
    for path in sorted(conf.glob("*.def")):
        table = list(deftable.rows(path, "SETTING"))
        if table and sections is not None and path.stem not in sections:
            report.add(path, 1, f"the section {path.stem} is not in sections.def")
        for line, fields in table:
            if len(fields) != 6:
                report.add(path, line, f"{len(fields)} columns, not 6")
                continue
            for why in objections(*fields):
                report.add(path, line, why)
            full = f"{path.stem}.{fields[1]}"
            if full in seen:
                report.add(path, line, f"{full} stands here twice")
            seen[full] = (path, line)
            if f".It Cm {full} " not in page:
                report.add(path, line, f"{full} is not in the manual page")
    check_use(report, top, seen)
    check_told(report, top, sections or set())
    report.end(f"{len(seen)} settings")


main()
