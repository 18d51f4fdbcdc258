# SPDX-License-Identifier: Apache-2.0
"""What the checks of the house share: which files there are, C text without comments and strings, and one way to report.

A check is a program: check_x.py [ROOT]. It prints one line per violation, `path:line: what is wrong`, and ends with
status 1 if there was any, with 77 (skipped) if what it looks at does not exist yet."""
import pathlib
import re
import subprocess
import sys

SKIPPED = 77
C_NAMES = (".c", ".h", ".def")


def root():
    return pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()


def tracked(top):
    """All files of the repository, sorted; without git, all that do not lie in a build folder."""
    top = pathlib.Path(top)
    if (top / ".git").exists():
        listed = subprocess.run(["git", "-C", top, "ls-files", "-z"], capture_output=True, check=False)
        if listed.returncode == 0:
            return [top / name for name in sorted(listed.stdout.decode().split("\0")) if name and (top / name).is_file()]
    ignored = re.compile(r"^(b|b-[^/]*|\.git|\.pytest_cache|__pycache__)$")
    return sorted(path for path in top.rglob("*")
                  if path.is_file() and not any(ignored.match(part) for part in path.relative_to(top).parts))


def c_files(top, *folders, names=C_NAMES):
    """C files below these folders."""
    wanted = tuple(folder + "/" for folder in folders)
    return [path for path in tracked(top) if path.suffix in names and str(path.relative_to(top)).startswith(wanted)]


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


C_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def bare(text, keep_strings=False):
    """C text with comments, and the insides of strings, as blanks; positions and lines stay."""
    def blank(match):
        token = match[0]
        if token[0] in "\"'":
            return token if keep_strings else token[0] + " " * (len(token) - 2) + token[0]
        return re.sub(r"[^\n]", " ", token)
    return C_TOKEN.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


class Report:
    """Collects violations; end() prints them and ends the program."""

    def __init__(self, top):
        self.top, self.found = pathlib.Path(top), []

    def add(self, path, line, what):
        path = pathlib.Path(path)
        shown = path.relative_to(self.top) if path.is_relative_to(self.top) else path
        self.found.append(f"{shown}:{line}: {what}")

    def end(self, looked_at):
        for finding in self.found:
            print(finding)
        print(f"{looked_at} looked at, {len(self.found)} violations")
        sys.exit(1 if self.found else 0)


def skip(why):
    print(why)
    sys.exit(SKIPPED)


def read_tsv(path, columns):
    """Rows of a table: (line number, fields). Lines that begin with # are comments."""
    for number, line in enumerate(read(path).splitlines(), 1):
        if line and not line.startswith("#"):
            fields = line.split("\t")
            if len(fields) != columns:
                sys.exit(f"{path}:{number}: {len(fields)} columns, not {columns}")
            yield number, fields


def read_ahead(path):
    """Names that are declared before the code that uses them, one a line; the list shrinks to nothing."""
    return {line for line in read(path).splitlines() if line and line[0] != "#"} if path.exists() else set()
