#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing grows past what one can hold in the head: lines of a file, of a header, of a function, and its parameters."""
import ast
import json
import subprocess

import house

FILE_LINES, HEADER_LINES, FUNCTION_LINES, PARAMETERS = 600, 200, 70, 6


def count_parameters(signature):
    """Of "(int a, void (*f)(int, int))": commas outside inner parentheses."""
    inside = signature.strip()[1:-1].strip()
    if inside in ("", "void"):
        return 0
    depth, count = 0, 1
    for byte in inside:
        depth += (byte in "([{") - (byte in ")]}")
        count += byte == "," and depth == 0
    return count


def c_functions(files):
    """(path, line, name, lines or None for a declaration, parameters) of every C function."""
    command = ["ctags", "--output-format=json", "--fields=+neS", "--kinds-C=fp", "--languages=C", "--langmap=C:.c.h",
               "-L", "-", "-f", "-"]
    tags = subprocess.run(command, input="\n".join(map(str, files)), text=True, capture_output=True, check=True).stdout
    for tag in map(json.loads, tags.splitlines()):
        lines = tag["end"] - tag["line"] + 1 if "end" in tag and tag["kind"] == "function" else None
        yield tag["path"], tag["line"], tag["name"], lines, count_parameters(tag.get("signature", "()"))


def python_functions(path):
    for node in ast.walk(ast.parse(house.read(path))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = node.args
            yield (path, node.lineno, node.name, node.end_lineno - node.lineno + 1,
                   len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs))


def main():
    top = house.root()
    report = house.Report(top)
    files = [path for path in house.tracked(top) if path.suffix in (".c", ".h", ".py", ".sh") and "bench" not in path.parts]
    for path in files:
        lines = house.read(path).count("\n")
        most = HEADER_LINES if path.suffix == ".h" else FILE_LINES
        if lines > most:
            report.add(path, 1, f"{lines} lines; a {'header' if path.suffix == '.h' else 'file'} has at most {most}")
    functions = list(c_functions([path for path in files if path.suffix in (".c", ".h")]))
    for path in files:
        if path.suffix == ".py":
            functions.extend(python_functions(path))
    for path, line, name, lines, parameters in functions:
        if lines is not None and lines > FUNCTION_LINES:
            report.add(path, line, f"{name} has {lines} lines; a function has at most {FUNCTION_LINES}")
        if parameters > PARAMETERS:
            report.add(path, line, f"{name} has {parameters} parameters; a function has at most {PARAMETERS}")
    report.end(f"{len(files)} files, {len(functions)} functions")


main()
