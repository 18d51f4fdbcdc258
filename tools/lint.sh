#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy and cppcheck over src/, shellcheck over the scripts: tools/lint.sh BUILD, a clang build with its
# compile_commands.json. With file names behind BUILD only these.
set -u
[ $# -ge 1 ] || { echo "usage: tools/lint.sh BUILD [FILE...]" >&2; exit 2; }
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd) || exit 2
shift
cd "$top" || exit 2
[ -f "$build/compile_commands.json" ] || { echo "lint: $build has no compile_commands.json" >&2; exit 2; }
status=0

# Only what the build compiles: a file that no target names has no flags.
files=${*:-$(/usr/bin/python3 - "$build" <<'PYTHON'
import json, os, sys
build = sys.argv[1]
top = os.getcwd()
paths = {os.path.normpath(os.path.join(entry["directory"], entry["file"])) for entry in json.load(open(build + "/compile_commands.json"))}
print("\n".join(sorted(os.path.relpath(path, top) for path in paths if path.startswith(top + "/src/") and path.endswith(".c"))))
PYTHON
)}
[ -n "$files" ] || { echo "lint: nothing to look at" >&2; exit 2; }

echo "lint: clang-tidy"
echo "$files" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$build" 2>/dev/null || status=1

echo "lint: cppcheck"
# shellcheck disable=SC2086 # a list of names
cppcheck --quiet --std=c11 --language=c --enable=warning,portability,performance --inline-suppr --suppress=unknownMacro --suppress=nullPointerRedundantCheck --error-exitcode=1 \
	-j "$(nproc)" -DMUST_USE= '-D__VA_OPT__(...)=' -D_GNU_SOURCE -Isrc -I"$build/src/os" \
	$files || status=1

echo "lint: shellcheck"
# shellcheck disable=SC2046 # a list of names
shellcheck -S warning .ci/run $(find scripts tools packaging -name '*.sh' 2>/dev/null) || status=1

[ "$status" -eq 0 ] && echo "lint: nothing found"
exit "$status"
