#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds calls that we do without, each with what to use instead. An exception is a row of tools/allowed_calls.tsv: file,
call, reason. A row that is no longer needed is a violation too."""
import re

import house

BANNED = {
    "buf.h": "strcpy stpcpy strcat strncpy strncat sprintf vsprintf asprintf vasprintf gets",
    "str.h or cur.h": "strtok strtok_r strsep atoi atol atoll atof strtol strtoll strtoul strtoull strtod scanf sscanf fscanf",
    "the function with _r": "gmtime localtime asctime ctime getpwnam getpwuid getgrnam getgrgid",
    "an argument array and execve": "system popen execl execlp execvp",
    "an arena": "malloc calloc realloc reallocarray free strdup strndup memalign posix_memalign",
    "an arena, the stack has a limit": "alloca",
    "a folder of our own": "mktemp tmpnam tempnam",
    "getrandom": "rand srand random srandom rand_r drand48",
    "err": "setjmp longjmp sigsetjmp siglongjmp",
    "sigaction or a signalfd": "signal",
    "errors; only roles log": "printf vprintf puts putchar fprintf vfprintf perror syslog vsyslog warnx errx",
}
INSTEAD = {call: instead for instead, calls in BANNED.items() for call in calls.split()}
ONLY_IN_LIBRARIES = set(BANNED["errors; only roles log"].split())
# Programs that run during the build, gen_*.c, print what they make.
LIBRARIES = ("base", "proto", "os", "conf", "ipc", "tls", "store", "trust")
CALL = re.compile(r"(?<![\w.>])(" + "|".join(sorted(INSTEAD)) + r")[ \t]*\(")


def calls(path):
    """(line, function) for every banned call."""
    text = house.bare(house.read(path))
    for match in CALL.finditer(text):
        yield house.line_of(text, match.start()), match[1]


def main():
    top = house.root()
    report = house.Report(top)
    table = top / "tools" / "allowed_calls.tsv"
    allowed = {(path, call): number for number, (path, call, _) in house.read_tsv(table, 3)} if table.exists() else {}
    used = set()
    files = house.c_files(top, "src")
    for path in files:
        name = str(path.relative_to(top))
        in_library = path.relative_to(top).parts[1] in LIBRARIES and not path.name.startswith("gen_")
        for line, call in calls(path):
            if call in ONLY_IN_LIBRARIES and not in_library:
                continue
            if (name, call) in allowed:
                used.add((name, call))
                continue
            report.add(path, line, f"{call}() is banned; use {INSTEAD[call]}")
    for row, number in allowed.items():
        if row not in used:
            report.add(table, number, f"{row[0]} does not call {row[1]}() any more")
    report.end(f"{len(files)} files")


main()
