#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the bash completion of `siegel` from src/tool/commands.def: gen_completion.py [ROOT] > siegel"""
import pathlib
import sys

import commands

COMMON = "--set --json --help -c"

TEMPLATE = """\
# SPDX-License-Identifier: Apache-2.0
# Made by tools/gen_completion.py from src/tool/commands.def. Completion of the command siegel in bash.
_siegel()
{{
	local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} words='' i offered
	case $previous in
	-c | --dir)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	esac
	# The words of the command so far, without options and their values.
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${{COMP_WORDS[i]}} in
		-c | --set) ((i++)) ;;
		-*) ;;
		*) words+="${{words:+ }}${{COMP_WORDS[i]}}" ;;
		esac
	done
	case $words in
{cases}
	*) offered='' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$offered {common}" -- "$current")
}}
complete -F _siegel siegel
"""


def case(pattern, offered):
    return f"\t{pattern}) offered='{' '.join(offered)}' ;;"


def script(top):
    rows = commands.read(top)
    first = list(dict.fromkeys(row.words.split()[0] for row in rows))
    groups = {group: [row.words.split()[1] for row in rows if row.words.startswith(group + " ")] for group in first}
    cases = [case("''", [*first, "--version"])]
    for row in rows:
        pattern = f"'{row.words}'*"
        cases.append(case(pattern, [f"--{parameter.name}" for parameter in row.options()]))
    cases.extend(case(f"'{group}'", words) for group, words in groups.items() if words)
    return TEMPLATE.format(cases="\n".join(cases), common=COMMON)


if __name__ == "__main__":
    sys.stdout.write(script(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent))
