#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the includes to the floors: a file may include its own folder or a lower floor. Never sideways, never from one
role into another, never in a circle, neither between files nor between folders."""
import re

import house

FLOOR = {"base": 0, "proto": 1, "os": 1, "conf": 1, "ipc": 2, "tls": 2, "store": 2, "trust": 2, "role": 3, "tool": 4}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)


def room(name):
    """The room of a file: src/role/queue/x.c is in role/queue, src/base/str.c in base. Files that lie in src/role itself
    are the skeleton that all roles share."""
    parts = name.split("/")
    return "/".join(parts[:2]) if parts[0] == "role" and len(parts) > 2 else parts[0]


def objection(source, target):
    """Why source may not include target, both as paths below src/; None if it may."""
    here, there = source.split("/")[0], target.split("/")[0]
    if here not in FLOOR:
        return f"the folder {here} has no floor"
    if there not in FLOOR:
        return f'"{target}" lies in no folder that has a floor'
    if here == there:
        if here == "role" and room(target) not in (room(source), "role"):
            return f"the role {room(source)} includes the role {room(target)}"
        return None
    if here == "tool" and there == "role" and room(target) != "role/supervisor":
        return f"the command includes the role {room(target)}; only the supervisor is a part of it (siegel serve)"
    if FLOOR[there] >= FLOOR[here]:
        return f"{here} (floor {FLOOR[here]}) may not include {there} (floor {FLOOR[there]})"
    return None


def circles(graph):
    """One circle per strongly connected part is enough: found by walking down and meeting the own path again."""
    state, found = {}, []

    def walk(node, path):
        state[node] = "open"
        for target in sorted(graph.get(node, ())):
            if state.get(target) == "open":
                found.append(path[path.index(target):] + [target] if target in path else [node, target])
            elif target not in state:
                walk(target, path + [target])
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            walk(node, [node])
    return found


def main():
    top = house.root()
    source_top, report = top / "src", house.Report(top)
    files = house.c_files(top, "src")
    file_graph, folder_graph = {}, {}
    for path in files:
        name = str(path.relative_to(source_top))
        text = house.bare(house.read(path), keep_strings=True)
        for match in INCLUDE.finditer(text):
            target = match[1]
            if "/" not in target:
                continue  # made by the build for this folder
            why = objection(name, target)
            if why:
                report.add(path, house.line_of(text, match.start(1)), why)
            file_graph.setdefault(name, set()).add(target)
            here, there = name.rsplit("/", 1)[0], target.rsplit("/", 1)[0]
            if here != there:
                folder_graph.setdefault(here, set()).add(there)
    for kind, graph in (("files", file_graph), ("folders", folder_graph)):
        for circle in circles(graph):
            report.add(source_top / circle[0], 1, f"a circle of {kind}: {' -> '.join(circle)}")
    report.end(f"{len(files)} files")


main()
