#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""C files look as .clang-format makes them, with three freedoms that clang-format 14 cannot express: a short function
may stand on one line or on several, columns within a line may be aligned by hand, and macro definitions are left alone.
Tables stand in .def files or between clang-format off and on."""
import concurrent.futures
import difflib
import os
import re
import shutil
import subprocess
import sys

import house

SHORT_FUNCTIONS = "AllowShortFunctionsOnASingleLine"


def styles(top):
    """The style as written, once with short functions on one line and once on several."""
    lines = [line for line in house.read(top / ".clang-format").splitlines() if line and not line.startswith(("#", SHORT_FUNCTIONS))]
    return ["{" + ", ".join([*lines, f"{SHORT_FUNCTIONS}: {value}"]) + "}" for value in ("All", "None")]


def comparable(line):
    """The line with its indentation and its words; blanks between them count as one."""
    indentation = line[:len(line) - len(line.lstrip())]
    return indentation + re.sub(r"[ \t]+", " ", line.strip())


def changed_lines(lines, formatted):
    """Numbers of the lines, from 1, that the formatter changed, or before which it put something."""
    changed = set()
    matcher = difflib.SequenceMatcher(None, list(map(comparable, lines)), list(map(comparable, formatted)), autojunk=False)
    for kind, begin, end, _, _ in matcher.get_opcodes():
        if kind != "equal":
            changed.update(range(begin + 1, max(end, begin + 1) + 1))
    return changed


def macro_lines(lines):
    found, inside = set(), False
    for number, line in enumerate(lines, 1):
        inside = inside or re.match(r"[ \t]*#[ \t]*define\b", line) is not None
        if inside:
            found.add(number)
        inside = inside and line.endswith("\\")
    return found


def badly_formatted(path, style_texts):
    lines = house.read(path).splitlines()
    bad = None
    for style in style_texts:
        formatted = subprocess.run(["clang-format", f"--style={style}", path], capture_output=True, text=True, check=True)
        changed = changed_lines(lines, formatted.stdout.splitlines())
        bad = changed if bad is None else bad & changed
        if not bad:
            return []
    return sorted(bad - macro_lines(lines))


def main():
    top = house.root()
    report = house.Report(top)
    if not shutil.which("clang-format"):
        sys.exit("clang-format is not installed; run scripts/deps.sh")
    files, style_texts = house.c_files(top, "src", "test", names=(".c", ".h")), styles(top)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, bad in zip(files, pool.map(lambda path: badly_formatted(path, style_texts), files)):
            if bad:
                ranges = " ".join(f"--lines={line}:{line}" for line in bad[:8])
                report.add(path, bad[0], f"not formatted; try clang-format -i {ranges} {path.relative_to(top)}")
    report.end(f"{len(files)} files")


main()
