# SPDX-License-Identifier: Apache-2.0
"""Reads the rows of a .def table: NAME( a, b, "text" ) as lists of their columns, texts without their quotes."""
import re

import house

COLUMN = re.compile(r'\s*((?:"(?:\\.|[^"\\])*"\s*)+|[^,"()]*(?:\([^()]*\)[^,"()]*)*)\s*(?:,|$)')
TEXT = re.compile(r'"((?:\\.|[^"\\])*)"')


def columns(inside):
    result, at = [], 0
    while at < len(inside):
        match = COLUMN.match(inside, at)
        if not match or match.end() == at:
            break
        value = match[1].strip()
        result.append(re.sub(r"\\(.)", r"\1", "".join(TEXT.findall(value))) if value.startswith('"') else value)
        at = match.end()
    return result


def rows(path, macro):
    """(line, columns) for each row of that macro."""
    text = house.bare(house.read(path), keep_strings=True)
    for match in re.finditer(r"^[ \t]*" + macro + r"[ \t]*\(", text, re.M):
        depth, at, quoted = 1, match.end(), False
        while at < len(text) and depth > 0:
            byte = text[at]
            if byte == '"' and text[at - 1] != "\\":
                quoted = not quoted
            elif not quoted:
                depth += (byte == "(") - (byte == ")")
            at += 1
        yield house.line_of(text, match.start()), columns(text[match.end():at - 1])


def mixed_rows(path, macros):
    """(macro, line, columns) for each row of any of these macros, in the order of the file; END may stand without any."""
    found = [(macro, line, fields) for macro in macros for line, fields in rows(path, macro)]
    return sorted(found, key=lambda row: row[1])
