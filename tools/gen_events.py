#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes doc/events.md from src/base/events.def: gen_events.py > doc/events.md; with --check it only compares."""
import pathlib
import sys

import deftable

TOP = pathlib.Path(__file__).resolve().parent.parent

HEAD = """\
<!-- Made by tools/gen_events.py from src/base/events.def. -->
# Events

The log holds one JSON object a line. `event` is one of the names below; they are a stable interface. Beside it stand
`time` (RFC 3339, UTC, milliseconds), `level`, `role`, `pid` and, where they are known, `message`, `session`, `client`
and `account`. An entry of level `alarm` is also listed by `siegel alarm list` until a person acknowledges it.

| event | level | what happened |
|---|---|---|
"""


def text(top):
    rows = deftable.rows(pathlib.Path(top) / "src" / "base" / "events.def", "EVENT")
    return HEAD + "".join(f"| `{name}` | {level.lower()} | {what} |\n" for _, (name, level, what, *_) in rows)


def main():
    if "--check" not in sys.argv[1:]:
        sys.stdout.write(text(TOP))
    elif (TOP / "doc" / "events.md").read_text() != text(TOP):
        sys.exit("doc/events.md differs from src/base/events.def; run tools/gen_events.py > doc/events.md")


if __name__ == "__main__":
    main()
